"""Downloads as learning platforms write them: their rules for names, written down from the outside.

Nothing here is shared with what reads them.
"""

import re
import zipfile


def canvas_base(sortable, user, *, late=False, anonymous=""):
    """Return what Canvas begins all names of a submission with."""
    if anonymous:
        parts = ["LATE" if late else None, f"anon_{anonymous}"]
    else:
        name = re.sub(r"_\d+_", "_", sortable.lower())
        parts = [name, "LATE" if late else None, str(user)]
    return re.sub(r"[^\w]", "", "_".join(part for part in parts if part is not None))


def canvas_file(base, attachment, display):
    """Return the name of an attachment."""
    return f"{base}_{attachment}_" + re.sub(r'[\x00/\\:*?"<>|]', "_", display)


def moodle_folder(full, participant, plugin="file", *, old=False):
    """Return the name of a folder; a name's "_" is a space, or it would end there."""
    who = full.replace("_", " ")
    number = f"_{participant}" if participant else ""
    return f"{who}{number}_assignsubmission_{plugin}{'_' if old else ''}"


def gradescope_metadata(*submissions):
    """Return the YAML as Ruby writes it: (number, [(name, sid, email)], when, earlier)."""
    lines = ["---"]
    for number, people, when, earlier in submissions:
        lines += [f"submission_{number}:", "  :submitters:"]
        for name, sid, email in people:
            lines += [f"  - :name: {name}", f"    :sid: '{sid}'", f"    :email: {email}"]
        lines += [f"  :created_at: {when}", "  :score: 0.0", "  :results:", "    tests:"]
        lines += ["    - name: printed", '      output: "!!python/object/apply:os.system [ls]"']
        lines += ["  :history:", *[f"  - :created_at: {at}\n    :score: 1.0" for at in earlier]]
    return "\n".join(lines) + "\n"


def write_zip(path, files):
    """Write a zip of names and texts; return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_folder(path, files):
    """Write the same as a folder; return its path."""
    for name, data in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path

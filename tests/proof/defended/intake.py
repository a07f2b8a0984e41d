"""Before and after the boxes: what is handed in, and what of it is shown."""

import io
import os
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
from pathlib import Path
from unittest import mock

from grader import intake
from grader.errors import UsageError
from grader.intake import zips
from grader.report import table
from tests.family.styles import FILE, REFERENCE
from tests.proof import broken
from tests.proof.defended.checks import LOGITS
from tests.proof.trials import Defence, Seen, edited, ground

MB = 1_000_000
SECRET = b"a file of the host\n"


def read(lay_out, *, taken, refused=False, also=None):
    """Return a trial: read what ``lay_out(folder)`` makes; these files, and no others, are taken.

    ``also`` is called before reading, and returns a context manager.
    """

    def trial():
        with tempfile.TemporaryDirectory(prefix="grader-proof-") as scratch:
            folder = Path(scratch).resolve() / "handed-in"
            folder.mkdir()
            path = lay_out(folder) or folder
            try:
                if also is None:
                    submission = intake.read(path)
                else:
                    with also(folder):
                        submission = intake.read(path)
            except UsageError:
                return Seen("refused", expected=refused)
        names = [file.path for file in submission.files]
        size = sum(len(file.data) for file in submission.files) / MB
        text = f"{len(names)} files" if len(names) > 3 else ", ".join(names)
        text += f" ({size:.0f} MB)" if size > 1 else ""
        return Seen(f"takes {text}", not refused and names == taken)

    return trial


def fifo(folder):
    """A right submission beside a FIFO that is named like Python."""
    (folder / FILE).write_text(REFERENCE)
    os.mkfifo(folder / "weights.py")


def late_link(folder):
    """A file that becomes a link to a file of the host between being looked at and opened."""
    (folder / FILE).write_text(REFERENCE)
    (folder / "notes.py").write_text("")
    (folder.parent / "secret").write_bytes(SECRET)


def swapped(folder):
    """Put the link in the place of the file as soon as that is opened."""
    whole = os.open

    def late(path, *arguments, **keywords):
        if path == "notes.py":
            (folder / path).unlink()
            (folder / path).symlink_to(folder.parent / "secret")
        return whole(path, *arguments, **keywords)

    return mock.patch.object(os, "open", late)


def archive(*entries, compression=zipfile.ZIP_DEFLATED):
    """Return what makes an archive of a right submission and these entries (name, bytes)."""

    def lay_out(folder):
        path = folder / "handed-in.zip"
        with zipfile.ZipFile(path, "w", compression) as opened:
            opened.writestr(zipfile.ZipInfo(FILE), REFERENCE)
            for name, data in entries:
                opened.writestr(name, data, compress_type=compression)
        return path

    return lay_out


def names(folder):
    """Make a right submission and thousands of names that nobody looks at."""
    path = folder / "handed-in.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(FILE, REFERENCE)
        for number in range(20_001):
            opened.writestr(f"__pycache__/{number}", b"")
    return path


def big_file(folder):
    """A right submission beside a file of 12 MB."""
    (folder / FILE).write_text(REFERENCE)
    (folder / "weights.bin").write_bytes(bytes(12 * MB))


def unpacked():
    """Read an archive that packs 200 MB and claims 1000 bytes; see how much memory that takes."""
    with tempfile.TemporaryDirectory(prefix="grader-proof-") as scratch:
        path = archive(("zeros.bin", bytes(200 * MB)), compression=zipfile.ZIP_BZIP2)(Path(scratch))
        data = bytearray(path.read_bytes())
        last = data.rindex(b"PK\x01\x02")  # in whose place 24 the size is claimed
        struct.pack_into("<I", data, last + 24, 1000)
        path.write_bytes(data)
        return _peak(path, at_most=40)


def long_header():
    """Read a tar.gz in which a file has a remark of 60 MB; see how much memory that takes."""
    with tempfile.TemporaryDirectory(prefix="grader-proof-") as scratch:
        path = Path(scratch) / "handed-in.tar.gz"
        entry = tarfile.TarInfo(FILE)
        entry.pax_headers = {"comment": "x" * 60 * MB}
        with tarfile.open(path, "w:gz", compresslevel=1) as opened:
            opened.addfile(tarfile.TarInfo("notes.md"))
            opened.addfile(entry)
        return _peak(path, at_most=90)


def _peak(path, at_most):
    tracemalloc.start()
    try:
        intake.read(path)
        peak = tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()
    return Seen(f"{peak:.0f} MB of memory", peak < at_most)


def shown():
    """Grade a submission whose error clears the screen, and look at the table."""
    files = edited(
        (LOGITS, f'{LOGITS}\n        raise ValueError("\\x1b[2J\\x1b]0;full marks\\x07")')
    )
    text = table.render(ground().grade(files, ["full_forward"]))
    odd = {char for char in text if char != "\n" and not char.isprintable()}
    return Seen(f"{len(odd)} kinds of control characters in the table", expected=not odd)


NINES = [(f"data{number}.bin", bytes(9 * MB)) for number in range(8)]

DEFENCES = [
    Defence("what is no regular file is left out", "it is not looked at",
            lambda: broken.name("grader.intake.folder.KINDS", {}),
            "a FIFO by the name of weights.py", read(fifo, taken=[FILE])),
    Defence("no link is followed, even late", "without `O_NOFOLLOW`",
            lambda: broken.host("grader.intake.folder.opened", (" | os.O_NOFOLLOW", "")),
            "a file becomes a link while it is read",
            read(late_link, taken=[FILE], also=swapped)),
    Defence("a largest size of a file", "a terabyte",
            lambda: broken.host("grader.intake.basket.Basket.take", ("limit = MAX_FILE",
                                                                     "limit = 1 << 40")),
            "a file of 12 MB", read(big_file, taken=[FILE])),
    Defence("a largest size of all files", "a terabyte",
            lambda: broken.name("grader.intake.basket.MAX_TOTAL", 1 << 40),
            "72 MB in an archive of 70 KB", read(archive(*NINES), taken=[], refused=True)),
    Defence("a largest number of names", "a million million",
            lambda: broken.name("grader.intake.basket.MAX_ENTRIES", 1 << 40),
            "20,001 names that nobody looks at", read(names, taken=[], refused=True)),
    Defence("an archive's names stay inside", "they need not",
            lambda: broken.host("grader.intake.archive._leads_astray",
                                ('".." in name.split("/")', "False")),
            "`../climbed.py`", read(archive(("../climbed.py", b"")), taken=[FILE])),
    Defence("archives are unpacked by methods with a bound", "by any",
            lambda: broken.name("grader.intake.zips.METHODS", (*zips.METHODS, zipfile.ZIP_BZIP2)),
            "200 MB by another method, said to be 1000 bytes", unpacked),
    Defence("headers of a tar have a largest size", "any size",
            lambda: broken.name("grader.intake.tars._Reader.read", io.BytesIO.read),
            "a remark of 60 MB on one file", long_header),
    Defence("text of students is shown as text", "as it is",
            lambda: broken.name("grader.report.table.shown", lambda text, limit=0: text),
            "an error that clears the screen", shown),
]  # fmt: skip

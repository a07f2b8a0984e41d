"""The zip: setup.sh and run_autograder where Gradescope looks for them, the rest in project/.

    setup.sh, run_autograder
    project/grader/           the grader
    project/rubrics/<id>/     the pack, hidden checks included
    project/reference/        the pack's reference, and what all packs share
    project/requirements.txt, constraints.txt

The same project makes the same bytes.
"""

from __future__ import annotations

import io
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

from grader import pack as packs
from grader.errors import UsageError
from grader.export import files
from grader.pack import Pack

SCRIPTS: Final = ("setup.sh", "run_autograder")
PROJECT: Final = "project"
SKIPPED: Final = {"__pycache__", "course"}  # a course's own weights may be large, and are not ours
_EXTRA: Final = "staff"  # of pyproject.toml: what grading takes beside what students install
_STUDENTS: Final = "grader/sandbox/requirements.txt"  # what student code may import
_DAY: Final = (1980, 1, 1, 0, 0, 0)
_SCRIPT, _FILE = 0o100755, 0o100644


def write(pack: Pack, root: Path, out: Path) -> None:
    """Write the zip of a pack; raises UsageError where something is in its place."""
    if out.exists():
        raise UsageError(f"{out} exists already: move it away, or choose another --out")
    if out.suffix != ".zip":
        raise UsageError(f"{out}: an autograder of Gradescope's is a .zip; give --out NAME.zip")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in SCRIPTS:
            script = (resources.files("grader.gradescope") / name).read_bytes()
            _put(archive, name, script, _SCRIPT)
        for name, data in sorted(contents(pack, root)):
            _put(archive, f"{PROJECT}/{name}", data, _FILE)
    files.write(out, made.getvalue())


def contents(pack: Pack, root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what the project has to hold to grade this pack: path and bytes."""
    for folder in (root / "grader", *packs.folders_of(root, pack.id)):
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(root)
            if path.is_file() and not SKIPPED & set(path.relative_to(folder).parts):
                yield inside.as_posix(), path.read_bytes()
    yield "requirements.txt", requirements(root).encode()
    yield "constraints.txt", (root / "constraints.txt").read_bytes()


def requirements(root: Path) -> str:
    """Return what pip is to install: what the project needs, and what student code may import."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = [*project["dependencies"], *project["optional-dependencies"][_EXTRA]]
    students = (root / _STUDENTS).read_text(encoding="utf-8").splitlines()
    pins = [line for line in students if line and not line.startswith("#")]
    return "\n".join([*ours, *pins, ""])


def _put(archive: zipfile.ZipFile, name: str, data: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(name, _DAY)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = mode << 16
    archive.writestr(entry, data)

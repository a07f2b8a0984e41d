"""Turn what a student handed in into bytes in memory, once and safely.

Later rooms never touch the student's folder again. Nothing is followed, unpacked to disk or run:
what is not a regular file, is too large or cannot be used is left out and named in a flag.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from grader import remarks
from grader.intake import archive, basket, folder
from grader.intake.entry import BadArchive, Entry
from grader.intake.submission import NothingToGrade, SourceFile, Submission, digest, safe_id
from grader.text import raw, shown

__all__ = ["NothingToGrade", "SourceFile", "Submission", "gather", "read", "safe_id"]

_MAX_FLAGS = 100


def read(path: Path) -> Submission:
    """Read a folder, a .zip, a .tar.gz, a .py or an .ipynb file.

    Raises `NothingToGrade` where there is nothing to read or far too much; what can be left out
    instead is left out and flagged. POSIX only; names may change meanwhile without harm.
    """
    full = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow a link)
    found = basket.Basket(shown(str(path)))
    try:
        name = _collect(found, full)
        archive.open_inner(found)
    except archive.TROUBLE as error:
        remedy = "give a folder, a .zip, a .tar.gz, a .py or an .ipynb file"
        raise NothingToGrade(
            f"{found.where} cannot be read, {folder.why(error)}: {remedy}."
        ) from error
    except BadArchive as error:
        raise NothingToGrade(f"{found.where} {error}.") from error
    return _submission(found, name)


def gather(name: str, entries: Sequence[Entry]) -> Submission:
    """Make one submission of entries of a download, each named by its path in the submission.

    A single archive is opened as if it had been handed in by itself. Raises `NothingToGrade`.
    """
    found = basket.Basket(shown(name))
    try:
        archive.put(found, entries)
        if len(found.files) == 1 and archive.is_opened(only := next(iter(found.files))):
            found.where = shown(only)
            archive.unpack(found, found.give_back(only))
        archive.open_inner(found)
    except BadArchive as error:
        raise NothingToGrade(f"{found.where} {error}.") from error
    return _submission(found, name)


def _submission(found: basket.Basket, name: str) -> Submission:
    if not found.files:
        left_out = "".join(f" ({flag})" for flag in found.spent.flags[:3])
        raise NothingToGrade(f"{found.where} holds no file to grade{left_out}: add your files.")
    files = tuple(SourceFile(name, found.files[name]) for name in sorted(found.files, key=raw))
    return Submission(safe_id(name), files, digest(files), _flags(found, files))


def _collect(found: basket.Basket, full: Path) -> str:
    """Fill the basket; return the name of the submission."""
    if stat.S_ISDIR(full.lstat().st_mode):
        folder.visit(found, str(full), None, ())
        return full.name
    end = archive.suffix(full.name) or full.suffix.lower()
    with folder.opened(str(full)) as (descriptor, info):  # refuses a link or a FIFO as what it is
        if end in {".py", ".ipynb"}:
            with open(descriptor, "rb", closefd=False) as stream:
                found.take(full.name, info.st_size, stream)
        elif archive.is_opened(full.name):
            archive.unpack(found, _whole(found, descriptor))
        elif archive.suffix(full.name):
            raise BadArchive(
                f"is a kind of archive that is not opened here (*{end}): hand in a .zip of the "
                "same files"
            )
        else:
            raise OSError(errno.EINVAL, f"files named *{full.suffix} are not supported")
    return full.name[: -len(end)]


def _whole(found: basket.Basket, descriptor: int) -> bytes:
    """Return the bytes of an archive, which may be as large as what it holds."""
    data = bytearray()
    with open(descriptor, "rb", closefd=False) as stream:
        while chunk := stream.read(1 << 16):
            data += chunk
            if len(data) > basket.MAX_TOTAL:
                raise found.too_much(f"{basket.MAX_TOTAL // basket.MB} MB")
    return bytes(data)


def _flags(found: basket.Basket, files: tuple[SourceFile, ...]) -> tuple[str, ...]:
    flags = [
        *found.spent.flags,
        *remarks.on_names(found.files),
        *remarks.on_sources((file.path, file.data) for file in files),
    ]
    if ignored := sorted(found.spent.ignored):
        flags.append(f"not read, as nothing of it is graded: {', '.join(ignored)}")
    if len(flags) > _MAX_FLAGS:
        flags[_MAX_FLAGS:] = [f"and {len(flags) - _MAX_FLAGS:,} more remarks"]
    return tuple(flags)

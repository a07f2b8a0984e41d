"""What a whole download holds, which may be far larger than memory: names first, bytes when asked.

Nothing is unpacked to disk: an entry is read out of the download whenever its bytes are wanted.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from grader.errors import UsageError
from grader.intake import zips
from grader.intake.archive import TROUBLE
from grader.intake.basket import MAX_DEPTH, MB
from grader.intake.entry import Entry
from grader.intake.folder import KINDS, opened, why
from grader.text import shown

MAX_ENTRIES = 200_000  # of a download; a thousand hand-ins of two hundred files
_MAX_DIRECTORY = 64 * MB  # of a zip: the list of its entries


class _Bounded(io.FileIO):
    """A file of which no more is read at once than the list of a zip's entries may take."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read; zipfile asks for the whole list in one go."""
        whole = size is None or size < 0 or size > _MAX_DIRECTORY
        data = super().read(_MAX_DIRECTORY + 1 if whole else size) or b""
        if len(data) > _MAX_DIRECTORY:
            raise zipfile.BadZipFile("it lists far too many entries")
        return data


@contextlib.contextmanager
def listed(path: Path) -> Iterator[list[Entry]]:
    """List all files of a zip or a folder; they can be read as long as it is open.

    Raises UsageError where it cannot be read, or lists more than a course hands in.
    """
    with contextlib.ExitStack() as stack:
        try:
            if path.is_dir():
                found = list(_walk(path, path))
            else:
                if not path.is_file():
                    raise OSError(errno.ENOENT, "it is no file and no folder")
                archive = zipfile.ZipFile(stack.enter_context(_Bounded(path)))
                found = [e for e in zips.listed(stack.enter_context(archive)) if not e.is_folder]
        except TROUBLE as error:
            raise UsageError(
                f"{shown(str(path))} cannot be read as a download, {why(error)}: download it "
                "again, or give its unpacked folder"
            ) from error
        if len(found) > MAX_ENTRIES:
            raise _too_many(path)
        yield found


def _walk(top: Path, folder: Path, depth: int = 0) -> Iterator[Entry]:
    """Yield the files below a folder; links are named and never followed."""
    with os.scandir(folder) as entries:
        inside = sorted(entries, key=lambda entry: entry.name)
    for count, entry in enumerate(inside):
        if count > MAX_ENTRIES:
            raise _too_many(top)
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            if depth < MAX_DEPTH and entry.name != ".git":
                yield from _walk(top, path, depth + 1)
            continue
        mode = entry.stat(follow_symlinks=False)
        kind = KINDS.get(stat.S_IFMT(mode.st_mode))
        yield Entry(
            name=path.relative_to(top).as_posix(),
            size=mode.st_size,
            is_folder=False,
            refusal=f"it is {kind}" if kind else "",
            open=functools.partial(_open, str(path)),
        )


def _open(path: str) -> IO[bytes]:
    with opened(path) as (descriptor, _):
        return open(os.dup(descriptor), "rb")  # noqa: PTH123 - closed by who asked for it


def _too_many(path: Path) -> UsageError:
    return UsageError(f"{shown(str(path))} holds more than {MAX_ENTRIES:,} files: that is no "
                      "download of one assignment")  # fmt: skip

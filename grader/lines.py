"""Files of JSON lines that are only ever added to: a line is on the disk whole, or not there.

Half a line is what a killed process has left of an event that was never acknowledged.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

from grader.records import Json


def append(path: Path, new: Json) -> None:
    """Add a line; it is on disk on return, or not there at all. Raises OSError.

    The caller keeps others out. Half a line at the end of the file is removed.
    """
    line = json.dumps(new, ensure_ascii=True, allow_nan=False).encode() + b"\n"
    with path.open("a+b", buffering=0) as file:
        file.seek(0)
        data = file.read()
        before = b"".join(whole(data))
        if len(before) < len(data):
            file.truncate(len(before))
        if before and not before.endswith(b"\n"):
            line = b"\n" + line
        if file.write(line) < len(line):  # a disk that fills up takes half a line
            file.truncate(len(before))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())


def whole(data: bytes) -> list[bytes]:
    """Return the lines without half of one at the end; one that was written whole counts."""
    lines = data.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        try:
            json.loads(lines[-1])
        except ValueError:
            lines.pop()
    return lines

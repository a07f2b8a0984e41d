"""Running a script of the submission as it would run by hand, and keeping what it shows.

The script runs in the worker, as ``__main__``, in the submission's folder, with its arguments and
its standard input. Standard output is kept apart, the first and the last of it; figures are kept
as data and as pictures when the script shows, saves or closes them, or leaves them open.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from grader.guest import figures

HEAD, TAIL = 48 << 10, 16 << 10  # bytes kept of what is printed
CUT = b"\n[... cut ...]\n"


def run(work: str, header: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Run one script; return what it did, and its output, its figures' data and their pictures.

    ``body`` holds the files to be written first, one after the other, and then standard input.
    """
    start = 0
    for path, size in header["files"]:
        with open(os.path.join(work, path), "wb") as file:  # noqa: PTH118, PTH123
            file.write(body[start : start + size])
        start += size
    full = os.path.join(work, header["file"])  # noqa: PTH118 - strings all the way, no pathlib
    folder = os.path.dirname(full)  # noqa: PTH120
    sys.path[:0] = [folder, work]
    os.chdir(folder)
    sys.argv[:] = [header["file"], *header["argv"]]
    error: BaseException | None = None
    with _streams(body[start:]) as output, figures.kept(header["figures"]) as shown:
        try:
            runpy.run_path(full, run_name="__main__")
        except BaseException as raised:  # noqa: BLE001 - what it printed before counts all the same
            error = raised
        _flush()
        shown.keep_open_ones()
    os.chdir(work)
    total, printed = _read(output)
    data = json.dumps(shown.described()).encode()
    pictures = shown.pictures()
    result = {
        "printed": total,
        "sizes": [len(printed), len(data), *map(len, pictures)],
        "exit": _code(error),
    }
    if error is not None and not isinstance(error, SystemExit):
        result["raised"] = error
    return result, b"".join([printed, data, *pictures])


@contextlib.contextmanager
def _streams(stdin: bytes) -> Iterator[int]:
    """Give the script its input and a file for its output; yield the file's descriptor."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output:
        given.write(stdin)
        given.seek(0)
        saved = [os.dup(fd) for fd in (0, 1)]
        own = sys.stdin
        _flush()
        os.dup2(given.fileno(), 0)
        os.dup2(output.fileno(), 1)
        sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        kept = os.dup(output.fileno())
        try:
            yield kept
        finally:
            _flush()
            for fd, old in enumerate(saved):
                os.dup2(old, fd)
                os.close(old)
            sys.stdin = own


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _read(output: int) -> tuple[int, bytes]:
    """Return how much was printed, and the first and the last of it."""
    total = os.fstat(output).st_size
    os.lseek(output, 0, os.SEEK_SET)
    data = os.read(output, HEAD)
    if total > HEAD + TAIL:
        os.lseek(output, total - TAIL, os.SEEK_SET)
        data += CUT
    data += os.read(output, TAIL)
    os.close(output)
    return total, data


def _code(error: BaseException | None) -> int:
    """Return what the exit code would have been."""
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 1

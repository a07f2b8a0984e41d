"""Cleaning up after student code, inside the sandbox: its processes and its files."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from typing import Any


def kill_all(worker: int) -> None:
    """Kill everything the student can have started."""
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # everything in the sandbox but PID 1 itself
        return
    # On a shared machine: the worker's group, and whatever was re-parented to us.
    if worker:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(worker, signal.SIGKILL)
    for pid in _descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123
            children = [int(word) for word in file.read().split()]
    except OSError:
        return []
    return children + [below for child in children for below in _descendants(child)]


def empty(folder: str) -> None:
    """Remove what is in a folder, whatever its permissions say."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, onerror=_force)
        else:
            with contextlib.suppress(OSError):
                os.unlink(entry.path)  # noqa: PTH108


def _force(remove: Any, path: str, _error: object) -> None:  # noqa: ANN401 - os.unlink, os.rmdir or os.scandir
    with contextlib.suppress(OSError):
        os.chmod(os.path.dirname(path), 0o700)  # noqa: PTH101, PTH120
        os.chmod(path, 0o700)  # noqa: PTH101
        if remove in (os.unlink, os.rmdir):
            remove(path)
        else:
            shutil.rmtree(path, ignore_errors=True)

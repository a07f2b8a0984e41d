"""Cleaning up after student code, inside the sandbox: its processes and its files."""

from __future__ import annotations

import contextlib
import os
import signal
import stat

ALONE = "GRADER_BOX_ALONE"  # in the environment of an agent whose user is this box's alone


def kill_all(worker: int) -> None:
    """Kill everything the student can have started."""
    if os.getpid() == 1 or ALONE in os.environ:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # everything in the sandbox but the agent
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
    """Remove what is in a folder, whatever the permissions and however deep.

    Folders in folders are moved up before they are emptied: no path grows too long to be named,
    and no nesting is too deep to be walked.
    """
    mark = os.urandom(8).hex()  # for new names, which nothing in the folder can have
    pending = _names(folder)
    moved = 0
    while pending:
        path = os.path.join(folder, pending.pop())  # noqa: PTH118 - strings all the way, no pathlib
        if not _is_folder(path):
            _unlink(path)
            continue
        for name in _names(path):
            inner = os.path.join(path, name)  # noqa: PTH118
            if not _is_folder(inner):
                _unlink(inner)
                continue
            moved += 1
            with contextlib.suppress(OSError):
                os.rename(inner, os.path.join(folder, f"{mark}.{moved}"))  # noqa: PTH104, PTH118
                pending.append(f"{mark}.{moved}")
        with contextlib.suppress(OSError):
            os.rmdir(path)  # noqa: PTH106


def _is_folder(path: str) -> bool:
    """Whether this is a folder and no link to one; if so, open it to its owner."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            return False
        os.chmod(path, 0o700)  # noqa: PTH101
    except OSError:
        return False
    return True


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108

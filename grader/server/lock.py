"""One night at a time on a machine: two would both count the same cores and memory as theirs.

A lock in a file, as that of a device (`grader.devices.lease`): the kernel lets go of it when its
holder dies, however that is. What stands in the file says who holds it, for people.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Final

from grader import history
from grader.devices import lease
from grader.errors import HarnessError
from grader.text import shown

KEY: Final = "night"
_LOOK_SECONDS: Final = 0.5
_LONGEST: Final = 4096  # bytes that are read of it


@contextlib.contextmanager
def held(what: str, say: Callable[[str], None], *, wait: bool) -> Iterator[None]:
    """Hold the lock; ``what`` is half a sentence on what for.

    Where another process has it, HarnessError says who and since when; with ``wait`` that is said
    to ``say``, and waited for.
    """
    with _opened() as lock:
        if not _taken(lock):
            if not wait:
                raise HarnessError(f"{_holder(lock)}: give the command again when it has ended")
            say(f"waiting: {_holder(lock)}")
            while not _taken(lock):
                time.sleep(_LOOK_SECONDS)  # not in the kernel: a signal is heeded at once
        since = history.now().isoformat(timespec="seconds")
        note = {"pid": os.getpid(), "by": history.me(), "since": since, "what": what}
        os.ftruncate(lock, 0)
        os.pwrite(lock, json.dumps(note).encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(lock, 0)


def holder() -> str:
    """Return who holds the lock, in a sentence; "" where it is free."""
    with _opened() as lock:
        return "" if _taken(lock) else _holder(lock)


@contextlib.contextmanager
def _opened() -> Iterator[int]:
    lock = lease.opened(KEY)
    try:
        yield lock
    finally:
        os.close(lock)  # which lets go of it


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> str:
    try:
        note = json.loads(os.pread(lock, _LONGEST, 0))
        told = f"process {note['pid']} of {note['by']}, {note['what']}, since {note['since']}"
    except (ValueError, TypeError, KeyError):  # it has just begun, or somebody else wrote there
        told = "another process"
    return f"this server is at work: {shown(told, 400)}"

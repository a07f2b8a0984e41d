"""One timing at a time on a device: a lock in a file, freed by the kernel when its holder dies.

Theory of operation
    Each device has one file, named by its key, in a folder that all users of the machine share.
    Whoever times holds ``flock`` on it; whoever only computes there shares it. The kernel lets go
    of the lock when the last descriptor is closed, however the holder ended, so nothing has to be
    cleaned up, and a file that is left says nothing. Files are never removed: a lock on a file
    without a name would exclude nobody.

    Everybody comes in through a gate, a second lock, and holds it until the first one is theirs.
    So those who share cannot keep out forever who wants the device alone: while that one waits,
    nobody else comes in.

    What stands in the file is for people: who holds it. Nobody relies on it.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from grader.errors import HarnessError

FOLDER: Final = Path(tempfile.gettempdir()) / "grader-leases"
ENVIRONMENT: Final = "GRADER_LEASES"
_LOOK_SECONDS: Final = 0.02  # a grading asks six times, and the GPU waits meanwhile


def folder() -> Path:
    """Return the folder of the locks: the one that the environment names, or all users' one."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else FOLDER


@contextlib.contextmanager
def held(key: str, say: Callable[[str], None]) -> Iterator[float]:
    """Hold the device with this key; yields the seconds that were waited for it.

    ``say`` is told in one line who is waited for. Raises HarnessError where the folder cannot be
    written to. Ctrl-C ends the waiting as it ends anything else.
    """
    with _passed(key, say, shared=False) as (lock, waited):
        _sign(lock, f"{os.getpid()}\n")
        try:
            yield waited
        finally:
            _sign(lock, "")


@contextlib.contextmanager
def shared(key: str, say: Callable[[str], None]) -> Iterator[float]:
    """Share the device with this key while nobody holds it; else as `held`."""
    with _passed(key, say, shared=True) as (_, waited):
        yield waited


@contextlib.contextmanager
def _passed(key: str, say: Callable[[str], None], *, shared: bool) -> Iterator[tuple[int, float]]:
    """Go in through the gate; yields the descriptor of the lock and the seconds waited."""
    begin, lock = time.monotonic(), opened(key)
    tell = _once(lambda: say(f"waiting for {key}: {_holder(lock)} at work on it"))
    try:
        gate = opened(f"{key}.gate")
        try:
            _locked(gate, tell, shared=shared)
            _locked(lock, tell, shared=shared)
        finally:
            os.close(gate)
        yield lock, time.monotonic() - begin
    finally:
        os.close(lock)


def _once(tell: Callable[[], None]) -> Callable[[], None]:
    """Return what does this the first time that it is called."""
    left = [tell]
    return lambda: left.pop()() if left else None


def _locked(lock: int, tell: Callable[[], None], *, shared: bool) -> None:
    """Wait until the lock is ours; ``tell`` is called where it is not at once."""
    # Imported here: Windows has none, and students' checks, which time nothing, run there.
    import fcntl  # noqa: PLC0415

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            tell()
            time.sleep(_LOOK_SECONDS)  # not in the kernel: a signal is heeded at once
        else:
            return


def opened(key: str) -> int:
    """Return a descriptor of a lock's file, which may be another user's; raises HarnessError."""
    path = folder() / f"{re.sub(r'[^A-Za-z0-9.-]', '_', key)}.lock"
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(0o1777)  # as /tmp: everybody may add, nobody may remove another's
        try:
            lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            with contextlib.suppress(PermissionError):  # two came at once; the other one did it
                os.fchmod(lock, 0o666)
    except OSError as error:
        raise HarnessError(
            f"the lock of {key} cannot be opened: {error}; remove {path.parent}, or name another "
            f"folder in {ENVIRONMENT}"
        ) from error
    return lock


def _sign(lock: int, text: str) -> None:
    """Write down who holds it alone, for those who wait."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, text.encode(), 0)


def _holder(lock: int) -> str:
    text = os.pread(lock, 20, 0).decode("ascii", errors="replace").strip()
    return f"process {text} is" if text.isdecimal() else "others are"

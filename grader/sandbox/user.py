"""The user sandbox: each box is a user of its own. For root in a container without more rights.

Where a platform runs the grader as root in a container of one submission, no namespace can be made
and no engine is there. What root can still do is become somebody else.

Theory of operation
    grader (root) ──► setpriv: a user that nobody else is, no capability, no_new_privs
                        └► prlimit: processes of that user, address space, size of files
                             └► this Python: installs the seccomp filter, then serves as the agent

    Each box, those of the reference as well, has a number of its own, at which no account and no
    process is. So student code can signal, trace or read the memory of nothing but its own box; it
    reads and writes what everybody may, which is why the grader's own folders are closed to all but
    root, and why that is tried out, as such a user, before anything runs (``closed``). The filter
    is that of all sandboxes: no network, no io_uring, no ptrace.

    A box is ended by a signal to everything of its user, sent by somebody who may signal them and
    whom they may not: in the kernel that is one step, and no fork escapes it. It is paused in the
    same way.

What is not there: no limit of memory or of cores for a box as a whole; a list of the container's
processes is seen; and student code can end its own agent (it is the same user), which counts as an
error of the submission.
"""

from __future__ import annotations

import base64
import contextlib
import os
import platform
import pwd
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from grader.errors import HarnessError
from grader.records import Limits
from grader.sandbox import bpf, launch, seccomp
from grader.sandbox.boot import BOOTSTRAP
from grader.sandbox.process import ProcessBox, reap

USERS: Final = range(61184, 65520)  # those that systemd keeps for users without an account
APART: Final = 5000  # so far below is who sends them signals
_END_SECONDS: Final = 5.0

# For this Python, as a user without rights: no system call beside the filter's from here on. The
# numbers are PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP and SECCOMP_MODE_FILTER.
_FILTERED: Final = """
import base64, ctypes, sys
program = base64.b64decode(sys.argv.pop())
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
fprog = Program(len(program) // 8, program)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(fprog), 0, 0):
    sys.exit(f"the kernel takes no system call filter (error {ctypes.get_errno()})")
"""
# For sh: the Python that cannot be run, and then which paths are not closed.
_TRIED: Final = """
[ -x "$1" ] || echo "$1"; shift
for each do if [ -r "$each" ] || [ -w "$each" ]; then echo "$each"; fi; done
"""


_PYTHON: Final = sys.executable  # this one, which root can run wherever it lies
_SENDER: Final = """
import contextlib, os, sys
user, apart, number = map(int, sys.argv[1:])
os.setgroups([])
os.setresgid(apart, apart, apart)
os.setresuid(apart, user, apart)
with contextlib.suppress(ProcessLookupError):
    os.kill(-1, number)
"""


class UserBox(ProcessBox):
    """One box: the processes of one user, and a folder that only they can write to."""

    def __init__(self, limits: Limits, device: str, user: int, command: Sequence[str]) -> None:
        self.user = user
        self._ended = False
        super().__init__(limits, device, forks=True, command=command, user=user)

    def freeze(self, frozen: bool) -> bool:  # noqa: FBT001 - as a switch is set
        """Stop all processes of the user, or let them go on."""
        if not _signal_all(self.user, signal.SIGSTOP if frozen else signal.SIGCONT):
            raise HarnessError(f"processes of user {self.user} could not be stopped")
        return True

    def kill(self) -> None:
        """End every process of the user, and remove the folder."""
        if self._ended:
            return
        self._ended = True
        self.line.close()
        deadline = time.monotonic() + _END_SECONDS
        try:
            while not _signal_all(self.user, signal.SIGKILL) or _processes(self.user):
                if time.monotonic() > deadline:
                    raise HarnessError(f"processes of user {self.user} could not be ended")
                time.sleep(0.01)
        finally:
            super().kill()


class UserSandbox:
    """Starts boxes as users of their own. ``closed`` are paths that no such user may get at."""

    name = "user"
    isolation = "user"

    def __init__(self, closed: Sequence[Path] = ()) -> None:
        if os.geteuid() != 0:
            raise HarnessError("only root can be somebody else: start the grader as root")
        self._prlimit = launch.program("prlimit")
        policy = bpf.compile_policy(seccomp.profile(), platform.machine())
        self._filter = base64.b64encode(policy).decode("ascii")
        self._users = _Users()
        reap()
        self._rehearse(closed)

    def start(self, limits: Limits, *, device: str) -> UserBox:
        """Start a box; raises HarnessError where that fails."""
        user = self._users.another()
        caps = [
            "--core=0", "--nofile=1024", f"--nproc={limits.pids}",
            f"--fsize={limits.scratch_mb * launch.MB}", launch.address_space(limits),
        ]  # fmt: skip
        program = [sys.executable, "-I", "-c", _FILTERED + BOOTSTRAP, self._filter]
        command = [*_becoming(user), self._prlimit, *caps, *program]
        try:
            return UserBox(limits, device, user, command)
        except OSError as error:
            raise HarnessError(f"a process could not be started: {error}") from error

    def facts(self) -> Mapping[str, str | None]:
        """Return what the result records."""
        return {
            "image": None,
            "mode": "a user of its own",
            "limits": "processes; address space of each process",
        }

    def _rehearse(self, closed: Sequence[Path]) -> None:
        """Become such a user, and try this Python and the paths that have to be closed to it."""
        words = [sys.executable, *map(str, closed)]
        command = [*_becoming(self._users.another()), "sh", "-c", _TRIED, "sh", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        if done.returncode:
            raise HarnessError(f"the grader cannot become another user: {done.stderr.strip()}")
        if sys.executable in (reached := done.stdout.splitlines()):
            raise HarnessError(
                f"{sys.executable} can be run by root alone: let everybody into its folders"
            )
        if reached:
            raise HarnessError(
                f"everybody gets at {', '.join(reached)}: nothing is graded where student code "
                "could read the answers or write the result"
            )


class _Users:
    """Numbers of users, one after the other, none that is taken."""

    def __init__(self) -> None:
        self._next = secrets.randbelow(len(USERS))  # two graders of one machine begin elsewhere
        self._lock = threading.Lock()

    def another(self) -> int:
        """Return a user without an account and without a process; raises HarnessError."""
        with self._lock:
            for _ in USERS:
                user = USERS[self._next]
                self._next = (self._next + 1) % len(USERS)
                if not _has_account(user) and not _processes(user):
                    return user
        raise HarnessError(f"every user from {USERS[0]} to {USERS[-1]} is taken")


def _becoming(user: int) -> list[str]:
    return [launch.program("setpriv"), *launch.rights_of(user)]


def _signal_all(user: int, number: signal.Signals) -> bool:
    """Send a signal to every process of a user at once, as that user; return if that was done.

    The sender may signal them by its effective user. They may not signal it: its real one, and the
    saved one, are of a number that no box has.
    """
    numbers = map(str, (user, user - APART, number.value))
    command = [_PYTHON, "-I", "-S", "-c", _SENDER, *numbers]
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=_END_SECONDS)  # noqa: S603 - our own words
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _processes(user: int) -> list[int]:
    """Return the processes of a user that have not ended.

    Not by the owner of their folders: of a process that is not dumpable that is root.
    """
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            text = (folder / "status").read_text(encoding="utf-8", errors="replace")
            if re.search(rf"^Uid:\t{user}\t", text, re.MULTILINE) and "\nState:\tZ" not in text:
                found.append(int(folder.name))
    return found


def _has_account(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True

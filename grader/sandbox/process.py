"""The process sandbox: a plain child process. IT ISOLATES NOTHING.

Student code runs with the rights of whoever started the grader: it can read and delete their
files, use the network and leave processes behind. It is for a student's own work on the
student's own machine, and for the samples that ship with the project. `grader.cli` refuses
anything else unless it is asked for by name, and the result says ``"isolation": "none"``.

The conversation is the same as with a container: the same guest, the same line, the same limits
of time. Limits of memory and of processes are not enforced.

Where workers cannot be forked (Windows), or where a fork does not survive what the system's
libraries have started before it (macOS), the guest's agent of one process is spawned instead: see
`grader.guest.solo`. Its standard streams are pipes, which two threads join to the line, since a
Windows process cannot be given a socket.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from grader.errors import HarnessError
from grader.records import Ending, Limits, Usage
from grader.sandbox.boot import BOOTSTRAP, HUGE_PAGES, SOLO_BOOTSTRAP
from grader.sandbox.owner import Owner
from grader.wire import Header, Line

ALONE = "GRADER_BOX_ALONE"  # tells the agent (`grader.guest.cleaning`) that its user is the box's
FOLDER_PREFIX = "grader-box-"
FORKS = hasattr(os, "fork") and sys.platform != "darwin"


class ProcessBox:
    """One child process and its temporary folder.

    ``command`` is what starts the agent that forks, and ``user`` whose the writable folders are;
    without them that is this Python, and the caller.
    """

    def __init__(
        self,
        limits: Limits,
        device: str,
        *,
        forks: bool,
        command: Sequence[str] = (),
        user: int | None = None,
    ) -> None:
        self.device = device
        self.ready: Header | None = None
        self._killed = False
        owner = Owner.current()
        self.folder = Path(
            tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{owner.pid}-{owner.started}-")
        ).resolve()
        scratch = self.folder / "tmp"
        self.work = str(self.folder / "work" / "submission")
        self.wiped = [str(self.folder / "work"), str(scratch)]
        for folder in (*map(Path, self.wiped), self.folder / "notes"):
            folder.mkdir(mode=0o700)
        if user is not None:
            self.folder.chmod(0o711)
            for writable in self.wiped:
                os.chown(writable, user, user)
        ours, theirs = socket.socketpair()
        with (self.folder / "notes" / "stderr").open("wb") as notes:
            start = functools.partial(_forking, command) if forks else _spawned
            self.process = start(
                theirs,
                stderr=notes,
                cwd=self.folder / "work",
                env=_environment(scratch, limits) | ({} if user is None else {ALONE: "1"}),
            )
        self.line = Line(ours, multiplexed=False)

    def usage(self) -> Usage:
        """Return nothing: a plain process is not accounted for."""
        return Usage()

    def oom_kills(self) -> None:
        """Return that this is not known."""

    def processes(self) -> set[int]:
        """Return the child process and all that it started."""
        return {self.process.pid, *_descendants(self.process.pid)}

    def freeze(self, frozen: bool) -> bool:  # noqa: ARG002, FBT001 - of all boxes
        """Return that this cannot be done: nothing holds its processes together."""
        return False

    def ending(self, *, patience: float = 5.0) -> Ending:
        """Return how the child process ended."""
        self.line.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        return Ending(self.process.returncode, out_of_memory=False, text=self._notes())

    def kill(self) -> None:
        """End the child and everything it started, as far as that can be found."""
        if self._killed:
            return
        self._killed = True
        self.line.close()
        pids = [self.process.pid, *_descendants(self.process.pid)]
        with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
            os.killpg(self.process.pid, signal.SIGKILL)  # Windows has no groups of processes
        for pid in pids[1:]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        removed(self.folder)

    def _notes(self) -> str:
        try:
            return (self.folder / "notes" / "stderr").read_text(errors="replace")[-8000:]
        except OSError:
            return ""


class ProcessSandbox:
    """Starts plain processes on this machine's Python."""

    name = "process"
    isolation = "none"

    def __init__(self, *, forks: bool = FORKS) -> None:
        self._forks = forks
        reap()

    def start(self, limits: Limits, *, device: str) -> ProcessBox:
        """Start a child process."""
        try:
            return ProcessBox(limits, device, forks=self._forks)
        except OSError as error:
            raise HarnessError(f"a process could not be started: {error}") from error

    def facts(self) -> Mapping[str, str | None]:
        """Return what the result records."""
        return {"image": None}


def reap() -> None:
    """Remove the folders that a killed grader left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*-*-*"):
        pid, started, _ = folder.name.removeprefix(FOLDER_PREFIX).split("-", 2)
        here = Owner.current()
        owner = Owner(int(pid) if pid.isdigit() else 0, started, here.boot, here.space)
        if owner.is_gone(one_machine=True):
            removed(folder)


def removed(folder: Path) -> None:
    """Remove a folder, however deep it is."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:  # student code has nested folders by the thousand
        subprocess.run(["rm", "-rf", "--", str(folder)], check=False, capture_output=True)  # noqa: S603, S607 - where folders are nested so, there is an rm


def _forking(
    command: Sequence[str],
    line: socket.socket,
    **how: Any,  # noqa: ANN401 - those of Popen
) -> subprocess.Popen[bytes]:
    """Start the agent that forks its workers; the line is its input and its output."""
    with line:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and our own guest
            command or [sys.executable, "-I", "-c", BOOTSTRAP],
            stdin=line.fileno(),
            stdout=line.fileno(),
            start_new_session=True,
            **how,
        )


def _spawned(line: socket.socket, **how: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
    """Start the agent of one process, and threads that pass bytes between it and the line."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own guest
        [sys.executable, "-I", "-c", SOLO_BOOTSTRAP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        **how,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for pump in ((_into, line, process.stdin), (_out_of, process.stdout, line)):
        threading.Thread(target=pump[0], args=pump[1:], daemon=True).start()
    return process


def _into(line: socket.socket, pipe: IO[bytes]) -> None:
    with contextlib.suppress(OSError), pipe:
        while piece := memoryview(line.recv(1 << 16)):
            while piece:
                piece = piece[pipe.write(piece) :]


def _out_of(pipe: IO[bytes], line: socket.socket) -> None:
    with contextlib.suppress(OSError), pipe, line:
        while piece := pipe.read(1 << 16):
            line.sendall(piece)
        line.shutdown(socket.SHUT_RDWR)  # closing would not wake the other thread


def _environment(scratch: Path, limits: Limits) -> dict[str, str]:
    """Return a small environment: nothing of the caller's but what Python needs to run."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "TEMP": str(scratch),  # Windows
        "MPLCONFIGDIR": str(scratch / "matplotlib"),
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": str(limits.cpus),
        "MKL_NUM_THREADS": str(limits.cpus),
        **HUGE_PAGES,
    }


def _descendants(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from _descendants(child)

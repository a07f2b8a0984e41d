"""The bubblewrap sandbox: the kernel's namespaces without an engine, for a machine without Docker.

Theory of operation
    A box is one `bwrap`. It has namespaces of its own for processes, network, mounts, IPC, the
    host's name and control groups; a root of this machine's Python and libraries, read-only, and
    nothing else of the machine (`visible`); two small folders in memory to write to; an empty
    environment; no capabilities, no way to new privileges, and the seccomp policy of the
    containers, compiled by `grader.sandbox.bpf`. Our agent is process 1 in it.

        sh        enters the box's control groups and becomes
        prlimit   which caps files and descriptors and becomes
        bwrap     which stays outside, makes the namespaces and forks
        setpriv (root) or prlimit (anybody else)    which becomes
        python    the agent, process 1

    Two modes. Started by **root**, there is no user namespace: in one, the inner user would be
    root outside. setpriv makes the agent nobody, without capabilities. Memory, processes and cores
    are limited by control groups. Started by **anybody else**, a user namespace gives bwrap its
    powers, and the inner user is the caller outside. Control groups limit it where systemd
    delegated some to the caller; elsewhere only what one process can do is limited, by rlimits:
    address space, and the number of processes, which the kernel counts for each user namespace.

    The line is a socket pair. What the agent writes of itself goes to a file in memory, which a
    flood cannot fill beyond the limit of file sizes.

    Killing: process 1 is killed, and the kernel takes all others with it; bwrap then ends by
    itself and is reaped by us. (Were bwrap killed, process 1 would be left to the system's own
    process 1, some of which reap slowly.)

    A box also ends when the grader does: the agent sees the line close, and bwrap gets a signal on
    its parent's death. That signal comes when the *thread* that started bwrap ends, so all boxes
    are started by one that never does. Process 1 gets such a signal from bwrap in its turn, but
    not as root: bwrap has then dropped the right to signal another user. What is frozen, and
    cannot see the line close, is ended there by the next grader, with the control groups of all
    whose owner is gone. Nothing of a box is on disk.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import platform
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Final, NamedTuple

from grader.errors import HarnessError
from grader.records import Ending, Limits, Usage
from grader.sandbox import bpf, cgroup, launch, seccomp, visible
from grader.sandbox.boot import BOOTSTRAP
from grader.wire import Header, Line

NOBODY: Final = 65534
_START_SECONDS: Final = 10.0
_END_SECONDS: Final = 5.0
_NOTES_KEPT: Final = 8192

ISOLATION: Final = (
    *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--hostname", "sandbox", "--die-with-parent", "--new-session", "--as-pid-1"),
)
USER_NAMESPACE: Final = (
    *("--unshare-user", "--disable-userns", "--uid", str(NOBODY), "--gid", str(NOBODY)),
    *("--cap-drop", "ALL"),
)
NOBODYS_RIGHTS: Final = launch.rights_of(NOBODY)


class Files(NamedTuple):
    """Descriptors that bwrap is given."""

    status: int
    policy: int
    passwd: int


class BubblewrapBox:
    """One running sandbox."""

    work = "/tmp/submission"  # noqa: S108 - inside the sandbox, as are the next two
    wiped = ["/tmp", "/dev/shm"]  # noqa: RUF012, S108

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        sock: socket.socket,
        status: IO[bytes],
        notes: IO[bytes],
        group: cgroup.Group | None,
    ) -> None:
        self.process = process
        self.group = group
        self.line = Line(sock, multiplexed=False)
        self.device = "cpu"
        self.ready: Header | None = None
        self._status = status
        self._notes = notes
        self._killed = False
        self._first: int | None = None  # process 1, as a descriptor: a number could be reused

    def usage(self) -> Usage:
        """Return the kernel's figures for the box's control group, if it has one."""
        return self.group.usage() if self.group else Usage()

    def oom_kills(self) -> int | None:
        """Return how many processes of the box's control group the kernel has ended."""
        return self.group.oom_kills() if self.group else None

    def processes(self) -> set[int]:
        """Return the processes of the box's control group, if it has one."""
        return cgroup.processes(self.group.folders) if self.group else set()

    def freeze(self, frozen: bool) -> bool:  # noqa: FBT001 - as a switch is set
        """Stop the control group or let it go on, where it is one of version 2."""
        return cgroup.freeze(self.group.folders, frozen=frozen) if self.group else False

    def ending(self, *, patience: float = 5.0) -> Ending:
        """Return how bwrap says process 1 ended.

        Whether memory ran out is not told by that: the kernel's counter in `usage` tells it.
        """
        self.line.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        size = os.fstat(self._notes.fileno()).st_size
        text = os.pread(self._notes.fileno(), _NOTES_KEPT, max(0, size - _NOTES_KEPT))
        return Ending(
            self.process.returncode, out_of_memory=False, text=text.decode(errors="replace")
        )

    def find_first(self) -> None:
        """Learn from bwrap which process is number 1 in the box."""
        deadline = time.monotonic() + _START_SECONDS
        said = b""
        while b"child-pid" not in said or not said.endswith(b"}\n"):
            left = deadline - time.monotonic()
            ready = select.select([self._status], [], [], max(0, left))[0]
            piece = os.read(self._status.fileno(), 4096) if ready else b""
            if not piece:
                return  # it failed, which shows on the line
            said += piece
        pid = json.loads(said.splitlines()[0])["child-pid"]
        with contextlib.suppress(OSError):
            self._first = os.pidfd_open(pid)

    def kill(self) -> None:
        """End everything in the box and remove its control groups."""
        if self._killed:
            return
        self._killed = True
        self.line.close()
        try:
            self._kill_processes()
            if self.group is not None:
                self.group.remove()
        finally:
            self._status.close()
            self._notes.close()
            if self._first is not None:
                os.close(self._first)

    def _kill_processes(self) -> None:
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
            # Its descriptor can be read once it is dead, and all others with it.
            select.select([self._first], [], [], _END_SECONDS)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_END_SECONDS)
        if self.process.poll() is None:
            self.process.kill()  # it takes process 1 with it
            self.process.wait()


class BubblewrapSandbox:
    """Starts boxes on this machine's own Python."""

    name = "bubblewrap"
    isolation = "namespaces"

    def __init__(
        self,
        *,
        device: str = "cpu",
        say: Callable[[str], None] = lambda _: None,
        first_core: int = 0,
    ) -> None:
        self._tools = launch.Tools.find()
        self._root = os.geteuid() == 0
        self._place = cgroup.find()
        if self._root and self._place is None:
            raise HarnessError(
                "no control group can be made under /sys/fs/cgroup, so memory would have no limit: "
                "let root write there, or start the grader as another user"
            )
        if self._place is not None:
            cgroup.reap(self._place)
        reader = NOBODY if self._root else os.geteuid()
        self._view = visible.view(sys.executable, device, reader=reader, say=say)
        self._filter = bpf.compile_policy(seccomp.profile(), platform.machine())
        self._cores = sorted(os.sched_getaffinity(0))
        self._boxes = itertools.count(first_core)
        self._rehearse()

    def start(self, limits: Limits, *, device: str) -> BubblewrapBox:
        """Start a box, in some milliseconds."""
        box = self._start(limits, [self._view.python, "-I", "-c", BOOTSTRAP])
        box.device = "cpu" if device == "cpu" else "cuda:0"  # it is given one GPU
        return box

    def facts(self) -> Mapping[str, str | None]:
        """Return the mode and which limits hold for a whole box."""
        if self._place is None:
            limits = "processes; address space of each process"
        else:
            names = ["memory", "processes"] + ["cores"] * ("cpuset" in self._place.parents)
            limits = f"{', '.join(names)} (cgroup v{self._place.version})"
        return {"image": None, "mode": "root" if self._root else "user namespace", "limits": limits}

    def _rehearse(self) -> None:
        """Start a box that ends at once, to say here what a machine refuses."""
        box = self._start(Limits(), ["true"])
        try:
            ending = box.ending()
        finally:
            box.kill()
        if ending.exit_code:
            text = ending.text.strip() or f"exit code {ending.exit_code}"
            raise HarnessError(f"bubblewrap does not work here: {text}; {launch.remedy(text)}")

    def _start(self, limits: Limits, program: Sequence[str]) -> BubblewrapBox:
        group = cgroup.Group(self._place, limits, self._cpuset(limits)) if self._place else None
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as failed:
            if group is not None:
                failed.callback(group.remove)
            ours, line = socket.socketpair()
            theirs.enter_context(line)
            failed.enter_context(ours)
            said, says = map(os.fdopen, os.pipe(), ("rb", "wb"))
            theirs.enter_context(says)
            failed.enter_context(said)
            notes = failed.enter_context(launch.in_memory("notes", b""))
            policy = theirs.enter_context(launch.in_memory("policy", self._filter))
            passwd = theirs.enter_context(launch.in_memory("passwd", visible.PASSWD))
            files = Files(says.fileno(), policy.fileno(), passwd.fileno())
            process = launch.spawn(
                [
                    *launch.entering(self._tools, group.doors if group else ()),
                    *self._command(limits, files),
                    *program,
                ],
                stdin=line,
                stdout=line,
                stderr=notes,
                pass_fds=files,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the grader, which then ends its boxes
            )
            failed.pop_all()
        box = BubblewrapBox(process, ours, said, notes, group)
        try:
            box.find_first()
        except BaseException:
            box.kill()
            raise
        return box

    def _command(self, limits: Limits, files: Files) -> list[str]:
        """Return what becomes process 1: the whole of the isolation, in one place."""
        tools, view = self._tools, self._view
        caps = ["--core=0", "--nofile=1024", f"--fsize={limits.scratch_mb * launch.MB}"]
        command = [tools.prlimit, *caps, tools.bwrap, *ISOLATION]
        if not self._root:
            command += USER_NAMESPACE
        command += ["--json-status-fd", str(files.status), "--seccomp", str(files.policy)]
        command += [*view.mounts(limits, files.passwd), *view.variables(limits), "--"]
        if self._root:
            command += [tools.setpriv, *NOBODYS_RIGHTS]
        if self._place is None:
            # Inside the user namespace, where the processes of this user outside do not count.
            command += [tools.prlimit, f"--nproc={limits.pids}"]
            if not view.nodes:  # CUDA reserves addresses by the terabyte
                command += [launch.address_space(limits)]
        return command

    def _cpuset(self, limits: Limits) -> str | None:
        """Return the next cores in turn, so that two boxes side by side do not share one."""
        count = len(self._cores)
        if limits.cpus >= count:
            return None
        first = next(self._boxes) * limits.cpus
        return ",".join(str(self._cores[-1 - (first + i) % count]) for i in range(limits.cpus))

"""The agent: first process of the sandbox, keeper of the line to the host.

Contract
    1. It takes descriptors 0 and 1 as the line to the host, moves them out of reach and points
       0, 1 and 2 at /dev/null, before any student code exists.
    2. It makes itself undumpable: student code has the same user id, and could otherwise open
       /proc/1/fd or attach to it.
    3. It imports torch once, with one thread and no operation run (a process that ran a parallel
       operation hangs its forked children), says so to the host, and then answers requests
       strictly one at a time: one frame in, one frame out.
    4. `preload` imports more, before anything of the student's is here. `submission` stores the
       files. `worker` ends everything the last worker left behind,
       wipes the writable folders, lays the files out afresh and forks a worker. The first worker
       is forked before anything of the student's is here, and waits, warm, for its files.
    5. Every other verb is relayed to the worker. The reply comes back within the seconds the
       host named; else the agent ends the worker and says `timeout`. A worker that dies, or
       writes something that is no frame, is reported as such.
    6. What the worker prints is read all the time, and its last few kilobytes go with each reply.
       A request may ask for more (`still`): once a second, before the reply, a frame without a
       body that holds the end of what was printed so far.
    7. When the host hangs up, the agent ends, and as PID 1 it takes the whole sandbox with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import time
from typing import Any, NoReturn

from grader.guest import cleaning, frames
from grader.guest.exchange import Exchange
from grader.guest.folder import Folder
from grader.guest.frames import Header
from grader.guest.preloading import preload

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
PRINTS_KEPT = 2048
PURGE_SECONDS = 5.0
WARM_SECONDS = 5.0
STILL_SECONDS, STILL_KEPT = 1.0, 300  # how often, and how much of what was printed
OUR_FAULT = 70  # exit code of the agent when it fails by itself (EX_SOFTWARE)


def run(config: dict[str, Any]) -> NoReturn:
    """Serve the host until it hangs up. ``config`` is what `grader.sandbox.boot` sends."""
    requests, replies, errors = (_move_up(fd) for fd in (0, 1, 2))
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    _prctl(PR_SET_DUMPABLE, 0)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    handlers = _ignore_signals()  # student code may send any; the host ends us by hanging up
    agent = Agent((requests, replies, errors), config, handlers)
    try:
        ready = preload([])
        agent.fork_ahead()
        frames.write(replies, {"ready": True, **ready})
        agent.serve()
    except (frames.EndOfStream, BrokenPipeError):
        agent.purge()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - whatever it is, the host must see it as our fault
        import traceback  # noqa: PLC0415 - only needed here

        os.write(errors, traceback.format_exc().encode(errors="replace")[-8000:])
        os._exit(OUR_FAULT)


class Agent:
    """The state of one sandbox: the stored files and at most one living worker."""

    def __init__(
        self, line: tuple[int, int, int], config: dict[str, Any], handlers: dict[int, Any]
    ) -> None:
        self.handlers = handlers  # of signals, as a worker has to find them
        self.requests, self.replies, self.errors = line  # no worker may keep any of them
        self.folder = Folder(config["work"])
        self.wiped = config["wiped"]
        self.pid = 0
        self.untouched = False  # a worker is there that has not been asked for anything
        self.to_worker = self.from_worker = self.prints_fd = -1
        self.prints = bytearray()
        self.printed = 0

    def serve(self) -> NoReturn:
        """Answer one request after the other."""
        while True:
            header, body = frames.read(self.requests)
            verb = header["verb"]
            reply_body: bytes | memoryview = b""
            if verb == "submission":
                reply = self.folder.store(header, body)
            elif verb == "preload":
                reply = self.preload(header["modules"])
            elif verb == "worker":
                reply = self.fresh_worker()
            else:
                reply, reply_body = self.relay(header, body)
            reply["id"] = header["id"]
            reply["prints"] = {
                "bytes": self.printed,
                "tail": self.prints.decode(errors="replace"),
            }
            frames.write(self.replies, reply, reply_body)

    def preload(self, modules: list[str]) -> Header:
        """Import what this submission will need; the worker that waits has been forked without."""
        self.purge()
        preload(modules)
        self.fork_ahead()
        return {"ok": True}

    # --- the worker -------------------------------------------------------------------------

    def fork_ahead(self) -> None:
        """Fork the first worker before it is asked for, and let it warm up meanwhile."""
        self.fresh_worker()
        self.relay(
            {"verb": "warm", "id": "", "seconds": WARM_SECONDS, "reply_bytes": 0}, bytearray()
        )
        self.untouched = True

    def fresh_worker(self) -> Header:
        """End what is left of the last worker and fork a new one in a clean folder."""
        if self.untouched and self.status() is None:
            self.untouched = False
            self.folder.lay_out()
            return {"ok": True}
        self.untouched = False
        self.purge()
        for folder in self.wiped:
            cleaning.empty(folder)
        self.folder.lay_out()
        request_r, self.to_worker = os.pipe()
        self.from_worker, reply_w = os.pipe()
        self.prints_fd, print_w = os.pipe()
        self.prints, self.printed = bytearray(), 0
        self.pid = os.fork()
        if self.pid == 0:
            self._become_worker(request_r, reply_w, print_w)
        for fd in (request_r, reply_w, print_w):
            os.close(fd)
        for fd in (self.to_worker, self.from_worker, self.prints_fd):
            os.set_blocking(fd, False)
        return {"ok": True}

    def _become_worker(self, requests: int, replies: int, prints: int) -> NoReturn:
        code = OUR_FAULT
        try:
            os.setsid()
            for number, handler in self.handlers.items():
                if handler is not None:  # None: a library's own, which is left as it is
                    signal.signal(number, handler)
            for fd in (
                self.requests,
                self.replies,
                self.errors,
                self.to_worker,
                self.from_worker,
                self.prints_fd,
            ):
                os.close(fd)
            os.dup2(prints, 1)
            os.dup2(prints, 2)
            os.close(prints)
            # The kernel ends the worker, not the agent, when the sandbox is out of memory.
            with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
                file.write("1000")
            _prctl(PR_SET_DUMPABLE, 1)
            os.chdir(self.folder.work)
            self.folder.files.clear()
            from grader.guest import worker  # noqa: PLC0415 - not needed by the agent itself

            worker.Worker(self.folder.work, requests, replies).serve()
            code = 0
        finally:
            os._exit(code)  # no clean-up handlers: they cost 0.2 s and belong to the agent

    def purge(self) -> None:
        """End every process of the student and reap it."""
        for fd in (self.to_worker, self.from_worker, self.prints_fd):
            if fd >= 0:
                os.close(fd)
        self.to_worker = self.from_worker = self.prints_fd = -1
        deadline = time.monotonic() + PURGE_SECONDS
        while time.monotonic() < deadline:
            cleaning.kill_all(self.pid)
            try:
                while os.waitpid(-1, os.WNOHANG) != (0, 0):
                    pass
            except ChildProcessError:
                break
            time.sleep(0.001)
        self.pid = 0
        self.untouched = False

    def relay(self, header: Header, body: bytearray) -> tuple[Header, bytes | memoryview]:
        """Pass a request to the worker and wait for its reply, its death or the deadline."""
        if not self.pid:
            return _fault("error", "no worker is running"), b""
        deadline = time.monotonic() + header["seconds"]
        exchange = Exchange(self, header, body)
        said = time.monotonic()
        try:
            while (left := deadline - time.monotonic()) > 0:
                reply = exchange.step(left)
                if reply is not None:
                    return reply
                if header.get("still") and time.monotonic() - said >= STILL_SECONDS:
                    said = time.monotonic()
                    tail = self.prints[-STILL_KEPT:].decode(errors="replace")
                    frames.write(self.replies, {"id": header["id"], "still": tail})
        except frames.Malformed:
            self.purge()
            return _fault("protocol_violation", "the reply is not a frame"), b""
        self.purge()
        return _fault("timeout", ""), b""

    def drain_prints(self) -> None:
        """Read what was printed; keep the end of it."""
        for _ in range(64):  # a flood does not keep us from the rest of our work
            try:
                piece = os.read(self.prints_fd, 1 << 16)
            except BlockingIOError:
                return
            if not piece:
                return
            self.printed += len(piece)
            self.prints = (self.prints + piece)[-PRINTS_KEPT:]

    def status(self, seconds: float = 0.0) -> int | None:
        """Return the wait status of a dead worker, or None while it lives."""
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    return status
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.001)

    def burial(self, status: int | None) -> Header:
        """Say how the worker ended; one that lives on but closed its line broke the protocol."""
        self.drain_prints()  # what it printed last is the best clue
        self.purge()
        if status is None:
            return _fault("protocol_violation", "the reply channel was closed")
        if os.WIFSIGNALED(status):
            return {"fault": {"outcome": "died", "signal": os.WTERMSIG(status)}}
        return {"fault": {"outcome": "died", "code": os.waitstatus_to_exitcode(status)}}


def _fault(outcome: str, text: str) -> Header:
    return {"fault": {"outcome": outcome, "text": text}}


def _ignore_signals() -> dict[int, Any]:
    """Ignore all that can be ignored; return Python's own handlers, for the workers."""
    handlers: dict[int, Any] = {}
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with contextlib.suppress(OSError, ValueError):
            handlers[number] = signal.signal(number, signal.SIG_IGN)
    return handlers


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(AttributeError, OSError):  # Linux only
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _move_up(fd: int) -> int:
    """Duplicate a descriptor to 200 or above, closed on exec."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 200)

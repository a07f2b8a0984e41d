"""The host half of the conversation with one sandbox: requests out, replies in, faults typed.

It starts the box when it is first needed, keeps each call within its limits, and turns whatever
goes wrong into one of two things: a `StudentFault` with a typed outcome, or a `HarnessError` where
the fault is ours. What the guest says of itself can only harm the submission; how a box ended, and
whether memory ran out, is the word of the engine and of the kernel.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

from grader.errors import HarnessError, StudentFault
from grader.intake import SourceFile
from grader.records import Ending, Limits, Usage
from grader.sandbox import WITHIN_REACH, Box, Sandbox
from grader.sandbox.boot import BOOT_SECONDS, Starting
from grader.wire import Clock, Header, LineDeadline, LineEnded, LineViolation

GRACE_SECONDS = 0.05  # the agent ends a late worker itself; after this the host ends the agent
AGENT_SECONDS = 20.0  # for what the agent does alone: storing files, cleaning, forking
SIGKILL = 9
STILL_A_SECOND, STILL_MORE = 2.0, 10  # of "still running" at most; the agent says it once a second
UNREADABLE = re.compile("\ufffd+")  # one mark for any number of bytes that are no text


class Conversation:
    """One submission's sandbox; a context manager that leaves nothing behind."""

    def __init__(
        self,
        sandbox: Sandbox,
        files: Sequence[SourceFile],
        limits: Limits,
        *,
        device: str = "cpu",
        preload: Sequence[str] = (),
        clock: Clock = time.monotonic,
    ) -> None:
        self.limits = limits.on(device)
        self.device = device
        self.ready: Header = {}  # what the guest said of itself when it started
        self.seconds = 0.0  # spent in calls into the submission
        self.spent_apart = 0.0  # spent in calls that have a time of their own
        self.prints = ""  # the end of what was printed, up to the last reply
        self.loaded = False  # whether a living worker has imported the submission
        self.clock = clock
        self.watch: Callable[[float, str], None] | None = None
        """Told of a script while it runs: for how many seconds, and the end of what it printed."""
        self._sandbox = sandbox
        self._files = files
        self._preload = list(preload)
        self._box: Box | None = None
        self._starting = Starting(sandbox, clock)
        self._oom_kills = 0  # counted in this box by the end of the last exchange
        self._clean = True  # no student code has run in this box
        self._lost: Exception = HarnessError("a sandbox was asked before it was started")

    def __enter__(self) -> Self:
        """Return this conversation; the box starts when it is needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the box."""
        self.close()

    def close(self) -> None:
        """End the box; the next request starts another."""
        box, self._box = self._box, None
        self.loaded = False
        if box is not None:
            box.kill()

    def start(self) -> None:
        """Start the box if there is none: about a second, most of it importing torch."""
        if self._box is not None:
            return
        self._box, self.ready = self._starting.box(self.limits, self.device)
        self._oom_kills = 0
        sizes = [[file.path, len(file.data)] for file in self._files]
        contents = b"".join(file.data for file in self._files)
        self._clean = True
        if self._preload:
            self._ask_agent("preload", {"modules": self._preload}, seconds=BOOT_SECONDS)
        listing = json.dumps(sizes).encode()  # can be longer than a header
        self._ask_agent("submission", {"listing": len(listing)}, listing + contents)

    def usage(self) -> Usage:
        """Return what the box has used, as the kernel counts it; nothing where there is no box."""
        return Usage() if self._box is None else self._box.usage()

    def processes(self) -> set[int]:
        """Return the processes of the box, by their numbers on this machine."""
        return set() if self._box is None else self._box.processes()

    @property
    def seconds_left(self) -> float:
        """Return what is left of the time for the whole submission."""
        return self.limits.submission_seconds - self.seconds

    @contextlib.contextmanager
    def frozen(self) -> Iterator[bool]:
        """Stop whatever goes on in the box, as far as that can be done; yields whether it is."""
        box = self._box
        frozen = box is not None and box.freeze(True)
        try:
            yield frozen
        finally:
            if frozen and box is not None and box is self._box:
                box.freeze(False)

    @property
    def inner_device(self) -> str:
        """The device's name inside the box, which is given one GPU at most."""
        assert self._box is not None
        return self._box.device

    def fresh_worker(self) -> None:
        """End the last worker with all it left behind, and start another."""
        self.loaded = False
        if self._box is not None and self._oom_kills:
            self.close()  # the engine's flag stays up after a kill, and would explain any later end
        self.start()
        try:
            self._ask_agent("worker", {})
        except StudentFault:
            # What the last worker did stands in the way; a new box has none of it.
            self.close()
            self.start()
            self._ask_agent("worker", {})
        self._count_kills()  # those of the last worker's processes are not the new one's
        self._clean = False

    def _ask_agent(
        self, verb: str, header: Header, body: bytes = b"", seconds: float = AGENT_SECONDS
    ) -> None:
        """Ask the agent itself. Where no student code has run yet, its faults are ours."""
        try:
            self._exchange(verb, header, body, seconds=seconds, reply_bytes=0)
        except StudentFault as fault:
            if self._clean:
                raise HarnessError(f"a new sandbox failed: {fault.message}") from fault
            raise

    def call(
        self,
        verb: str,
        header: Header,
        body: bytes = b"",
        *,
        reply_bytes: int = 0,
        seconds: float | None = None,
    ) -> tuple[Header, bytes]:
        """Ask the worker, within the limits of one call and of the whole submission."""
        seconds = min(seconds or self.limits.request_seconds, self.seconds_left)
        if seconds <= 0:
            raise StudentFault(
                "timeout",
                f"The {self.limits.submission_seconds:g} s for the whole submission are used up.",
            )
        begin = self.clock()
        try:
            reply, array = self._exchange(
                verb, header, body, seconds=seconds, reply_bytes=reply_bytes
            )
        finally:
            self.seconds += self.clock() - begin
        if "fault" in reply:
            fault = reply["fault"] if isinstance(reply["fault"], dict) else {}
            # An exception leaves the worker alive; after anything else there is none.
            self.loaded = self.loaded and fault.get("outcome") == "error"
            raise self._as_fault(verb, seconds, fault)
        self._count_kills()
        result = reply.get("result")
        return (result if isinstance(result, dict) else {}), array

    @contextlib.contextmanager
    def apart(self) -> Iterator[None]:
        """Give the calls within a time of their own, as long as that of all others together.

        What runs away in one part of an assignment does not take the time of another.
        """
        others, self.seconds = self.seconds, self.spent_apart
        try:
            yield
        finally:
            self.spent_apart, self.seconds = self.seconds, others

    def _exchange(
        self, verb: str, header: Header, body: bytes, *, seconds: float, reply_bytes: int
    ) -> tuple[Header, bytes]:
        """One frame there, one frame back; a box that breaks the rules is ended."""
        if self._box is None:  # whoever goes on with a model whose box has ended is told why it did
            raise self._lost.with_traceback(None)
        nonce = secrets.token_hex(8)
        full = {**header, "verb": verb, "id": nonce, "seconds": seconds, "reply_bytes": reply_bytes}
        if self.watch is not None and verb == "run":
            full["still"] = True
        deadline = self.clock() + seconds + GRACE_SECONDS
        try:
            self._box.line.send(full, body, deadline=deadline)
            reply, array = self._reply(full, deadline)
        except (LineDeadline, LineEnded, LineViolation) as trouble:
            self._lost = self._end(trouble, verb, seconds)
            raise self._lost from None
        prints = reply.get("prints")
        tail = str(prints.get("tail", ""))[-2048:] if isinstance(prints, dict) else ""
        self.prints = UNREADABLE.sub("\ufffd", tail)
        return reply, array

    def _reply(self, asked: Header, deadline: float) -> tuple[Header, bytes]:
        """Return the reply; where that was asked for, "still running" may come before it."""
        assert self._box is not None
        begin, heard = self.clock(), 0
        while True:
            most = asked["reply_bytes"]
            reply, array = self._box.line.receive(max_body=most, deadline=deadline)
            _answers(reply, asked["id"])
            if self.watch is None or "still" not in asked or "still" not in reply:
                return reply, array
            spent, heard = self.clock() - begin, heard + 1
            if heard > STILL_MORE + STILL_A_SECOND * spent:
                raise LineViolation("it says too often that it is still running")
            self.watch(spent, str(reply["still"]))

    def _end(self, trouble: Exception, verb: str, seconds: float) -> Exception:
        """End the box after trouble on its line; return what that means."""
        try:
            if isinstance(trouble, LineDeadline):
                return self._late(verb, seconds)
            if isinstance(trouble, LineEnded):
                return self._ended(verb)
            self.close()
        except HarnessError as error:  # the engine does not answer, or not as it should
            return error
        return StudentFault("protocol_violation", f"The sandbox's protocol was broken: {trouble}.")

    def _ended(self, verb: str) -> Exception:
        """Say why the box ended, by the engine's word."""
        assert self._box is not None
        try:
            out_of_memory = self._memory_ran_out()
            ending = self._box.ending()
        finally:
            self.close()
        if self._by_the_engine(ending) if out_of_memory is None else out_of_memory:
            return self._out_of_memory(verb)
        if self._sandbox.isolation in WITHIN_REACH:
            return StudentFault("error", f"Your code ended the sandbox during {verb}.")
        # Student code cannot reach the first process of a container: somebody else ended it, or
        # it failed by itself.
        return HarnessError(
            f"the sandbox ended by itself (exit code {ending.exit_code}): {ending.text[-1500:]}"
        )

    def _late(self, verb: str, seconds: float) -> Exception:
        """Tell a late reply from one that never could come, since the box was lost under way."""
        assert self._box is not None
        try:
            out_of_memory = self._memory_ran_out()  # asking for its state may end the box
            ending = self._box.ending(patience=0.0)
        finally:
            self.close()
        if self._by_the_engine(ending) if out_of_memory is None else out_of_memory:
            return self._out_of_memory(verb)
        # Running still, or ended because asking for its state hangs up on it.
        within_reach = self._sandbox.isolation in WITHIN_REACH
        if ending.exit_code in (None, 0) or within_reach:
            return _timeout(verb, seconds)
        return HarnessError(f"the sandbox was lost (exit code {ending.exit_code})")

    def _memory_ran_out(self) -> bool | None:
        """Whether the kernel has counted a kill since the last exchange; None if it can't tell."""
        before = self._oom_kills
        return None if (kills := self._count_kills()) is None else kills > before

    def _count_kills(self) -> int | None:
        assert self._box is not None
        kills = self._box.oom_kills()
        self._oom_kills = self._oom_kills if kills is None else kills
        return kills

    def _by_the_engine(self, ending: Ending) -> bool:
        """Whether memory ran out, where the counter is out of reach or went with the container.

        The engine's flag stays up after any kill in the container: where one was counted before
        this exchange, it says nothing.
        """
        return ending.out_of_memory and self._oom_kills == 0

    def _out_of_memory(self, verb: str) -> StudentFault:
        return StudentFault(
            "out_of_memory",
            f"The memory limit of {self.limits.memory_mb} MB was reached during {verb}.",
        )

    def _as_fault(self, verb: str, seconds: float, fault: Mapping[str, Any]) -> StudentFault:
        """Turn what the guest says into a fault. It can only say what harms itself."""
        outcome, text = str(fault.get("outcome")), str(fault.get("text", ""))[:600]
        where, name = str(fault.get("where", ""))[:300], str(fault.get("type", ""))[:80]
        if outcome == "timeout":
            return _timeout(verb, seconds)
        if outcome == "died":
            if fault.get("signal") == SIGKILL and self._memory_ran_out():
                return self._out_of_memory(verb)
            how = (
                f"signal {str(fault['signal'])[:20]}"
                if "signal" in fault
                else f"exit code {str(fault.get('code'))[:20]}"
            )
            return StudentFault(
                "error", f"Your code ended its process during {verb} ({how}).", self.prints
            )
        if outcome == "protocol_violation":
            return StudentFault(outcome, f"The sandbox's protocol was broken: {text}.", self.prints)
        what = f"{name}: {text}" if name else text
        place = f" ({where})" if where else ""
        return StudentFault(
            "out_of_memory" if outcome == "out_of_memory" else "error",
            f"{verb} raised {what}{place}" if name else f"{what[:1].upper()}{what[1:]}.",
            self.prints,
            device_missing=bool(fault.get("device_missing")),
            misplaced=bool(fault.get("misplaced")),
        )


def _timeout(verb: str, seconds: float) -> StudentFault:
    return StudentFault("timeout", f"{verb} took longer than its limit of {seconds:.3g} s.")


def _answers(reply: Header, nonce: str) -> None:
    if reply.get("id") != nonce:
        raise LineViolation("the reply does not answer this request")

"""Boxes that are started ahead: booted, with torch imported, waiting for a submission.

Starting a box and importing torch takes a second or more, and removing one a fifth of a second.
Where many submissions are graded one after the other, the box of the next is got ready while the
last is graded, and that of the last removed while its result is written. A box still serves one
submission alone, and is destroyed after it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from grader.errors import HarnessError
from grader.records import Ending, Limits, Usage
from grader.sandbox import Box, Sandbox
from grader.sandbox.boot import boot


class ClaimedBox:
    """A box whose removal nobody waits for; in all else the box itself."""

    def __init__(self, box: Box, ender: Callable[[Callable[[], None]], None]) -> None:
        self._box, self._ender = box, ender
        self._killed = False
        self.line, self.work, self.wiped = box.line, box.work, box.wiped
        self.device, self.ready = box.device, box.ready

    def usage(self) -> Usage:
        """Return what it has used so far."""
        return self._box.usage()

    def oom_kills(self) -> int | None:
        """Return how often the kernel has ended something in it, out of memory."""
        return self._box.oom_kills()

    def processes(self) -> set[int]:
        """Return the numbers of its processes on this machine."""
        return self._box.processes()

    def freeze(self, frozen: bool) -> bool:  # noqa: FBT001 - as a switch is set
        """Stop all of it, or let it go on."""
        return self._box.freeze(frozen)

    def ending(self, *, patience: float = 5.0) -> Ending:
        """Return how it ended."""
        return self._box.ending(patience=patience)

    def kill(self) -> None:
        """Hang up, upon which it ends, and have what is left of it killed and removed."""
        if not self._killed:
            self._killed = True
            self.line.close()
            self._ender(self._box.kill)


class WarmSandbox:
    """A sandbox with one box ahead, of these limits and on this device; others start as asked."""

    def __init__(self, sandbox: Sandbox, limits: Limits, device: str) -> None:
        self.name = sandbox.name
        self.isolation = sandbox.isolation
        self._sandbox = sandbox
        self._kind = (limits, device)
        self._starter = ThreadPoolExecutor(1)
        self._ahead: Future[Box] | None = None
        self._ender = ThreadPoolExecutor(1)
        self._going: list[Future[None]] = []  # boxes that are being removed

    def __enter__(self) -> Self:
        """Begin with the first box."""
        self._ahead = self._starter.submit(self._started)
        return self

    def __exit__(self, *_: object) -> None:
        """End the box that nobody claimed; return when nothing is left of any."""
        self._starter.shutdown(cancel_futures=True)
        ahead, self._ahead = self._ahead, None
        if ahead is not None and not ahead.cancelled():
            with contextlib.suppress(HarnessError):
                ahead.result().kill()
        self._ender.shutdown()

    def start(self, limits: Limits, *, device: str) -> Box:
        """Return the box that is ready, and begin with the next; or start one of another kind.

        Raises HarnessError where one before could not be removed.
        """
        if (limits, device) != self._kind or self._ahead is None:
            return self._sandbox.start(limits, device=device)
        # The last removal may go on beside this submission; no more than that one.
        while self._going and (len(self._going) > 1 or self._going[0].done()):
            self._going.pop(0).result()
        claimed, self._ahead = self._ahead, self._starter.submit(self._started)
        try:
            box = claimed.result()
        except HarnessError:  # whatever it was, it may have passed
            box = self._sandbox.start(limits, device=device)
        return ClaimedBox(box, self._end)

    def _end(self, kill: Callable[[], None]) -> None:
        self._going.append(self._ender.submit(kill))

    def facts(self) -> Mapping[str, str | None]:
        """Return what the result records about the sandbox."""
        return self._sandbox.facts()

    def _started(self) -> Box:
        limits, device = self._kind
        box = self._sandbox.start(limits, device=device)
        boot(box)  # ends the box where that fails
        return box

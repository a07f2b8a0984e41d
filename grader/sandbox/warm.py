"""Boxes that are started ahead: booted, with torch imported, waiting for a submission.

Starting a box and importing torch takes a second or more. Where many submissions are graded one
after the other, the box of the next is got ready while the last is graded. A box still serves one
submission alone, and is destroyed after it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from grader.errors import HarnessError
from grader.records import Limits
from grader.sandbox import Box, Sandbox
from grader.sandbox.boot import boot


class WarmSandbox:
    """A sandbox with one box ahead, of these limits and on this device; others start as asked."""

    def __init__(self, sandbox: Sandbox, limits: Limits, device: str) -> None:
        self.name = sandbox.name
        self.isolation = sandbox.isolation
        self._sandbox = sandbox
        self._kind = (limits, device)
        self._starter = ThreadPoolExecutor(1)
        self._ahead: Future[Box] | None = None

    def __enter__(self) -> Self:
        """Begin with the first box."""
        self._ahead = self._starter.submit(self._started)
        return self

    def __exit__(self, *_: object) -> None:
        """End the box that nobody claimed."""
        self._starter.shutdown(cancel_futures=True)
        ahead, self._ahead = self._ahead, None
        if ahead is not None and not ahead.cancelled():
            with contextlib.suppress(HarnessError):
                ahead.result().kill()

    def start(self, limits: Limits, *, device: str) -> Box:
        """Return the box that is ready, and begin with the next; or start one of another kind."""
        if (limits, device) != self._kind or self._ahead is None:
            return self._sandbox.start(limits, device=device)
        claimed, self._ahead = self._ahead, self._starter.submit(self._started)
        try:
            return claimed.result()
        except HarnessError:  # whatever it was, it may have passed
            return self._sandbox.start(limits, device=device)

    def facts(self) -> Mapping[str, str | None]:
        """Return what the result records about the sandbox."""
        return self._sandbox.facts()

    def _started(self) -> Box:
        limits, device = self._kind
        box = self._sandbox.start(limits, device=device)
        boot(box)  # ends the box where that fails
        return box

"""Sandboxes: where student code runs.

A `Sandbox` is a way of isolating (Docker, bubblewrap, or a plain process that isolates nothing);
a `Box` is one living instance, used for one submission and then destroyed. Both are small
protocols, so a test can bring its own and another engine is one more module.

Theory of operation
    host                                   box
    ----                                   ---
    start(): create, attach                agent is the first process (PID 1 where isolated)
    boot():  guest's source text    --->   agent starts, becomes undumpable, imports torch
             READY                  <---
    Line:    one request            --->   agent forks or feeds a worker; the worker runs
             one reply              <---   student code and answers; all of it bytes
    kill():  shut the line, kill, remove   nothing is left

The host trusts nothing that comes out of a box: not the bytes, not the counts, not the reason
for which it ended. What a box used and how it ended is asked of the kernel and of the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from grader.records import Ending, Limits, Usage
from grader.wire import Header, Line

WITHIN_REACH = frozenset({"user", "none"})
"""The isolations in which student code can end the agent: it is no first process there."""


class Box(Protocol):
    """One living sandbox."""

    line: Line
    work: str  # the working folder inside
    wiped: list[str]  # the writable folders inside, emptied before each worker
    device: str  # the device's name inside
    ready: Header | None  # what the guest said of itself once it was booted

    def usage(self) -> Usage:
        """Return what it has used so far, as seen from outside."""
        ...

    def oom_kills(self) -> int | None:
        """Return how often the kernel has ended something in it, out of memory; None if unknown."""
        ...

    def processes(self) -> set[int]:
        """Return the numbers that its processes have on this machine; empty where unknown."""
        ...

    def freeze(self, frozen: bool) -> bool:  # noqa: FBT001 - as a switch is set
        """Stop all of it, or let it go on; return whether that can be done here."""
        ...

    def ending(self, *, patience: float = 5.0) -> Ending:
        """Return how it ended, waiting ``patience`` seconds for that; its line is closed.

        The exit code is None while it runs. Raises HarnessError if the engine lost it.
        """
        ...

    def kill(self) -> None:
        """End it and remove every trace; harmless when it has ended."""
        ...


class Sandbox(Protocol):
    """A way to start boxes."""

    name: str  # docker | bubblewrap | process
    isolation: str  # container | namespaces | user | none

    def start(self, limits: Limits, *, device: str) -> Box:
        """Start a box; raises HarnessError with a remedy where that fails."""
        ...

    def facts(self) -> Mapping[str, str | None]:
        """Return what the result records about it: the image's digest, the driver."""
        ...

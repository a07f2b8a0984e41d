"""The engine that grades on this machine: as many slots as fit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from grader.batch.engine import Screen, Wanted
from grader.batch.fitting import MB_BESIDE, fitting
from grader.batch.journal import Journal
from grader.batch.running import Running
from grader.batch.slot import Settings
from grader.errors import UsageError
from grader.sandbox import choosing


@dataclass(frozen=True)
class Local:
    """The machine itself, with a sandbox that works on it."""

    wanted: Wanted
    sandbox: str
    slots: int

    @property
    def described(self) -> str:
        """Return the sandbox and the number of slots."""
        return f"{self.sandbox}, {self.slots} at a time"

    def run(self, batch: Journal, screen: Screen) -> Running:
        """Return slots that share a draw."""
        devices = self.wanted.devices
        slots = [
            Settings(
                root=str(self.wanted.root),
                pack=self.wanted.pack.id,
                sandbox=self.sandbox,
                device=devices[number % len(devices)],
                out=str(self.wanted.out),
                seed=batch.seed,
                first_core=2 * number,
            )
            for number in range(self.slots)
        ]
        return Running(slots, screen)


@contextlib.contextmanager
def opened(wanted: Wanted, say: Callable[[str], None]) -> Iterator[Local]:
    """Find a sandbox that works here; its image is made once, before the slots."""
    device = wanted.devices[0]
    if wanted.sandbox == "auto":
        sandbox = choosing.best(device, say)
    else:
        sandbox = choosing.named(wanted.sandbox, device, say)
    yield Local(wanted, sandbox.name, count(wanted))


def count(wanted: Wanted) -> int:
    """Return the number of slots; raises UsageError where the memory holds none."""
    limits = wanted.pack.sandbox.on(wanted.devices[0])
    slots = wanted.jobs or fitting(limits, wanted.devices)
    if wanted.memory_mb is None:
        return slots
    one = limits.memory_mb + MB_BESIDE
    if wanted.memory_mb < one:
        raise UsageError(
            f"{wanted.memory_mb} MB of memory hold no grading of {wanted.pack.id}, which takes "
            f"{one}"
        )
    return min(slots, wanted.memory_mb // one)

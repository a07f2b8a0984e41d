"""What grades a batch: this machine (`grader.batch.local`), or others.

The story of a batch asks an engine, which the command line chooses. What is seen meanwhile, and
what lies in the folder of results after it, is the same whichever it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grader.batch.handins import HandIn
from grader.batch.journal import Journal
from grader.pack import Pack
from grader.records import Json


@dataclass(frozen=True)
class Wanted:
    """What all gradings of a batch share."""

    root: Path
    out: Path
    pack: Pack
    sandbox: str  # auto | docker | bubblewrap
    devices: tuple[str, ...]
    jobs: int | None  # gradings side by side on one machine; None: what fits
    memory_mb: int | None = None  # for all slots of this machine; None: what it has


class Screen(Protocol):
    """Is told what happens; by several threads."""

    def begins(self, slot: int, hand_in: HandIn) -> None:
        """Take note that a slot begins with a submission."""
        ...

    def at(self, slot: int, check: str) -> None:
        """Take note of where it is."""
        ...

    def ends(self, slot: int, hand_in: HandIn, answer: Json) -> None:
        """Take note of how it ended: as `grader.batch.slot` says, with the slot's "notes"."""
        ...

    def say(self, text: str) -> None:
        """Show a line to whoever watches."""
        ...


class Run(Protocol):
    """A batch being graded; `stop` lets what has begun come to its end."""

    def start(self, hand_ins: Iterable[HandIn]) -> None:
        """Begin."""
        ...

    def wait(self) -> None:
        """Return when all is done, or stopped and drained; Ctrl-C gets through."""
        ...

    def stop(self) -> None:
        """Begin with nothing more."""
        ...

    def abort(self) -> None:
        """End what has begun, too; `wait` returns once nothing is left running."""
        ...


class Engine(Protocol):
    """Machines that are known to be able to grade what is wanted."""

    @property
    def described(self) -> str:
        """Return how it grades, in a few words: "docker, 2 at a time"."""
        ...

    def run(self, batch: Journal, screen: Screen) -> Run:
        """Return what grades a batch; nothing has begun yet."""
        ...


Opening = Callable[[Wanted, Callable[[str], None]], AbstractContextManager[Engine]]
"""Opens an engine; raises HarnessError where nothing can be graded."""

"""An arm: one built model whose replies are timed, by the host's clock and by the kernel's count.

Wall time is that of the whole request, from its first byte to the last byte of the reply. CPU time
is that of the whole sandbox, whichever process or thread spent it, and runs on until the next
request begins: what a reply leaves to be done later is counted with it. Where a GPU works it says
nothing (a process may wait for its GPU busily or asleep), and wall time is all there is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from grader.errors import HarnessError, StudentFault
from grader.latency.series import Figures
from grader.model import Array, Generated, Ids, Model, Past
from grader.records import Usage

Result = TypeVar("Result")
Undisturbed = Callable[[], AbstractContextManager[object]]
"""What is entered while the reference works; it may stop the other side meanwhile."""

COLD = 1e-3  # a temperature at which sampling takes the best token


class Accounted(Protocol):
    """What a model runs in, seen from outside."""

    def usage(self) -> Usage:
        """Return what it has used so far."""
        ...


class Arm:
    """One side of a comparison; ``trusted`` is the reference, whose faults are ours.

    ``counts`` is whether CPU time tells what work costs: it does not where a GPU works.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        box: Accounted,
        *,
        trusted: bool = False,
        counts: bool = True,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.name = name
        self.model = model
        self._box = box
        self._trusted = trusted
        self._counts = counts
        self._clock = clock
        self._open: tuple[Figures, str, float] | None = None  # whose CPU time is still running

    def full(self, figures: Figures, what: str, ids: Ids, last: int) -> Array:
        """Time one forward without a cache; return the logits of the last positions."""
        logits, _ = self._timed(figures, what, lambda: self.model.forward(ids, last=last))
        return logits

    def cached(
        self, figures: Figures, what: str, ids: Ids, past: Past | None = None
    ) -> tuple[Array, Past | None]:
        """Time one forward that fills a cache or goes on with one; return the last logits."""
        return self._timed(
            figures, what, lambda: self.model.forward(ids, past, use_cache=True, last=1)
        )

    def generate(
        self, figures: Figures, what: str, ids: Ids, n: int, *, use_cache: bool
    ) -> Generated:
        """Time one call of generate near temperature 0."""
        return self._timed(
            figures,
            what,
            lambda: self.model.generate(ids, n, temperature=COLD, use_cache=use_cache, seed=1),
        )

    def nothing(self, figures: Figures, what: str) -> None:
        """Time a request that asks for nothing."""
        self._timed(figures, what, lambda: self.model.drop(None))

    def forget(self, past: Past | None) -> None:
        """Let go of a cache, untimed."""
        if past is not None:
            self.model.drop(past)

    def settle(self) -> None:
        """Book the CPU time that was spent since the last request began."""
        if self._open is None:
            return
        figures, name, since = self._open
        now = self._spent()
        if now is not None:
            figures[name] = figures.get(name, 0.0) + now - since
            self._open = figures, name, now

    def _timed(self, figures: Figures, what: str, work: Callable[[], Result]) -> Result:
        self.settle()
        spent = self._spent()
        name = f"{self.name}_{what}"
        self._open = None if spent is None else (figures, f"{name}_cpu", spent)
        begin = self._clock()
        try:
            result = work()
        except StudentFault as fault:
            if self._trusted:
                raise HarnessError(f"the reference failed: {fault.message}") from fault
            raise
        figures[name] = self._clock() - begin
        return result

    def _spent(self) -> float | None:
        return self._box.usage().cpu_seconds if self._counts else None


def counted(figures: Figures) -> bool:
    """Whether the kernel counts the CPU time of all that was timed in this round."""
    return all(f"{name}_cpu" in figures for name in figures if not name.endswith("_cpu"))

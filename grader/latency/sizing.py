"""The size at which work dominates, found by the reference alone on the device at hand.

Launching an operation costs the same however small it is, and there are as many launches in a full
forward as in a decode step. Launches grow with the layers and work with the square of the width, so
the model is made wide and not deep, until its own cache is worth a clear factor: only there can
wall time tell a cache from none.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from grader.latency.arms import Arm, counted
from grader.latency.series import Figures
from grader.latency.settings import Settings
from grader.model import Ids

TRIES = 3


@dataclass(frozen=True)
class Size:
    """A size, and what the reference takes there, in seconds; of a few tries the median.

    By CPU time where the kernel counts it: a busy machine does not change the size.
    """

    width: int
    length: int  # tokens of the long prompt
    full: float
    step: float
    round_trip: float

    def dominates(self, settings: Settings) -> bool:
        """Whether work dominates."""
        return (
            self.full >= settings.ratio * self.step
            and self.full >= settings.round_trips * self.round_trip
        )


def find(
    build: Callable[[int, int], Arm],
    prompt: Callable[[int], Ids],
    settings: Settings,
    first: int = 0,
) -> tuple[Size, int] | None:
    """Return the first size of the ladder where work dominates, and which one of it that is.

    ``build(width, length)`` makes the reference with room for the prompt and what follows. None
    where even the largest size is too quick to be told from launches. ``first`` is the rung to
    begin with: below it work is known not to dominate.
    """
    for rung, (width, length) in enumerate(settings.sizes):
        if rung >= first:
            size = _measured(build(width, length), prompt, width, length)
            if size.dominates(settings):
                return size, rung
    return None


def _measured(arm: Arm, prompt: Callable[[int], Ids], width: int, length: int) -> Size:
    tries: list[Figures] = []
    for _ in range(TRIES):  # the first one warms up; the median leaves it out
        figures: Figures = {}
        ids = prompt(length + 1)
        arm.full(figures, "full", ids, 1)
        _, past = arm.cached(figures, "prefill", ids[:, :-1])
        _, later = arm.cached(figures, "step", ids[:, -1:], past)
        arm.nothing(figures, "nothing")
        for each in (past, later):
            arm.forget(each)
        tries.append(figures)
    arm.settle()
    kind = "_cpu" if all(map(counted, tries)) else ""

    def median(what: str) -> float:
        return statistics.median(figures[f"{arm.name}_{what}{kind}"] for figures in tries)

    return Size(width, length, median("full"), median("step"), median("nothing"))

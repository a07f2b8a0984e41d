"""Attempts: a series measured, and once more by itself where the first gave no clear answer.

On a machine that is known to have been disturbed, a limit counts as missed only where it is missed
by a clear factor. Whoever passes passes: no disturbance makes a submission quicker than it is in
more rounds than chance allows, since its sides and the reference's took turns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from grader.devices.watch import Seen
from grader.latency import generating
from grader.latency.series import Series
from grader.latency.settings import Settings

Rounds = TypeVar("Rounds")
AT_LEAST = frozenset({"speedup", "waiting", generating.QUESTION})
"""The questions whose limit has to be exceeded; all others have to stay below theirs."""

ROOM = 2  # an attempt, whose last round may take its time, and whatever is still to be checked


@dataclass(frozen=True)
class Attempt(Generic[Rounds]):
    """One series, who measured its rounds, and what went on meanwhile."""

    series: Series
    rounds: Rounds
    seen: Seen

    def in_doubt(
        self, questions: Collection[str], limits: Mapping[str, float], clear: float
    ) -> bool:
        """Whether a limit was missed on a disturbed machine, and none of them clearly."""
        missed = self.misses(questions, limits)
        return bool(self.seen.disturbed) and missed and not self.misses(questions, limits, clear)

    def misses(
        self, questions: Collection[str], limits: Mapping[str, float], clear: float = 1.0
    ) -> bool:
        """Whether a limit was missed, by a factor at least; not where replies were wrong."""
        known = self.series.intervals
        return self.series.end != "wrong reply" and any(
            known[name].misses(limits[name], at_least=name in AT_LEAST, clear=clear)
            for name in questions
            if name in known
        )

    def is_clear(self, limits: Mapping[str, float], settings: Settings) -> bool:
        """Whether it answers what was asked, or another attempt would come to no more."""
        match self.series.end:
            case "wrong reply":
                return True
            case "undecided":
                return False
            case "out of time":  # far from enough rounds there will not be enough the next time
                return 2 * self.series.count < settings.looks[0]
        return not self.in_doubt(self.series.intervals, limits, settings.clear)


def attempts(
    measure: Callable[[], Attempt[Rounds]],
    limits: Mapping[str, float],
    settings: Settings,
    seconds_left: Callable[[], float],
) -> list[Attempt[Rounds]]:
    """Measure, and once more where that was not clear; the last attempt counts, all are kept.

    ``seconds_left`` are those that the submission has for everything. Where another attempt could
    use them up there is none: running out of time would cost points, being undecided does not.
    """
    first = measure()
    if first.is_clear(limits, settings) or seconds_left() < ROOM * settings.seconds:
        return [first]
    return [first, measure()]

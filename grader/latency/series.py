"""A series: rounds of measurements until every question is decided, or time or patience is out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from grader.latency.decision import Interval, interval
from grader.latency.settings import Settings

Figures = dict[str, float]
"""What one round measured: seconds by name; with ``_cpu`` at the end of the name, CPU seconds."""

Ratio = Callable[[Figures], float | None]
"""A round's answer to a question; None where that round, by the reference's figures, has none."""

End = Literal["decided", "undecided", "out of time", "wrong reply"]
KEPT_PLACES = 6  # of a second


@dataclass
class Series:
    """What a series came to. The intervals are those of its last look."""

    rounds: list[Figures] = field(default_factory=list)
    intervals: dict[str, Interval] = field(default_factory=dict)
    end: End = "undecided"

    @property
    def count(self) -> int:
        """Return how many rounds were measured."""
        return len(self.rounds)

    def listing(self, **beside: object) -> bytes:
        """Return all rounds as JSON, and what is put beside them.

        Whoever doubts the decision can repeat it.
        """
        rounds = [{k: round(v, KEPT_PLACES) for k, v in figures.items()} for figures in self.rounds]
        text = json.dumps({"end": self.end, **beside, "rounds": rounds})
        return text.replace("}, {", "},\n{").encode()


def run(
    measure: Callable[[int], Figures],
    questions: Callable[[Figures], Mapping[str, Ratio]],
    enough: Callable[[Mapping[str, Interval]], bool],
    settings: Settings,
    *,
    clock: Callable[[], float],
    wrong: Callable[[], bool] = lambda: False,
    settle: Callable[[], None] = lambda: None,
) -> Series:
    """Measure rounds and ask, at the settings' looks, whether what is known is ``enough``.

    The first round warms up and is not kept; ``questions`` tells from it which ratios there are
    (where the kernel counts no CPU time, those by wall time). ``wrong`` says whether a reply was
    wrong: then the series ends, for speed is no longer the question. ``settle`` books what is still
    open before a look. Limits decide only when it is enough, never what the intervals are.
    """
    series, begin = Series(), clock()
    first = measure(0)
    settle()
    ratios = questions(first)
    for look in settings.looks:
        while len(series.rounds) < look and not wrong():
            if clock() - begin > settings.seconds:
                series.end = "out of time"
                return series
            series.rounds.append(measure(len(series.rounds) + 1))
        if wrong():
            series.end = "wrong reply"
            return series
        settle()
        series.intervals = intervals(series.rounds, ratios, settings)
        if enough(series.intervals):
            series.end = "decided"
            return series
    return series


def intervals(
    rounds: Sequence[Figures], ratios: Mapping[str, Ratio], settings: Settings
) -> dict[str, Interval]:
    """Return where the median of each ratio lies, with the error of a look at these rounds."""
    error = settings.error_at(len(rounds))
    found = {}
    for name, ratio in ratios.items():
        values = [value for figures in rounds if (value := ratio(figures)) is not None]
        found[name] = interval(values, error)
    return found

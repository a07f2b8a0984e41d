"""Is the median of a ratio above a limit? The exact sign test, asked at a few fixed moments.

Nothing is assumed of the noise but that rounds are alike: heavy tails, two levels and outliers move
the order statistics no further than their share. With n rounds, the k-th smallest and the k-th
largest value enclose the median with an error of 2 P(Binomial(n, 1/2) < k) (Conover, Practical
Nonparametric Statistics, section 3.2). The error is split over the looks, so that asking
several times is safe (Bonferroni).

The interval that comes out does not depend on the limit. So a limit that is changed later is
answered by the same interval: above, below, or undecided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """Where a median lies; infinite where there are too few values to say."""

    low: float
    middle: float  # the median of the values; NaN where there are none
    high: float
    count: int

    def misses(self, limit: float, *, at_least: bool, clear: float = 1.0) -> bool:
        """Whether the median is known to be beyond a limit, and by this factor."""
        return self.high < limit / clear if at_least else self.low > limit * clear

    def decides(self, limit: float) -> bool:
        """Whether the median is known to be above the limit, or known to be below it."""
        return self.low > limit or self.high < limit


def interval(values: Sequence[float], error: float) -> Interval:
    """Return the interval that misses the median with a probability of ``error`` at most."""
    if any(math.isnan(value) for value in values):
        raise ValueError("a value is no number")
    ordered, count = sorted(values), len(values)
    k = rank(count, error)
    return Interval(
        low=ordered[k - 1] if k else -math.inf,
        middle=_median(ordered),
        high=ordered[count - k] if k else math.inf,
        count=count,
    )


def rank(count: int, error: float) -> int:
    """Return the largest k with 2 P(Binomial(count, 1/2) < k) <= error; 0 where there is none."""
    below, k = 0, 0
    while k < count and 2 * (below := below + math.comb(count, k)) <= error * 2**count:
        k += 1
    return k


def _median(ordered: Sequence[float]) -> float:
    if not ordered:
        return math.nan
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2

"""The ruler: how far two arrays are apart.

Written so that it accepts and never rejects: a limit holds if ``difference <= limit`` is true,
so NaN fails. Shapes are settled before anything gets here (`grader.student`), infinities and
NaN are counted apart, and the arithmetic is in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Difference:
    """The largest absolute difference, and where it is. None where ``got`` is not finite."""

    max_abs: float | None
    where: tuple[int, ...]
    got: float
    expected: float
    not_finite: int


def difference(got: NDArray[Any], expected: NDArray[Any]) -> Difference:
    """Compare every element; ``expected`` is the oracle's and has to be finite."""
    if got.shape != expected.shape:
        raise ValueError(f"shapes {got.shape} and {expected.shape} are not to be compared")
    if not np.isfinite(expected).all():
        raise ValueError("the oracle's values are not finite")
    got64, expected64 = got.astype(np.float64), expected.astype(np.float64)
    bad = ~np.isfinite(got64)
    gaps = np.where(bad, np.inf, np.abs(np.where(bad, 0.0, got64) - expected64))
    where = tuple(int(i) for i in np.unravel_index(int(np.argmax(gaps)), gaps.shape))
    worst = float(gaps[where])
    return Difference(
        max_abs=worst if np.isfinite(worst) else None,
        where=where,
        got=float(got64[where]),
        expected=float(expected64[where]),
        not_finite=int(bad.sum()),
    )

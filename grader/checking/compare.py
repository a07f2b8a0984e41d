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
    finite = np.isfinite(got)
    gaps = np.subtract(got, expected, out=np.empty(got.shape), dtype=np.float64)
    np.abs(gaps, out=gaps)
    gaps[~finite] = np.inf
    where = tuple(int(i) for i in np.unravel_index(int(np.argmax(gaps)), gaps.shape))
    worst = float(gaps[where])
    return Difference(
        max_abs=worst if np.isfinite(worst) else None,
        where=where,
        got=float(got[where]),
        expected=float(expected[where]),
        not_finite=finite.size - int(np.count_nonzero(finite)),
    )

"""The levels that the rubric offers for a question, lowest first: a key each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

KEYS = 9
_WRITTEN = re.compile(r"(?P<what>[^;:.()]*)\((?P<points>\d+(?:\.\d+)?)\)")
_EACH = re.compile(r"\(?\b(?:an? )?(?P<part>half|third|quarter|fifth|\d+(?:\.\d+)?) each\b")
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fifth": 5}
_QUARTERS = 4


@dataclass(frozen=True)
class Level:
    """Points, and what they are for where the rubric says it."""

    points: float
    what: str = ""

    @property
    def worth(self) -> str:
        """Return the points as text."""
        return number(self.points)


def number(points: float) -> str:
    """Return points as they are typed: at most four decimals, none that say nothing."""
    return f"{round(points, 4):g}"


def levels(says: str, most: float, credit: Mapping[str, float]) -> tuple[Level, ...]:
    """Return the levels above 0 and up to ``most`` points, at most as many as there are keys.

    They are the fractions of ``credit``; or the points that the text writes in brackets behind
    what they are for, if all of the points are among them; or equal parts, where it says "a third
    each"; or quarters.
    """
    found: dict[float, list[str]] = {}
    for name, fraction in credit.items():
        found.setdefault(fraction * most, []).append(name.replace("_", " "))
    if not found:
        written = {float(each["points"]): [each["what"].strip(" ,")] for each in
                   _WRITTEN.finditer(says)}  # fmt: skip
        found = written if max(written, default=0.0) == most and len(written) > 1 else {}
    if not found:
        parts = _parts(says, most)
        found = {most * n / parts: [] for n in range(1, parts + 1)}
    above = sorted(points for points in found if 0 < points <= most)
    return tuple(Level(points, ", ".join(found[points])) for points in above[-KEYS:])


def _parts(says: str, most: float) -> int:
    """Return into how many parts the points are cut."""
    match = _EACH.search(says.casefold())
    if match is None:
        return _QUARTERS
    part = match["part"]
    count = _PARTS[part] if part in _PARTS else most / (float(part) or most)
    return round(count) if 1 < count <= KEYS and abs(count - round(count)) < 1e-6 else _QUARTERS  # noqa: PLR2004 - rounding

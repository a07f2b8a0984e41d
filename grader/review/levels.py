"""The levels that the rubric offers for a question, lowest first: a key each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from grader.text import shown

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

    They are the fractions of ``credit``, if there are several; or the points that the text writes
    in brackets behind what they are for, if all of the points are among them; or equal parts, where
    it says "a third each"; or quarters.
    """
    found = _by_credit(most, credit) or _written(says, most) or _parts(says, most)
    above = sorted(points for points in found if 0 < points <= most)
    return tuple(Level(points, shown(found[points])) for points in above[-KEYS:])


def _by_credit(most: float, credit: Mapping[str, float]) -> dict[float, str]:
    found: dict[float, str] = {}
    for name, fraction in credit.items():
        points, what = fraction * most, name.replace("_", " ")
        found[points] = f"{found[points]}, {what}" if points in found else what
    return found if sum(points > 0 for points in found) > 1 else {}


def _written(says: str, most: float) -> dict[float, str]:
    found = {float(each["points"]): each["what"].strip(" ,") for each in _WRITTEN.finditer(says)}
    return found if most in found and max(found) == most and len(found) > 1 else {}


def _parts(says: str, most: float) -> dict[float, str]:
    match = _EACH.search(says.casefold())
    part = match["part"] if match else ""
    count = _PARTS.get(part) or (round(most / float(part)) if part and float(part) else 0)
    if not 1 < count <= KEYS:
        count = _QUARTERS
    return {most * n / count: "" for n in range(1, count + 1)}

"""Whose points a changed rubric moves, as text."""

from __future__ import annotations

from tabulate import tabulate

from grader.records import Json
from grader.rescore import Change, Rescored
from grader.text import shown

LONGEST = 400  # characters of a reason


def render(rescored: Rescored) -> str:
    """Return a row for each check that moved, the totals, and who cannot be scored again."""
    found = [row for change in rescored.changes for row in rows(change)]
    parts = []
    if found:
        headers = ["submission", "check", "before", "now", "because"]
        parts.append(tabulate(found, headers, disable_numparse=True) + "\n")
    parts.append(summary(rescored))
    parts += refused(rescored)
    return "\n".join(parts)


def summary(rescored: Rescored) -> str:
    """Return how many results change, and how many points are gained and lost."""
    up = [each for each in map(_difference, rescored.changes) if each > 0]
    down = [each for each in map(_difference, rescored.changes) if each < 0]
    count = len(rescored.changes) + rescored.same
    return (
        f"{len(rescored.changes)} of {count} results change: {len(up)} gain {sum(up):g} points, "
        f"{len(down)} lose {-sum(down):g}"
    )


def refused(rescored: Rescored) -> list[str]:
    """Return a line for each result that cannot be scored again."""
    return [
        f"not scored again: {shown(name)}: {shown(why, LONGEST)}"
        for name, why in rescored.refused.items()
    ]


def rows(change: Change) -> list[list[str]]:
    """Return whose it is, the check, points before and now and why: first of the whole."""
    checks = [
        ["", shown(name), _points(before), _points(now), shown(because, LONGEST)]
        for name, before, now, because in change.lines()
    ]
    totals = (_total(change.old["total"]), _total(change.new["total"]))
    return [[shown(change.id), "total", *totals, ""], *checks]


def _difference(change: Change) -> float:
    old, new = (each["total"]["points"] or 0.0 for each in (change.old, change.new))
    return float(round(new - old, 6))


def _total(total: Json) -> str:
    waiting = f" ({total['pending_points']:g} waiting)" if total["pending_points"] else ""
    return f"{_points(total['points'])}{waiting}"


def _points(points: float | None) -> str:
    return "-" if points is None else f"{points:g}"

"""Whose points a changed rubric moves, as text and as data."""

from __future__ import annotations

from grader.columns import paragraph, table
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
        parts.append(table(found, headers, "llrrl") + "\n")
    parts.append(summary(rescored))
    for line in refused(rescored):
        parts += paragraph(line, further="   ")
    return "\n".join(parts)


def data(rescored: Rescored, *, stored: bool) -> Json:
    """Return the same for a program; `grader rescore --help` has its form."""
    return {
        "schema": "grader.changes/1",
        "changes": [
            {
                "id": change.id,
                "before": change.old["total"],
                "now": change.new["total"],
                "checks": [
                    {"id": name, "before": before, "now": now, "because": because}
                    for name, before, now, because in change.lines()
                ],
            }
            for change in rescored.changes
        ],
        "same": rescored.same,
        "refused": dict(rescored.refused),
        "stored": stored,
    }


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
    """Return whose it is, the check, points before and now, and why; the first is of the whole."""
    checks = [
        ["", shown(name), _points(before), _points(now), shown(because, LONGEST)]
        for name, before, now, because in change.lines()
    ]
    old, new = change.old["total"], change.new["total"]
    waiting = [f"{each['pending_points']:g}" for each in (old, new)]
    said = "" if waiting == ["0", "0"] else f"waiting {waiting[0]}"
    said += f" -> {waiting[1]}" if waiting[0] != waiting[1] else ""
    totals = (_points(old["points"]), _points(new["points"]))
    return [[shown(change.id), "total", *totals, said], *checks]


def _difference(change: Change) -> float:
    old, new = (each["total"]["points"] or 0.0 for each in (change.old, change.new))
    return float(round(new - old, 6))


def _points(points: float | None) -> str:
    return "-" if points is None else f"{points:g}"

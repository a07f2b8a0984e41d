"""The table in the terminal: a row for each criterion, a sentence for each lost point."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from tabulate import tabulate

from grader.records import Json
from grader.report.text import plain

WIDTH = 100
STATES = {
    "graded": "",
    "needs_review": "waiting for a human",
    "withheld": "withheld: the grader failed",
}


def render(result: Json) -> str:
    """Return the whole report on one result."""
    return "\n".join([*_head(result), "", _table(result), *_lost(result), *_notes(result)])


def _head(result: Json) -> Iterator[str]:
    environment, pack = result["environment"], result["pack"]
    yield (
        f"{plain(result['submission']['id'])} · {pack['id']} · {environment['sandbox']} on "
        f"{environment['device']} · {result['timing']['seconds_total']:.1f} s"
    )


def _table(result: Json) -> str:
    rows = []
    for criterion in result["criteria"]:
        state = STATES[criterion["status"]]
        if criterion["status"] == "needs_review" and criterion["checks"]:
            state += f" ({criterion['pending_points']:g} points)"
        rows.append(
            [
                criterion["id"],
                criterion["title"],
                _points(criterion),
                f"{criterion['max_points']:g}",
                state,
            ]
        )
    total = result["total"]
    pending = f"{total['pending_points']:g} waiting" if total["pending_points"] else ""
    rows.append(["", "total", _points(total), f"{total['max_points']:g}", pending])
    return tabulate(
        rows,
        headers=["", "criterion", "points", "of", ""],
        colalign=("left", "left", "right", "right", "left"),
        disable_numparse=True,
    )


def _points(entry: Json) -> str:
    if entry["points"] is None or (entry.get("status") == "needs_review" and not entry["checks"]):
        return "–"
    return f"{entry['points']:g}"


def _lost(result: Json) -> Iterator[str]:
    lines = []
    for criterion in result["criteria"]:
        for check in criterion["checks"]:
            if check["outcome"] == "passed":
                continue
            points = "–" if check["points"] is None else f"{check['points']:g}"
            head = f"{criterion['id']} {check['id']}  {points}/{check['max_points']:g}"
            head += f"  {check['outcome'].replace('_', ' ')}"
            if check["visibility"] == "hidden":
                head += "  (hidden check)"
            lines.append(head)
            lines += textwrap.wrap(
                plain(check["message"]), WIDTH, initial_indent="   ", subsequent_indent="   "
            )
    if lines:
        yield from ("", "Lost or open points", *lines)


def _notes(result: Json) -> Iterator[str]:
    if result["course_verdict"]:
        verdict = ", ".join(f"{mode} {said}" for mode, said in result["course_verdict"].items())
        yield from ("", f"The course's own harness would say: {verdict}")
    if result["environment"]["isolation"] == "none":
        yield from ("", "NOT ISOLATED: the submission ran as a plain process on this machine.")
    if result["flags"]:
        yield from ("", "Remarks")
        for flag in result["flags"]:
            yield from textwrap.wrap(
                plain(flag), WIDTH, initial_indent=" - ", subsequent_indent="   "
            )

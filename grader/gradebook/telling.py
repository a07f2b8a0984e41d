"""The gradebook in the terminal: everybody's points and states, and one result's history.

Each as text, and as data for a program; the help of the commands has the form of these.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader import history
from grader.columns import WIDTH, table
from grader.gradebook.book import STATES, Book
from grader.records import DEDUCTION, Json
from grader.report.told import covered, decided
from grader.score import open_checks, open_deductions
from grader.text import shown

LONGEST = 800  # characters of a note


def overview(book: Book) -> str:
    """Return a row for each result, what waits, and what could not be taken in."""
    rows = book.rows("SELECT * FROM overview ORDER BY id")
    lines = []
    if rows:
        headers = ["submission", "points", "of", "waiting", "for a human", "by hand", "state"]
        cells = [
            [
                shown(row["id"]),
                _points(row["points"]),
                f"{row['max_points']:g}",
                f"{row['pending_points']:g}" if row["pending_points"] else "",
                "withheld" if row["status"] == "withheld" else row["waiting"] or "",
                row["by_hand"] or "",
                row["state"],
            ]
            for row in rows
        ]
        lines.append(table(cells, headers, "lrrrlrl") + "\n")
    counts = Counter(row["state"] for row in rows)
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    open_ = sum(bool(row["waiting"]) for row in rows)
    waiting = f"{open_} wait for a human" if open_ else "nothing waits for a human"
    lines.append(f"{states}; {waiting}" if rows else "no result here yet")
    lines += _requests(book)
    lines += _idle(book)
    for why in book.troubles.values():
        lines += _wrapped("not in the gradebook: ", why)
    return "\n".join(lines)


def overview_data(book: Book) -> Json:
    """Return the same for a program."""
    fields = ("id", "points", "max_points", "pending_points", "status", "by_hand", "state")
    requests = book.rows("SELECT * FROM requests WHERE answer IS NULL ORDER BY at, result, number")
    return {
        "schema": "grader.gradebook/1",
        "results": [
            {**{name: row[name] for name in fields}, "waiting": (row["waiting"] or "").split()}
            for row in book.rows("SELECT * FROM overview ORDER BY id")
        ],
        "requests": [
            {"id": row["result"], **{name: row[name] for name in ("number", "line", "text", "at")}}
            for row in requests
        ],
        "troubles": book.troubles,
    }


def waiting(folder: Path, result: Json) -> str:
    """Return what of a result a human has to judge: by which levels, and where to look."""
    lines = []
    for each in _waiting(folder, result):
        taken = " to take off" if each["line"].startswith(DEDUCTION) else ""
        lines.append(f"{each['line']}, 0 to {each['most']:g}{taken}")
        for said in each["says"].splitlines():
            lines += _wrapped("   ", said)
        lines += [f"   {file}" for file in each["files"]]
    return "\n".join(lines) or "nothing waits for a human"


def waiting_data(folder: Path, result: Json) -> Json:
    """Return the same for a program."""
    waits = list(_waiting(folder, result))
    return {"schema": "grader.waiting/1", "id": result["submission"]["id"], "waiting": waits}


def _waiting(folder: Path, result: Json) -> Iterator[Json]:
    beside = folder / str(result.get("attachments"))
    for criterion in result["criteria"]:
        if criterion["status"] != "needs_review":
            continue
        checks = {each["id"]: each for each in criterion["checks"]}
        for name, most in open_checks(criterion).items():
            if name not in covered(result, criterion):
                check = checks.get(name, {})
                yield {
                    "line": f"{criterion['id']} {name}".strip(),
                    "most": most,
                    "says": check.get("staff_message") or criterion["title"],
                    "files": [str(beside / each) for each in check.get("attachments", [])],
                }
    open_ = open_deductions(result)
    for each in result["deductions"]:
        line = f"{DEDUCTION}{each['id']}"
        if line in open_ and not decided(result, each):
            yield {"line": line, "most": open_[line], "says": each["message"], "files": []}


def _requests(book: Book) -> Iterator[str]:
    query = "SELECT * FROM requests WHERE answer IS NULL ORDER BY at, result, number"
    for row in book.rows(query):
        head = f"open request: {shown(row['result'])} {row['number']}, on {row['line']}: "
        yield from _wrapped(head, row["text"])


def _idle(book: Book) -> Iterator[str]:
    for row in book.rows('SELECT result, criterion, "check" FROM idle ORDER BY 1, 2, 3'):
        what = shown(f"{row['criterion']} {row['check']}".strip())
        yield (
            f"look again: {shown(row['result'])} has points by hand for {what}, which no human "
            "judges any more; they do not count"
        )


def told(result: Json, events: Sequence[Json]) -> str:
    """Return a result's history: an entry for each event, and what it comes to now."""
    moved = {
        id(event): (before, after)
        for event, before, after in history.moves(events, result["total"])
    }
    lines = []
    for event in events:
        who = f", {shown(event['by'])}" if event["by"] else ""
        head = f"{event['at']}{who}: {_what(event)}"
        if id(event) in moved:
            head += "; " + " -> ".join(_total(total) for total in moved[id(event)])
        lines += _wrapped(head, "")
        note = event.get("text") or event["why"]
        if note and event["event"] != "replaced":
            lines += _wrapped("   ", note)
    pack, environment = result["pack"], result["environment"]
    lines += _wrapped(
        f"now: {_total(result['total'])}; rubric {_short(pack['digest'])}, "
        f"image {_short(environment.get('image'))} on {environment['device']}",
        "",
    )
    return "\n".join(lines)


def told_data(result: Json, events: Sequence[Json]) -> Json:
    """Return a result's history for a program, and what it comes to now."""
    return {
        "schema": "grader.history/1",
        "id": result["submission"]["id"],
        "status": result["status"],
        "total": result["total"],
        "events": list(events),
    }


def _what(event: Json) -> str:
    kind = event["event"]
    if kind == "replaced":
        where = f"rubric {_short(event['pack']['digest'])}" if "pack" in event else "unknown rubric"
        if "image" in event:
            where += f", image {_short(event['image'])} on {event['device']}"
        return f"{shown(event['why'] or 'graded')}; before it {where}"
    if kind == "points":
        about = " ".join([event["criterion"], *event["checks"]])
        given = event["points"]
        return f"{about}: points taken back" if given is None else f"{about}: {given:g} by hand"
    if kind == "state":
        return str(event["state"])
    if kind == "request":
        return f"request {event['number']}, on {shown(event['line'])}"
    return f"answer to request {event['number']}"


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(head + shown(text, LONGEST), WIDTH, subsequent_indent="   ")


def _total(total: Json) -> str:
    waiting = f" ({total['pending_points']:g} waiting)" if total["pending_points"] else ""
    return f"{_points(total['points'])} of {total['max_points']:g}{waiting}"


def _points(points: float | None) -> str:
    return "-" if points is None else f"{points:g}"


def _short(digest: str | None) -> str:
    return digest.removeprefix("sha256:")[:8] if digest else "none"

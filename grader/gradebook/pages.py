"""What a student is shown: a page that exists only once it is published.

``published/<id>.html`` is for the student, ``previewed/<id>.html`` the same for staff to look at;
of a result that is held there is neither.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader import history, results
from grader.errors import HarnessError
from grader.gradebook.entries import state_of
from grader.records import Json
from grader.report import page

SHOWN = ("previewed", "published")  # each has its folder


def put(folder: Path, result: Json, events: Sequence[Json]) -> None:
    """Make the page of a result what its state asks for."""
    state, name = state_of(events), f"{result['submission']['id']}.html"
    for each in SHOWN:
        path = folder / each / name
        try:
            if each != state:
                path.unlink(missing_ok=True)
                continue
            text = render(folder, result, events)
            path.parent.mkdir(exist_ok=True)
            temporary = path.with_name(f".{os.getpid()}.html")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        except OSError as error:
            raise HarnessError(f"the page {path} could not be written: {error}") from error


def remove(folder: Path, name: str) -> None:
    """Take the page away of a result that is gone."""
    for each in SHOWN:
        (folder / each / f"{name}.html").unlink(missing_ok=True)


def render(folder: Path, result: Json, events: Sequence[Json]) -> str:
    """Return the student's page, with what the gradebook has to add."""
    more = [
        ("Changed since this was first published", tuple(_changes(result, events))),
        ("Requests", tuple(_requests(events))),
    ]
    if state_of(events) != "published":
        more.append(("A preview", ("The student does not see this page yet.",)))
    return page.html(result, results.attached(folder, result), "student", more)


def _changes(result: Json, events: Sequence[Json]) -> Iterator[str]:
    first = next((n for n, e in enumerate(events) if e.get("state") == "published"), len(events))
    for event, before, after in history.moves(events[first:], result["total"]):
        if before["points"] != after["points"]:
            was, now = (
                "not decided" if each["points"] is None else f"{each['points']:g} points"
                for each in (before, after)
            )
            why = "graded by a person" if event["event"] == "points" else event["why"] or "graded"
            yield f"{event['at'][:10]}: {was}, now {now} ({why})"


def _requests(events: Sequence[Json]) -> Iterator[str]:
    answers = {each["number"]: each["text"] for each in events if each["event"] == "answer"}
    for each in events:
        if each["event"] == "request":
            yield f"{each['number']}, on {each['line']}: {each['text']}"
            yield f"Answer: {answers.get(each['number'], 'none yet')}"

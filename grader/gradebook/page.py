"""What a student is shown: a page that exists only once it is published.

``published/<id>.html`` is for the student, ``previewed/<id>.html`` the same for staff to look at;
of a result that is held there is neither. Nothing of hidden data is in a page.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from grader import history
from grader.errors import HarnessError
from grader.gradebook.entries import state_of
from grader.records import Json
from grader.text import shown

SHOWN = ("previewed", "published")  # each has its folder
LONGEST = 4000  # characters of one sentence
HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em }}
table {{ border-collapse: collapse }} td, th {{ padding: .2em .8em; text-align: left }}
td.n, th.n {{ text-align: right }} tr {{ border-bottom: 1px solid #8885 }} p {{ margin: .4em 0 }}
</style>
<h1>{title}</h1>
"""


def put(folder: Path, result: Json, events: Sequence[Json]) -> None:
    """Make the page of a result what its state asks for."""
    state, name = state_of(events), f"{result['submission']['id']}.html"
    for each in SHOWN:
        path = folder / each / name
        try:
            if each != state:
                path.unlink(missing_ok=True)
                continue
            text = render(result, events)
            path.parent.mkdir(exist_ok=True)
            temporary = path.with_name(f".{os.getpid()}.html")
            temporary.write_text(text, encoding="ascii", errors="xmlcharrefreplace")
            temporary.replace(path)
        except OSError as error:
            raise HarnessError(f"the page {path} could not be written: {error}") from error


def remove(folder: Path, name: str) -> None:
    """Take the page away of a result that is gone."""
    for each in SHOWN:
        (folder / each / f"{name}.html").unlink(missing_ok=True)


def render(result: Json, events: Sequence[Json]) -> str:
    """Return the page as HTML."""
    title = _text(f"{result['submission']['id']} · {result['pack']['id']}")
    parts = [_banner, _total, _criteria, _sentences, _changes, _requests]
    body = "\n".join(line for part in parts for line in part(result, events))
    return f"{HEAD.format(title=title)}{body}\n</html>\n"


def _banner(_: Json, events: Sequence[Json]) -> Iterator[str]:
    if state_of(events) != "published":
        yield "<p><em>A preview: the student does not see this yet.</em></p>"


def _total(result: Json, _: Sequence[Json]) -> Iterator[str]:
    total = result["total"]
    known = sum(c["points"] for c in result["criteria"] if c["points"] is not None)
    points = known if total["points"] is None else total["points"]
    open_ = [c for c in result["criteria"] if c["status"] != "graded"]
    so_far = " so far" if open_ else ""
    yield f"<p><strong>{points:g} of {total['max_points']:g} points{so_far}.</strong></p>"
    if waiting := sum(c["pending_points"] for c in open_ if c["status"] == "needs_review"):
        yield f"<p>Up to {waiting:g} more points are still to be given by a human.</p>"
    if withheld := [c for c in open_ if c["status"] == "withheld"]:
        names, worth = ", ".join(c["id"] for c in withheld), sum(c["max_points"] for c in withheld)
        yield (
            f"<p>The {worth:g} points of {_text(names)} are not decided: the grader failed there. "
            "That is no fault of yours, and costs you nothing; it will be graded again.</p>"
        )


def _criteria(result: Json, _: Sequence[Json]) -> Iterator[str]:
    yield '<table><tr><th><th><th class="n">points<th class="n">of<th>'
    for each in result["criteria"]:
        points = "–" if each["points"] is None else f"{each['points']:g}"
        yield (
            f"<tr><td>{_text(each['id'])}<td>{_text(each['title'])}"
            f'<td class="n">{points}<td class="n">{each["max_points"]:g}<td>{_state(each)}'
        )
    yield "</table>"
    for entry in result["deductions"]:
        if entry["points"]:
            yield f"<p>{_text(entry['message'])} ({entry['points']:g} points off)</p>"


def _state(criterion: Json) -> str:
    if criterion["status"] == "withheld":
        return "not decided: the grader failed here"
    if criterion["status"] == "needs_review":
        return f"up to {criterion['pending_points']:g} more, once a human has looked"
    return ""


def _sentences(result: Json, _: Sequence[Json]) -> Iterator[str]:
    """Yield what is said on lost and open points, and by humans."""
    said: dict[tuple[str, str], list[str]] = {}
    for criterion in result["criteria"]:
        for check in criterion["checks"]:
            if check["message"]:
                said.setdefault((criterion["id"], check["message"]), []).append(check["id"])
    if said or result["manual"] or result["diagnosis"]:
        yield "<h2>Why</h2>"
    for (criterion_id, message), checks in said.items():
        head = _text(f"{criterion_id} {', '.join(checks)}")
        yield f"<p><strong>{head}</strong>: {_text(message)}</p>"
    for entry in result["manual"]:
        about = _text(" ".join([entry["criterion"], *entry.get("checks", [])]))
        note = f": {_text(entry['note'])}" if entry["note"] else ""
        yield f"<p><strong>{about}</strong>: {entry['points']:g} points by a human{note}</p>"
    for entry in result["diagnosis"]:
        yield f"<p>{_text(entry['sentence'])}</p>"


def _changes(result: Json, events: Sequence[Json]) -> Iterator[str]:
    """Yield what has changed since the page could first be seen."""
    first = next((n for n, e in enumerate(events) if e.get("state") == "published"), len(events))
    moved = [
        (each, before["points"], after["points"])
        for each, before, after in history.moves(events[first:], result["total"])
        if before["points"] != after["points"]
    ]
    if moved:
        yield "<h2>Changed since this was first published</h2>"
    for each, before, after in moved:
        was, now = ("not decided" if p is None else f"{p:g} points" for p in (before, after))
        why = {"points": "a human has graded"}.get(each["event"], each["why"] or "graded")
        yield f"<p>{_text(each['at'][:10])}: {was} → {now} ({_text(why)})</p>"


def _requests(_: Json, events: Sequence[Json]) -> Iterator[str]:
    answers = {each["number"]: each for each in events if each["event"] == "answer"}
    asked = [each for each in events if each["event"] == "request"]
    if asked:
        yield "<h2>Requests</h2>"
    for each in asked:
        yield f"<p>{each['number']}. <strong>{_text(each['line'])}</strong>: {_text(each['text'])}"
        answer = answers.get(each["number"])
        yield f"<br>Answer: {_text(answer['text']) if answer else 'none yet'}</p>"


def _text(text: str) -> str:
    return escape(shown(text, LONGEST))

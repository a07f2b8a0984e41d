"""A click → events of the gradebook, one for each student it is about; and back again.

A decision has an id, which its events share: what it was can be taken back as one. It is written
for each student only if nothing that it is based on has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader import history
from grader.errors import UsageError
from grader.gradebook import entries
from grader.gradebook.book import Book
from grader.gradebook.entries import Maker
from grader.records import Json
from grader.review.items import Events, Question, decided, version
from grader.score import open_checks, open_deductions


@dataclass(frozen=True)
class Click:
    """What a reviewer wants: these points and this note for these students."""

    question: Question
    points: float
    note: str
    by: str
    seen: dict[str, str]  # by submission: the version that was looked at


@dataclass
class Outcome:
    """What became of it, by submission."""

    decision: str
    done: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)  # decided or graded anew meanwhile
    refused: dict[str, str] = field(default_factory=dict)  # why


class Changed(Exception):  # noqa: N818 - no error: somebody else was first
    """What a decision is based on is no longer so."""


def decide(folder: Path, click: Click) -> Outcome:
    """Write a decision down for everybody it is about, as far as it can be."""
    decision = history.fresh_id()
    return _recorded(
        folder, decision, [(n, _points(click, seen, decision)) for n, seen in click.seen.items()]
    )


def last(
    by: str, kept: Iterable[tuple[str, Question, Events]]
) -> tuple[str, list[tuple[str, Question]]]:
    """Return a reviewer's last decision that stands somewhere, and where; "" if there is none."""
    found: dict[str, list[tuple[str, Question]]] = {}
    for name, question, events in kept:
        stack = decided(events, question.about)
        if stack and stack[-1]["by"] == by and stack[-1].get("decision"):
            found.setdefault(stack[-1]["decision"], []).append((name, question))
    decision = max(found, default="")
    return decision, found.get(decision, [])


def undo(folder: Path, decision: str, places: Sequence[tuple[str, Question]], by: str) -> Outcome:
    """Put back what there was before a decision, wherever it still stands."""
    return _recorded(
        folder, decision, [(name, _back(question, decision, by)) for name, question in places]
    )


def _recorded(folder: Path, decision: str, makers: Iterable[tuple[str, Maker]]) -> Outcome:
    """Record an event for each submission, as far as it can be; say what became of it."""
    outcome = Outcome(decision)
    with Book(folder) as book:
        for name, maker in makers:
            try:
                book.record(name, maker)
                outcome.done.append(name)
            except Changed:
                outcome.conflicts.append(name)
            except UsageError as error:
                outcome.refused[name] = str(error)
    return outcome


def _points(click: Click, seen: str, decision: str) -> Maker:
    """Return the maker of one student's event; it raises Changed where another view was seen."""

    def make(result: Json, events: Events) -> Json | None:
        question = _now(result, click.question)
        if version(result, question) != seen:
            if _is_already(click, decided(events, question.about)):
                return None  # the same click came twice
            raise Changed
        event = _event(result, events, question, entries.points(
            question.check or question.criterion, click.points, click.note, click.by))  # fmt: skip
        return {**event, "decision": decision}

    return make


def _back(question: Question, decision: str, by: str) -> Maker:
    """Return the maker of the event that puts back what one student had before."""

    def make(result: Json, events: Events) -> Json:
        stack = decided(events, question.about)
        if not stack or stack[-1].get("decision") != decision:
            raise Changed
        before = stack[-2] if len(stack) > 1 else None
        line = question.check or question.criterion
        if before is None or before["points"] is None:
            maker = entries.undo(line, "", by)
        else:
            maker = entries.points(line, before["points"], before["why"], by)
        return {**_event(result, events, question, maker), "undoes": decision}

    return make


def _event(result: Json, events: Events, question: Question, maker: Maker) -> Json:
    event = maker(result, events)
    about = {key: (event or {}).get(key) for key in ("criterion", "checks")}
    if event is None or about != question.about:
        line = question.check or question.criterion
        raise UsageError(f"points for {line} cannot be given by themselves: use `grader points`")
    return event


def _now(result: Json, question: Question) -> Question:
    """Return the question with what it is worth by this result; Changed where it is none's."""
    for criterion in result["criteria"]:
        open_ = open_checks(criterion)
        if criterion["id"] == question.criterion and question.check in open_:
            most = open_[question.check]
            return Question(question.pack, question.criterion, question.check, "", most, "", ())
    if (taken := open_deductions(result).get(question.criterion)) is not None:
        return Question(question.pack, question.criterion, "", "", taken, "", ())
    raise Changed


def _is_already(click: Click, stack: Sequence[Json]) -> bool:
    return bool(stack) and (stack[-1]["points"], stack[-1]["why"], stack[-1]["by"]) == (
        click.points,
        click.note.strip(),
        click.by,
    )

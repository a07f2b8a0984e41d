"""What of a course is left to do for people, and for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grader.course.gathering import Entry, Link, Links, links
from grader.records import Json
from grader.report.told import decided
from grader.text import shown

NAMED = 10  # criteria in the sentence
LONGEST = 600  # characters of a request


@dataclass(frozen=True)
class Open:
    """A criterion that a person has to judge."""

    id: str
    title: str
    points: str
    who: Links


@dataclass(frozen=True)
class Waiting:
    """All that waits."""

    sentence: str
    criteria: tuple[Open, ...]  # in the order of the sheet
    withheld: Links
    requests: tuple[tuple[Link, str], ...]  # not answered yet
    deductions: tuple[tuple[Link, str], ...]  # a person decides whether they are taken


def waiting(entries: Sequence[Entry]) -> Waiting:
    """Return what waits for a person in these submissions."""
    found: dict[str, list[tuple[Entry, Json]]] = {}
    for entry in entries:
        for criterion in entry.result["criteria"]:
            if criterion["status"] == "needs_review":
                found.setdefault(criterion["id"], []).append((entry, criterion))
    sheet = {c["id"]: None for entry in entries for c in entry.result["criteria"]}
    criteria = tuple(
        Open(
            shown(name),
            shown(found[name][0][1]["title"], 300),
            f"{sum(criterion['pending_points'] for _, criterion in found[name]):,.6g}",
            links([entry for entry, _ in found[name]]),
        )
        for name in sheet
        if name in found
    )
    return Waiting(
        sentence=_sentence(entries, criteria),
        criteria=criteria,
        withheld=links([e for e in entries if e.result["status"] == "withheld"]),
        requests=tuple((e.link, told) for e in entries for told in _asked(e)),
        deductions=tuple(
            (entry.link, shown(f"{each['message']}", LONGEST))
            for entry in entries
            for each in entry.result["deductions"]
            if each["status"] == "needs_confirmation" and not decided(entry.result, each)
        ),
    )


def open_criteria(entry: Entry) -> tuple[str, ...]:
    """Return the criteria of a submission that a person has to judge."""
    criteria = entry.result["criteria"]
    return tuple(shown(c["id"]) for c in criteria if c["status"] == "needs_review")


def asks(entry: Entry) -> bool:
    """Whether somebody disputes a line of it and has no answer yet."""
    return bool(_asked(entry))


def _asked(entry: Entry) -> list[str]:
    answered = {each["number"] for each in entry.events if each["event"] == "answer"}
    return [
        shown(f"{each['number']}, on {each['line']}: {each['text']}", LONGEST)
        for each in entry.events
        if each["event"] == "request" and each["number"] not in answered
    ]


def _sentence(entries: Sequence[Entry], criteria: Sequence[Open]) -> str:
    people = sum(bool(open_criteria(each)) for each in entries)
    if not people:
        return "Nothing waits for a human."
    listed = ", ".join(f"{each.id} {_times(len(each.who))}" for each in criteria[:NAMED])
    more = f" and {len(criteria) - NAMED} more criteria" if len(criteria) > NAMED else ""
    verb = "waits" if people == 1 else "wait"
    return f"{people:,} of {len(entries):,} {verb} for a human: {listed}{more}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"

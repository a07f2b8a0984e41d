"""The table of all submissions: a row each, with what it can be sorted and filtered by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.course.changes import Change
from grader.course.gathering import Entry, Link
from grader.course.mistakes import Mistakes, named
from grader.course.waiting import asks, open_criteria
from grader.records import Json
from grader.report.seen import Bar, bar
from grader.text import shown

FILTERS = {
    "settled": "settled",
    "waits": "waits for a human",
    "withheld": "withheld: the grader failed",
    "asks": "asks for another look",
    "changed": "changed",
    "new": "new here",
    "deducted": "points taken off, for lateness or else",
    "remarks": "with remarks",
    "held": "held",
    "previewed": "previewed",
    "published": "published",
}
_STATUS = {"graded": "settled", "needs_review": "waits", "withheld": "withheld"}


@dataclass(frozen=True)
class Row:
    """One submission."""

    link: Link
    person: str  # as the platform names them
    bar: Bar
    points: float  # to sort by; -1 where there are none
    open: str  # criteria that wait
    diagnosis: str
    state: str
    change: str
    difference: float
    seconds: str
    kinds: tuple[str, ...]  # of FILTERS
    lost: tuple[int, ...]  # places of criteria on the sheet
    mistakes: tuple[int, ...]  # places in the list of mistakes


def rows(
    entries: Sequence[Entry], mistakes: Mistakes, changes: Sequence[Change]
) -> tuple[Row, ...]:
    """Return a row for each submission, by name."""
    changed = {each.link: each for each in changes}
    sheet = {c["id"]: None for entry in entries for c in entry.result["criteria"]}
    places = {name: place for place, name in enumerate(sheet)}
    return tuple(
        _row(entry, places, mistakes, changed.get(entry.link))
        for entry in sorted(entries, key=lambda each: (each.id.casefold(), each.id))
    )


def used(found: Sequence[Row]) -> dict[str, str]:
    """Return the filters that choose anything here, with their words."""
    there = {kind for row in found for kind in row.kinds}
    return {kind: words for kind, words in FILTERS.items() if kind in there}


def _row(entry: Entry, places: Mapping[str, int], mistakes: Mistakes, change: Change | None) -> Row:
    result = entry.result
    return Row(
        link=entry.link,
        person=shown(entry.handed.name, 80) if entry.handed.name != entry.id else "",
        bar=bar(result["total"]),
        points=-1.0 if result["total"]["points"] is None else result["total"]["points"],
        open="withheld" if result["status"] == "withheld" else " ".join(open_criteria(entry)),
        diagnosis=", ".join(named(entry)),
        state=entry.state,
        change="" if change is None else _difference(change),
        difference=change.difference if change else 0.0,
        seconds=f"{result['timing']['seconds_total']:.1f}",
        kinds=tuple(_kinds(entry, change)),
        lost=tuple(places[c["id"]] for c in result["criteria"] if _is_lost(c)),
        mistakes=mistakes.of.get(entry.id, ()),
    )


def _kinds(entry: Entry, change: Change | None) -> list[str]:
    result = entry.result
    found = {
        "asks": asks(entry),
        "changed": change is not None and bool(change.before),
        "new": change is not None and not change.before,
        "deducted": any(each["points"] for each in result["deductions"]),
        "remarks": bool(result["flags"]),
    }
    return [_STATUS[result["status"]], entry.state, *(kind for kind in found if found[kind])]


def _is_lost(criterion: Json) -> bool:
    """Whether points of it are lost, whatever waits."""
    points = criterion["points"]
    return points is not None and bool(
        round(criterion["max_points"] - points - criterion["pending_points"], 6) > 0
    )


def _difference(change: Change) -> str:
    if not change.before:
        return "new"
    return f"{change.difference:+g}" if change.difference else "changed"

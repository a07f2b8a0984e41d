"""The course at a glance, in the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from grader.columns import WIDTH
from grader.course.page import Assignment, Course

LISTED = 5


def told(course: Course) -> str:
    """Return a few lines for each assignment, and who is in none."""
    lines = []
    for each in course.assignments:
        lines += [f"{each.pack}: {_standing(each)}", *_indented(_about(each))]
    if not course.assignments:
        lines.append("no result here yet")
    for what, names in course.nameless.items():
        lines.append(f"{what}: {len(names)}")
    lines += [f"not read: {why}" for why in course.troubles]
    return "\n".join(lines)


def _standing(each: Assignment) -> str:
    spread = each.distribution
    counts = {
        "settled": spread.settled,
        "with points that wait": spread.waiting,
        "withheld": spread.withheld,
    }
    listed = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    count = len(each.rows)
    return f"{count:,} {'submission' if count == 1 else 'submissions'}: {listed}"


def _about(each: Assignment) -> Iterator[str]:
    yield each.distribution.sentence
    if each.hardest:
        listed = ", ".join(f"{one.id} {one.lost:.0f}%" for one in each.hardest)
        yield f"Most points are lost in {listed}."
    wrong = each.mistakes
    for what, found in (("diagnoses", wrong.diagnoses), ("wrong answers", wrong.answers)):
        if found:
            listed = ", ".join(
                f"{f'{one.place} ' if one.place else ''}{one.name} ({len(one.who)})"
                for one in found[:LISTED]
            )
            yield f"Most common {what}: {listed}."
    yield each.waiting.sentence
    if each.pairs is not None:
        count = len(each.pairs.listed) or "no"
        yield f"Similar: {count} {'pair' if count == 1 else 'pairs'}, by {each.pairs.where}."
    yield f"{each.changes.since}: {each.changes.sentence}"


def _indented(sentences: Iterator[str]) -> Iterator[str]:
    for each in sentences:
        yield from textwrap.wrap(
            each, WIDTH, initial_indent="   ", subsequent_indent="      ", break_on_hyphens=False
        )

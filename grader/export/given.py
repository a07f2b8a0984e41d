"""What may be given to students: the one place that says which points leave the grader.

A rule is a function from a result to why it may not be given, or nothing: `settled` and `so_far`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeAlias

from grader.errors import UsageError
from grader.handed import Handed, Index
from grader.records import Json

Rule: TypeAlias = Callable[[Json], str]


@dataclass(frozen=True)
class Given:
    """One result with its points, or why it has none to give."""

    result: Json
    handed: Handed
    points: float | None  # None where nothing may be given
    why_not: str  # "" where points may be given

    @property
    def id(self) -> str:
        """Return the submission's id."""
        return str(self.result["submission"]["id"])

    @property
    def people(self) -> tuple[str, ...]:
        """Return whose it is by the roster; without one a submission is named after its student."""
        return self.handed.people or (self.id,)


@dataclass(frozen=True)
class Course:
    """All results of one assignment, with who handed them in."""

    pack: str
    given: tuple[Given, ...]  # by id
    missing: tuple[str, ...]  # ids of the roster who have handed in nothing
    ungraded: tuple[str, ...]  # submissions of the index without a result

    @property
    def max_points(self) -> float:
        """Return what the assignment is worth."""
        return max((float(each.result["total"]["max_points"]) for each in self.given), default=0.0)

    def left_out(self) -> Iterator[str]:
        """Yield a sentence for each who gets no points here, and why."""
        yield from (f"{each.id}: {each.why_not}" for each in self.given if each.why_not)
        yield from (f"{each}: handed in, but has no result" for each in self.ungraded)
        yield from (f"{each}: has handed in nothing" for each in self.missing)


def settled(result: Json) -> str:
    """Return why a result is not settled, or nothing: all its points are known."""
    if result["status"] == "withheld" or result["total"]["points"] is None:
        return "withheld, the grader failed: grade it again"
    if result["status"] == "needs_review":
        return f"{result['total']['pending_points']:g} points wait for a person"
    return ""


def so_far(result: Json) -> str:
    """Return why a result has no points so far, or nothing. None so far are never a zero."""
    why_not = settled(result)
    if result["status"] != "needs_review" or result["total"]["points"]:
        return "" if result["status"] == "needs_review" else why_not
    return f"{why_not}, and there are none so far"


def course(
    results: Sequence[Json], index: Index | None, rule: Rule = settled, where: str = ""
) -> Course:
    """Return what of these results may be given by a rule; ``where`` names them in errors.

    Raises UsageError where there is no result, or results of several assignments.
    """
    packs = sorted({str(result["pack"]["id"]) for result in results})
    if len(packs) != 1:
        listed = ", ".join(packs) or "none"
        raise UsageError(
            f"{where or 'the folder'} has to hold the results of one assignment, and holds "
            f"{listed}: give each assignment a folder of its own"
        )
    handed = index.handed if index else {}
    given = tuple(
        _given(result, handed.get(str(result["submission"]["id"])), rule)
        for result in sorted(results, key=lambda one: str(one["submission"]["id"]))
    )
    graded = {each.id for each in given}
    return Course(
        pack=packs[0],
        given=given,
        missing=index.missing if index else (),
        ungraded=tuple(sorted(handed.keys() - graded)),
    )


def _given(result: Json, handed: Handed | None, rule: Rule) -> Given:
    why_not = rule(result)
    points = None if why_not else float(result["total"]["points"])
    return Given(result, handed or Handed(names=()), points, why_not)


def number(points: float, *, comma: bool = False) -> str:
    """Return points as platforms take them: at most two places, halves rounded up."""
    rounded = Decimal(str(points)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    text = f"{rounded:f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if comma else text

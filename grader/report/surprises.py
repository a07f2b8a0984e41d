"""What of a rubric that is tried on a whole cohort is worth a second look before it is stored.

The same answer to the same check stands in one line, with how many gave it. A line surprises where
- the whole points of a check are given or taken: a limit or a credit may be the wrong way round;
- it goes against most others who move in that check;
- an answer that was decided waits for a human: the rubric has no name for it any more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.columns import paragraph
from grader.records import Json
from grader.rescore import Change
from grader.text import shown

SHOWN = 3  # names in a line
ROUNDING = 1e-6


@dataclass(frozen=True)
class Move:
    """How one answer to a check fares."""

    check: str
    answer: str  # as it was understood, or how the check ended
    before: float | None
    now: float | None
    of: float
    waits: bool

    @property
    def direction(self) -> int:
        """Return 1 where points are gained, -1 where some are lost; what waits is neither."""
        difference = 0.0 if self.waits else (self.now or 0.0) - (self.before or 0.0)
        return (difference > ROUNDING) - (difference < -ROUNDING)


def render(changes: Sequence[Change]) -> str:
    """Return a line for each answer whose credit surprises; those of most people come first."""
    moves: defaultdict[Move, list[str]] = defaultdict(list)
    for change in changes:
        for move in _moves(change):
            moves[move].append(change.id)
    streams = _streams(moves)
    lines = []
    for move, names in sorted(moves.items(), key=lambda item: -len(item[1])):
        if reasons := list(_reasons(move, streams)):
            said = f"{_sentence(move, names)}: {'; '.join(reasons)}"
            lines += paragraph(said, "  ", "     ")
    if not lines:
        return "no credit surprises"
    return "\n".join(["credits that surprise:", *lines])


def _moves(change: Change) -> Iterator[Move]:
    before = {each["id"]: each for each in _checks(change.old)}
    for now in _checks(change.new):
        was = before.get(now["id"])
        if was and (was["points"], was["outcome"]) != (now["points"], now["outcome"]):
            waits = now["outcome"] == "inconclusive" != was["outcome"]
            answer = now["variant"] or was["outcome"]
            yield Move(now["id"], answer, was["points"], now["points"], now["max_points"], waits)


def _streams(moves: defaultdict[Move, list[str]]) -> dict[str, int]:
    """Return, by check, in which direction most move."""
    sums: Counter[str] = Counter()
    for move, names in moves.items():
        sums[move.check] += move.direction * len(names)
    return {check: (count > 0) - (count < 0) for check, count in sums.items()}


def _reasons(move: Move, streams: dict[str, int]) -> Iterator[str]:
    if move.waits:
        yield "decided before, and now for a human"
    elif {move.before or 0.0, move.now or 0.0} == {0.0, move.of}:
        yield "all of its points" if move.direction > 0 else "nothing is left"
    if move.direction and move.direction == -streams[move.check]:
        yield "most others lose here" if move.direction > 0 else "most others gain here"


def _sentence(move: Move, names: Sequence[str]) -> str:
    listed = ", ".join(map(shown, names[:SHOWN])) + (" ..." if len(names) > SHOWN else "")
    answer = shown(move.answer.replace("_", " "))
    return (
        f"{move.check}, {answer}: {_points(move.before)} -> {_points(move.now)} of {move.of:g} "
        f"for {len(names)} ({listed})"
    )


def _points(points: float | None) -> str:
    return "-" if points is None else f"{points:g}"


def _checks(result: Json) -> list[Json]:
    return [check for criterion in result["criteria"] for check in criterion["checks"]]

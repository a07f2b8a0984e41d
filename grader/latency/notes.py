"""What was measured of time, written into the record of a check: the same for every assignment.

Nothing is decided here: limits are the rubric's. What could not be measured, or what a disturbance
may have cost, is left to a human.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from grader.devices import rates
from grader.latency import roofline
from grader.latency.attempts import Attempt
from grader.latency.bench import Bench, Rounds
from grader.latency.decision import Interval
from grader.latency.subject import Builds
from grader.records import Number


class Record(Protocol):
    """The evidence of one check in the making."""

    def set(self, **measured: Number) -> None:
        """Write numbers down as they are."""
        ...

    def say(self, sentence: str) -> None:
        """Set the sentence for the student."""
        ...

    def inconclusive(self, sentence: str) -> None:
        """Leave the check to a human."""
        ...

    def attach(self, kind: str, data: bytes) -> None:
        """Keep something for the human who looks at this check."""
        ...


def possible(record: Record, bench: Bench, student: Builds) -> bool:
    """Whether anything can be timed here; else a human is told why not."""
    obstacle = bench.obstacle(student)
    if obstacle:
        record.inconclusive(obstacle)
    return not obstacle


def interval(record: Record, name: str, found: Interval | None) -> None:
    """Write down where the median of a ratio lies, as far as that is known."""
    if found is not None:
        record.set(**{name: found.middle, f"{name}_low": found.low, f"{name}_high": found.high})


def said(found: Interval) -> str:
    """Return a median with the interval it lies in."""
    return f"{found.middle:.3g} ({found.low:.3g} to {found.high:.3g})"


def keep(record: Record, bench: Bench, attempts: Sequence[Attempt[Rounds]]) -> Attempt[Rounds]:
    """Keep all rounds of all attempts, what went on meanwhile, and the roofline; return the last.

    Times beside the roofline are medians of the last attempt.
    """
    last = attempts[-1]
    rows = bench.roofline(last.rounds, last.series.rounds)
    for attempt in attempts:
        more = {"device": attempt.seen.listing(), "roofline": rows or rates.MISSING}
        record.attach("json", attempt.series.listing(**more))
    record.set(attempts=len(attempts), disturbed=int(bool(last.seen.disturbed)))
    if rows and (best := bench.device.rates):
        text = roofline.table(bench.device.identity.name, best, rows)
        record.attach("txt", text.encode())
    for row in rows:
        record.set(**{f"{row.kind}_least_ms": 1e3 * row.least})
        for side, seconds in (("reference", row.reference), ("own", row.own)):
            if seconds:
                record.set(**{f"{row.kind}_reached_by_{side}": row.least / seconds})
    return last


def settle(
    record: Record,
    bench: Bench,
    attempt: Attempt[Rounds],
    questions: Collection[str],
    *,
    measured: bool = True,
) -> None:
    """Leave to a human what could not be measured, or what a disturbance may have cost.

    ``questions`` are those that the check's limits ask. Without ``measured`` the check measures
    something else, and only asks one of them beside it. What is wrong or undecided the limits say.
    """
    found = attempt.series
    if measured:
        record.set(rounds=found.count)
    if measured and found.end == "wrong reply":
        record.say("A timed reply was wrong; speed is not the question then.")
    elif measured and not found.intervals:
        record.inconclusive(f"Only {found.count} rounds could be measured in the time there is.")
    elif attempt.in_doubt(questions, bench.limits, bench.settings.clear):
        record.inconclusive(
            f"Too slow by a little, on a machine that was disturbed: {attempt.seen.disturbed}."
        )
    elif bench.shortened and attempt.misses(questions, bench.limits):
        record.inconclusive(
            f"Too slow at {bench.size().length} tokens, a prompt at which this device may not show "
            "what a cache is worth; at the longer one that does, your forward fails."
        )

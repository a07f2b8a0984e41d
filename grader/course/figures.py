"""How a course has done: points, criteria, outcomes and time, of the results of one assignment."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from grader.course.gathering import Entry, Link, Links, links
from grader.records import Json
from grader.report.seen import Bar, bar
from grader.text import shown

BINS = 10  # of the distribution, each a tenth of the points
SLOWEST = 5
TENTH = 10  # submissions from which on one in ten means something
ROUNDING = 1e-6
HARDEST = 3


@dataclass(frozen=True)
class Bin:
    """Submissions with about as many points."""

    label: str
    settled: int
    waiting: int  # their points so far are here, and some wait

    @property
    def count(self) -> int:
        """Return how many there are."""
        return self.settled + self.waiting


@dataclass(frozen=True)
class Distribution:
    """Points so far of all submissions that have a total."""

    bins: tuple[Bin, ...]
    edges: tuple[str, ...]  # of the bins, one more than there are
    unit: str  # of the edges
    settled: int
    waiting: int
    withheld: int
    sentence: str

    @property
    def tallest(self) -> int:
        """Return the number in the fullest bin, at least 1."""
        return max(1, *(each.count for each in self.bins))


@dataclass(frozen=True)
class CheckFigures:
    """How a check of a criterion ended."""

    id: str
    hidden: bool
    passed: int
    count: int
    others: str  # the other outcomes, with how many


@dataclass(frozen=True)
class CriterionFigures:
    """How a criterion of the sheet was met; the bar is the mean of who has points for it."""

    id: str
    title: str
    bar: Bar
    lost: float  # of its points, in percent: what waits is not lost
    full: int
    part: int
    none: int
    waiting: int
    withheld: int
    checks: tuple[CheckFigures, ...]


@dataclass(frozen=True)
class OutcomeFigures:
    """A way in which checks ended, other than passed."""

    name: str
    checks: int
    who: Links


@dataclass(frozen=True)
class Time:
    """Seconds that gradings took."""

    sentence: str
    slowest: tuple[tuple[Link, str], ...]


def distribution(entries: Sequence[Entry]) -> Distribution:
    """Return how points so far are spread; who is withheld has none."""
    totals = [each.result for each in entries if each.result["total"]["points"] is not None]
    most = {float(each["total"]["max_points"]) for each in totals}
    step, unit = (most.pop() / BINS, "points") if len(most) == 1 else (100 / BINS, "%")
    edges = tuple(f"{step * n:.4g}" for n in range(BINS + 1))
    inside: list[Counter[str]] = [Counter() for _ in range(BINS)]
    for result in totals:
        kind = "waiting" if result["status"] == "needs_review" else "settled"
        inside[min(int(_share(result["total"]) * BINS + ROUNDING), BINS - 1)][kind] += 1
    bins = tuple(
        Bin(f"{low} to {high} {unit}", each["settled"], each["waiting"])
        for (low, high), each in zip(itertools.pairwise(edges), inside, strict=True)
    )
    settled = sum(each.settled for each in bins)
    return Distribution(
        bins=bins,
        edges=edges,
        unit=unit,
        settled=settled,
        waiting=len(totals) - settled,
        withheld=len(entries) - len(totals),
        sentence=_spread(totals),
    )


def _share(entry: Json) -> float:
    """Return the share of points, from 0 to 1; of nothing it is all."""
    most = float(entry["max_points"])
    return min(max(float(entry["points"]) / most, 0.0), 1.0) if most else 1.0


def _spread(results: Sequence[Json]) -> str:
    if not results:
        return "Nobody has a total yet."
    most = {float(each["total"]["max_points"]) for each in results}
    if len(most) == 1:
        points = [float(each["total"]["points"]) for each in results]
        of = f" of {most.pop():g}"
    else:
        points, of = [100 * _share(each["total"]) for each in results], "%"
    told = f"Median {statistics.median(points):.4g}{of}, mean {statistics.fmean(points):.4g}"
    if len(points) > 1:
        low, _, high = statistics.quantiles(points, n=4, method="inclusive")
        told += f", the middle half from {low:.4g} to {high:.4g}"
    waiting = sum(float(each["total"]["pending_points"]) for each in results)
    if waiting:
        told += (
            f"; {waiting:,.6g} points wait and are not in these, {waiting / len(results):.3g} each"
        )
    return f"{told}."


def criteria(entries: Sequence[Entry]) -> tuple[CriterionFigures, ...]:
    """Return the figures of each criterion, in the order of the sheet."""
    found: dict[str, list[Json]] = {}
    for entry in entries:
        for criterion in entry.result["criteria"]:
            found.setdefault(criterion["id"], []).append(criterion)
    return tuple(map(_criterion, found.values()))


def _criterion(all_: Sequence[Json]) -> CriterionFigures:
    known = [each for each in all_ if each["points"] is not None]
    settled = [each for each in known if each["status"] != "needs_review"]
    full = sum(each["points"] >= each["max_points"] - ROUNDING for each in settled)
    none = sum(abs(each["points"]) <= ROUNDING < each["max_points"] for each in settled)
    mean = {
        key: statistics.fmean([each[key] for each in known]) if known else 0.0
        for key in ("points", "max_points", "pending_points")
    }
    given = mean["points"] + mean["pending_points"]
    points = round(mean["points"], 2) if known else None
    waiting = round(mean["pending_points"], 2)
    most = round(mean["max_points"] if known else all_[0]["max_points"], 2)
    return CriterionFigures(
        id=shown(all_[0]["id"]),
        title=shown(all_[0]["title"], 300),
        bar=bar({"points": points, "max_points": most, "pending_points": waiting}),
        lost=max(0.0, 100 * (1 - given / mean["max_points"])) if mean["max_points"] else 0.0,
        full=full,
        part=len(settled) - full - none,
        none=none,
        waiting=len(known) - len(settled),
        withheld=len(all_) - len(known),
        checks=_checks(all_),
    )


def _checks(all_: Sequence[Json]) -> tuple[CheckFigures, ...]:
    found: dict[str, Counter[str]] = {}
    hidden = {}
    for criterion in all_:
        for check in criterion["checks"]:
            found.setdefault(check["id"], Counter())[check["outcome"]] += 1
            hidden[check["id"]] = check["visibility"] == "hidden"
    return tuple(
        CheckFigures(
            shown(name),
            hidden[name],
            outcomes["passed"],
            outcomes.total(),
            ", ".join(
                f"{outcome.replace('_', ' ')} {count}"
                for outcome, count in outcomes.most_common()
                if outcome != "passed"
            ),
        )
        for name, outcomes in found.items()
    )


def hardest(found: Sequence[CriterionFigures]) -> tuple[CriterionFigures, ...]:
    """Return the criteria of which the largest share of points is lost."""
    lost = [each for each in found if each.lost > ROUNDING]
    return tuple(sorted(lost, key=lambda each: -each.lost)[:HARDEST])


def outcomes(entries: Sequence[Entry]) -> tuple[OutcomeFigures, ...]:
    """Return each outcome but "passed", the most frequent first."""
    counts: Counter[str] = Counter()
    who: dict[str, list[Entry]] = {}
    for entry in entries:
        for criterion in entry.result["criteria"]:
            for check in criterion["checks"]:
                counts[check["outcome"]] += 1
                who.setdefault(check["outcome"], []).append(entry)
    return tuple(
        OutcomeFigures(name.replace("_", " "), count, links(who[name]))
        for name, count in counts.most_common()
        if name != "passed"
    )


def time(entries: Sequence[Entry]) -> Time:
    """Return how long gradings took, which took longest, and how many were handed in late."""
    if not entries:
        return Time("", ())
    seconds = sorted(float(each.result["timing"]["seconds_total"]) for each in entries)
    students = [float(each.result["timing"]["seconds_student"]) for each in entries]
    told = (
        f"A grading took {statistics.median(seconds):.3g} s (median), {seconds[-1]:.3g} s at most"
    )
    if len(seconds) >= TENTH:
        told += f", one in ten {seconds[len(seconds) * 9 // 10]:.3g} s or more"
    told += (
        f"; students' code {statistics.median(students):.3g} s. "
        f"All together {_length(sum(seconds))}."
    )
    if late := sum(map(_is_late, entries)):
        told += f" {late:,} {'was' if late == 1 else 'were'} handed in late."
    slowest = sorted(entries, key=lambda each: -each.result["timing"]["seconds_total"])[:SLOWEST]
    return Time(
        told,
        tuple((each.link, f"{each.result['timing']['seconds_total']:.1f} s") for each in slowest),
    )


def _is_late(entry: Entry) -> bool:
    """Whether it was late by the rubric's dates, or else by the platform's word."""
    found = [each for each in entry.result["deductions"] if each["id"] == "late"]
    return bool(entry.handed.late) or any(each["status"] == "applied" for each in found)


def _length(seconds: float) -> str:
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.3g} s"

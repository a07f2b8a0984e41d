"""A changed rubric, applied to what was measured before: no student code runs.

Each stored result has its evidence beside it. Scored again by the rubric as it is now, it may come
to other points; the table says whose, and which line of the rubric has done it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader import evidence, handed, late, results
from grader import pack as packs
from grader.errors import UsageError
from grader.grade import criterion_json
from grader.granted import with_accepted
from grader.pack import Pack
from grader.records import ACCEPTED, Json
from grader.score import deducted, score, status, total


@dataclass(frozen=True)
class Change:
    """A result as it would be now, beside the stored one."""

    old: Json
    new: Json
    causes: tuple[str, ...] = ()  # what has changed beside lines of the rubric

    @property
    def id(self) -> str:
        """Return whose it is."""
        return str(self.old["submission"]["id"])

    @property
    def moved(self) -> bool:
        """Whether any points or what waits has changed."""
        parts = ("total", "deductions")
        changed = any(self.old[part] != self.new[part] for part in parts)
        return changed or any(True for _ in self.lines())

    def lines(self) -> Iterator[tuple[str, float | None, float | None, str]]:
        """Yield each check that moved: its name, points before and now, and because of what.

        A deduction moves as a check does; what it takes is less than nothing.
        """
        before = {check["id"]: check for check in _checks(self.old)}
        for now in _checks(self.new):
            was = before.get(now["id"])
            if was is None:
                yield now["id"], None, now["points"], "new in the rubric"
            elif (was["points"], was["outcome"]) != (now["points"], now["outcome"]):
                because = [*_because(was, now), *self.causes] or ["another rule"]
                yield now["id"], was["points"], now["points"], "; ".join(because)
        yield from self._accepted()
        then, today = ({e["id"]: e for e in r["deductions"]} for r in (self.old, self.new))
        for name in sorted({*then, *today}):
            taken, takes = (
                -each[name]["points"] if name in each else 0.0 for each in (then, today)
            )
            if taken != takes:
                why = today[name]["message"] if name in today else "no longer taken"
                yield name, taken or 0.0, takes or 0.0, why

    def _accepted(self) -> Iterator[tuple[str, float | None, float | None, str]]:
        """Yield what answers move that were accepted for everybody, or are so no more."""
        then, today = (
            {each["checks"][0]: each for each in r["manual"] if each.get(ACCEPTED)}
            for r in (self.old, self.new)
        )
        by_hand = {name for each in self.new["manual"] for name in each.get("checks", ())}
        for name in sorted({*then, *today}):
            was, now = (each.get(name, {}).get("points") for each in (then, today))
            if was == now or (now is None and name in by_hand):
                continue
            by = today.get(name, then.get(name, {}))
            why = f": {by['note']}" if by["note"] else ""
            yield (
                name,
                was,
                now,
                (
                    f"accepted for everybody by {by['by']}{why}"
                    if name in today
                    else "accepted for everybody no more"
                ),
            )


@dataclass(frozen=True)
class Rescored:
    """What a changed rubric comes to, over a folder of results."""

    changes: tuple[Change, ...]  # those that moved
    same: int
    refused: Mapping[str, str]  # by submission: why it cannot be scored again


def pack_of(root: Path, folder: Path, wanted: str | None, rubric: Path | None) -> Pack:
    """Return the pack to score by: ``wanted`` or that of the results, perhaps with another rubric.

    Raises UsageError where results are of several, and BadPack where the rubric does not fit.
    """
    if wanted is None:
        found = {old["pack"]["id"] for old in results.stored(folder)}
        if len(found) != 1:
            listed = ", ".join(sorted(found)) or "no assignment"
            raise UsageError(f"{folder} holds results of {listed}: say which with --pack")
        (wanted,) = found
    pack = packs.find(root, wanted)
    if rubric is None:
        return pack
    with tempfile.TemporaryDirectory() as scratch:
        tried = Path(scratch)
        for kind, name in (("rubrics", pack.id), ("reference", packs.reference_of(pack.id))):
            shutil.copytree(root / kind / name, tried / kind / name)
        try:
            shutil.copyfile(rubric, tried / "rubrics" / pack.id / "rubric.toml")
        except OSError as error:
            raise UsageError(f"{rubric} cannot be read: {error.strerror}") from error
        return packs.load(tried, pack.id)


def rescore(folder: Path, pack: Pack) -> Rescored:
    """Score every result of this pack in a folder again; nothing is written."""
    changes, same, refused = [], 0, {}
    for old in results.stored(folder):
        if old["pack"]["id"] != pack.id:
            continue
        try:
            change = Change(old, _again(old, folder, pack))
        except UsageError as error:
            refused[str(old["submission"]["id"])] = str(error)
            continue
        if change.moved:
            changes.append(change)
        else:
            same += 1
    if not (changes or same or refused):
        raise UsageError(f"{folder} holds no result of {pack.id}")
    return Rescored(tuple(changes), same, refused)


def apply(folder: Path, rescored: Rescored) -> list[str]:
    """Store the results that moved; what they replace goes into their history.

    Returns why some are not: those were graded anew meanwhile.
    """
    refused = []
    for change in rescored.changes:
        try:
            results.write(folder, change.new, why="rescored", instead_of=change.old)
        except UsageError as error:
            refused.append(str(error))
    return refused


def _again(old: Json, folder: Path, pack: Pack) -> Json:
    ruled = {check.id for check in pack.checks if check.accepted}
    measured, checks = evidence.read(folder / str(old.get("attachments", "-")), ruled)
    if checks != pack.checks_digest:
        raise UsageError("it was measured by other checks than those of today: grade it again")
    if missing := [check.id for check in pack.checks if check.id not in measured]:
        raise UsageError(f"{', '.join(missing[:3])} was not measured: grade it again")
    manual = with_accepted(pack.criteria, measured, old["manual"])
    criteria = score(pack.criteria, measured, manual)
    deductions = old["deductions"]
    if (when := handed.of(folder, str(old["submission"]["id"]))) is not None:
        deductions = late.without(deductions)
        deductions += late.deduct(pack.late, when, pack.points)
    deductions = deducted(deductions, criteria, manual)
    return {
        **old,
        "pack": {"id": pack.id, "version": pack.version, "digest": pack.digest},
        "status": status(criteria),
        "total": total(criteria, deductions),
        "criteria": [criterion_json(criterion) for criterion in criteria],
        "deductions": deductions,
        "manual": manual,
    }


def _checks(result: Json) -> list[Json]:
    return [check for criterion in result["criteria"] for check in criterion["checks"]]


def _because(was: Json, now: Json) -> list[str]:
    """Name the lines of the rubric in which two scorings of a check differ."""
    limits = [
        f"{name} {was['limits'].get(name, '-')} -> {now['limits'].get(name, '-')}"
        for name in sorted({*was["limits"], *now["limits"]})
        if was["limits"].get(name) != now["limits"].get(name)
    ]
    if was["max_points"] != now["max_points"]:
        limits.append(f"points {was['max_points']:g} -> {now['max_points']:g}")
    if not limits and was["variant"]:
        limits.append(f"credit of {was['variant']}")
    return limits

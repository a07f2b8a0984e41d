"""A human's word on an open answer, for everybody who gave it: tried first, then kept.

To try is to score stored results as if it were a part of the rubric; nothing is written. To keep is
to write it into the pack's `accepted.jsonl` and to rescore. No student code runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from grader import accepted, history, results
from grader import pack as packs
from grader.accepted import Ruling
from grader.errors import HarnessError, UsageError
from grader.gradebook.entries import bounded
from grader.pack import Check, Pack
from grader.records import Attachment, Json
from grader.rescore import Rescored, apply, rescore


@dataclass(frozen=True)
class Answer:
    """What one student has handed in for a check, as it is known again."""

    check: str
    digest: str
    text: str


def answer_of(folder: Path, result: Json, check: Json) -> Answer:
    """Return what was handed in for a check; without a digest where it cannot be known again."""
    beside = folder / str(result.get("attachments", "-"))
    files = []
    for name in check.get("attachments", ()):
        try:
            files.append(Attachment(name, (beside / Path(name).name).read_bytes()))
        except OSError:
            return Answer(check["id"], "", "")
    texts = [accepted.text(each) for each in files if not each.name.endswith(".png")]
    return Answer(check["id"], accepted.digest(files), "\n".join(texts)[: accepted.LONGEST])


def ruling(
    pack: Pack, folder: Path, name: str, check: str, points: float | None, why: str, by: str
) -> Ruling:
    """Return what an answer of one submission is to be worth for everybody; None takes it back.

    Raises UsageError where there is no such answer, or where it is not for a reader to know.
    """
    asked = next((each for each in pack.checks if each.id == check), None)
    result = results.read(folder, name)
    if result is None:
        raise UsageError(f"no result of {name!r} in {folder}")
    stored = {each["id"]: each for c in result["criteria"] for each in c["checks"]}
    if asked is None or check not in stored:
        raise UsageError(f"{check} is no check: an answer is accepted for one, by its name")
    answer = answer_of(folder, result, stored[check])
    if points is not None:
        _refuse(asked, stored[check], answer, name, points)
        event = history.event("accepted", by, bounded(why, "note"))
        return Ruling(check, answer.digest, points / asked.points, event["by"], event["at"],
                      event["why"], answer.text)  # fmt: skip
    if (kept := asked.accepted.get(answer.digest)) is None:
        raise UsageError(f"the answer of {name} to {check} is not accepted for everybody")
    return back(kept, why, by)


def back(kept: Ruling, why: str, by: str) -> Ruling:
    """Return what takes a ruling back."""
    event = history.event("accepted", by, bounded(why, "note"))
    return replace(kept, fraction=None, by=event["by"], at=event["at"], why=event["why"], text="")


def _refuse(asked: Check, stored: Json, answer: Answer, name: str, points: float) -> None:
    if asked.manual:
        raise UsageError(f"{asked.id} is read by a human each time: give points for one answer")
    if stored["outcome"] != "inconclusive":
        raise UsageError(f"the answer of {name} to {asked.id} is not for a human to judge")
    if not answer.digest:
        raise UsageError(
            f"nothing was kept of the answer of {name} to {asked.id} by which it could be known "
            "again: give points for one answer"
        )
    if not (asked.points and 0 <= points <= asked.points):
        raise UsageError(
            f"{asked.id} leaves 0 to {asked.points:g} points to a human, not {points:g}"
        )


def tried(folder: Path, pack: Pack, new: Ruling) -> Rescored:
    """Return whose points it would move; nothing is written."""
    criteria = tuple(
        replace(
            criterion,
            checks=tuple(
                replace(check, accepted=accepted.with_one(check.accepted, new))
                if check.id == new.check
                else check
                for check in criterion.checks
            ),
        )
        for criterion in pack.criteria
    )
    return rescore(folder, replace(pack, criteria=criteria))


def keep(root: Path, folder: Path, pack: Pack, new: Ruling) -> tuple[Rescored, list[str]]:
    """Write it into the rubric, and rescore; return what moved, and who was not stored and why."""
    try:
        with results.alone(pack.folder):
            accepted.add(pack.folder, new)
    except (OSError, HarnessError) as error:
        raise UsageError(
            f"{pack.folder / accepted.FILE} could not be written, and nobody's points have moved: "
            f"{error}"
        ) from error
    found = rescore(folder, packs.load(root, pack.id))
    return found, apply(folder, found)

"""Stored results graded again, from the hand-ins that they are of: whose points move, and why.

The draw is that of the stored result, so that what differs is what was changed since: the
submission, the rubric, the checks, the image or the device. A human's points stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader import evidence, handed, history, results
from grader import pack as packs
from grader.batch import journal
from grader.batch.handins import HandIns
from grader.checking.draw import Draw
from grader.downloads.taking import take
from grader.errors import HarnessError, UsageError
from grader.intake import Submission
from grader.pack import Pack
from grader.records import Json
from grader.rescore import Change, Rescored
from grader.sandbox import Sandbox
from grader.score import by_hand
from grader.session import Session
from grader.tables import hint

AGAIN = "measured again"  # nothing that is known has changed
FAILED = "the grader failed over it, and the stored result stays"


@dataclass(frozen=True)
class Order:
    """What is to be graded again, and how."""

    root: Path
    folder: Path  # of results
    hand_ins: Path | None  # None: where the batch took them from
    only: tuple[str, ...]  # submissions; none: all
    device: str
    store: bool


def regrade(order: Order, sandbox: Sandbox, say: Callable[[str], None]) -> Rescored:
    """Grade again; nothing is stored but with ``store``, and then each result at once.

    A grading that fails by a fault of ours never takes a whole result's place.
    """
    olds = _stored(order.folder, order.only)
    found, refused = _handed_in(order, set(olds))
    changes = []
    for (pack_id, seed), names in _alike(olds, found).items():
        pack = packs.load(order.root, pack_id)
        with Session(pack, sandbox, Draw(seed), order.device, order.folder) as session:
            for name in names:
                say(name)
                try:
                    changes.append(_again(order, session, olds[name], found[name], pack, say))
                except UsageError as error:
                    refused[name] = str(error)
                except HarnessError as error:
                    refused[name] = f"{FAILED}: {error}"
    moved = tuple(change for change in changes if change.moved)
    return Rescored(moved, len(changes) - len(moved), refused)


def _again(
    order: Order,
    session: Session,
    old: Json,
    submission: Submission,
    pack: Pack,
    say: Callable[[str], None],
) -> Change:
    """Grade one again and store it, if that is wanted."""
    new, files = session.graded(submission, say)
    new = by_hand(new, history.merged(old["manual"], new["manual"]))
    if new["status"] == "withheld" and old["status"] != "withheld":
        raise HarnessError("points would be withheld")
    if order.store:
        new = results.write(order.folder, new, files, why="regraded", instead_of=old)
    return Change(old, new, _causes(order.folder, old, new, pack.checks_digest))


def _stored(folder: Path, only: Sequence[str]) -> dict[str, Json]:
    """Return the results to grade again; UsageError for one that is not there."""
    try:
        known = sorted(path.stem for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}") from error
    for name in only:
        if name not in known:
            raise UsageError(f"no result of {name!r} in {folder}{hint(name, known)}")
    found = {name: results.found(folder, name) for name in only or known}
    return {name: result for name, result in found.items() if result is not None}


def _handed_in(order: Order, wanted: set[str]) -> tuple[dict[str, Submission], dict[str, str]]:
    """Return the submissions that are wanted, and why others are not there."""
    path = order.hand_ins or journal.hand_ins(order.folder)
    if path is None:
        raise UsageError(
            f"{order.folder} does not say where its submissions are: give the folder of the "
            "hand-ins with --from"
        )
    index = handed.read(order.folder)
    wanted_files = packs.file_names(order.root, None)
    hand_ins = HandIns(take(path, index.form if index else None, wanted_files))
    found = {each.id: each for each in hand_ins.submissions() if each.id in wanted}
    missing = dict.fromkeys(wanted - found.keys(), f"it is not among the hand-ins in {path}")
    return found, missing


def _alike(olds: dict[str, Json], found: dict[str, Submission]) -> dict[tuple[str, str], list[str]]:
    """Return the submissions by pack and seed: those share a session."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in sorted(found):
        old = olds[name]
        groups.setdefault((old["pack"]["id"], old["draw"]["seed"]), []).append(name)
    return groups


def _causes(folder: Path, old: Json, new: Json, checks: str) -> tuple[str, ...]:
    """Return what is not as it was when the old result was made."""
    try:
        _, before = evidence.read(folder / str(old.get("attachments", "-")))
    except UsageError:  # none beside it
        before = checks if old["pack"]["digest"] == new["pack"]["digest"] else ""
    was, now = old["environment"], new["environment"]
    differs = {
        "submission": old["submission"]["digest"] != new["submission"]["digest"],
        "checks": before != checks,
        "rubric": before == checks and old["pack"]["digest"] != new["pack"]["digest"],
        "image": (was["sandbox"], was.get("image")) != (now["sandbox"], now.get("image")),
        "device": was["device"] != now["device"],
    }
    return tuple(name for name, changed in differs.items() if changed) or (AGAIN,)

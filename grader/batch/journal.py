"""Which batch this is: kept beside its results, so that it can be gone on with after anything.

All submissions of a batch are asked the same questions: its draw is here. What is done is not:
the results themselves say so.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path

from grader import results
from grader.batch.handins import HandIn
from grader.checking.draw import Draw
from grader.errors import HarnessError, UsageError
from grader.pack import Pack
from grader.records import Json

FILE = "batch.journal"  # no .json: those are results


@dataclass(frozen=True)
class Journal:
    """A batch: what it is graded with."""

    packs: tuple[str, ...]  # digests: a rubric may be changed, and its results rescored
    checks: str  # digest of what measures
    seed: str
    hand_ins: str = ""  # where they were read; journals of earlier versions do not say

    @property
    def draw(self) -> Draw:
        """Return the draw of all its submissions."""
        return Draw(self.seed)

    def result(self, folder: Path, hand_in: HandIn) -> Json | None:
        """Return the whole result that these very files have of this batch, if they have one."""
        try:
            result = results.read(folder, hand_in.id)
        except UsageError:  # whoever grades it says what lies in the way
            return None
        of_this = (
            result is not None
            and result["status"] != "withheld"
            and result["submission"]["digest"] == hand_in.digest
            and result["pack"]["digest"] in self.packs
            and result["draw"]["digest"] == self.draw.digest
        )
        return result if of_this else None


def hand_ins(folder: Path) -> Path | None:
    """Return where the hand-ins of a folder of results were read, if a batch has noted it."""
    stored = _stored(folder / FILE)
    return Path(stored.hand_ins) if stored and stored.hand_ins else None


def begun(folder: Path, pack: Pack, hand_ins: Path, *, resume: bool) -> Journal:
    """Return the batch to go on with, or a new one.

    Where points or limits have changed since, what was measured still holds, and the batch goes on;
    where what measures has changed, another begins. Raises UsageError where the stored one is none.
    """
    path = folder / FILE
    stored = _stored(path) if resume else None
    if stored is not None and stored.checks == pack.checks_digest:
        known = stored.packs if pack.digest in stored.packs else (*stored.packs, pack.digest)
        new = dataclasses.replace(stored, packs=known, hand_ins=str(hand_ins.resolve()))
        if new == stored:
            return stored
    else:
        seed = Draw.fresh().seed
        new = Journal((pack.digest,), pack.checks_digest, seed, str(hand_ins.resolve()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{FILE}.{os.getpid()}")
        temporary.write_text(json.dumps(dataclasses.asdict(new)) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise HarnessError(f"{path} could not be written: {error}") from error
    return new


def _stored(path: Path) -> Journal | None:
    if not path.exists():
        return None
    try:
        stored = Journal(**json.loads(path.read_text(encoding="utf-8")))
        stored.draw.rng("")
        return dataclasses.replace(stored, packs=tuple(stored.packs))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path} is no journal of a batch: move it away") from error

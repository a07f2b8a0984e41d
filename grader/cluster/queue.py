"""The queue of a batch on several machines: a SQLite file beside its results.

Each grading is there once, under what it is: the hand-in, the pack, the checks, the grader and the
draw. It waits, is given to a machine, or is done. Only the machine that runs the batch writes here,
and whether something is done is what the results themselves say: what was given when that machine
died and has no result waits again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from grader.batch.handins import HandIn
from grader.errors import GraderError, HarnessError, UsageError

FILE = "batch.queue"  # no .json: those are results
SCHEMA = """
CREATE TABLE IF NOT EXISTS gradings (
    submission TEXT NOT NULL,  -- the id of its result
    digest     TEXT NOT NULL,  -- of what was handed in
    run        TEXT NOT NULL,  -- pack, checks, grader and draw
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'given', 'done')),
    machine    TEXT NOT NULL DEFAULT '',  -- which has it, or had it last
    lost       INTEGER NOT NULL DEFAULT 0,  -- machines that were lost over it
    PRIMARY KEY (submission, digest, run)
) WITHOUT ROWID
"""
_FILL = """
INSERT INTO gradings (submission, digest, run, state) VALUES (?, ?, ?, 'waiting')
ON CONFLICT DO UPDATE SET state = 'waiting', lost = 0
"""
_LOOK = "SELECT state, machine, lost FROM gradings WHERE submission = ? AND digest = ? AND run = ?"
_FINISH = "UPDATE gradings SET state = 'done' WHERE submission = ? AND digest = ? AND run = ?"
# What is done stays done.
_GIVE = """
UPDATE gradings SET state = 'given', machine = ?
WHERE submission = ? AND digest = ? AND run = ? AND state <> 'done'
"""
_TAKE_BACK = """
UPDATE gradings SET state = 'waiting'
WHERE submission = ? AND digest = ? AND run = ? AND state <> 'done'
"""
_LOSE = """
UPDATE gradings SET state = 'waiting', lost = lost + 1
WHERE submission = ? AND digest = ? AND run = ? AND state <> 'done'
"""


class Queue:
    """The gradings of one run of a batch; ``run`` says of what pack, checks, grader and draw."""

    def __init__(self, folder: Path, run: str) -> None:
        self._path, self._run = folder / FILE, run
        with self._speaking(UsageError):
            self._base = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            self._base.execute(SCHEMA)

    def close(self) -> None:
        """Close the file; all is in it already."""
        self._base.close()

    def fill(self, hand_ins: Iterable[HandIn]) -> None:
        """Let these wait, whatever was known of them: they have no result."""
        with self._transaction():
            for each in hand_ins:
                self._base.execute(_FILL, self._key(each))

    def give(self, hand_in: HandIn, machine: str) -> None:
        """Note who has it from now on."""
        self._set(_GIVE, machine, *self._key(hand_in))

    def take_back(self, hand_in: HandIn) -> None:
        """Let it wait again; what is done stays done."""
        self._set(_TAKE_BACK, *self._key(hand_in))

    def lose(self, hand_in: HandIn) -> int:
        """Take it back from a machine that was lost; return how many were, over it."""
        self._set(_LOSE, *self._key(hand_in))
        return int(self._row(hand_in)[2])

    def finish(self, hand_in: HandIn, store: Callable[[], None]) -> bool:
        """Store a result, unless there is one already; return whether this one was stored.

        A process that dies between the storing and the note finds the result when it goes on.
        """
        with self._transaction():
            if self._row(hand_in)[0] == "done":
                return False
            store()
            self._base.execute(_FINISH, self._key(hand_in))
        return True

    def states(self) -> dict[str, tuple[str, str]]:
        """Return the state and the machine of each submission of this run."""
        with self._speaking():
            rows = self._base.execute(
                "SELECT submission, state, machine FROM gradings WHERE run = ?", (self._run,)
            )
            return {name: (state, machine) for name, state, machine in rows}

    def _set(self, change: str, *values: str) -> None:
        with self._transaction():
            self._base.execute(change, values)

    def _row(self, hand_in: HandIn) -> tuple[str, str, int]:
        with self._speaking():
            found = self._base.execute(_LOOK, self._key(hand_in)).fetchone()
        assert found is not None  # only what was filled in is ever asked for
        return tuple(found)

    def _key(self, hand_in: HandIn) -> tuple[str, str, str]:
        return hand_in.id, hand_in.digest, self._run

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, whatever happens to this process."""
        with self._speaking():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._base.rollback()
                raise
            self._base.commit()

    @contextlib.contextmanager
    def _speaking(self, damaged: type[GraderError] = HarnessError) -> Iterator[None]:
        """Turn what SQLite says into a sentence."""
        try:
            yield
        except sqlite3.OperationalError as error:  # busy, read-only, no room
            raise HarnessError(f"{self._path} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise damaged(
                f"{self._path} is damaged ({error}): remove it; what is graded is in the results"
            ) from error

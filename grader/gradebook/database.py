"""The database file: opened, or told from what is none of ours."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from grader.errors import HarnessError, UsageError

FILE = "gradebook.sqlite"
SCHEMA = Path(__file__).with_name("schema.sql")
APPLICATION = 0x67724462  # "grDb", in the file's header
VERSION = 1
BUSY_SECONDS = 30.0  # for others, where the folder cannot be locked


def opened(folder: Path, *, anew: bool = False) -> sqlite3.Connection:
    """Open the gradebook of a folder of results, or make one; `anew` deletes what there is.

    Raises UsageError for a foreign or damaged file. A foreign one is never deleted.
    """
    path = folder / FILE
    with speaking(path):
        if anew:
            _forget(path)
        base = _connected(path)
        try:
            _ours(base, path)
        except BaseException:
            base.close()
            raise
        return base


@contextlib.contextmanager
def speaking(path: Path) -> Iterator[None]:
    """Turn what SQLite says into a sentence."""
    again = f"`grader gradebook {path.parent} --rebuild` makes it anew from the results"
    try:
        yield
    except sqlite3.OperationalError as error:  # busy, read-only, no room
        raise HarnessError(f"{path} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise UsageError(f"{path} is damaged ({error}): {again}") from error


@contextlib.contextmanager
def transaction(base: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, whatever happens to this process."""
    base.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        base.rollback()
        raise
    base.commit()


def _connected(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    base.row_factory = sqlite3.Row
    base.execute("PRAGMA foreign_keys = ON")
    return base


def _ours(base: sqlite3.Connection, path: Path) -> None:
    """Make the tables of an empty file; raise UsageError where others are in it."""
    mark, version = _marks(base)
    if (mark, version) == (0, 0) and not base.execute("SELECT 1 FROM sqlite_master").fetchone():
        base.execute("PRAGMA journal_mode = WAL")  # readers see all of a transaction or nothing
        base.execute(f"PRAGMA application_id = {APPLICATION}")
        base.executescript(
            f"BEGIN; {SCHEMA.read_text(encoding='ascii')}; PRAGMA user_version = {VERSION}; COMMIT;"
        )
    elif mark != APPLICATION:
        raise UsageError(f"{path} is another program's database: move it away")
    elif version != VERSION:
        raise UsageError(
            f"{path} is of another version of the grader: `grader gradebook {path.parent} "
            "--rebuild` makes it anew from the results"
        )
    base.execute("PRAGMA synchronous = NORMAL")  # it is derived: the files have been synced


def _marks(base: sqlite3.Connection) -> tuple[int, int]:
    (mark,) = base.execute("PRAGMA application_id").fetchone()
    (version,) = base.execute("PRAGMA user_version").fetchone()
    return mark, version


def _forget(path: Path) -> None:
    """Delete the file, unless it is a whole database of somebody else's."""
    if path.exists():
        with (
            contextlib.suppress(sqlite3.DatabaseError),
            contextlib.closing(_connected(path)) as old,
        ):
            mark, _ = _marks(old)
            if mark != APPLICATION and old.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise UsageError(f"{path} is another program's database: move it away")
    for end in ("", "-wal", "-shm"):
        try:
            path.with_name(f"{FILE}{end}").unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"{path} cannot be replaced: {error.strerror}") from error

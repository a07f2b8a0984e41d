"""Files and database together. Whoever has the book is alone with the folder of results.

An event goes into the history first: from then on it has happened. Result, database and page
follow; what a killed process has left of that is made up for by the next one.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from grader import history, results
from grader.errors import HarnessError, UsageError
from grader.gradebook import database, pages, rows
from grader.records import Json
from grader.score import by_hand
from grader.tables import hint

HELD, PREVIEWED, PUBLISHED = STATES = ("held", "previewed", "published")
Events = Sequence[Json]


class Book:
    """A context manager; on entering, what has changed in the files is taken in."""

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        self.folder = folder
        self.troubles: dict[str, str] = {}  # by submission: why it is not in the book
        self._anew = anew
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Wait until nobody else writes here; open the database, and take in what is new."""
        if not self.folder.is_dir():
            raise UsageError(f"there is no folder of results {self.folder}")
        with contextlib.ExitStack() as stack:
            stack.enter_context(results.alone(self.folder))
            self._base = database.opened(self.folder, anew=self._anew)
            stack.callback(self._base.close)
            stack.enter_context(database.speaking(self.folder / database.FILE))
            self._take_in()
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Close it, and let others in."""
        self._open.__exit__(*error)  # type: ignore[arg-type]

    def names(self, wanted: Sequence[str] = ()) -> list[str]:
        """Return the submissions, or those ``wanted``; UsageError for one that is not here."""
        if not wanted:
            return [str(row["id"]) for row in self.rows("SELECT id FROM results ORDER BY id")]
        for name in wanted:
            if name in self.troubles:
                raise UsageError(self.troubles[name])
            if not self.rows("SELECT 1 FROM results WHERE id = ?", name):
                meant = hint(name, self.names())
                raise UsageError(f"no result of {name!r} in {self.folder}{meant}")
        return list(wanted)

    def record(self, name: str, make: Callable[[Json, Events], Json | None]) -> Json | None:
        """Add the event that ``make`` returns for a result and its history; None adds nothing.

        Returns the event. Raises what ``make`` raises, with nothing added.
        """
        self.names([name])
        result, events = self.read(name)
        event = make(result, events)
        if event is not None:
            try:
                history.append(self.folder, name, event)
            except OSError as error:
                raise HarnessError(
                    f"the history of {name} in {self.folder} could not be written: {error}"
                ) from error
            self._take(name)
        return event

    def read(self, name: str) -> tuple[Json, list[Json]]:
        """Return a result and its history; points by hand are in it as the history has them."""
        result = results.found(self.folder, name)
        if result is None or result["submission"]["id"] != name:
            raise UsageError(f"{self.folder / name}.json is no result of {name}: move it away")
        events = history.read(self.folder, name)
        manual = history.standing(result["manual"], events)
        if manual != result["manual"]:  # a process was killed in between
            try:
                result = by_hand(result, manual)
                results.validate(result)
            except (HarnessError, TypeError, KeyError, ValueError) as error:
                raise UsageError(
                    f"the history of {name} in {self.folder} does not fit its result: {error}"
                ) from error
            results.put(self.folder, result)
        return result, events

    def rows(self, query: str, *values: str) -> list[sqlite3.Row]:
        """Answer a question to the database."""
        return self._base.execute(query, values).fetchall()

    def _take_in(self) -> None:
        """Take in the files that have changed since, and forget those that are gone."""
        known = dict(self._base.execute("SELECT id, stamp FROM results").fetchall())
        found = {path.stem for path in self.folder.glob("*.json")}
        for name in sorted(known.keys() - found):
            self._forget(name)
        for name in sorted(found):
            if known.get(name) == self._stamp(name):
                continue
            try:
                if name in known or _is_meant(self.folder / f"{name}.json"):
                    self._take(name)
            except UsageError as error:  # one that is spoilt stops nobody else
                self.troubles[name] = str(error)
                self._forget(name)

    def _take(self, name: str) -> None:
        result, events = self.read(name)
        try:
            with database.transaction(self._base):
                rows.put(self._base, self._stamp(name), result, events)
        except (KeyError, TypeError, AttributeError, sqlite3.IntegrityError) as error:
            path = self.folder / f"{name}.json"
            raise UsageError(f"{path} is not a result: {error!r}; move it away") from error
        pages.put(self.folder, result, events)

    def _forget(self, name: str) -> None:
        with database.transaction(self._base):
            rows.forget(self._base, name)
        pages.remove(self.folder, name)

    def _stamp(self, name: str) -> str:
        """Return what changes whenever the result or its history does."""
        parts = []
        for end in (".json", history.END):
            with contextlib.suppress(OSError):
                info = (self.folder / f"{name}{end}").stat()
                parts.append(f"{info.st_ino}.{info.st_size}.{info.st_mtime_ns}")
        return " ".join(parts)


def _is_meant(path: Path) -> bool:
    """Whether this is to be a result; other JSON may lie in the folder, too."""
    try:
        return bool(json.loads(path.read_bytes())["schema"] == results.SCHEMA)
    except (KeyError, TypeError):
        return False
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not a result: {error}; move it away") from error

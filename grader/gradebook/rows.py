"""A result and its history as rows of the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from grader.records import Json

_COMMON = {"event", "at", "by", "why"}


def put(base: sqlite3.Connection, stamp: str, result: Json, events: Sequence[Json]) -> None:
    """Put the rows of one result in place of those it had; within a transaction of the caller."""
    name = result["submission"]["id"]
    forget(base, name)
    pack, total, environment = result["pack"], result["total"], result["environment"]
    _insert(base, "results", [(
        name, stamp, result["submission"]["digest"], pack["id"], pack["version"], pack["digest"],
        result["status"], total["points"], total["max_points"], total["pending_points"],
        environment.get("image"), environment["device"], environment["grader"],
        result.get("attachments"),
    )])  # fmt: skip
    _insert(base, "criteria", [
        (name, place, c["id"], c["title"], c["points"], c["max_points"], c["pending_points"],
         c["status"])
        for place, c in enumerate(result["criteria"])
    ])  # fmt: skip
    _insert(base, "evidence", [
        (name, criterion["id"], c["id"], c["outcome"], c["points"], c["max_points"],
         c.get("variant", ""), _text(c.get("slips", [])), _text(c["measured"]), _text(c["limits"]),
         c["message"])
        for criterion in result["criteria"] for c in criterion["checks"]
    ])  # fmt: skip
    _insert(base, "manual", [
        (name, place, m["criterion"], _text(m.get("checks", [])), m["points"], m["by"], m["at"],
         m["note"])
        for place, m in enumerate(result["manual"])
    ])  # fmt: skip
    _insert(base, "events", [
        (name, place, e["event"], e["at"], e["by"], e["why"],
         _text({key: value for key, value in e.items() if key not in _COMMON}))
        for place, e in enumerate(events)
    ])  # fmt: skip


def forget(base: sqlite3.Connection, name: str) -> None:
    """Remove all rows of a result."""
    base.execute("DELETE FROM results WHERE id = ?", (name,))


def _insert(base: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        places = ", ".join("?" * len(rows[0]))
        base.executemany(
            f"INSERT INTO {table} VALUES ({places})",  # noqa: S608 - our names
            [tuple(map(_stored, row)) for row in rows],
        )


def _stored(value: object) -> object:
    """Return a value as SQLite takes it: in a text, NUL and lone surrogates are spelt out."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True)

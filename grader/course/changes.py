"""What has changed since the last report, and because of what.

Beside the page lies what it was made of, in ``report.index``: the totals of each submission then.
The next report is compared with it. A report of unchanged results says the same again. Where there
is no earlier report, the histories tell each result's last change.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader import history
from grader.course.gathering import Entry, Link
from grader.errors import UsageError
from grader.records import Json
from grader.text import shown

FILE = "report.index"  # no .json: those are results
SCHEMA = "grader.report/1"
_KEYS = ("pack", "digest", "points", "pending_points", "status", "state")


@dataclass(frozen=True)
class Change:
    """One submission that is not as it was."""

    link: Link | None  # None where it is gone
    name: str
    before: str
    now: str
    difference: float  # in points
    why: str


@dataclass(frozen=True)
class Changes:
    """All of them, those that lose most first."""

    since: str  # since when, as a sentence begins
    listed: tuple[Change, ...]
    sentence: str


def read(folder: Path) -> Json | None:
    """Return what an earlier report left in its folder, or None; UsageError where it is none."""
    path = folder / FILE
    try:
        kept = json.loads(path.read_bytes())
        at = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        whole = kept["schema"] == SCHEMA and all(
            row.keys() >= set(_KEYS)
            for part in ("now", "before")
            for row in (kept[part] or {}).values()
        )
        found = {**kept, "at": f"{at:%Y-%m-%d %H:%M} UTC", "before_at": str(kept["before_at"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise UsageError(f"{path} is not of an earlier report: move it away")
    return found


def kept(entries: Sequence[Entry], earlier: Json | None) -> Json:
    """Return what the next report is to find: these results, and those before they changed."""
    now = {each.id: _row(each) for each in entries}
    if earlier is None:
        before, at = None, ""
    elif earlier["now"] == now:
        before, at = earlier["before"], earlier["before_at"]
    else:
        before, at = earlier["now"], earlier["at"]
    return {"schema": SCHEMA, "before_at": at, "before": before, "now": now}


def changes(entries: Sequence[Entry], index: Json) -> Changes:
    """Return what has changed in these entries; ``index`` is what `kept` returned."""
    before = index["before"]
    if before is None:
        moved = [each for entry in entries if (each := _last(entry))]
        return _told("The last change of each, by its history", moved)
    moved = [each for entry in entries if (each := _compared(entry, before.get(entry.id)))]
    return _told(f"Since the report of {index['before_at']}", moved)


def gone(index: Json) -> tuple[str, ...]:
    """Return who had a result in the earlier report and has none now."""
    return tuple(shown(name) for name in sorted((index["before"] or {}).keys() - index["now"]))


def _row(entry: Entry) -> Json:
    result, total = entry.result, entry.result["total"]
    values = (result["pack"]["id"], result["submission"]["digest"], total["points"],
              total["pending_points"], result["status"], entry.state)  # fmt: skip
    return dict(zip(_KEYS, values, strict=True))


def _compared(entry: Entry, was: Mapping[str, object] | None) -> Change | None:
    row = _row(entry)
    if was is None:
        return Change(entry.link, entry.link.name, "", _total(row), 0.0, "new here")
    if was == row:
        return None
    why = [
        *(["other files"] if was["digest"] != row["digest"] else []),
        *([f"{was['state']}, now {row['state']}"] if was["state"] != row["state"] else []),
        *([_why(moves[-1][0])] if (moves := _moves(entry)) and _total(was) != _total(row) else []),
    ]
    return _change(entry, was, row, "; ".join(why))


def _last(entry: Entry) -> Change | None:
    moves = _moves(entry)
    if not moves:
        return None
    event, before, after = moves[-1]
    return _change(entry, before, after, f"{_why(event)}, {event['at'][:10]}")


def _change(entry: Entry, before: Mapping[str, object], now: Json, why: str) -> Change:
    were, are = before["points"], now["points"]
    known = isinstance(were, int | float) and isinstance(are, int | float)
    difference = float(are) - float(were) if known else 0.0  # type: ignore[arg-type]
    return Change(
        entry.link, entry.link.name, _total(before), _total(now), round(difference, 6),
        shown(why, 200),
    )  # fmt: skip


def _moves(entry: Entry) -> list[tuple[Json, Json, Json]]:
    """Return the events that changed the total, with the totals around them."""
    found = history.moves(entry.events, entry.result["total"])
    return [each for each in found if each[1] != each[2]]


def _why(event: Json) -> str:
    return "points by hand" if event["event"] == "points" else event["why"] or "graded"


def _told(since: str, moved: Sequence[Change]) -> Changes:
    up = [each.difference for each in moved if each.difference > 0]
    down = [each.difference for each in moved if each.difference < 0]
    new = sum(not each.before for each in moved)
    parts = [
        f"{new:,} new" if new else "",
        f"{len(up):,} gain {sum(up):,.6g} points" if up else "",
        f"{len(down):,} lose {-sum(down):,.6g}" if down else "",
        f"{others:,} otherwise" if (others := len(moved) - new - len(up) - len(down)) else "",
    ]
    sentence = ", ".join(filter(None, parts))
    ordered = sorted(moved, key=lambda each: (each.difference, not each.before))
    return Changes(since, tuple(ordered), f"{sentence}." if sentence else "nothing has changed.")


def _total(row: Mapping[str, object]) -> str:
    points, pending = row["points"], row.get("pending_points")
    waiting = f" ({pending:g} waiting)" if isinstance(pending, int | float) and pending else ""
    return f"{points:g}{waiting}" if isinstance(points, int | float) else "withheld"

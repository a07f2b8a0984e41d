"""The history of a result: a line for each event, in ``<id>.history.jsonl``; only ever added to.

    replaced   another result took this one's place; holds what the old one came to
    points     a human gave points for checks of a criterion, or took them back (points: null)
    state      held, previewed or published
    request    a dispute on a line
    answer     what was answered to it

Every event has ``at``, ``by`` and ``why``. A line without ``event`` is of an earlier version:
"replaced". The events decide: points by hand in a result are those of its events.
"""

from __future__ import annotations

import datetime as dt
import getpass
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from grader import lines
from grader.errors import UsageError
from grader.records import ACCEPTED, Json

END = ".history.jsonl"
NEEDS = {
    "replaced": {"total"},
    "points": {"criterion", "checks", "points", "total"},
    "state": {"state"},
    "request": {"number", "line", "text"},
    "answer": {"number", "text"},
}
"""What an event holds by its kind, beside at, by and why."""


def event(kind: str, by: str = "", why: str = "", **more: object) -> Json:
    """Return an event of now; without ``by`` it is of whoever runs this process."""
    at = now().isoformat(timespec="seconds")
    return {"event": kind, "at": at, "by": by or me(), "why": why, **more}


def me() -> str:
    """Return who runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def fresh_id() -> str:
    """Return an id for events that belong together; later ones sort behind earlier ones."""
    return f"{now():%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}"


def now() -> dt.datetime:
    """Return this moment: for what is written down or kept for some days, never for a deadline."""
    return dt.datetime.now(dt.UTC)


def append(folder: Path, submission_id: str, new: Json) -> None:
    """Add an event; it is on disk on return, or not there at all. The caller keeps others out.

    Raises OSError where the disk is full.
    """
    lines.append(folder / f"{submission_id}{END}", new)


def read(folder: Path, submission_id: str) -> list[Json]:
    """Return all events, the oldest first; UsageError names the line that is none."""
    path = folder / f"{submission_id}{END}"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    return [_parsed(line, f"{path}, line {n}") for n, line in enumerate(lines.whole(data), 1)]


def standing(manual: Sequence[Json], events: Sequence[Json]) -> list[Json]:
    """Return the points by hand that stand: those of the events, and others that none is about.

    Behind them come those for answers that are accepted for everybody (`merged`).
    """
    left = [entry for entry in manual if not entry.get(ACCEPTED)]
    for each in events:
        if each["event"] == "points":
            left = [entry for entry in left if not overlap(entry, each)]
            if each["points"] is not None:
                left.append(
                    {
                        "criterion": each["criterion"],
                        "checks": each["checks"],
                        "points": each["points"],
                        "by": each["by"],
                        "at": each["at"],
                        "note": each["why"],
                    }
                )
    return merged(left, manual)


def merged(by_hand: Sequence[Json], others: Sequence[Json]) -> list[Json]:
    """Return points by hand, and of the others those for answers that are accepted for everybody.

    Whoever has points by hand for something keeps them.
    """
    mine = [entry for entry in by_hand if not entry.get(ACCEPTED)]
    theirs = [entry for entry in others if entry.get(ACCEPTED)]
    return mine + [each for each in theirs if not any(overlap(each, entry) for entry in mine)]


def moves(events: Sequence[Json], total: Json) -> list[tuple[Json, Json, Json]]:
    """Return the events that changed the result, each with its total before and after.

    ``total`` is that of the result now.
    """
    moving = [each for each in events if "total" in each]
    after = [*(each["total"] for each in moving), total][1:]
    return [(each, each["total"], then) for each, then in zip(moving, after, strict=True)]


def overlap(one: Json, other: Json) -> bool:
    """Whether two entries are about the same check; one that names none is about all."""
    if one["criterion"] != other["criterion"]:
        return False
    mine, theirs = one.get("checks"), other.get("checks")
    return not mine or not theirs or not set(mine).isdisjoint(theirs)


def _parsed(line: bytes, where: str) -> Json:
    try:
        found = json.loads(line)
        if "event" not in found:
            found = {"event": "replaced", "at": found["replaced_at"], "by": "", "why": "", **found}
        _check(found)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(f"{where} is no event: mend that line, or move it away") from error
    return dict(found)


def _check(found: Json) -> None:
    for key in ("at", "by", "why"):
        if not isinstance(found[key], str):
            raise TypeError(key)
    if missing := NEEDS[found["event"]] - found.keys():
        raise KeyError(*missing)

"""What lateness costs: a course's policy, and the times at which its people handed in.

[late]
due = 2026-11-20T23:59:00+01:00   # a date of the command or the roster comes first
timezone = "Europe/Berlin"        # of times that come without one
grace_minutes = 15                # within them nothing is taken; after them all of it counts
per = "day"                       # or "hour": each that has begun is counted
share = 0.1                       # for each, of the points of the assignment; or points = 5
of = "maximum"                    # or "earned": the share is of what was got
cap = 0.5                         # never more, in the unit of share or of points
cut_off_hours = 72                # later than that
after = "zero"                    # nothing is left; or "human" decides, or "cap" is taken

Pure: a result and what is known of its hand-in go in, a line of its deductions comes out. So a
changed policy, or an extension, is rescored without running anything.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from grader import times
from grader.handed import Handed
from grader.records import Json
from grader.tables import BadPack, Table, hint

KEY = "late"
_PER = {"day": 86_400.0, "hour": 3_600.0}
_OF = ("maximum", "earned")
_AFTER = ("zero", "cap", "human")


@dataclass(frozen=True)
class Policy:
    """What lateness costs; all lengths in seconds."""

    due: dt.datetime | None
    zone: ZoneInfo | None
    grace: float
    per: str
    share: float  # of the points for each begun unit; 0 where there are points
    points: float
    of: str
    cap: float  # a share, or points; infinite where there is none
    cut_off: float  # infinite where there is none
    after: str

    def penalty(self, late: float, maximum: float) -> dict[str, float]:
        """Return what so many seconds cost: ``points``, or a ``share_of_earned``.

        p = min(units * rate, cap) with units = ceil(late / unit): each begun unit counts.
        """
        if late > self.cut_off and self.after == "zero":
            return {"points": maximum}
        most = late > self.cut_off and self.after == "cap"
        units = math.inf if most else math.ceil(late / _PER[self.per])
        if self.points:
            return {"points": min(units * self.points, self.cap)}
        share = min(units * self.share, self.cap, 1.0)
        of_earned = self.of == "earned"
        return {"share_of_earned": share} if of_earned else {"points": share * maximum}


def read(table: Table) -> Policy | None:
    """Read [late] of a rubric; None where there is none. Raises BadPack."""
    if not table.values:
        return None
    table.only("due", "timezone", "grace_minutes", "per", "share", "points", "of", "cap",
               "cut_off_hours", "after")  # fmt: skip
    where, given = table.where, table.values
    if ("share" in given) == ("points" in given):
        raise BadPack(f"{where}: give either share or points, that each day or hour costs")
    keys = ("grace_minutes", "share", "points", "cap", "cut_off_hours")
    numbers = {key: table.number(key) for key in keys if key in given}
    if max(numbers.get("share", 0.0), numbers.get("cap", 0.0) if "share" in given else 0.0) > 1:
        raise BadPack(f"{where}: share and its cap have to be fractions, from 0 to 1")
    if "of" in given and "points" in given:
        raise BadPack(f"{where}: 'of' says what a share is of; points are points")
    if "after" in given and "cut_off_hours" not in given:
        raise BadPack(f"{where}: 'after' says what follows cut_off_hours, which is missing")
    if given.get("after") == "cap" and "cap" not in given:
        raise BadPack(f"{where}: after = 'cap' takes the cap, which is missing")
    zone = _zone(table)
    return Policy(
        due=_due(table, zone),
        zone=zone,
        grace=numbers.get("grace_minutes", 0.0) * 60,
        per=_word(table, "per", tuple(_PER)),
        share=numbers.get("share", 0.0),
        points=numbers.get("points", 0.0),
        of=_word(table, "of", _OF),
        cap=numbers.get("cap", math.inf),
        cut_off=numbers.get("cut_off_hours", math.inf) * 3600,
        after=_word(table, "after", _AFTER),
    )


def due(policy: Policy | None, handed: Handed) -> dt.datetime | None:
    """Return when this hand-in was due, its extension included; None where nothing says it."""
    own = times.moment(handed.due_own, policy.zone if policy else None) if handed.due_own else None
    base = own or (policy.due if policy else None)
    try:
        return base + dt.timedelta(hours=handed.extension_hours) if base else None
    except OverflowError:  # a date that stands for never, and an extension on top of it
        return base


def deduct(policy: Policy | None, handed: Handed | None, maximum: float) -> list[Json]:
    """Return the line that lateness adds to a result's deductions, or none.

    Its ``limits`` say what it costs; what that comes to, of ``maximum`` points, is for scoring to
    say. Without a time nothing is taken; where the platform says that it is late and not by how
    much, a human decides.
    """
    if policy is None or handed is None:
        return []
    until = due(policy, handed)
    at = times.moment(handed.submitted_at, policy.zone) if handed.submitted_at else None
    if at is None or until is None:
        return _unknown(handed, "handed in" if at is None else "due")
    late = (at - until).total_seconds()
    if late <= policy.grace:
        return []
    measured = {"hours_late": round(late / 3600, 4)}
    said = f"Handed in {times.told(late)} after {until.isoformat(sep=' ', timespec='minutes')}."
    if late > policy.cut_off and policy.after == "human":
        said += f" That is after the last {times.told(policy.cut_off)}."
        return [_line("needs_confirmation", said, suggested=maximum, measured=measured)]
    cost = {name: round(value, 6) for name, value in policy.penalty(late, maximum).items()}
    return [_line("applied", said, measured=measured, limits=cost)]


def is_other(policy: Policy | None, handed: Handed, result: Json) -> bool:
    """Whether a stored result has another line for lateness than it would get now."""
    stored = [{**each, "points": 0.0} for each in result["deductions"] if each["id"] == KEY]
    return deduct(policy, handed, result["total"]["max_points"]) != stored


def without(deductions: Sequence[Json]) -> list[Json]:
    """Return a result's deductions but for that of lateness."""
    return [each for each in deductions if each["id"] != KEY]


def _unknown(handed: Handed, what: str) -> list[Json]:
    if handed.late is False:  # the platform's word, and it knows its own due dates
        return []
    if handed.late:
        said = f"The platform marks it as late; when it was {what} is not known."
        return [_line("needs_confirmation", said)]
    said = f"When it was {what} is not known: nothing is taken for lateness."
    return [_line("advice", said)]


def _line(
    status: str,
    said: str,
    *,
    suggested: float = 0.0,
    measured: Mapping[str, float] | None = None,
    limits: Mapping[str, float] | None = None,
) -> Json:
    return {
        "id": KEY,
        "points": 0.0,
        "suggested": suggested,
        "status": status,
        "measured": dict(measured or {}),
        "limits": dict(limits or {}),
        "message": said,
        "evidence": [],
    }


def _word(table: Table, key: str, known: tuple[str, ...]) -> str:
    if key not in table.values:
        return known[0]
    if (word := table.text(key)) not in known:
        listed = " or ".join(map(repr, known))
        raise BadPack(f"{table.where}: {key!r} has to be {listed}{hint(word, known)}")
    return word


def _zone(table: Table) -> ZoneInfo | None:
    if "timezone" not in table.values:
        return None
    name = table.text("timezone")
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # a missing one is a KeyError
        raise BadPack(
            f"{table.where}: no time zone {name!r} is known here: give one such as "
            "'Europe/Berlin' (`pip install tzdata` where the system has none)"
        ) from error


def _due(table: Table, zone: ZoneInfo | None) -> dt.datetime | None:
    if "due" not in table.values:
        return None
    value = table.values["due"]
    found = times.moment(value.isoformat() if isinstance(value, dt.datetime) else str(value), zone)
    if found is None:
        raise BadPack(
            f"{table.where}: 'due' has to be a date with its time and zone, such as "
            "2026-11-20T23:59:00+01:00, or without a zone if timezone is given"
        )
    return found

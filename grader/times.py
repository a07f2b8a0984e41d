"""Points in time, as platforms and people write them; what could mean two is not guessed at."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

# As Moodle's worksheets have them in English; days and months as words cannot be mixed up.
_WORDS = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M", "%d %B %Y, %I:%M %p", "%d %B %Y, %H:%M")
_ZONE = re.compile(r"(?<=[\dM])\s*(UTC|GMT|Z|[+-]\d\d:?\d\d)$")
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(days?|d|hours?|h|minutes?|min|m)\s*", re.IGNORECASE)
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0}

_MOST = 3650 * 86_400.0  # ten years: what is longer was not meant


def moment(text: str, zone: ZoneInfo | None = None) -> dt.datetime | None:
    """Return a point in time with its zone, or None where the text is none or no zone is known.

    Read are ISO 8601, the same with a space before the zone (``2026-11-20 23:10:00 -0800``), and
    Moodle's words in English. 03/04/2026 is either of two days, and so neither.
    """
    text = text.strip()
    own: dt.tzinfo | None = zone
    if at := _ZONE.search(text):
        if (own := _zone(at[1])) is None:
            return None
        text = text[: at.start()]
    found = _iso(text) or _words(text)
    return found.replace(tzinfo=own) if found and own else None


def seconds(text: str) -> float | None:
    """Return a length of time such as ``2d``, ``1 day 12 h`` or ``90 min``; None if it is none."""
    total, at = 0.0, 0
    while match := _PART.match(text, at):
        total += float(match[1]) * _SECONDS[match[2][0].lower()]
        at = match.end()
    return total if at and at == len(text) and total <= _MOST else None


def told(length: float) -> str:
    """Return a length of time in seconds in words, as days, hours and minutes."""
    minutes = int(length // 60)
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "less than 1 min"


def _zone(text: str) -> dt.tzinfo | None:
    try:
        return dt.UTC if text.isalpha() else dt.datetime.strptime(text, "%z").tzinfo
    except ValueError:
        return None


def _iso(text: str) -> dt.datetime | None:
    if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text):  # a bare date leaves the hour open
        return None
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is None else None  # a zone of another kind than those above


def _words(text: str) -> dt.datetime | None:
    for form in _WORDS:
        try:
            return dt.datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the caller's
        except ValueError:
            continue
    return None

"""Moodle: "Download all submissions", in folders (the default) or flat.

    Jane Doe_123_assignsubmission_file_/model.py          before 4.1 with a last "_"
    Jane Doe_123_assignsubmission_file/model.py
    Jane Doe_123_assignsubmission_file_model.py           without folders
    Jane Doe_123_assignsubmission_onlinetext/onlinetext.html
    Participant_123_assignsubmission_file/model.py        blind marking
    Team 7_45_assignsubmission_file/model.py              a team; "Default group" has no number

The number is the participant's in this assignment and no user's id. A "_" in a name becomes a
space, so the first one ends it; some sites put a user name behind it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grader.downloads.sorting import Found, Known, Piece, Sorted, most

_NAME = re.compile(
    r"(?P<who>[^_/]+)(?:_(?P<login>[^_/]+))?(?:_(?P<key>[0-9]+))?"
    r"_(?P<kind>assignsubmission|assignfeedback)_(?P<plugin>[a-z]+)(?:_?/|_)(?P<path>.+)",
    re.DOTALL,
)
_TOP = re.compile(r"[^/]+_assign(?:submission|feedback)_[a-z]+(?:_[^/]*)?/?", re.DOTALL)

_BLIND = "Participant"


@dataclass(frozen=True)
class Part:
    """What one name says."""

    who: str
    login: str  # where a site adds it
    key: str  # digits, or nothing
    is_feedback: bool  # what staff have given back
    path: str


def reading(name: str) -> Part | None:
    """Return what a name says, or None where it is none of Moodle's."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    login, key = match["login"] or "", match["key"] or ""
    if not key and login.isascii() and login.isdecimal():  # a number alone is the participant's
        login, key = "", login
    return Part(match["who"], login, key, match["kind"] == "assignfeedback", match["path"])


def fits(tops: Sequence[str]) -> bool:
    """Whether most entries have names of that kind."""
    return most(sum(_TOP.fullmatch(top) is not None for top in tops), len(tops))


def sort(names: Sequence[str], known: Known) -> Sorted:
    """Put together what a participant has handed in through several plugins."""
    del known
    owners: dict[str, list[tuple[str, Part]]] = {}
    unclaimed = []
    for name in names:
        part = reading(name)
        if part is None or part.is_feedback:
            unclaimed.append(name)
            continue
        owner = f"{part.who}_{part.key}" if part.key else part.who
        owners.setdefault(owner, []).append((name, part))
    return Sorted(tuple(_found(o, parts) for o, parts in owners.items()), tuple(unclaimed))


def _found(owner: str, parts: Sequence[tuple[str, Part]]) -> Found:
    first = parts[0][1]
    return Found(
        id=owner,
        name=first.who,
        pieces=tuple(Piece(name, part.path) for name, part in parts),
        key=first.key,
        anonymous=first.who == _BLIND,
        people=((first.login,),) if first.login else (),
    )

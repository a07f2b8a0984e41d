"""Gradescope, "Export Submissions", a folder for each and one file that says whose it is.

assignment_9_export/submission_metadata.yml
assignment_9_export/submission_123/model.py
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from grader.downloads import metadata
from grader.downloads.metadata import Entry
from grader.downloads.sorting import Found, Known, Piece, Sorted, folder_of
from grader.times import moment

FILE = "submission_metadata.yml"
_FOLDER = re.compile(r"submission_[0-9]+")
_NOBODY = Entry()


def fits(tops: Sequence[str]) -> bool:
    """Whether the file is there, with such folders beside it."""
    return FILE in tops and any(_FOLDER.fullmatch(folder_of(top)) for top in tops)


def sort(names: Sequence[str], known: Known) -> Sorted:
    """Take each folder for a hand-in; without the file, nobody can be named."""
    told: Mapping[str, Entry] = metadata.read(known.read(FILE)) if FILE in names else {}
    folders: dict[str, list[Piece]] = {}
    unclaimed = []
    for name in names:
        folder, _, path = name.partition("/")
        if _FOLDER.fullmatch(folder) and path:
            folders.setdefault(folder, []).append(Piece(name, path))
        elif name != FILE:
            unclaimed.append(name)
    found = [_found(f, pieces, told.get(f, _NOBODY)) for f, pieces in folders.items()]
    return Sorted(tuple(found), tuple(unclaimed))


def _found(folder: str, pieces: Sequence[Piece], told: Entry) -> Found:
    at = moment(told.created_at)
    earlier = [then for each in told.history if (then := moment(each)) and at and then < at]
    return Found(
        id=folder,
        name=" and ".join(filter(None, (person.name for person in told.submitters))) or folder,
        pieces=tuple(pieces),
        key=folder.partition("_")[2],
        people=tuple((p.sid, p.email, p.name) for p in told.submitters),
        submitted_at=at.isoformat() if at else None,
        attempt=len(earlier) + 1 if at else None,
    )

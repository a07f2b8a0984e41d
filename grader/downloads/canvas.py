"""Canvas: "Download Submissions", a flat zip in which names say everything.

    doejane_12_345_model.py         name, user, attachment, the file's own name
    doejane_LATE_12_345_model.py    late; by how much is not in the download
    LATE_anon_x7Fq2_345_model.py    graded anonymously: an id in place of name and user
    team7_12_345_model.py           a group: its name, and one user of it
    doejane_12_text.html            what was typed in, and what was linked to
    doejane_12_link.html

Names hold letters, digits and "_". As in Canvas itself, the first two numbers in a row are user and
attachment; where a roster is at hand, the first of which the user is known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.downloads.sorting import Found, Known, Piece, Sorted, most

_LATE, _ANON = "LATE", "anon"
_TYPED = ("text.html", "link.html")
_NUMBERED = re.compile(r"(?P<stem>.+)-(?P<count>[1-9]\d{0,2})(?P<end>\.[^.]*)?")
ONLY_A_LINK = "only a link was handed in, which is not followed: fetch what it leads to"


@dataclass(frozen=True)
class Flat:
    """What one flat name says."""

    name: str  # of a person or a group; empty where it is anonymous
    late: bool
    user: str  # digits, or "anon_" and an id
    attachment: str  # digits, or nothing for what was typed in
    file: str

    @property
    def owner(self) -> str:
        """Return what all files of a hand-in have in common."""
        return f"{self.name}_{self.user}" if self.name else self.user


def readings(name: str) -> Iterator[Flat]:
    """Yield the ways in which a flat name can be read, the usual one first."""
    tokens = name.split("_")
    for at, token in enumerate(tokens[:-1]):
        before, user = tokens[:at], token
        if at and before[-1] == _ANON and before[:-1] in ([], [_LATE]) and _is_plain(token):
            before, user = before[:-1], f"{_ANON}_{token}"
        elif not (at and _is_number(token)):
            continue
        late = bool(before) and before[-1] == _LATE
        who = "_".join(before[:-1] if late else before)
        attachment, *words = tokens[at + 1 :]
        if _is_number(attachment) and (file := "_".join(words)):
            yield Flat(who, late, user, attachment, file)
        elif not words and attachment in _TYPED:
            yield Flat(who, late, user, "", attachment)


def fits(tops: Sequence[str]) -> bool:
    """Whether most entries are files with names of that kind; no two are the same attachment."""
    flat = [way for top in tops if (way := next(readings(top), None))]
    attachments = [way.attachment for way in flat if way.attachment]
    return most(len(flat), len(tops)) and len(set(attachments)) == len(attachments)


def sort(names: Sequence[str], known: Known) -> Sorted:
    """Put flat files together again by user."""
    owners: dict[str, list[tuple[str, Flat]]] = {}
    unclaimed = []
    for name in names:
        ways = [] if "/" in name else list(readings(name))
        if not ways:
            unclaimed.append(name)
            continue
        flat = next((way for way in ways if way.user in known.keys), ways[0])
        owners.setdefault(flat.owner, []).append((name, flat))
    found = tuple(_found(owner, files, known.required) for owner, files in owners.items())
    return Sorted(found, tuple(unclaimed))


def _found(owner: str, files: Sequence[tuple[str, Flat]], required: Collection[str]) -> Found:
    # Of two files of one name the newer one keeps it: the one with the higher number.
    files = sorted(files, key=lambda each: (len(each[1].attachment), each[1].attachment))[::-1]
    first = files[0][1]
    pieces = displayed({entry: flat.file for entry, flat in files}, required)
    only_links = all(not flat.attachment and flat.file == _TYPED[1] for _, flat in files)
    return Found(
        id=owner,
        name=first.name or first.user,
        pieces=tuple(Piece(entry, path) for entry, path in pieces.items()),
        key=first.user,
        late=any(flat.late for _, flat in files),
        anonymous=first.user.startswith(_ANON),
        refusal=ONLY_A_LINK if only_links else "",
    )


def displayed(files: Mapping[str, str], required: Collection[str]) -> dict[str, str]:
    """Return entry -> path, with the numbers taken off that a resubmission has put there.

    ``model-2.py`` is ``model.py`` where that is a required name and nothing else has it; of several
    the highest number, which is the newest. A required name that ends so itself stays.
    """
    paths = dict(files)
    newest: dict[str, tuple[int, str]] = {}
    for entry, file in files.items():
        match = _NUMBERED.fullmatch(file)
        if not match or file in required:
            continue
        plain = match["stem"] + (match["end"] or "")
        if plain in required and plain not in files.values():
            newest[plain] = max(newest.get(plain, (0, "")), (int(match["count"]), entry))
    for plain, (_, entry) in newest.items():
        paths[entry] = plain
    return paths


def _is_plain(token: str) -> bool:
    return token.isascii() and token.isalnum()


def _is_number(token: str) -> bool:
    return token.isascii() and token.isdecimal()

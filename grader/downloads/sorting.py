"""What a form makes of the names in a download."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Piece:
    """A file of a hand-in. An empty path stands for the whole entry, file or folder."""

    entry: str  # its name in the download
    path: str  # in the submission


@dataclass(frozen=True)
class Found:
    """One hand-in, as far as the download tells."""

    id: str  # unique in the download
    name: str  # for people to read, and to find in a roster
    pieces: tuple[Piece, ...]
    key: str = ""  # the platform's own id of it, or of who has handed it in
    people: tuple[tuple[str, ...], ...] = ()  # for each person, what may name them, surest first
    submitted_at: str | None = None  # ISO 8601
    late: bool | None = None
    attempt: int | None = None
    anonymous: bool = False  # the platform keeps back whose it is
    refusal: str = ""  # why nothing of it can be graded


@dataclass(frozen=True)
class Sorted:
    """A download by hand-ins."""

    found: tuple[Found, ...]
    unclaimed: tuple[str, ...] = ()  # entries that are of no hand-in


@dataclass(frozen=True)
class Known:
    """What a form may ask for besides names."""

    required: Collection[str]  # names of files that assignments ask for
    keys: Collection[str]  # the platform's ids in the roster; empty without one
    read: Callable[[str], bytes]  # an entry's bytes; UsageError where that cannot be


class Form(Protocol):
    """A module of this room that knows one platform."""

    def fits(self, tops: Sequence[str]) -> bool:
        """Whether a download with these entries at its top is of this form.

        The names of folders end in "/", those of clones in "/.git".
        """
        ...

    def sort(self, names: Sequence[str], known: Known) -> Sorted:
        """Tell the hand-ins from the names of all files, relative to the download's top."""
        ...


def folder_of(top: str) -> str:
    """Return the name of a folder at the top, or nothing for a file."""
    return top.partition("/")[0] if "/" in top else ""


def most(hits: int, of: int) -> bool:
    """Whether enough entries are as a form would have them, strays aside."""
    return hits > 0 and 2 * hits >= of

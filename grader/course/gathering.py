"""All that is known of a course, read from a folder of results; nothing in it is changed."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader import handed, history, results
from grader.errors import UsageError
from grader.gradebook.entries import state_of
from grader.handed import Handed, Index
from grader.records import Json
from grader.report import page
from grader.text import raw, shown

LISTED = 25  # names in one place


@dataclass(frozen=True)
class Link:
    """A submission's name, harmless, and the address of its page beside the course's."""

    name: str
    href: str  # nothing where it has no page


@dataclass(frozen=True)
class Links:
    """The first of many submissions, and how many more there are."""

    first: tuple[Link, ...]
    more: int

    def __len__(self) -> int:
        """Return how many there are in all."""
        return len(self.first) + self.more


@dataclass(frozen=True)
class Entry:
    """One submission: its result, who handed it in, and what has happened to it."""

    result: Json
    handed: Handed
    events: Sequence[Json]

    @property
    def id(self) -> str:
        """Return the submission's id."""
        return str(self.result["submission"]["id"])

    @property
    def state(self) -> str:
        """Return what the gradebook says: held, previewed or published."""
        return state_of(self.events)

    @property
    def link(self) -> Link:
        """Return where its page is."""
        return Link(shown(self.id), address(page.file_name(self.id, "html")))


@dataclass(frozen=True)
class Gathered:
    """A folder of results."""

    entries: tuple[Entry, ...]
    index: Index | None = None
    troubles: Mapping[str, str] = field(default_factory=dict)  # by submission: what is not read

    def assignments(self) -> dict[str, tuple[Entry, ...]]:
        """Return the submissions of each assignment, by its id."""
        packs = sorted({str(each.result["pack"]["id"]) for each in self.entries})
        return {
            pack: tuple(each for each in self.entries if each.result["pack"]["id"] == pack)
            for pack in packs
        }

    def nameless(self) -> Mapping[str, tuple[str, ...]]:
        """Return, by what it is, who or what is in no table: it has no result."""
        if self.index is None:
            return {}
        graded = {each.id for each in self.entries}
        found = {
            "handed in nothing": self.index.missing,
            "handed in, and have no result": tuple(sorted(self.index.handed.keys() - graded)),
            "belong to nobody": self.index.unclaimed,
        }
        return {what: tuple(map(shown, names)) for what, names in found.items() if names}


def gather(folder: Path) -> Gathered:
    """Read a folder of results. A history that cannot be read stops nobody.

    Raises UsageError if the folder, or its index of hand-ins, cannot be read.
    """
    index = handed.read(folder)
    entries, troubles = [], {}
    for result in results.stored(folder):
        name = str(result["submission"]["id"])
        try:
            events = history.read(folder, name)
        except UsageError as error:
            events, troubles[name] = [], str(error)
        who = index.handed.get(name) if index else None
        entries.append(Entry(result, who or Handed(names=()), events))
    return Gathered(tuple(entries), index, troubles)


def links(entries: Sequence[Entry]) -> Links:
    """Return the pages of some submissions, each of them once."""
    found = tuple(dict.fromkeys(each.link for each in entries))
    return Links(found[:LISTED], max(0, len(found) - LISTED))


def address(*parts: str) -> str:
    """Return the address of a file beside the page by its path's parts, whatever they hold."""
    return "/".join(urllib.parse.quote(raw(part), safe="") for part in parts)

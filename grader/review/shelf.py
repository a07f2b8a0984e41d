"""A folder of results, as far as a human judges it: read once, and again where it has changed.

Reading needs no lock: a result is replaced whole, and of a history half a line does not count.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader import history, results, rubric
from grader.errors import UsageError
from grader.records import Json
from grader.review import likeness
from grader.review.items import Events, Item, Question, items
from grader.review.likeness import Group
from grader.rubric import Check
from grader.score import by_hand
from grader.tables import BadPack

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Kept:
    """What is known of one submission."""

    stamp: tuple[tuple[int, int, int], ...]
    result: Json
    events: Events
    items: tuple[Item, ...]


@dataclass
class Room:
    """One question with the answers of all, by submission."""

    question: Question
    items: dict[str, Item] = field(default_factory=dict)

    @property
    def open(self) -> list[Item]:
        """Return what nobody has decided yet."""
        return [item for item in self.items.values() if item.given is None]


class Shelf:
    """All results of a folder; threads may share it."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.troubles: dict[str, str] = {}  # by submission: why it is not here
        self._root = root
        self._kept: dict[str, Kept] = {}
        self._rubric: dict[tuple[str, str], Check] = {}
        self._packs: set[str] = set()
        self._groups: dict[Key, tuple[object, list[Group]]] = {}
        self._lock = threading.Lock()

    def kept(self) -> Mapping[str, Kept]:
        """Return what is known of each submission by now; raises UsageError without a folder."""
        with self._lock:
            try:
                paths = sorted(self.folder.glob("*.json"))
            except OSError as error:
                raise UsageError(f"{self.folder} cannot be read: {error.strerror}") from error
            before, self._kept, self.troubles = self._kept, {}, {}
            for path in paths:
                name = path.stem
                stamp = self._stamp(name)
                if name in before and before[name].stamp == stamp:
                    self._kept[name] = before[name]
                    continue
                try:
                    self._kept[name] = self._read(name, stamp)
                except (UsageError, KeyError, TypeError) as error:
                    self.troubles[name] = str(error)
            return dict(self._kept)

    def rooms(self) -> dict[Key, Room]:
        """Return the questions that are a human's, in the order of the sheet."""
        rooms: dict[Key, Room] = {}
        place: dict[Key, tuple[str, int, int]] = {}
        for name, kept in self.kept().items():
            order = {c["id"]: n for n, c in enumerate(kept.result["criteria"])}
            for n, item in enumerate(kept.items):
                key = item.question.key
                room = rooms.setdefault(key, Room(item.question))
                room.items[name] = item
                place[key] = (
                    key[0],
                    order.get(key[1], len(order)),
                    max(n, place.get(key, ("", 0, 0))[2]),
                )
        return {key: rooms[key] for key in sorted(rooms, key=lambda key: (*place[key], key))}

    def groups(self, room: Room) -> list[Group]:
        """Return the answers to a question in groups, as they are now."""
        key = room.question.key
        answers = tuple((item.name, item.words, item.look) for item in room.items.values())
        with self._lock:
            known = self._groups.get(key)
        names = (
            [[item.name for item in group.all] for group in known[1]]
            if known is not None and known[0] == answers
            else None
        )
        if names is None:
            found = likeness.groups(list(room.items.values()))
            with self._lock:
                self._groups[key] = (answers, found)
            return found
        return [
            likeness.around(
                Group(tuple(room.items[name] for name in group), ()), room.items[group[0]]
            )
            for group in names
        ]

    def _read(self, name: str, stamp: tuple[tuple[int, int, int], ...]) -> Kept:
        result = results.found(self.folder, name)
        if result is None:
            raise UsageError(f"{name} is gone")
        events = history.read(self.folder, name)
        manual = history.standing(result["manual"], events)
        if manual != result["manual"]:
            result = by_hand(result, manual)
        self._learn(str(result["pack"]["id"]))
        return Kept(stamp, result, events, tuple(items(self.folder, result, events, self._rubric)))

    def _learn(self, pack: str) -> None:
        """Read a rubric once; without it, what the checks say has to do."""
        if pack not in self._packs:
            self._packs.add(pack)
            folder = self._root / "rubrics" / pack
            with contextlib.suppress(BadPack):
                for criterion in rubric.read(folder).criteria:
                    self._rubric |= {(pack, check.id): check for check in criterion.checks}

    def _stamp(self, name: str) -> tuple[tuple[int, int, int], ...]:
        """Return what changes whenever a result or its history does."""
        return tuple(self._signs(name))

    def _signs(self, name: str) -> Iterator[tuple[int, int, int]]:
        for end in (".json", history.END):
            with contextlib.suppress(OSError):
                info = (self.folder / f"{name}{end}").stat()
                yield info.st_ino, info.st_size, info.st_mtime_ns

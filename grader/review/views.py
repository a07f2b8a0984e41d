"""What a page shows, and under which name: blind, a student has a number and nothing else."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.records import Json
from grader.report.told import LONGEST
from grader.review import likeness
from grader.review.deciding import Outcome
from grader.review.items import Item, Question, decided
from grader.review.levels import number
from grader.review.likeness import Group
from grader.review.shelf import Kept, Key, Room
from grader.text import shown

NOTES = 9  # that are offered again: a key each
EVENTS = 200  # of the trail


class Names:
    """References that stand for submissions in addresses and forms, and tell nothing of them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def ref(self, text: str) -> str:
        """Return what stands for a submission or a question."""
        return hmac.new(self._secret, text.encode(errors="replace"), hashlib.sha256).hexdigest()[
            :16
        ]

    def of(self, key: Key) -> str:
        """Return what stands for a question."""
        return self.ref("\0".join(key))

    def order(self, name: str, *, blind: bool) -> str:
        """Return what submissions are sorted by: by name, or so that it tells nothing."""
        return self.ref(f"order of {name}") if blind else name


@dataclass(frozen=True)
class Row:
    """A question in the overview."""

    ref: str
    question: Question
    done: int
    all: int
    decisions: int  # groups of equal answers that wait

    @property
    def share(self) -> int:
        """Return how much is done, in percent."""
        return round(100 * self.done / self.all)


@dataclass(frozen=True)
class Member:
    """One student of a group, in the form."""

    ref: str
    name: str
    version: str
    given: str  # points, where there are any
    alike: str  # equal | similar
    ticked: bool
    pieces: tuple[tuple[str, bool], ...]  # of a text that differs, each with whether it does


@dataclass(frozen=True)
class Sheet:
    """An answer with all that is shown beside it."""

    ref: str
    item: Item
    name: str
    place: int
    all: int
    open: int
    total: str  # of the student; empty where blind
    members: tuple[Member, ...]
    notes: tuple[tuple[str, str, int], ...]
    given: str
    note: str
    by: str
    precedent: str  # who has given these points to an equal answer; they stand in the form
    together: str  # what else the points are for, or who else
    before: str
    after: str
    next: str  # the next that nobody has decided; "" where there is none in this question
    acceptable: bool  # whether the answer can be accepted for everybody


def rows(rooms: Mapping[Key, Room], names: Names, groups: Mapping[Key, list[Group]]) -> list[Row]:
    """Return the overview."""
    return [
        Row(
            names.of(key),
            room.question,
            len(room.items) - len(room.open),
            len(room.items),
            sum(any(item.given is None for item in group.all) for group in groups[key]),
        )
        for key, room in rooms.items()
    ]


def ordered(room: Room, names: Names, *, blind: bool) -> list[Item]:
    """Return the answers to a question in the order in which they are looked at."""
    return sorted(room.items.values(), key=lambda item: names.order(item.name, blind=blind))


def following(items: Sequence[Item], name: str, *, elsewhere: frozenset[str] = frozenset()) -> str:
    """Return the next submission that nobody has decided; those that others look at come last.

    "" where all are decided.
    """
    here = next((n for n, item in enumerate(items) if item.name == name), -1)
    others = [*items[here + 1 :], *items[: here + 1]]
    open_ = [item.name for item in others if item.given is None]
    return next((each for each in open_ if each not in elsewhere), open_[0] if open_ else "")


def sheet(
    room: Room, name: str, groups: Sequence[Group], kept: Kept, names: Names, *, blind: bool
) -> Sheet:
    """Return what is shown of one answer."""
    items = ordered(room, names, blind=blind)
    item = room.items[name]
    here = items.index(item)
    label = {each.name: f"answer {n}" for n, each in enumerate(items, 1)} if blind else {}
    group = next(likeness.around(g, item) for g in groups if any(i.name == name for i in g.all))
    given = item.given or {}
    before = next((each for each in group.equal if each.given), None) if not given else None
    offered = before.given or {} if before else given
    later = following(items, name)
    return Sheet(
        ref=names.ref(name),
        item=item,
        name=label.get(name) or shown(name),
        place=here + 1,
        all=len(items),
        open=len(room.open),
        total="" if blind else _total(kept.result["total"]),
        members=tuple(_members(group, names, label)),
        notes=tuple(notes(room)),
        given=(before or item).points,
        note=str(offered.get("note", "")),
        by=shown(f"{given['by']}, {given['at'][:16].replace('T', ' ')}") if given else "",
        precedent=shown(offered["by"]) if before else "",
        together=_together(item),
        before=names.ref(items[here - 1].name),
        after=names.ref(items[(here + 1) % len(items)].name),
        next=names.ref(later) if later and later != name else "",
        acceptable=item.question.read and item.own and not item.for_everybody,
    )


def _together(item: Item) -> str:
    """Return what else the points of an answer are for, or who else has them."""
    if item.given is None:
        return ""
    checks = item.given.get("checks") or []
    if checks != item.question.about["checks"]:
        return shown(f"together for {', '.join(checks) or 'all of ' + item.question.criterion}")
    return "for everybody who gave this answer" if item.for_everybody else ""


def told(outcome: Outcome, room: Room, names: Names, *, blind: bool) -> list[str]:
    """Return what became of a decision that could not be written for all, a sentence each."""
    items = ordered(room, names, blind=blind)
    label = {item.name: f"answer {n}" if blind else item.name for n, item in enumerate(items, 1)}
    said = [f"Done for {len(outcome.done)}."] if outcome.done else []
    for name in outcome.conflicts:
        given = room.items[name].given if name in room.items else None
        what = (
            f"{given['by']} has given {number(given['points'])} ({given['note'] or 'no note'})"
            if given
            else "it was graded anew, or points were taken back"
        )
        who = label.get(name, "one that is gone")
        said.append(f"{who} changed while you looked: {what}. Yours was not written.")
    said += [f"{label.get(name, 'one')}: {why}" for name, why in outcome.refused.items()]
    return [shown(each, 800) for each in said]


def notes(room: Room) -> list[tuple[str, str, int]]:
    """Return the notes on this question, the most used first: as it is, as shown, how often."""
    used = Counter(str(i.given["note"]) for i in room.items.values() if i.given and i.given["note"])
    first = sorted(used.items(), key=lambda each: (-each[1], each[0]))[:NOTES]
    return [(note, shown(note, LONGEST), times) for note, times in first]


def _members(group: Group, names: Names, label: Mapping[str, str]) -> Iterator[Member]:
    first = group.equal[0]
    for item in (*group.equal[1:], *group.similar):
        alike = "equal" if item in group.equal else "similar"
        # One decision is for those it is open for; to change one is to change all that it was for.
        same = item.decision == first.decision and (item.given is None) == (first.given is None)
        yield Member(
            names.ref(item.name),
            label.get(item.name) or shown(item.name),
            item.version,
            item.points,
            alike,
            same and (alike == "equal" or bool(first.decision)),
            tuple((shown(piece.replace("\n", " "), 20_000), differs) for piece, differs
                  in likeness.differing(likeness.told(item), likeness.told(first)))
            if alike == "similar" else (),
        )  # fmt: skip


def trail(kept: Mapping[str, Kept], names: Names, *, blind: bool) -> Iterator[Json]:
    """Yield the last points by hand, the newest first, and whether each still stands."""
    events = sorted(
        ((each["at"], each.get("decision", ""), n, name, each)
         for name, one in kept.items() for n, each in enumerate(one.events)
         if each["event"] == "points"),
        key=lambda found: found[:4], reverse=True,
    )  # fmt: skip
    for at, _, _, name, each in events[:EVENTS]:
        stack = decided(kept[name].events, each)
        points = each["points"]
        yield {
            "at": at[:19].replace("T", " "),
            "by": shown(each["by"]),
            "name": f"student {names.ref(name)[:4]}" if blind else shown(name),
            "about": shown(" ".join([each["criterion"], *each["checks"]])),
            "points": "taken back" if points is None else number(points),
            "undo": bool(each.get("undoes")),
            "note": shown(each["why"], LONGEST),
            "stands": bool(stack) and stack[-1] is each,
        }


def _total(total: Json) -> str:
    if total["points"] is None:
        return "withheld"
    waiting = f", {number(total['pending_points'])} waiting" if total["pending_points"] else ""
    return f"{number(total['points'])} of {number(total['max_points'])}{waiting}"

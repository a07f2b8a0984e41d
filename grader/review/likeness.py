"""Answers that are equal, or nearly: what can be decided at once.

Equal are answers with the same words, whatever their case, spaces and line ends, and the same
pictures. In what a reader reads, a formula or a number, signs count as they are: D is not d there,
nor N² N2. How alike two others are is Dice's coefficient of their words, each counted as often as
it stands there: twice the words in common by the words of both (Dice, Ecology 26, 1945). Where
nothing was handed in, it is that of what the checks say, whatever the numbers in it.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from grader import accepted
from grader.review.items import Item

ALIKE = 0.8  # Dice's coefficient from which answers are shown together
MAX_WORDS = 3000  # of a text whose differences are looked for
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Group:
    """Equal answers, and those that are much like them."""

    equal: tuple[Item, ...]
    similar: tuple[Item, ...]

    @property
    def all(self) -> tuple[Item, ...]:
        """Return everybody in it."""
        return self.equal + self.similar


def normal(text: str) -> str:
    """Return a text without what does not tell answers apart: case, spaces, forms of a letter."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def words(text: str) -> Counter[str]:
    """Return the words and signs of a text, with how often each is there."""
    return Counter(_WORD.findall(normal(text)))


def dice(one: Counter[str], other: Counter[str]) -> float:
    """Return how alike two texts are by their words: 0 to 1."""
    both = one.total() + other.total()
    return 2 * (one & other).total() / both if both else 0.0


def equal(items: Sequence[Item]) -> list[list[Item]]:
    """Return the answers in sets of equal ones, each in the place of its first."""
    found: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        found.setdefault(_key(item), []).append(item)
    return list(found.values())


def groups(items: Sequence[Item]) -> list[Group]:
    """Return the answers to one question in groups, each in the place of its first answer.

    Each set of equal answers is in the group of the first one that it is like: all members are
    like the first, and not merely like one another.
    """
    found: list[tuple[Counter[str], str, list[list[Item]]]] = []
    for same in equal(items):
        bag, look = _bag(same[0]), same[0].look if said(same[0]) else "\0nothing"
        for first, seen, members in found:
            if seen == look and _near(bag, first):
                members.append(same)
                break
        else:
            found.append((bag, look, [same]))
    return [
        Group(tuple(members[0]), tuple(item for same in members[1:] for item in same))
        for _, _, members in found
    ]


def said(item: Item) -> bool:
    """Whether there is an answer, and not merely what the checks say."""
    return bool(item.words.strip() or item.look)


def told(item: Item) -> str:
    """Return the text by which an answer is compared with others."""
    return item.words if said(item) else "\n".join(item.told)


def around(group: Group, item: Item) -> Group:
    """Return the group as it is seen from one answer in it, which goes first."""
    me = _key(item)
    equal = [each for each in group.all if _key(each) == me and each.name != item.name]
    similar = [each for each in group.all if _key(each) != me]
    return Group((item, *equal), tuple(similar))


def differing(text: str, other: str) -> list[tuple[str, bool]]:
    """Return a text in pieces, each with whether it stands there otherwise than in the other."""
    mine, theirs = (re.findall(r"\s*\S+", each)[:MAX_WORDS] for each in (text, other))
    matcher = difflib.SequenceMatcher(
        None, [normal(each) for each in theirs], [normal(each) for each in mine], autojunk=False
    )
    return [
        ("".join(mine[begin:end]), kind != "equal")
        for kind, _, _, begin, end in matcher.get_opcodes()
        if begin < end
    ]


def _bag(item: Item) -> Counter[str]:
    return words(told(item) if said(item) else _NUMBER.sub("0", told(item)))


def _near(one: Counter[str], other: Counter[str]) -> bool:
    fewer, more = sorted((one.total(), other.total()))
    if 2 * fewer < ALIKE * (fewer + more):  # they cannot be
        return False
    return dice(one, other) >= ALIKE


def _key(item: Item) -> tuple[str, str]:
    """Return what equal answers have in common.

    Where nothing was handed in it is what the checks say of that; where they say nothing either,
    it is like no other.
    """
    text = accepted.plain(item.words) if item.question.read else normal(item.words)
    if text or item.look:
        return text, item.look
    return "\0" + ("\n".join(item.told) or item.name), ""

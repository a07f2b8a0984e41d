"""What went wrong most often, and for whom: what to teach again.

Two things name a misconception: a diagnosis, which says that a submission answers as the reference
with a known mistake, and the name that the rubric has for an answer that lost points.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.course.gathering import Entry, Links, links
from grader.text import shown

UNKNOWN = "none of the known mistakes alone"
SHOWN = 40  # diagnoses, and answers; rarer ones are counted
LONGEST = 400  # characters of an example
_GAP = re.compile(r" \(largest difference [^()]{1,20}\)")
_NAMELESS = ("", "none", "unread")


@dataclass(frozen=True)
class Mistake:
    """Submissions that went wrong alike."""

    number: int  # by which rows of submissions refer to it
    place: str  # criterion and check; nothing for a diagnosis
    name: str
    example: str  # what the first of them was told
    who: Links


@dataclass(frozen=True)
class Mistakes:
    """The most common first."""

    diagnoses: tuple[Mistake, ...]
    answers: tuple[Mistake, ...]
    rarer: int  # kinds that are not listed
    of: dict[str, tuple[int, ...]]  # by submission: the numbers of its mistakes

    @property
    def listed(self) -> tuple[Mistake, ...]:
        """Return all of them, by their numbers."""
        return (*self.diagnoses, *self.answers)


def mistakes(entries: Sequence[Entry]) -> Mistakes:
    """Return what submissions got wrong in the same way, each submission counted once for each."""
    found: dict[tuple[str, str], dict[str, Entry]] = {}
    examples: dict[tuple[str, str], str] = {}
    for entry in entries:
        for key, example in (*_diagnosed(entry), *_answered(entry)):
            found.setdefault(key, {})[entry.id] = entry
            examples.setdefault(key, example)
    keys = sorted(found, key=lambda key: (-len(found[key]), key))
    diagnoses = [key for key in keys if not key[0]][:SHOWN]
    answers = [key for key in keys if key[0]][:SHOWN]
    of: dict[str, tuple[int, ...]] = {}
    listed = []
    for number, key in enumerate((*diagnoses, *answers)):
        place, name = map(shown, key)
        who = links(list(found[key].values()))
        listed.append(Mistake(number, place, name, shown(examples[key], LONGEST), who))
        for each in found[key]:
            of[each] = (*of.get(each, ()), number)
    first = len(diagnoses)
    return Mistakes(tuple(listed[:first]), tuple(listed[first:]), len(keys) - len(listed), of)


def named(entry: Entry) -> tuple[str, ...]:
    """Return the diagnoses of a submission, by their names."""
    return tuple(shown(name) for (_, name), _ in _diagnosed(entry))


def _diagnosed(entry: Entry) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the diagnoses; of several that cannot be told apart each is a candidate."""
    for each in entry.result["diagnosis"]:
        sentence = _GAP.sub("", str(each.get("sentence", "")))
        if each.get("mistake"):
            yield ("", str(each["mistake"])), sentence
        elif "wrong" in each:  # else none was made
            yield ("", UNKNOWN), sentence


def _answered(entry: Entry) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the answers with a name that lost points."""
    for criterion in entry.result["criteria"]:
        for check in criterion["checks"]:
            if check["outcome"] == "failed":
                names = [check.get("variant", ""), *check.get("slips", ())]
                told = ", ".join(name for name in names if name not in _NAMELESS)
                if told:
                    yield (f"{criterion['id']} {check['id']}", told), check["message"]

"""All submissions with each other: how much of each stands in each other one, and where.

Normalised code is cut into all its pieces of `K` characters, one beginning at each character
(k-grams). What of a submission's own code, that is, of the characters in k-grams that are not of
the template, lies in k-grams which another one has too, is its share with that one: 0 to 1, and
another number the other way round.

This is winnowing (Schleimer, Wilkerson, Aiken 2003, "Winnowing: local algorithms for document
fingerprinting") with a window of 1, which keeps every fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from grader.similarity.normal import APART

Numbers: TypeAlias = NDArray[np.int64]

K = 25  # characters of normalised code: copydetect's default
LEAST_OWN = 100  # characters of own code below which a share says nothing
_TRIED = 8  # places of the other one that are tried for one k-gram


@dataclass(frozen=True)
class Passage:
    """The same code in two submissions: where it begins in each one's text, and its length."""

    first: int
    second: int
    length: int  # characters of normalised code
    holders: int  # submissions that have its rarest k-gram


class Batch:
    """Submissions as k-grams; ``template`` is what everybody was given, normalised as they are."""

    def __init__(self, texts: Sequence[str], template: str) -> None:
        cut = [_hashes(text) for text in (*texts, template)]
        self._starts = np.cumsum([0, *(len(each) for each in cut)])
        values, grams = np.unique(np.concatenate(cut), return_inverse=True)
        given = np.zeros(len(values) + 1, bool)
        given[grams[self._starts[-2] :]] = True
        grams[given[grams]] = len(values)  # one number for all that counts for nobody
        broken = np.concatenate([_broken(text) for text in (*texts, template)])
        grams[broken] = len(values)
        self._nothing = len(values)
        self._grams: Numbers = grams[: self._starts[-2]]
        self._starts = self._starts[:-1]
        self._size = len(values) + 1
        self.own: Numbers = self._covered(self._grams != self._nothing)

    def __len__(self) -> int:
        """Return the number of submissions."""
        return len(self._starts) - 1

    def grams(self, index: int) -> Numbers:
        """Return the number of the k-gram that begins at each character of a submission."""
        return self._grams[self._starts[index] : self._starts[index + 1]]

    def shares(self, say: Callable[[int], None] = lambda _: None) -> NDArray[np.float64]:
        """Return for each row how much of its own code each column's submission has."""
        found = np.zeros((len(self), len(self)))
        enough = self.own >= LEAST_OWN
        for index in range(len(self)):
            covered = self._covered(self._held(index)[self._grams])
            found[:, index] = np.where(enough & enough[index], covered / np.maximum(self.own, 1), 0)
            say(index + 1)
        np.fill_diagonal(found, 0)
        return found

    def holders(self) -> Numbers:
        """Return for each k-gram how many submissions have it."""
        count = np.zeros(self._size, np.int64)
        for index in range(len(self)):
            count += self._held(index)
        return count

    def passages(self, first: int, second: int, holders: Numbers) -> list[Passage]:
        """Return what two have in common, the longest first; passages may stand in any order.

        Together those of the first one are all of it that the second one has.
        """
        a, b = self.grams(first).tolist(), self.grams(second).tolist()
        places: dict[int, list[int]] = {}
        for place, gram in enumerate(b):
            if gram != self._nothing and len(there := places.setdefault(gram, [])) < _TRIED:
                there.append(place)
        found = []
        at = 0
        while at < len(a):
            runs = [(_run(a, b, at, place, self._nothing), -place) for place in places.get(a[at], ())]
            length, place = max(runs, default=(0, 0))
            if length:
                rarest = int(holders[a[at : at + length]].min())
                found.append(Passage(at, -place, length + K - 1, rarest))
            at += max(1, length)
        return sorted(found, key=lambda passage: -passage.length)

    def _held(self, index: int) -> NDArray[np.bool_]:
        """Return for each k-gram whether a submission has it as its own."""
        held = np.zeros(self._size, bool)
        held[self.grams(index)] = True
        held[self._nothing] = False
        return held

    def _covered(self, begins: NDArray[np.bool_]) -> Numbers:
        """Return how many characters of each submission lie in k-grams that begin at marks."""
        places = np.flatnonzero(begins)
        owner = np.searchsorted(self._starts, places, side="right") - 1
        gaps = np.minimum(np.diff(places, append=0), K)
        gaps[np.diff(owner, append=-1) != 0] = K  # the last one of each submission
        return np.bincount(owner, weights=gaps, minlength=len(self)).astype(np.int64)


def _run(a: Sequence[int], b: Sequence[int], at: int, place: int, nothing: int) -> int:
    """Return how many k-grams are the same from two places on."""
    length = 0
    most = min(len(a) - at, len(b) - place)
    while length < most and a[at + length] == b[place + length] != nothing:
        length += 1
    return length


def _hashes(text: str) -> Numbers:
    """Return the hash of each k-gram; it holds within this process alone."""
    count = max(0, len(text) - K + 1)
    return np.fromiter((hash(text[at : at + K]) for at in range(count)), np.int64, count)


def _broken(text: str) -> NDArray[np.bool_]:
    """Return which k-grams go from one piece into the next."""
    count = max(0, len(text) - K + 1)
    broken = np.zeros(count, bool)
    end = text.find(APART)
    while end >= 0:
        broken[max(0, end - K + 1) : end + 1] = True
        end = text.find(APART, end + 1)
    return broken

"""All submissions with each other: how much of each stands in each other one, and where.

A submission is the set of all its runs of `K` tokens (k-grams), without those of the template. The
part of them that another one has too is its share with that one, from 0 to 1, and another number
the other way round: a copy with much added to it still has nearly all of what was copied.

This is what winnowing (Schleimer, Wilkerson, Aiken 2003, "Winnowing: local algorithms for document
fingerprinting") is with a window of 1, which keeps every fingerprint and needs no luck. K-grams are
numbered and not hashed, so that equal numbers are equal code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from grader.similarity.tokens import APART

Numbers: TypeAlias = NDArray[np.int64]

K = 10  # tokens: by tests/bench/similarity.py, where copies part best from independent work
LEAST_OWN = 50  # k-grams of own code below which a share says nothing
_TRIED = 8  # places of the other one that are tried for one k-gram
_NOBODYS = 0  # the number of all k-grams of the template, and of what is none


@dataclass(frozen=True)
class Passage:
    """The same tokens in two submissions: where they begin in each, and how many there are."""

    first: int
    second: int
    count: int
    holders: int  # submissions that have its rarest k-gram


class Batch:
    """Submissions as tokens, each with `APART` at its end, and the template's tokens likewise."""

    def __init__(self, submissions: Sequence[Sequence[int]], template: Sequence[int]) -> None:
        words = [np.asarray(each, np.int64) for each in (*submissions, template)]
        self._starts = np.cumsum([0, *map(len, words[:-1])])
        grams = _grams(np.concatenate(words))
        given = np.zeros(grams.max(initial=0) + 1, bool)
        given[grams[self._starts[-1] :]] = True
        self._grams = np.where(given[grams], _NOBODYS, grams)[: self._starts[-1]]
        self._size = len(given)
        sets = [np.unique(self.grams(index)) for index in range(len(self))]
        sets = [each[each != _NOBODYS] for each in sets]
        self.own = np.array([len(each) for each in sets], np.int64)  # k-grams of own code
        self._sets = np.concatenate([*sets, np.zeros(0, np.int64)])
        self._owners = np.repeat(np.arange(len(self)), self.own)
        self.holders: Numbers = np.bincount(self._sets, minlength=self._size)

    def __len__(self) -> int:
        """Return the number of submissions."""
        return len(self._starts) - 1

    def grams(self, index: int) -> Numbers:
        """Return the number of the k-gram that begins at each token of a submission."""
        return self._grams[self._starts[index] : self._starts[index + 1]]

    def shares(self, say: Callable[[int], None] = lambda _: None) -> NDArray[np.float64]:
        """Return for each row how much of its own code each column's submission has."""
        found = np.zeros((len(self), len(self)))
        enough = self.own >= LEAST_OWN
        for index in range(len(self)):
            held = np.zeros(self._size, bool)
            held[self.grams(index)] = True
            held[_NOBODYS] = False
            common = np.bincount(self._owners, weights=held[self._sets], minlength=len(self))
            found[:, index] = np.where(enough & enough[index], common / np.maximum(self.own, 1), 0)
            say(index + 1)
        np.fill_diagonal(found, 0)
        return found

    def passages(self, first: int, second: int) -> list[Passage]:
        """Return what two have in common, the longest first; passages may stand in any order.

        Together those of the first one are all of it that the second one has.
        """
        a, b = self.grams(first).tolist(), self.grams(second).tolist()
        places: dict[int, list[int]] = {}
        for place, gram in enumerate(b):
            if gram != _NOBODYS and len(there := places.setdefault(gram, [])) < _TRIED:
                there.append(place)
        found = []
        at = 0
        while at < len(a):
            runs = [(_run(a, b, at, place), -place) for place in places.get(a[at], ())]
            length, place = max(runs, default=(0, 0))
            if length:
                rarest = int(self.holders[a[at : at + length]].min())
                found.append(Passage(at, -place, length + K - 1, rarest))
            at += max(1, length)
        return sorted(found, key=lambda passage: -passage.count)


def _grams(words: Numbers) -> Numbers:
    """Return for each token the number, from 1, of the k-gram that begins there.

    Where one would go on past `APART` it is `_NOBODYS`. Numbers of n-grams make those of longer
    ones: two that overlap, or touch, are one of the tokens that they span.
    """
    grams, length = words, 1
    while length < K:
        step = min(length, K - length)
        after = np.concatenate([grams[step:], np.zeros(min(step, len(grams)), np.int64)])
        pairs = grams * (grams.max(initial=0) + 1) + after
        grams = np.unique(pairs, return_inverse=True)[1]
        length += step
    ends = np.cumsum(words == APART)
    ahead = np.concatenate([ends[K - 1 :], np.full(min(K - 1, len(ends)), -1)])
    begins = ends - (words == APART)
    return np.where(ahead == begins, grams + 1, _NOBODYS)


def _run(a: Sequence[int], b: Sequence[int], at: int, place: int) -> int:
    """Return how many k-grams are the same from two places on."""
    length = 0
    most = min(len(a) - at, len(b) - place)
    while length < most and a[at + length] == b[place + length] != _NOBODYS:
        length += 1
    return length

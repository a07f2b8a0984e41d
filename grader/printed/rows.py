"""Quantities × declared rows → which quantity is which row.

A pack declares a row by phrases: the words of one phrase have to stand in a label, in any order;
each may be cut short ("param" is said by "Parameters"). Of several rows that a label could be, the
one with the most words said wins, then the one declared first.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from grader.printed.numbers import is_unit, unit_scale
from grader.printed.quantities import Quantity

MAX_WORDS = 32  # of one label
MAX_KNOWN = 4096  # labels whose rows are remembered
WHOLE_WORD = 2  # words as short as this have to be said in full
# Of capitals the last belongs to the hump that follows: one step back, no more.
_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*+|[A-Z]?+[a-z]++[0-9]*+|[A-Z]|[0-9]++")
_BRACKETS = re.compile(r"\([^()]*+\)|\[[^\[\]]*+\]")


@dataclass(frozen=True)
class Row:
    """A quantity that is looked for, by the words that students use for it.

    ``phrases`` and ``without`` (words that rule it out) are words separated by spaces. ``kind`` is
    "count" or "bytes": a memory is no count of parameters, whatever its label says. Values outside
    ``least`` .. ``most`` (in ones or bytes) are not it either.
    """

    name: str
    phrases: tuple[str, ...]
    without: str = ""
    kind: str = "count"
    least: float = 0
    most: float = 1e30
    symbols: tuple[str, ...] = ()  # whole labels and names that stand for it, in lower case: h1


@dataclass(frozen=True)
class Found:
    """A quantity that is a row's. ``scale`` is its unit in ones or bytes; None if none is said."""

    row: str
    quantity: Quantity
    score: int
    unit: str
    scale: Fraction | None

    @property
    def base(self) -> Fraction:
        """Return the value in ones or bytes; as printed, where no unit is said."""
        return self.quantity.value * (self.scale or 1)


@functools.lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """Return the words of a label or of a name in a program, in lower case: numKVHeads has three.

    Words stand apart by anything that is no letter, by a hump, and digits stay with their letters.
    """
    return tuple(word.lower() for word in _WORD.findall(text))


class _Reader:
    """The declared rows, ready to be asked for by text after text."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.phrases = [[frozenset(phrase.split()) for phrase in row.phrases] for row in rows]
        self.without = [frozenset(row.without.split()) for row in rows]
        self.vocabulary = frozenset().union(*self.without, *(p for ps in self.phrases for p in ps))
        self.sizes = {len(word) for word in self.vocabulary if len(word) > WHOLE_WORD}
        self.known: dict[str, tuple[tuple[int, Row], ...]] = {}

    def ranked(self, text: str) -> tuple[tuple[int, Row], ...]:
        """Return the rows that a text can be, each with the words said of its best phrase.

        What stands in brackets is a remark: it is asked only if the rest says nothing.
        """
        if text not in self.known:
            if len(self.known) >= MAX_KNOWN:
                self.known.clear()
            bare = _BRACKETS.sub(" ", text)
            plain = self._said(bare), self._said(text)
            symbol = [(1, row) for row in self.rows if bare.strip(" :=").lower() in row.symbols]
            scored = any(plain) * [
                (next(filter(None, (self._score(said, at) for said in plain)), 0), -at)
                for at in range(len(self.rows))
            ]
            scored.sort(reverse=True)
            ranked = [(points, self.rows[-at]) for points, at in scored if points]
            self.known[text] = tuple(ranked or symbol)
        return self.known[text]

    def _said(self, text: str) -> frozenset[str]:
        """Return the declared words that a text says."""
        have = words(text)[:MAX_WORDS]
        heads = {word[:size] for word in have for size in self.sizes if size < len(word)}
        return self.vocabulary & heads.union(have)

    def _score(self, said: frozenset[str], at: int) -> int:
        if self.without[at] & said:
            return 0
        return max((len(phrase) for phrase in self.phrases[at] if phrase <= said), default=0)


@functools.lru_cache(maxsize=8)
def _reader(rows: tuple[Row, ...]) -> _Reader:
    return _Reader(rows)


def best(text: str, rows: Sequence[Row]) -> Row | None:
    """Return the row that a text is the label of, if it is one."""
    ranked = _reader(tuple(rows)).ranked(text)
    return ranked[0][1] if ranked else None


def assign(quantities: Iterable[Quantity], rows: Sequence[Row]) -> tuple[Found, ...]:
    """Return the quantities that are one of the rows, in their order."""
    reader = _reader(tuple(rows))
    found = []
    for quantity in quantities:
        nearest = quantity.label.rpartition(":")[2]  # a prompt may stand before a label
        both = f"{quantity.label} {quantity.after}".strip()
        texts = (nearest, quantity.label, both, quantity.column, quantity.after)
        for text in dict.fromkeys(texts):
            ranked = reader.ranked(text)
            fits = next(filter(None, (_fit(quantity, row, n) for n, row in ranked)), None)
            if fits:
                found.append(fits)
                break
    return tuple(found)


def _fit(quantity: Quantity, row: Row, points: int) -> Found | None:
    """Return the quantity as this row's, unless its unit or its size forbids it."""
    unit, scale = _unit_of(quantity, row.kind)
    if unit and scale is None:
        return None
    if not row.least <= quantity.value * (scale or 1) <= row.most:
        return None
    return Found(row.name, quantity, points, unit, scale)


def _unit_of(quantity: Quantity, kind: str) -> tuple[str, Fraction | None]:
    """Return the unit beside the number, or of its label or column, and its scale."""
    if quantity.unit:
        return quantity.unit, unit_scale(quantity.unit, kind)
    for text in (quantity.label, quantity.column, quantity.after):
        for word in _unit_words(text):
            scale = unit_scale(word, kind)
            if scale is not None:
                return word, scale
    return "", None


@functools.lru_cache(maxsize=4096)
def _unit_words(text: str) -> tuple[str, ...]:
    """Return words of a label that are units: in brackets, after "in", or all there is."""
    said = re.findall(r"[A-Za-z]++", text)
    found = []
    for part in _BRACKETS.findall(text):
        # A letter alone is a unit at the end of a label: "parameters (B)", but not "part (b) ...".
        found += [word for word in re.findall(r"[A-Za-z]++", part)
                  if is_unit(word) and (len(word) > 1 or text.rstrip().endswith(part))]  # fmt: skip
    found += [word for before, word in pairwise(said)
              if before.lower() == "in" and is_unit(word)]  # fmt: skip
    if said and is_unit(said[-1]) and len(said[-1]) > 1:
        found.append(said[-1])
    return tuple(found)

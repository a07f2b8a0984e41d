"""What a pack asks for, as plain data: questions and the variants of their answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.formulas.reading import read as read_tokens
from grader.formulas.scanning import scan
from grader.formulas.spelling import table_of
from grader.formulas.trees import Tree


@dataclass(frozen=True)
class Variant:
    """Another formula that is accepted under a name."""

    name: str
    says: str  # completes "Read as ...; "; {a} stands for the coefficient
    formula: str
    free: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)  # symbol -> question
    leading: bool = False
    ask: str = ""

    @property
    def sources(self) -> set[str]:
        """Return the questions whose answers its formula has."""
        return {source.partition("@")[0] for source in self.own.values()}


@dataclass(frozen=True)
class Question:
    """What is asked, how its answer is found, and what counts as one. Plain data, as JSON is."""

    id: str
    says: str
    place: str
    facets: Mapping[str, str]
    reference: str
    symbols: Mapping[str, tuple[str, ...]]  # with all their spellings
    given: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    factors: tuple[str, ...] = ()
    at: Mapping[str, float] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    number_only: bool = False  # only the number at `at` is asked for
    put: Mapping[str, str] = field(default_factory=dict)  # what symbols stand for here
    unit: str = ""  # of the number: "flop", "byte", "s" or "x" (times as much)
    between: tuple[float, ...] = ()  # any number in this range is right
    stances: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # words of verdicts
    short: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # where they are all
    prose: bool = False  # a person grades what is written
    graded: bool = True  # False: answers are found and read, and what is right is not known here
    bound: Mapping[str, str] = field(default_factory=dict)  # whose quotient decides, and where
    words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)  # all facets

    @property
    def table(self) -> dict[str, str]:
        """Return every spelling -> symbol, for `scanning.scan`."""
        return table_of({n: symbol for symbol, names in self.symbols.items() for n in names})

    def tree(self, formula: str, extra: Sequence[str] = ()) -> Tree:
        """Return the tree of a formula of the pack; raises `Unreadable`."""
        table = {name: name for name in (*self.symbols, *extra)}
        return read_tokens(scan(formula, table))[0].tree


def unanswered(question: Question) -> Question:
    """Return a question with all that finds and reads its answer, and nothing of what is right."""
    return dataclasses.replace(question, reference="", variants=(), between=(), bound={}, put={},
                               given={}, factors=(), graded=False)  # fmt: skip


def as_json(question: Question) -> dict[str, Any]:
    """Return a question as plain data."""
    return dataclasses.asdict(question)


def from_json(data: Mapping[str, Any]) -> Question:
    """Return the question that `as_json` wrote."""
    variants = tuple(
        Variant(**{**v, "free": {n: (r[0], r[1]) for n, r in v["free"].items()}})
        for v in data["variants"]
    )
    return Question(**{**data, "variants": variants})

"""Two submissions and what they have in common, in the places of their own files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from grader.similarity.comparing import LEAST_OWN, Passage
from grader.similarity.reading import Piece
from grader.similarity.tokens import Places, Span


@dataclass
class Work:
    """A submission's code."""

    id: str
    pieces: Sequence[Piece]
    said: Sequence[str]  # what of it was left out
    own: int = 0  # k-grams of code that are not of the template


@dataclass(frozen=True)
class Side:
    """One side of a passage."""

    span: Span
    piece: Piece

    @property
    def text(self) -> str:
        """Return the code from the beginning of its first line to the end of its last one."""
        begin = self.piece.text.rfind("\n", 0, self.span.begin) + 1
        end = self.piece.text.find("\n", self.span.end)
        return self.piece.text[begin : None if end < 0 else end]

    @property
    def first_line(self) -> int:
        """Return the number of its first line."""
        return self.piece.text.count("\n", 0, self.span.begin) + 1

    @property
    def last_line(self) -> int:
        """Return the number of its last line."""
        return self.piece.text.count("\n", 0, self.span.end) + 1

    @property
    def lines(self) -> int:
        """Return how many lines it has."""
        return self.last_line - self.first_line + 1

    @property
    def place(self) -> str:
        """Return file and lines."""
        last = f"-{self.last_line}" if self.last_line > self.first_line else ""
        return f"{self.piece.place(self.first_line)}{last}"


@dataclass(frozen=True)
class Common:
    """The same code, names and layout aside, on both sides."""

    first: Side
    second: Side
    holders: int  # so many submissions have its rarest run: no more of them have all of it


@dataclass(frozen=True)
class Pair:
    """Two submissions with much in common."""

    first: Work
    second: Work
    share: float  # of the first one's own code that the second one has
    share_back: float  # of the second one's that the first one has
    common: tuple[Common, ...]  # the longest first


@dataclass
class Found:
    """What came of a comparison."""

    pack: str
    least: float
    works: list[Work]
    refused: dict[str, str]  # by entry: why it was not compared
    pairs: list[Pair] = field(default_factory=list)  # the most similar first
    beyond: int = 0  # pairs that are similar enough and not among these

    @property
    def too_little(self) -> list[str]:
        """Return who has hardly any code of their own."""
        return [work.id for work in self.works if work.own < LEAST_OWN]


def evidence(passages: Sequence[Passage], first: Places, second: Places) -> tuple[Common, ...]:
    """Return passages with their places in the files."""
    return tuple(
        Common(
            _side(first, passage.first, passage.count),
            _side(second, passage.second, passage.count),
            passage.holders,
        )
        for passage in passages
    )


def _side(places: Places, first: int, count: int) -> Side:
    span = places.span(first, count)
    return Side(span, places.pieces[span.piece])

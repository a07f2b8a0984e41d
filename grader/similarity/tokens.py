"""Code -> tokens as numbers, in which names, texts, comments and layout count for nothing.

All names are one token and all texts another; keywords, operators and numbers stay what they are.
The lexer refuses nothing, so that code with errors is compared like any other.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Literal, Name, Text

from grader.similarity.reading import Piece

APART = 0  # stands behind each piece: no run of tokens goes on past it
_NAME, _TEXT = "a name", "a text"  # no token of Python has a space


class Words:
    """A number for each token that was ever asked for, from 1."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def numbers(self, pieces: Sequence[Piece]) -> array[int]:
        """Return the tokens of a submission, `APART` behind those of each piece."""
        found = array("q")
        for piece in pieces:
            for word, _, _ in _tokens(piece.text):
                found.append(self._known.setdefault(word, len(self._known) + 1))
            found.append(APART)
        return found


@dataclass(frozen=True)
class Span:
    """A part of a piece of code, in characters."""

    piece: int
    begin: int
    end: int


class Places:
    """The way back from the tokens of a submission to its pieces."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self._starts = [0]
        self._begins, self._ends = array("q"), array("q")
        for piece in pieces:
            for _, begin, end in _tokens(piece.text):
                self._begins.append(begin)
                self._ends.append(end)
            self._begins.append(0)
            self._ends.append(0)
            self._starts.append(len(self._begins))

    def span(self, first: int, count: int) -> Span:
        """Return where so many tokens stand, which have to be of one piece."""
        piece = bisect_right(self._starts, first) - 1
        return Span(piece, self._begins[first], self._ends[first + count - 1])


def _tokens(code: str) -> Iterator[tuple[str, int, int]]:
    """Yield each token with its begin and end in characters."""
    text: tuple[int, int] | None = None  # one that has begun: lexers cut them into parts
    for begin, kind, value in PythonLexer().get_tokens_unprocessed(code):
        end = begin + len(value)
        if kind in Literal.String and kind not in Literal.String.Interpol:
            text = (text[0] if text else begin), end
            continue
        if text:
            yield _TEXT, *text
            text = None
        if kind not in Text and kind not in Comment:
            yield _NAME if kind in Name else value, begin, end
    if text:
        yield _TEXT, *text

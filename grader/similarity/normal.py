"""Code -> what is left of it when names, comments, texts and layout are taken away.

As copydetect's ``filter_code`` does it: a variable becomes V, a function's name in its definition
F, a class's O, a text S; comments and white space go; keywords, operators, numbers and the names of
builtins stay. Only the places in the original are kept here for each character.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Literal, Name, Text

from grader.similarity.reading import Piece

APART = "\n"  # between the pieces of a submission: normalised code has no white space
_VARIABLES = (Name, Name.Variable, Name.Attribute)


@dataclass(frozen=True)
class Normal:
    """Normalised code; character ``i`` stands for what begins at ``at[i]`` in the original."""

    text: str
    at: array[int]
    ends: array[int]  # and ends before ``ends[i]``


def normalised(code: str) -> Normal:
    """Normalise Python, or anything that is meant to be it: the lexer refuses nothing."""
    parts: list[str] = []
    at, ends = array("l"), array("l")
    for begin, kind, text in PythonLexer().get_tokens_unprocessed(code):
        if kind in Text or (kind in Comment and kind is not Comment.Hashbang):
            continue
        letter = _letter(kind, text)
        parts.append(letter or text)
        if letter:
            at.append(begin)
            ends.append(begin + len(text))
        else:
            at.extend(range(begin, begin + len(text)))
            ends.extend(range(begin + 1, begin + len(text) + 1))
    return Normal("".join(parts), at, ends)


def _letter(kind: object, text: str) -> str:
    """Return the letter that a token becomes; nothing where it stays as it is."""
    if kind in _VARIABLES:
        return "V"
    if kind in Name.Function:
        return "F"
    if kind in Name.Class:
        return "O"
    if kind is Comment.Hashbang:
        return "P"
    if kind in Literal.String:
        return '"' if text in {"'", '"'} else "S"
    return ""


class Places:
    """The way back from the joined, normalised pieces of a submission to the pieces themselves."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self._normal = [normalised(piece.text) for piece in pieces]
        lengths = (len(normal.text) + len(APART) for normal in self._normal)
        self._starts = [0, *accumulate(lengths)]

    def span(self, begin: int, length: int) -> Span:
        """Return where normalised characters stand; all of them have to be of one piece."""
        index = bisect_right(self._starts, begin) - 1
        normal, local = self._normal[index], begin - self._starts[index]
        return Span(index, normal.at[local], normal.ends[local + length - 1])


@dataclass(frozen=True)
class Span:
    """A part of a piece of code, in characters."""

    piece: int
    begin: int
    end: int


def joined(pieces: Iterable[Piece]) -> str:
    """Return the pieces of a submission as one normalised text."""
    return APART.join(normalised(piece.text).text for piece in pieces)

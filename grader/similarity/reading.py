"""A submission -> the pieces of code in it, within limits; what is left out is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grader.intake import SourceFile
from grader.notebook import books
from grader.text import shown

MAX_LINE = 2_000  # characters: a longer line is data, and lexers can take very long over it
MAX_CODE = 200_000  # characters of one submission; the slowest text of that size takes some 2 s


@dataclass(frozen=True)
class Piece:
    """A file, or one cell of a notebook; lines end in a newline character alone."""

    path: str
    cell: int  # from 1; 0 where it is a file
    text: str

    def place(self, line: int) -> str:
        """Name a line, counted from 1, as a human looks it up."""
        cell = f" cell {self.cell}" if self.cell else ""
        return f"{shown(self.path)}{cell}:{line}"


def pieces(files: Iterable[SourceFile]) -> tuple[list[Piece], list[str]]:
    """Return the Python of files and notebooks, and a sentence on each that is left out."""
    found: list[Piece] = []
    said: list[str] = []
    left = MAX_CODE
    for file in files:
        if not file.path.lower().endswith((".py", ".ipynb")):
            continue
        try:
            read = list(_read(file))
        except books.CannotRead as error:
            said.append(f"{shown(file.path)} {error}")
            continue
        size = sum(len(piece.text) for piece in read)
        if size > left:
            said.append(f"{shown(file.path)} was left out: more than {MAX_CODE:,} characters of "
                        "code in all")  # fmt: skip
            continue
        left -= size
        long = sum(len(line) > MAX_LINE for piece in read for line in piece.text.split("\n"))
        if long:
            said.append(
                f"{shown(file.path)}: lines of more than {MAX_LINE:,} characters were left out: "
                f"{long}"
            )
        found += [Piece(piece.path, piece.cell, _without_long(piece.text)) for piece in read]
    return found, said


def _read(file: SourceFile) -> Iterator[Piece]:
    """Yield a file, or the cells with code of a notebook; raises `books.CannotRead`."""
    if file.path.lower().endswith(".ipynb"):
        book = books.read(file.path, file.data)
        yield from (Piece(file.path, cell.number, cell.text) for cell in book.code)
    elif b"\0" in file.data:
        raise books.CannotRead("was left out: it holds bytes that no text has")
    else:
        text = file.data.decode("utf-8-sig", errors="replace")
        yield Piece(file.path, 0, text.replace("\r\n", "\n").replace("\r", "\n"))


def _without_long(text: str) -> str:
    """Empty the lines that are too long; the others keep their numbers."""
    return "\n".join(line if len(line) <= MAX_LINE else "" for line in text.split("\n"))

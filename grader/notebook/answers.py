"""What was written below each question, in the notebook or in a report of text beside it.

A line that begins with a question's name begins its answer, which goes on to the next name. Lines
that were given out, and code that was, are nobody's answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.intake import SourceFile
from grader.notebook import markers
from grader.notebook.books import Book
from grader.text import shown

REPORTS = (".md", ".markdown", ".txt")
MAX_REPORT = 1_000_000  # bytes
MAX_ANSWER = 20_000  # characters
_LEADING = r"[\s#>*_\-(]{0,20}(?:your\s+)?(?:answers?\s*(?:to|for|of)?\s*)?"
_BLOCK = re.compile(r"<\w*>")  # what stands for a solution block


@dataclass(frozen=True)
class Answer:
    """What was written for one question; an empty text where nothing was."""

    question: str
    text: str = ""
    where: str = ""  # where it begins

    @property
    def code(self) -> str:
        """Return what stands between fences, or the whole text where nothing does."""
        fenced = re.findall(r"(?ms)^ {0,3}```[^\n]*\n(.*?)^ {0,3}```", self.text)
        return "\n".join(fenced) if fenced else self.text.strip("` \n")


def find(
    files: Iterable[SourceFile],
    book: Book | None,
    template: Book,
    words: str,
    questions: Sequence[str],
) -> Mapping[str, Answer]:
    """Return the answer to each question, by its name (Q1); ``words`` are those of the markers."""
    given, name = _given(template), _Name(questions)
    parts: dict[str, list[_Line]] = {question: [] for question in questions}
    for line in _told(files, book, words, name):
        if line.question:
            parts[line.question].append(line)
    return {question: _answer(question, lines, given) for question, lines in parts.items()}


@dataclass(frozen=True)
class Picture:
    """A picture that a notebook has stored, with the questions named before and after it."""

    before: str
    after: str
    cell: int  # number of the cell that drew it
    data: bytes  # PNG


def pictures(book: Book, questions: Sequence[str]) -> list[Picture]:
    """Return the pictures that a notebook has stored, in their order."""
    name = _Name(questions)
    named = [
        next(filter(None, (name.split(line)[0] for line in cell.text.split("\n"))), "")
        if cell.kind == "markdown"
        else ""
        for cell in book.cells
    ]
    found, before = [], ""
    for index, cell in enumerate(book.cells):
        before = named[index] or before
        after = next(filter(None, named[index + 1 :]), "")
        found += [Picture(before, after, cell.number, data) for data in cell.pictures]
    return found


@dataclass(frozen=True)
class _Line:
    question: str  # which it belongs to
    place: str
    text: str


class _Name:
    """Finds a question's name at the beginning of a line: Q1, Q 1., Question 1, Answer to Q1."""

    def __init__(self, questions: Sequence[str]) -> None:
        self.by_digits = {re.sub(r"\D", "", question): question for question in questions}
        letters = {re.sub(r"[\W\d]", "", question) for question in questions}
        digits = sorted(self.by_digits, key=len, reverse=True)
        self.pattern = re.compile(
            rf"{_LEADING}(?:{'|'.join(sorted(letters))}|question|ques)[\s.#\-]*"
            rf"(?P<digits>{'|'.join(digits)})(?!\w)(?:\s*\([^)]*\))?[\s:.)*_]*",
            re.IGNORECASE,
        )

    def split(self, line: str) -> tuple[str, str]:
        """Return the question that a line names, or nothing, and the rest of the line."""
        found = self.pattern.match(line)
        return (self.by_digits[found["digits"]], line[found.end() :]) if found else ("", line)


def _told(
    files: Iterable[SourceFile], book: Book | None, words: str, name: _Name
) -> Iterator[_Line]:
    """Yield each line with the question that it belongs to and the place where it stands."""
    current = ""
    for cell in book.cells if book else ():
        place = f"{shown(book.path) if book else ''}, cell {cell.number}"
        if cell.kind == "code":
            for line in markers.without_blocks(cell.text, words):
                if not _BLOCK.fullmatch(line):
                    yield _Line(current, place, line)
            continue
        for line in cell.text.split("\n"):
            named, rest = name.split(line)
            current = named or current
            yield _Line(current, place, rest)
    for file in files:
        if not file.path.lower().endswith(REPORTS) or len(file.data) > MAX_REPORT:
            continue
        current = ""
        for number, line in enumerate(file.data.decode(errors="replace").splitlines(), 1):
            named, rest = name.split(line)
            current = named or current
            yield _Line(current, f"{shown(file.path)}, line {number}", rest)


def _given(template: Book) -> set[str]:
    """Return the lines that were given out, those after a question's name without it too."""
    lines = [line for cell in template.cells for line in cell.text.split("\n")]
    named = re.compile(r"(?i).{0,40}?\b[a-z]+\d+\b(?:\s*\([^)]*\))?[\s:.)*_]*")
    bare = [line[found.end() :] for line in lines if (found := named.match(line))]
    return {_plain(line) for line in (*lines, *bare)}


def _plain(line: str) -> str:
    return line.strip(" *_:.\t").lower()


def _answer(question: str, lines: Sequence[_Line], given: set[str]) -> Answer:
    kept: list[_Line] = []
    fence: list[_Line] = []
    for line in lines:
        if line.text.lstrip().startswith("```"):
            if fence:  # code is kept as a whole if anything in it is new
                kept += [*fence, line] if _is_new(fence[1:], given) else []
                fence = []
            else:
                fence = [line]
        elif fence:
            fence.append(line)
        elif not line.text.strip() or _is_new([line], given):
            kept.append(line)
    kept += fence if _is_new(fence[1:], given) else []
    text = "\n".join(line.text for line in kept).strip("\n")
    if not text.strip():
        return Answer(question)
    where = next(line.place for line in kept if line.text.strip())
    return Answer(question, re.sub(r"\n{3,}", "\n\n", text)[:MAX_ANSWER], where)


def _is_new(lines: Iterable[_Line], given: set[str]) -> bool:
    return any(_plain(line.text) not in given for line in lines if _plain(line.text))

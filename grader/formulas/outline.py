"""What stands around each formula of a document: headings, items, tables, the text before it.

Readers of formats report what they meet, in order; an `Outline` turns that into spans. Whatever
the format, a span says where it stands in words (layers, the nearest first) and in the numbering
of the sheet (its place: "1c" is (1, 3), and so is item 3 below the heading "Problem 1").
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from grader.formulas.statements import statements

MAX_SPANS = 5_000
_MAX_LAYER = 400  # characters of a layer that are looked at
_MAX_HISTORY = 1_200


class CannotRead(Exception):  # noqa: N818 - says what is the case
    """A file cannot be read; the message is half a sentence that says why."""


@dataclass(frozen=True)
class Span:
    """A piece of a document that may be a formula."""

    file: str
    line: int  # or the page
    text: str
    kind: str  # "answer" (marked with a question's id), "display", "inline", "code", "text"
    layers: tuple[str, ...] = ()  # text before it, nearest first
    titles: tuple[str, ...] = ()  # items and headings that it stands under, innermost first
    history: str = ""  # what its section says before it
    place: tuple[int, ...] = ()
    mark: str = ""  # the id that it is marked with
    unit: str = "line"  # what `line` counts

    @property
    def where(self) -> str:
        """Return the place for people: ``answers.tex, line 31``."""
        return f"{self.file}, {self.unit} {self.line}" if self.line else self.file


# --- the numbering of a sheet ---------------------------------------------------------------------

_KEYWORD = r"(?:problem|question|exercise|task|part|section|answer|ans|ques|prob|q|p)"
_FULL = re.compile(
    rf"\W*(?:{_KEYWORD}\b[\s.:#-]*)?(\d+(?:\.\d+)*)(?:\s*[.\-]?\s*\(?([a-h])\)?(?![\w]))?(?:[\s:.)\]-]|$)",
    re.IGNORECASE,
)
_LETTER = re.compile(
    rf"\W*(?:{_KEYWORD}\s*)?(?:\(([a-h])\)|([a-h])[):.](?!\w)|(?<=part )([a-h])\b)", re.IGNORECASE
)
_INLINE = re.compile(
    r"[\s*_#>]*(?:(\d+)\s*\.?\s*)?\(([a-h])\)|[\s*_#>]*(\d+)\s*\.?\s*([a-h])[).:*]"
)


def place_of(text: str) -> tuple[int, ...]:
    """Return the place that a question's declaration names: "1c" -> (1, 3)."""
    parts = re.findall(r"\d+|[A-Za-z]", text)
    return tuple(int(part) if part.isdigit() else _ordinal(part) for part in parts)


def _ordinal(letter: str) -> int:
    return ord(letter.lower()) - ord("a") + 1


@dataclass
class _Frame:
    """A heading or an item that what follows stands under."""

    level: int
    text: str
    number: int = 0  # of an item in an ordered list


def _place(frames: list[_Frame]) -> tuple[int, ...]:
    path: tuple[int, ...] = ()
    for frame in frames:
        if found := _FULL.match(frame.text):
            numbers = tuple(int(n) for n in found[1].split(".")[:6] if len(n) < 4)  # noqa: PLR2004
            path = (*numbers, _ordinal(found[2])) if found[2] else numbers
        elif found := _LETTER.match(frame.text):
            path = (*path, _ordinal(found[1] or found[2] or found[3]))
        elif frame.number:
            path = (*path, frame.number)
    return path


# --- the outline ----------------------------------------------------------------------------------

_ITEM = 100  # items stand under all headings
_LABEL = 50  # "(c)" at the start of a paragraph


@dataclass
class Outline:
    """Collects spans. Levels: a heading ends all headings of its level and below."""

    file: str
    unit: str = "line"
    spans: list[Span] = field(default_factory=list)
    fixed: int = 0  # the cell or page that everything is on, where lines say nothing
    _frames: list[_Frame] = field(default_factory=list)
    _lists: list[int] = field(default_factory=list)  # items counted so far; -1 where unordered
    _prose: str = ""
    _before: str = ""  # the paragraph before
    _history: str = ""  # of the section

    def heading(self, level: int, text: str) -> None:
        """Begin a section."""
        self._frames = [f for f in self._frames if f.level < level]
        self._frames.append(_Frame(level, text[:_MAX_LAYER]))
        self._lists.clear()
        self._prose = self._before = self._history = ""

    def open_list(self, *, ordered: bool) -> None:
        """Begin a list."""
        self._lists.append(0 if ordered else -1)

    def item(self, label: str = "") -> None:
        """Begin an item of the innermost list."""
        if not self._lists:
            self._lists.append(-1)
        level = _ITEM + len(self._lists)
        number = 0
        if self._lists[-1] >= 0:
            self._lists[-1] += 1
            number = self._lists[-1]
        self._frames = [f for f in self._frames if f.level < level]
        self._frames.append(_Frame(level, label[:_MAX_LAYER], number))
        self.paragraph()
        self._before = ""

    def close_list(self) -> None:
        """End the innermost list."""
        level = _ITEM + len(self._lists)
        self._frames = [f for f in self._frames if f.level < level]
        if self._lists:
            self._lists.pop()
        self.paragraph()
        self._before = ""

    def paragraph(self) -> None:
        """End a paragraph."""
        if self._prose.strip():
            self._before = self._prose
            self._history = f"{self._history}\n{self._prose}"[-_MAX_HISTORY:]
        self._prose = ""

    def prose(self, text: str) -> None:
        """Take text in which there is no formula."""
        if not self._prose.strip() and (found := _INLINE.match(text)):
            inside = any(frame.level > _ITEM for frame in self._frames)
            if not inside:
                self._frames = [f for f in self._frames if f.level < _LABEL]
                self._frames.append(_Frame(_LABEL, found[0].strip(" *_#>:.") + " "))
        items = [f for f in self._frames if f.level > _ITEM]
        if items and not items[-1].text.strip():
            items[-1].text = text.strip()[:_MAX_LAYER]
        self._prose = (self._prose + text)[-_MAX_LAYER:]

    def formula(self, text: str, line: int, kind: str, near: tuple[str, ...] = ()) -> None:
        """Take a formula; ``near`` is what stands nearest, as the header of a table's column."""
        if not text.strip():
            return
        if len(self.spans) >= MAX_SPANS:
            raise CannotRead(f"it holds more than {MAX_SPANS:,} formulas")
        layers = (*near, self._prose, *(() if self._prose.strip() else (self._before,)))
        titles = (frame.text for frame in reversed(self._frames))
        self.spans.append(
            Span(self.file, self.fixed or line, text, kind, _written(layers), _written(titles),
                 self._history, _place(self._frames), unit=self.unit)
        )  # fmt: skip

    def answer(self, mark: str, text: str, line: int) -> None:
        """Take an answer that is marked with its question's id."""
        self.spans.append(
            Span(self.file, self.fixed or line, text, "answer", mark=mark.strip(), unit=self.unit)
        )


def _written(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())


# --- text with formulas in it ---------------------------------------------------------------------

_OPEN = re.compile(
    r"(?<!\\)(?P<double>\$\$)|(?<!\\)(?P<single>\$)|(?P<square>\\\[)|(?P<round>\\\()"
    r"|\\begin\s*\{(?P<env>equation|align|alignat|gather|multline|displaymath|math|eqnarray|flalign)"
    r"(?P<star>\*?)\}(?:\{\d\})?"
)
_MAX_FORMULA = 8_000
_BLANK = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True)
class Piece:
    """Part of a text: prose or a formula."""

    kind: str  # "prose", "display", "inline"
    text: str
    at: int  # where in the text it begins
    closed: bool = True


def pieces(text: str) -> Iterator[Piece]:
    """Split a text into prose and formulas.

    A formula ends at its mark or, where that is missing, at a blank line: a ``$$`` that is never
    closed costs the formulas after it nothing. A single ``$`` that is never closed is prose.
    """
    start = at = 0
    while found := _OPEN.search(text, at):
        begin = found.end()
        blank = _BLANK.search(text, begin, begin + _MAX_FORMULA)
        limit = blank.start() if blank else min(len(text), begin + _MAX_FORMULA)
        closer, end = _closer(found, text, begin, limit)
        if end < 0 and (found["single"] or found["round"]):
            at = begin
            continue
        if found.start() > start:
            yield Piece("prose", text[start : found.start()], start)
        inside = text[begin : end if end >= 0 else limit]
        yield Piece("inline" if found["single"] or found["round"] else "display",
                    inside, found.start(), closed=end >= 0)  # fmt: skip
        start = at = (end + len(closer)) if end >= 0 else limit
    if start < len(text):
        yield Piece("prose", text[start:], start)


def _closer(found: re.Match[str], text: str, begin: int, limit: int) -> tuple[str, int]:
    if found["env"]:
        closer = f"\\end{{{found['env']}{found['star']}}}"
        limit = begin + _MAX_FORMULA  # blank lines do no harm inside
    else:
        closer = {"$$": "$$", "$": "$", "\\[": "\\]", "\\(": "\\)"}[found[0]]
    end = text.find(closer, begin, limit)
    while end > 0 and closer[0] == "$" and text[end - 1] == "\\":
        end = text.find(closer, end + 1, limit)
    return closer, end


_CLAUSE = re.compile(r"((?:,|;|\band\b|\bwhile\b)\s+)")
_ASSIGNED = re.compile(r"[=:≈]|\bis\b.*\d")


def lines_of(outline: Outline, prose: str, line: int) -> None:
    """Take prose: a clause with ``=``, ``:`` or "is" in it may hold a formula as plain text."""
    for offset, row in enumerate(prose.split("\n")):
        for clause in _CLAUSE.split(row):
            if _ASSIGNED.search(clause) and len(clause) < _MAX_LAYER:
                outline.formula(clause.strip(), line + offset, "text")
            outline.prose(clause)
        outline.prose("\n")


def line_ends(text: str) -> list[int]:
    """Return where lines end; how many lie before a position is then found by bisection."""
    return [found.start() for found in re.finditer("\n", text)]


def mixed(outline: Outline, text: str, line: int) -> None:
    """Take a text with formulas between marks; ``line`` is the number of its first line."""
    lines = line_ends(text)
    for piece in pieces(text):
        at = line + bisect.bisect_left(lines, piece.at)
        if piece.kind == "prose":
            start, inner = 0, line_ends(piece.text)
            for blank in [*_BLANK.finditer(piece.text), None]:
                end = blank.start() if blank else len(piece.text)
                lines_of(outline, piece.text[start:end], at + bisect.bisect_left(inner, start))
                if blank:
                    outline.paragraph()
                    start = blank.end()
        else:
            outline.formula(piece.text.replace("\n", " "), at, piece.kind)
            for offset, row in statements(piece.text) if piece.kind == "display" else ():
                outline.formula(row.replace("\n", " "), at + offset, piece.kind)
            if not piece.closed:
                outline.paragraph()

"""What stands around each formula of a document: headings, items, tables, the text before it.

Readers of formats report what they meet, in order; an `Outline` turns that into spans. Whatever
the format, a span says where it stands in words (layers, the nearest first) and in the numbering
of the sheet (its place: "1c" is (1, 3), and so is item 3 below the heading "Problem 1").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

MAX_SPANS = 5_000
BLANK = re.compile(r"\n[ \t]*\n")
MAX_LAYER = 400  # characters of a layer that are looked at
_MAX_HISTORY = 1_200
_MAX_PASSAGE = 4_000


class CannotRead(Exception):  # noqa: N818 - says what is the case
    """A file cannot be read; the message is half a sentence that says why."""


@dataclass(frozen=True)
class Frame:
    """A heading, a label or an item that a span stands under."""

    level: int
    text: str
    number: int  # of an item in an ordered list
    serial: int  # tells it from another of the same text

    @property
    def is_heading(self) -> bool:
        """Whether it is one."""
        return self.level < _LABEL


@dataclass(frozen=True)
class Span:
    """A piece of a document that may be a formula."""

    file: str
    line: int  # or the page
    text: str
    kind: str  # "answer" (marked with a question's id), "display", "inline", "code", "text";
    # "passage": a whole paragraph, in which no formula is looked for
    layers: tuple[str, ...] = ()  # text before it, nearest first
    titles: tuple[str, ...] = ()  # items and headings that it stands under, innermost first
    history: str = ""  # what its section says before it
    place: tuple[int, ...] = ()
    mark: str = ""  # the id that it is marked with
    unit: str = "line"  # what `line` counts
    frames: tuple[Frame, ...] = ()  # outermost first
    paragraph: int = 0  # that it is in
    told: str = ""  # what its section says before it, formulas too

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
    serial: int = 0
    growing: bool = False  # the first line of an item is not at its end


def _place(frames: list[_Frame]) -> tuple[int, ...]:
    path: tuple[int, ...] = ()
    for frame in frames:
        if frame.level == _QUESTION:
            continue
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
_QUESTION = 51  # "Q2" or "2.1.2" there, which only `sections` looks at
_NAMED = re.compile(
    r"[\s*_#>(]*(?:(?:question|answer|ques|part|q)\s*[.#]?\s*\d+(?:\.\d+)*|\d+(?:\.\d+){1,5})"
    r"(?:\s*[,.]?\s*\(?(?:question|q)\s*\.?\s*\d+\)?)?(?=[\s:.)*_\]–-]|$)",
    re.IGNORECASE,
)


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
    _passage: str = ""  # the paragraph as a whole
    _passage_line: int = 0
    _told: str = ""  # of the section, formulas too
    _paragraph: int = 0
    _serial: int = 0
    line: int = 0  # that is being read, as far as that is known

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    def heading(self, level: int, text: str) -> None:
        """Begin a section."""
        self.paragraph()
        self._frames = [f for f in self._frames if f.level < level]
        self._frames.append(_Frame(level, text[:MAX_LAYER], serial=self._next()))
        self._lists.clear()
        self._prose = self._before = self._history = self._told = ""

    def open_list(self, *, ordered: bool, first: int = 1) -> None:
        """Begin a list; the items of an ordered one are counted from ``first``."""
        self.paragraph()
        self._lists.append(max(first - 1, 0) if ordered else -1)

    def item(self, label: str = "", number: int = 0) -> None:
        """Begin an item of the innermost list; ``number`` is how it is marked, if it is.

        A number may be left out (1, 2, 5), while one that comes again (1, 1, 1) is counted.
        """
        self.paragraph()
        if not self._lists:
            self._lists.append(-1)
        level = _ITEM + len(self._lists)
        if self._lists[-1] >= 0:
            self._lists[-1] = number = max(self._lists[-1] + 1, number)
        self._frames = [f for f in self._frames if f.level < level]
        self._frames.append(_Frame(level, label[:MAX_LAYER], number, self._next(), growing=True))
        self.paragraph()
        self._before = ""

    def close_list(self) -> None:
        """End the innermost list."""
        self.paragraph()
        level = _ITEM + len(self._lists)
        self._frames = [f for f in self._frames if f.level < level]
        if self._lists:
            self._lists.pop()
        self.paragraph()
        self._before = ""

    def paragraph(self) -> None:
        """End a paragraph."""
        if self._passage.strip():
            passage, self._passage = self._passage, ""
            self._take(Span(self.file, self.fixed or self._passage_line, passage.strip(),
                            "passage", titles=_written(f.text for f in reversed(self._frames)),
                            place=_place(self._frames)))  # fmt: skip
            self._told = f"{self._told}\n{passage}"[-_MAX_HISTORY:]
        self._passage, self._passage_line = "", 0
        for frame in self._frames:
            frame.growing = frame.growing and not frame.text.strip()
        self._paragraph += 1
        if self._prose.strip():
            self._before = self._prose
            self._history = f"{self._history}\n{self._prose}"[-_MAX_HISTORY:]
        self._prose = ""

    def question(self, name: str) -> None:
        """Begin what a label says ("Q2"), and end what the last one has begun."""
        self._frames = [f for f in self._frames if f.level != _QUESTION]
        if name:
            at = next((i for i, f in enumerate(self._frames) if f.level > _QUESTION), None)
            frame = _Frame(_QUESTION, name, serial=self._next())
            self._frames.insert(len(self._frames) if at is None else at, frame)

    def prose(self, text: str, *, ends: bool = False) -> None:
        """Take text in which there is no formula; at its end, a formula or nothing follows."""
        if not self._prose.strip() and (found := _INLINE.match(text)):
            inside = any(frame.level > _ITEM for frame in self._frames)
            if not inside:
                self._frames = [f for f in self._frames if f.level < _LABEL]
                self._frames.append(
                    _Frame(_LABEL, found[0].strip(" *_#>:.") + " ", serial=self._next())
                )
        elif not self._prose.strip() and (named := _NAMED.match(text)):
            self.question(named[0].strip(" *_#>:.("))
        items = [f for f in self._frames if f.level > _ITEM]
        if items and items[-1].growing and text.strip(" \n"):
            items[-1].text = (items[-1].text + text.partition("\n")[0]).lstrip()[:MAX_LAYER]
        if items and "\n" in text and items[-1].text.strip():
            items[-1].growing = False
        self._passage_line = self._passage_line or self.line
        self._prose = (self._prose + text)[-MAX_LAYER:]
        self._passage = (self._passage + ("" if ends else text))[:_MAX_PASSAGE]

    def formula(self, text: str, line: int, kind: str, near: tuple[str, ...] = ()) -> None:
        """Take a formula; ``near`` is what stands nearest, as the header of a table's column."""
        if not text.strip():
            return
        self._passage_line = self._passage_line or line
        items = [f for f in self._frames if f.level > _ITEM]
        if kind == "inline" and items and items[-1].growing:
            items[-1].text = f"{items[-1].text} {text}".lstrip()[:MAX_LAYER]
        before = self._passage
        if kind in {"inline", "display"} and not near:
            self._passage = (self._passage + f"${text}$")[:_MAX_PASSAGE]
        elif kind == "code":
            self._passage = (self._passage + f"`{text}`")[:_MAX_PASSAGE]
        after, self._passage = self._passage, before  # a span is not told of itself
        layers = (*near, self._prose, *(() if self._prose.strip() else (self._before,)))
        titles = (frame.text for frame in reversed(self._frames))
        self._take(
            Span(self.file, self.fixed or line, text, kind, _written(layers), _written(titles),
                 self._history, _place(self._frames))
        )  # fmt: skip
        self._passage = after

    def _take(self, span: Span) -> None:
        if len(self.spans) >= MAX_SPANS:
            raise CannotRead(f"it holds more than {MAX_SPANS:,} formulas")
        frames = tuple(Frame(f.level, f.text, f.number, f.serial) for f in self._frames)
        told = f"{self._told}\n{self._passage}"[-_MAX_HISTORY:]
        self.spans.append(
            replace(span, unit=self.unit, frames=frames, paragraph=self._paragraph, told=told)
        )

    def answer(self, mark: str, text: str, line: int) -> None:
        """Take an answer that is marked with its question's id."""
        self.spans.append(
            Span(self.file, self.fixed or line, text, "answer", mark=mark.strip(), unit=self.unit)
        )


def _written(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts if text.strip())

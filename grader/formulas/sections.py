"""Which question of a sheet a piece of an answer stands under.

The sheet that students were given says where each question is: below which headings, with which
number, in which words. A student's copy of it may have lost any of these. In this order they tell:
a question's own words, repeated; the numbers of headings, items and labels; the titles of headings.
What is repeated of the sheet is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from grader.formulas.outline import Frame, Span

Place = tuple[int, ...]
_PATH = re.compile(
    r"\W*(?:(?:part|section|question|problem|answers?|exercise|q|task)\b\W*)?(\d+(?:\.\d+)+)(?![\w^])"
    r"(?:\W{0,3}\b(?:question|q)\.?\s*(\d+))?",
    re.IGNORECASE,
)
_SINGLE = re.compile(
    r"\W*(?:part|section|question|problem|answer|ques|q)[\s.#]*(\d+)\b|\W*(\d+)[.):]?\s*(?:$|(?<=[.):]\s))",
    re.IGNORECASE,
)
_ASKED = re.compile(r"\W*(?:question|q)\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z]{2,}|\d+")
_IDLE = frozenset(
    ("the", "of", "and", "or", "to", "in", "for", "is", "are", "an", "at", "on", "with", "by",
     "part", "section", "question", "answer", "your", "be", "how", "what", "analyzing", "this",
     "that", "it", "as")
)  # fmt: skip
_SENTENCE = re.compile(r"(?<=[.?!:])\s+|\n\s*\n")
LIKE = 0.7  # share of a question's words that name it
_TITLE = 0.5
_FEW = 5  # words that a question has at least, to be told by them


@dataclass
class Sections:
    """The questions of a sheet by their places, and what the sheet says of each."""

    known: frozenset[Place]  # places that questions have
    titles: dict[Place, frozenset[str]] = field(default_factory=dict)
    wordings: dict[Place, frozenset[str]] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)  # sentences and formulas of the sheet
    numbers: set[str] = field(default_factory=set)  # what is nothing but a number, as it stands

    @classmethod
    def of(cls, spans: Sequence[Span], places: Iterable[Place]) -> Sections:
        """Return what the sheet that was given says; ``places`` are those of its questions."""
        found = cls(frozenset(places) | _leaves(spans))
        for span in spans:
            at: Place = ()
            for frame in span.frames:
                at = found.step(at, frame)
                if at and (frame.is_heading or frame.text.startswith("**")):
                    found.titles.setdefault(at, _title(frame.text))
            if span.kind == "passage":
                found.said |= {plain(part) for part in sentences(span.text)} | {plain(span.text)}
                if at in found.known:
                    words = _words(span.text)
                    found.wordings[at] = found.wordings.get(at, frozenset()) or words
            else:
                found.said.add(plain(span.text))
                if plain(span.text).isdigit() and "=" in span.text:
                    found.numbers.add(span.text.strip())
        return found

    def step(self, at: Place, frame: Frame) -> Place:
        """Return the place below ``at`` that a heading, a label or an item leads to."""
        if path := self.named(at, frame.text, heading=frame.is_heading):
            return path
        if frame.is_heading or frame.text.startswith("**"):
            if titled := self._titled(at, frame.text) or self._titled((), frame.text):
                return titled
            if frame.is_heading:
                return at
        return self._below(at, frame.number) if frame.number else at

    def _below(self, at: Place, number: int) -> Place:
        inside = (*at, number)
        return inside if self.leads(inside) else at

    def named(self, at: Place, text: str, *, heading: bool) -> Place:
        """Return the place that a text begins with, below ``at``; () where it names none."""
        if found := _PATH.match(text):
            numbers = tuple(int(part) for part in found[1].split(".")[:8] if len(part) < 4)  # noqa: PLR2004
            paths = [(*numbers, int(found[2])) if found[2] else numbers, (*at, *numbers)]
            if at[-1:] == numbers[:1]:
                paths.insert(1, (*at[:-1], *numbers))  # "3.2" below "3. Softmax"
            inner = not heading or _ASKED.match(text)  # "1.2" below 2.1.3 is 2.1.3.1.2
            for path in reversed(paths) if inner else paths:
                if self.leads(path):
                    return path
        if found := _SINGLE.match(text):
            if not heading and not found[1]:
                return ()
            single = int((found[1] or found[2])[:3])
            for path in ((*at, single), (*at[:-1], single)):
                if self.leads(path):
                    return path
        return ()

    def leads(self, place: Place) -> bool:
        """Whether a question is at or below a place."""
        return any(known[: len(place)] == place for known in self.known)

    def _titled(self, at: Place, text: str) -> Place:
        """Return the place whose title is most like a text; () where none is, or two are."""
        words = _title(text)
        scored = sorted(
            ((_alike(words, title), place) for place, title in self.titles.items()
             if place[: len(at)] == at and place != at),
            reverse=True,
        )  # fmt: skip
        return _clear_best(scored, _TITLE)

    def worded(self, text: str) -> Place:
        """Return the question whose words a paragraph repeats; () where it is none, or several."""
        words = _words(text)
        scored = sorted(
            ((len(words & own) / len(own), place) for place, own in self.wordings.items()
             if len(own) >= _FEW),
            reverse=True,
        )  # fmt: skip
        return _clear_best(scored, LIKE)

    def given(self, span: Span) -> bool:
        """Whether a piece of the sheet itself is all that a span is."""
        text = plain(span.text)
        if text.isdigit():  # "= 48" may be an answer, and may be the sheet's
            return span.kind != "passage" and span.text.strip() in self.numbers
        return text in self.said

    def own_sentences(self, text: str) -> list[str]:
        """Return the sentences of a paragraph that the sheet does not have."""
        return [
            part
            for part in sentences(text)
            if (letters := plain(part)) and (letters not in self.said or letters.isdigit())
        ]


def _clear_best(scored: Sequence[tuple[float, Place]], least: float) -> Place:
    """Return the first place where its score is enough and the next has less; else ()."""
    if not scored or scored[0][0] < least:
        return ()
    return () if len(scored) > 1 and scored[1][0] == scored[0][0] else scored[0][1]


def _leaves(spans: Sequence[Span]) -> frozenset[Place]:
    """Return the places of a sheet's numbered items that have none below them."""
    found = set()
    for span in spans:
        at: Place = ()
        for frame in span.frames:
            if frame.is_heading and (path := _PATH.match(frame.text)):
                at = tuple(int(part) for part in path[1].split("."))
            elif frame.number and at:
                at = (*at, frame.number)
        if at and any(frame.number for frame in span.frames):
            found.add(at)
    return frozenset(
        place for place in found
        if not any(other[: len(place)] == place and other != place for other in found)
    )  # fmt: skip


@dataclass(frozen=True)
class Placed:
    """A span and the question, or the group of questions, that it stands under."""

    span: Span
    place: Place
    given: bool = False  # it is a piece of the sheet itself


def placed(spans: Sequence[Span], sections: Sections) -> list[Placed]:
    """Return the spans of a file, each with its place."""
    worded: Mapping[int, Place] = {
        span.paragraph: place
        for span in spans
        if span.kind == "passage" and (place := sections.worded(span.text))
    }
    out: list[Placed] = []
    last: Place = ()
    before: tuple[Frame, ...] = ()
    for span in spans:
        at = _numbered(span, sections)
        if place := worded.get(span.paragraph, ()):
            at = last = place
            before = span.frames
        elif last and _goes_on(span.frames, before, at, last):
            at = at if at[: len(last)] == last else last
        elif at in sections.known and not span.frames[-1].is_heading:
            last, before = at, tuple(frame for frame in span.frames if frame.is_heading)
        out.append(Placed(span, at, sections.given(span)))
    return out


def _numbered(span: Span, sections: Sections) -> Place:
    """Return the place that headings, labels and items lead to."""
    at: Place = ()
    for frame in span.frames:
        at = sections.step(at, frame)
    inside = [place for place in sections.known if at[: len(place)] == place]
    return max(inside, key=len, default=at)


def _goes_on(frames: tuple[Frame, ...], before: tuple[Frame, ...], at: Place, last: Place) -> bool:
    """Whether a span still belongs to the question that was named before it.

    It does in the same item, and in a paragraph after a list below the same heading.
    """
    serials, inner = _split(frames)
    serials_before, inner_before = _split(before)
    if serials != serials_before:
        return False
    if inner_before and inner[: len(inner_before)] == inner_before:
        return True
    return not inner and last[: len(at)] == at


def _split(frames: tuple[Frame, ...]) -> tuple[list[int], list[int]]:
    """Return the serial numbers of headings, and of labels and items."""
    heads = [frame.serial for frame in frames if frame.is_heading]
    return heads, [frame.serial for frame in frames if not frame.is_heading]


def sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph."""
    return [part.strip() for part in _SENTENCE.split(text) if part.strip()]


def plain(text: str) -> str:
    """Return a text's letters and digits, for comparing."""
    return re.sub(r"[\W_]+", "", text).lower()


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(re.sub(r"\]\([^)]*\)|[\\_*]", " ", text).lower())) - _IDLE


def _title(text: str) -> frozenset[str]:
    return frozenset(word.removesuffix("s") for word in _words(text) if not word.isdigit())


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of common words of two titles."""
    return len(one & other) / len(one | other) if one and other else 0.0

"""The candidates for a question's answer, by where they stand in a sheet that was given.

First those under the question itself, then those under a heading above it, then those of nobody
knows where, then those of its neighbours. Within a question that has several answers the words
around tell which is which: flops or bytes, which case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grader.formulas.finding import facets_of, label, pattern_of, words
from grader.formulas.outline import Span, place_of
from grader.formulas.questions import Question
from grader.formulas.sections import Place, Placed, Sections, plain, sentences

EXACT, GROUP, NOWHERE, ELSEWHERE = 3, 2, 1, 0
_ALL = re.compile(r"\b(?:all|every|each|both|any|everywhere|always)\b", re.IGNORECASE)
_LEAST = 12  # letters of a repeated sentence, which may be cut
_NEAR = 200  # characters before a formula in which its case is looked for


@dataclass(frozen=True)
class Tier:
    """Candidates that stand equally near."""

    rank: int
    clear: tuple[Span, ...]  # what stands around says that they are meant
    loose: tuple[Span, ...]  # it does not say what they are


@dataclass(frozen=True)
class Stated:
    """What is said equally near to a question."""

    rank: int
    prose: tuple[str, ...]
    cells: tuple[str, ...]  # of tables
    where: str


@dataclass
class Places:
    """The spans of one file, asked for question by question."""

    spans: Sequence[Placed]
    questions: Sequence[Question]
    sections: Sections
    known: Mapping[str, Mapping[str, tuple[str, ...]]]  # words of all facets
    _facets: dict[Span, dict[str, str]] = field(default_factory=dict)
    _said: str = ""
    _seen: frozenset[Place] | set[Place] = frozenset()  # places of anything, the sheet's own too

    def __post_init__(self) -> None:
        """Make ready what all questions share."""
        self._seen = {each.place for each in self.spans}
        self.spans = [each for each in self.spans if not each.given]
        self._said = "|".join(sorted(self.sections.said))
        self._places = {q.id: place_of(q.place) for q in self.questions}

    def tiers(self, question: Question) -> Iterator[Tier]:
        """Yield the candidates for a formula or a number, the nearest first."""
        own = self._places[question.id]
        for rank in (EXACT, GROUP, NOWHERE, ELSEWHERE):
            clear: list[Span] = []
            loose: list[Span] = []
            for each in self.spans:
                if each.span.kind == "passage" or self._rank(each.place, own) != rank:
                    continue
                fit = self._fit(each, question, rank)
                if fit is not None:
                    (clear if fit else loose).append(each.span)
            if clear or loose:
                yield Tier(rank, tuple(clear), tuple(loose))

    def _rank(self, place: Place, own: Place) -> int:
        if place[: len(own)] == own:
            return EXACT
        if place and own[: len(place)] == place:
            return GROUP
        if not place:
            return NOWHERE
        return ELSEWHERE if place[:2] == own[:2] else -1

    def _fit(self, each: Placed, question: Question, rank: int) -> bool | None:
        """Whether a span says that it is meant; None where it says that it is not."""
        needed: Mapping[str, str] = self._needed(each.place, question)
        if rank == ELSEWHERE or not each.place:
            needed = question.facets
        found = self.facets(each.span)
        if any(found.get(name, value) != value for name, value in needed.items()):
            return None
        if any(found.get(name) != value for name, value in needed.items()):
            return False
        return rank >= GROUP or bool(needed)

    def _needed(self, place: Place, question: Question) -> dict[str, str]:
        """Return the facets by which the questions below a place differ."""
        below = [q for q in self.questions if self._places[q.id][: len(place)] == place]
        rivals = [q for q in below if bool(q.stances) == bool(question.stances)]
        return {
            name: value
            for name, value in question.facets.items()
            if any(rival.facets.get(name) != value for rival in rivals)
        }

    def facets(self, span: Span) -> dict[str, str]:
        """Return what the words around a span say, without those of the sheet."""
        if span not in self._facets:
            bare = self._bare(span)
            word_like = {n: v for n, v in self.known.items() if not _is_pattern(v)}
            found = facets_of(bare, word_like)
            for name, values in self.known.items():
                if _is_pattern(values) and (value := self._nearest(span, values)):
                    found[name] = value
            self._facets[span] = found
        return self._facets[span]

    def _bare(self, span: Span) -> Span:
        """Return a span without what the sheet itself says around it."""
        items = {frame.text.strip() for frame in span.frames if not frame.is_heading}
        titles = tuple(t if t not in items else self._own(t) for t in span.titles)
        layers = tuple(self._own(layer) for layer in span.layers)
        return replace(span, layers=layers, titles=tuple(t for t in titles if t),
                       history=self._own(span.history))  # fmt: skip

    def _own(self, text: str) -> str:
        return " ".join(part for part in sentences(text) if not self._of_the_sheet(part))

    def _of_the_sheet(self, sentence: str) -> bool:
        text = plain(re.sub(r"\$[^$]*\$", "", sentence))
        return (len(text) >= _LEAST and text in self.sections.said) or (
            len(text) >= 2 * _LEAST and text in self._said
        )

    def _nearest(self, span: Span, values: Mapping[str, Sequence[str]]) -> str:
        """Return the value that is mentioned last before a span, or in its label."""
        cells = span.layers[:2] if span.layers and "|" not in span.layers[0] else ()
        own = words(span.text)[:_NEAR] if span.kind == "text" else label(span)
        nearest = (
            [f"{span.told[-_NEAR:]} {own}", *cells] if span.kind != "display" else [own, *cells]
        )
        titles = [frame.text for frame in reversed(span.frames) if not frame.is_heading]
        headings = [frame.text for frame in reversed(span.frames) if frame.is_heading]
        for text in (*nearest, *titles, span.told, *headings):
            if value := last_of(words(text), values):
                return value
        return ""

    def empty(self, question: Question) -> bool:
        """Whether the file has the question, with nothing below it, and nothing unplaced."""
        own = self._places[question.id]
        if own not in self._seen:
            return False
        for each in self.spans:
            written = each.span.kind != "passage" or self.sections.own_sentences(each.span.text)
            if written and self._rank(each.place, own) >= GROUP:
                return False
            introduces = each.span.kind in {"passage", "text"} and not each.place
            if written and each.place not in self.sections.known and not introduces:
                return False
        return True

    def prose(self, question: Question) -> tuple[str, str]:
        """Return what a student has written under a question, and where it begins."""
        own = self._places[question.id]
        said = [each.span for each in self.spans
                if each.span.kind == "passage" and each.place[: len(own)] == own]  # fmt: skip
        texts = [" ".join(self.sections.own_sentences(span.text)) for span in said]
        where = next((s.where for s, text in zip(said, texts, strict=True) if text), "")
        return "\n".join(text for text in texts if text), where

    # --- verdicts ---------------------------------------------------------------------------------

    def statements(self, question: Question) -> Iterator[Stated]:
        """Yield what may state the verdict, the nearest first."""
        own = self._places[question.id]
        for rank in (EXACT, GROUP, NOWHERE, ELSEWHERE):
            near = [each for each in self.spans if self._rank(each.place, own) == rank]
            said = [(each.span, self._stated(each, question)) for each in near]
            said = [(span, texts) for span, texts in said if texts]
            if said:
                cells = [t for span, texts in said for t in texts if span.kind != "passage"]
                prose = [t for span, texts in said for t in texts if span.kind == "passage"]
                yield Stated(rank, tuple(prose), tuple(cells), said[0][0].where)

    def _stated(self, each: Placed, question: Question) -> list[str]:
        needed = dict(self._needed(each.place, question) if each.place else question.facets)
        case = {n: needed.pop(n) for n in list(needed) if _is_pattern(self.known[n])}
        span = each.span
        if span.kind != "passage":
            if span.kind != "display" or (span.frames and not span.layers):
                return []
            found = self.facets(span)
            wanted = {**needed, **case}
            cell = bool(question.short) and all(found.get(n) == v for n, v in wanted.items())
            return [words(span.text)] if cell and not re.search(r"[=+^]", span.text) else []
        own = self.sections.own_sentences(span.text)
        if not case:
            return own
        ((name, value),) = case.items()
        return list(self._of_case(own, span, self.known[name], value))

    def _of_case(
        self, own: Sequence[str], span: Span, values: Mapping[str, Sequence[str]], wanted: str
    ) -> Iterator[str]:
        """Yield the sentences that are about a case; the case of one holds for those after it."""
        texts = [frame.text for frame in reversed(span.frames)]
        before = (last_of(words(text), values) for text in (*texts[:2], span.told, *texts[2:]))
        current = {value} if (value := next(filter(None, before), "")) else set()
        for sentence in (row for part in own for row in part.split("\n")):
            plain_text = words(sentence)
            if named := all_of(plain_text, values):
                current = named
            elif _ALL.search(plain_text) and not current:
                current = set(values)
            if wanted in current:
                yield sentence


def _is_pattern(values: Mapping[str, Sequence[str]]) -> bool:
    return all(word.startswith("re:") for known in values.values() for word in known)


def last_of(text: str, values: Mapping[str, Sequence[str]]) -> str:
    """Return the value whose mention stands last in a text; "" where none is."""
    at = {
        value: max((m.start() for m in pattern_of(known).finditer(text)), default=-1)
        for value, known in values.items()
    }
    best = max(at, key=lambda value: at[value], default="")
    return best if best and at[best] >= 0 else ""


def all_of(text: str, values: Mapping[str, Sequence[str]]) -> set[str]:
    """Return all values that a text mentions."""
    return {value for value, known in values.items() if pattern_of(known).search(text)}

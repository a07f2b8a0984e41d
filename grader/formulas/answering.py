"""Spans and questions -> readings: what was found, how it was read, what it is."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from grader.formulas import chains, judged, quantities, trees
from grader.formulas.chains import Chain, Graded
from grader.formulas.finding import MAX_OTHERS, Choice, Finder, weight
from grader.formulas.judging import NONE, REFERENCE, Judge, Match
from grader.formulas.links import wrong_links
from grader.formulas.mixed import pieces
from grader.formulas.outline import Span
from grader.formulas.placing import ELSEWHERE, EXACT, Places, Tier
from grader.formulas.questions import Question
from grader.formulas.records import SEEN, Reading
from grader.formulas.scanning import scan
from grader.formulas.sections import Sections, placed
from grader.formulas.spelling import Unreadable
from grader.formulas.trees import Tree

UNCERTAIN = "it was found by the words around it, and may not be the answer"
FULL = (REFERENCE, "follows")  # nothing to be found elsewhere is better
_MAX_SHOWN = 300
_BOLD = re.compile(r"(?<![\w)\]}])\*\*(?=\S)|(?<=\S)\*\*(?![\w(\[{])")


@dataclass
class Answers:
    """The readings so far, and what students' own later answers may follow from."""

    questions: Sequence[Question]
    sections: Sections | None = None  # of the sheet that was given, where there is one
    readings: dict[str, Reading] = field(default_factory=dict)
    chosen: dict[str, Span] = field(default_factory=dict)
    _own: dict[str, Tree] = field(default_factory=dict)
    _cache: dict[tuple[str, str], Graded] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make ready what all questions share."""
        self._finder = Finder(self.questions)

    def read(self, groups: Sequence[Sequence[Span]]) -> None:
        """Answer every question. A group is the spans of one file, the most telling file first."""
        files = self._places(groups)
        groups = [[span for span in group if span.kind != "passage"] for group in groups]
        for question in self.questions:
            if self.sections and not self._declared(question, groups):
                self.readings[question.id] = self._in_place(question, files)
                continue
            choice = self._choose(question, groups)
            if choice is None:
                self.readings[question.id] = _missing(question, groups)
                continue
            self.chosen[question.id] = choice.span
            self.readings[question.id] = self._reading(question, choice)

    # --- in a sheet that was given ----------------------------------------------------------------

    def _places(self, groups: Sequence[Sequence[Span]]) -> list[Places]:
        """Return the spans of each file with their places in the sheet."""
        if self.sections is None:
            return []
        words = self._finder.words
        return [
            Places(placed(group, self.sections), self.questions, self.sections, words)
            for group in groups
        ]

    def _declared(self, question: Question, groups: Sequence[Sequence[Span]]) -> bool:
        """Whether an answer is marked with the question's id."""
        return any(span.mark == question.id for group in groups for span in group)

    def _in_place(self, question: Question, files: Sequence[Places]) -> Reading:
        if question.prose:
            return judged.prose(question, files)
        if question.stances:
            return judged.verdict(question, files, self._own)
        judge = Judge(question, self._own)
        for tier in sorted((t for f in files for t in f.tiers(question)), key=lambda t: -t.rank):
            if choice := self._of_tier(question, judge, tier):
                self.chosen[question.id] = choice.span
                return self._reading(question, choice)
        return judged.missing(question, files)

    def _of_tier(self, question: Question, judge: Judge, tier: Tier) -> Choice | None:
        clear = [span for span in tier.clear if self._useful(span, question)]
        loose = [span for span in tier.loose if self._useful(span, question)]
        certain = tier.rank == EXACT
        if question.number_only or not clear:
            for wanted, among in ((FULL, clear), (FULL, loose), ((), clear)):
                for span in reversed(among):
                    verdict = self._read_span(question, judge, span, keep=False).verdict
                    if verdict in (wanted or {v.name for v in question.variants}):
                        return Choice(span, certain, tier.rank == ELSEWHERE)
        if not clear or tier.rank == ELSEWHERE:
            return None
        best = max(enumerate(clear), key=lambda item: (*weight(item[1]), item[0]))[1]
        if self._read_span(question, judge, clear[-1], keep=False).verdict in FULL:
            best = clear[-1]  # "the sum is N, in all 3N": where an answer ends
        others = [span for span in reversed((*loose, *clear)) if span is not best]
        return Choice(best, certain, others=tuple(others[:MAX_OTHERS]))

    # --- by what stands around --------------------------------------------------------------------

    def _choose(self, question: Question, groups: Sequence[Sequence[Span]]) -> Choice | None:
        found = []
        for group in groups:
            choice = self._finder.choose(question, group, lambda s: self._useful(s, question))
            if choice:
                if choice.span.unit == "page":  # the text of a PDF is never certain
                    choice = dataclasses.replace(choice, certain=False)
                found.append(choice)
        written = [c for c in found if c.span.text.strip(" $")]
        return next((c for c in written if c.certain), next(iter(written or found), None))

    def _useful(self, span: Span, question: Question) -> bool:
        graded = self._graded(span, question)
        if question.number_only:
            if graded.number is None or _sets_a_symbol(graded):
                return False
            kinds = {quantities.kind_of(reading.unit) for reading in graded.number.readings}
            return not question.unit or bool(kinds & {"", question.unit})
        if graded.part is not None:
            return bool(trees.operators(graded.part.readings[0].tree))
        return bool(graded.stopped_by) and span.kind == "display"

    def _graded(self, span: Span, question: Question) -> Graded:
        key = (span.text, question.id)
        if key not in self._cache:
            text = _formula_of(span)
            try:
                self._cache[key] = chains.graded(chains.chains(scan(text, question.table)))
            except Unreadable as stop:
                self._cache[key] = Graded((), None, None, str(stop))
        return self._cache[key]

    # --- one answer -------------------------------------------------------------------------------

    def _reading(self, question: Question, choice: Choice) -> Reading:
        judge = Judge(question, self._own)
        reading = self._read_span(question, judge, choice.span)
        if reading.verdict == "missing":
            return reading
        if not question.graded:
            return _only_read(reading, choice)
        reviews = [reading.review] if reading.review else []
        if reading.verdict == NONE and not reading.review:
            reviews += self._doubts(question, judge, choice)
        elif reading.verdict not in FULL:
            names = [variant.name for variant in question.variants]
            better = names[: names.index(reading.verdict)] if reading.verdict in names else []
            reviews += self._better(question, judge, choice, (*FULL, *better))
        if choice.elsewhere and reading.verdict != REFERENCE:
            reviews.append("it was found under another heading")
        return dataclasses.replace(reading, review="; ".join(reviews))

    def _doubts(self, question: Question, judge: Judge, choice: Choice) -> list[str]:
        """Return why "not what is asked for" may be wrong."""
        doubts = []
        if not choice.certain:
            doubts.append(UNCERTAIN)
        known = [REFERENCE, *(variant.name for variant in question.variants)]
        doubts += self._better(question, judge, choice, known)
        sources = {source for v in question.variants for source in v.sources}
        lost = sorted(sources - self._own.keys())
        return [*doubts, *(f"it may follow from {source}, which was not read" for source in lost)]

    def _better(
        self, question: Question, judge: Judge, choice: Choice, wanted: Collection[str]
    ) -> list[str]:
        """Return which other span, if any, reads as one of the wanted."""
        for other in choice.others:
            found = self._read_span(question, judge, other, keep=False)
            if found.verdict in wanted:
                return [f"{other.where} reads {found.read_as}, which is {found.verdict!r}"]
        return []

    def _read_span(
        self, question: Question, judge: Judge, span: Span, *, keep: bool = True
    ) -> Reading:
        common = Reading(question.id, "missing", span.where, _cut(span.text))
        if not span.text.strip(" $"):
            return common
        graded = self._graded(span, question)
        if question.number_only:
            return self._number_only(question, judge, graded, common)
        if graded.part is None:
            stopped = graded.stopped_by or "its end: there is no formula in it"
            if graded.number and not graded.stopped_by:
                stopped = "its end: there is only a number, and a formula is asked for"
            return dataclasses.replace(common, verdict="unreadable", stopped_by=stopped,
                                       review=f"it could not be read at {stopped}")  # fmt: skip
        trees_read = [reading.tree for reading in graded.part.readings]
        matches = [judge.match(tree) for tree in trees_read]
        best = next((i for i, match in enumerate(matches) if match.name != NONE), 0)
        tree, match = trees_read[best], matches[best]
        if keep:
            self._own[question.id] = tree
        number, number_text = self._number(judge, graded, tree)
        return dataclasses.replace(
            common, verdict=match.name, read_as=trees.show(tree), says=match.says,
            number=number, number_text=number_text, review=match.ask,
            remarks=(*_remarks(graded, trees_read, best, match, question),
                     *judged.against_own(question, self._own, tree, match.name)),
            reference=question.reference,
        )  # fmt: skip

    def _number(self, judge: Judge, graded: Graded, tree: Tree | None) -> tuple[str, str]:
        if graded.number is None or not judge.question.at:
            return "missing", ""
        verdicts = []
        for reading in graded.number.readings:
            value = quantities.value_of(reading.tree)
            if value is not None:
                number = quantities.shown(graded.number.tokens, value, reading.unit)
                verdicts.append(judge.number(number, tree))
        return next((v for v in verdicts if v != NONE), NONE), graded.number.text

    def _number_only(
        self, question: Question, judge: Judge, graded: Graded, common: Reading
    ) -> Reading:
        verdict, text = self._number(judge, graded, None)
        if verdict == "missing":
            stopped = graded.stopped_by or "its end: there is no number in it"
            return dataclasses.replace(common, verdict="unreadable", stopped_by=stopped,
                                       review=f"it could not be read at {stopped}")  # fmt: skip
        variant = next((v for v in question.variants if v.name == verdict), None)
        says = variant.says if variant and not variant.free else ""
        return dataclasses.replace(
            common, verdict=verdict, read_as=_tidy(text), reference=judge.expected(),
            number=verdict, number_text=text, says=says,
            review=variant.ask if variant else "",
            remarks=tuple(wrong_links(graded.chain, question)),
        )  # fmt: skip


def _only_read(reading: Reading, choice: Choice) -> Reading:
    """Return the reading of an answer of which nobody here knows whether it is right."""
    if reading.verdict == "unreadable":
        return reading
    review = "" if choice.certain else UNCERTAIN
    return dataclasses.replace(reading, verdict=SEEN, number="missing", review=review,
                               number_text=_tidy(reading.number_text))  # fmt: skip


def _tidy(number: str) -> str:
    """Return a number without the signs of LaTeX: ``9.47*10^10``."""
    number = re.sub(r"\s*\\(?:times|cdot)\s*", "*", number)
    return re.sub(r"\s*\^\s*(?:\{\s*)?(-?)\s*(\d+)(?:\s*\})?", r"^\1\2", number)


def _sets_a_symbol(graded: Graded) -> bool:
    """Whether it only says ``N = 1024``."""
    parts = graded.number_chain
    first = next((part.tokens[-1] for part in parts[:1] if part.is_label), None)
    return first is not None and first.kind == "symbol" and parts[1:2] == (graded.number,)


def _missing(question: Question, groups: Sequence[Sequence[Span]]) -> Reading:
    review = "no answer to it was found in the sheet" if any(groups) else ""
    return Reading(question.id, "missing", review=review)


def _formula_of(span: Span) -> str:
    """Return a span's text without what marks formulas in it."""
    text = span.text
    if span.kind == "answer":
        inner = [piece.text for piece in pieces(text) if piece.kind != "prose"]
        return inner[-1] if inner else text.replace("$", " ")
    if span.kind == "text":
        text = _BOLD.sub("", text).replace("`", "")
        return re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", text)
    return text


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _remarks(
    graded: Graded, readings: Sequence[Tree], best: int, match: Match, question: Question
) -> list[str]:
    """Return what else to say: two readings, approximations, wrong links, unread steps."""
    remarks = list(match.remarks)
    if len(readings) > 1:
        other = trees.show(readings[1 - best])
        remarks.append(f"it could also be read as {other}; brackets would make it plain")
    if graded.approximated:
        remarks.append("what stands after the sign for 'about' is not graded")
    remarks += wrong_links(graded.chain, question)
    remarks += _unread(graded.chain)
    return remarks


def _unread(chain: Chain) -> list[str]:
    return [
        f"the step {_cut(part.text)!r} was not read, at {part.stopped_by}"
        for part in chain
        if part.stopped_by and not part.is_label
    ]


def by_file(spans: Sequence[Span]) -> list[list[Span]]:
    """Return spans in groups, a file each, in their order."""
    groups: dict[str, list[Span]] = {}
    for span in spans:
        groups.setdefault(span.file, []).append(span)
    return list(groups.values())


def as_json(reading: Reading) -> Mapping[str, object]:
    """Return a reading as plain data."""
    return dataclasses.asdict(reading)

r"""Which span answers which question.

First what is marked with the question's id: ``\\answer{id}{...}``, a declared answer, the id in the
text or the row right before a formula. Else by what stands around: the nearest words for each facet
("prefill", "bytes") and the numbering of the sheet. Such a find may be wrong, so that it can earn
points but not lose them without a human: `Choice.certain` is False.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.formulas.outline import Span, place_of
from grader.formulas.questions import Question

_TOTAL = re.compile(r"\b(?:total|overall|sum|final|hence|therefore|altogether)", re.IGNORECASE)
_SENTENCE = re.compile(r"[.;:!?](?=\s|$)|\n")
_RELATION = re.compile(r"[=:≈]|\\approx|\bis\b")
_UPRIGHT = re.compile(
    r"\\(?:text|mathrm|textrm|mathbf|textbf|operatorname|mathit|mathsf|emph)(?![a-z])\*?"
)
_UNIT = re.compile(r"\d\s*([A-Za-z][A-Za-z -]{0,40})\W*$")
MAX_OTHERS = 20
_EXPRESSION = "re:"  # a word of a pack that is a regular expression


@dataclass(frozen=True)
class Choice:
    """The span chosen for a question, and the others that might be meant."""

    span: Span
    certain: bool
    elsewhere: bool = False  # under another heading than the question's
    others: tuple[Span, ...] = ()


Useful = Callable[[Span], bool]


class Finder:
    """Finds answers in spans; what stands around a span is looked at once for all questions."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.ids = [question.id for question in questions]
        self.words = dict(questions[0].words) if questions else {}  # of all questions of a pack
        self._facets: dict[Span, dict[str, str]] = {}

    def choose(self, question: Question, spans: Sequence[Span], useful: Useful) -> Choice | None:
        """Return the span that answers a question; None where there is none.

        ``useful`` says whether a span that nobody marked holds what is asked for.
        """
        marked = [span for span in spans if span.mark == question.id]
        if written := [span for span in marked if span.text.strip(" $")]:
            return Choice(written[0], certain=True, others=tuple(written[1:]))
        named = [s for s in spans if not s.mark and self._named(s) == question.id and useful(s)]
        if named:
            return Choice(named[0], certain=True, others=tuple(named[1 : MAX_OTHERS + 1]))
        found = sorted(self._by_words(question, spans, useful), key=lambda item: item[0])
        if not found:
            return Choice(marked[0], certain=True) if marked else None
        rank, best = found[-1]
        others = tuple(span for other, span in reversed(found[:-1]) if other[0] == rank[0])
        return Choice(best, certain=False, elsewhere=rank[0] == 0, others=others[:MAX_OTHERS])

    def _by_words(
        self, question: Question, spans: Sequence[Span], useful: Useful
    ) -> Iterator[tuple[tuple[int, bool, int, int], Span]]:
        """Yield spans that are about the question, each with its rank."""
        place = place_of(question.place)
        for order, span in enumerate(spans):
            if span.mark or not question.facets or not self._about(span, question):
                continue
            if useful(span):
                yield (_fits(span.place, place), *weight(span), order), span

    def _about(self, span: Span, question: Question) -> bool:
        if span not in self._facets:
            self._facets[span] = facets_of(span, self.words)
        found = self._facets[span]
        return all(found.get(facet) == value for facet, value in question.facets.items())

    def _named(self, span: Span) -> str:
        """Return the id that the nearest text names last."""
        text = "\n".join([*reversed(span.layers[:2]), _before_relation(span)])
        at = {name: text.rfind(name) for name in self.ids}
        best = max(at, key=lambda name: (at[name], len(name)), default="")
        return best if best and at[best] >= 0 else ""


def weight(span: Span) -> tuple[bool, int]:
    """Return how much a span looks like the final answer: called a total, set apart."""
    total = (
        bool(_TOTAL.search(label(span)))
        or r"\boxed" in span.text
        or any(_TOTAL.search(_last(layer)) for layer in span.layers[:2])
    )
    return total, _set_apart(span)


def _set_apart(span: Span) -> int:
    """Return how much a span looks like an answer: a table's cell more than words of a sentence."""
    return {"inline": 0, "text": 1}.get(span.kind, 2)


def _fits(place: tuple[int, ...], wanted: tuple[int, ...]) -> int:
    """Return 2 for the question's own section, 1 where nothing is said, 0 for another one."""
    if place[: len(wanted)] == wanted and wanted:
        return 2
    return 1 if wanted[: len(place)] == place else 0


def _before_relation(span: Span) -> str:
    """Return what stands before the first ``=`` or ``:``, or the last one of a line of prose."""
    found = list(_RELATION.finditer(span.text))
    return span.text[: found[-1 if span.kind == "text" else 0].start()] if found else ""


def label(span: Span) -> str:
    r"""Return what a formula itself says it is: ``\text{FLOPs}_{\text{prefill}} = ...``."""
    return words(_before_relation(span))


def _unit(span: Span) -> str:
    """Return what stands behind the number that a span ends with: ``3.1 GB``."""
    found = _UNIT.search(words(span.text))
    return found[1] if found else ""


def words(text: str) -> str:
    r"""Return LaTeX as words: ``\text{FLOPs}_{\text{prefill}}`` -> ``FLOPs prefill``."""
    text = _UPRIGHT.sub(" ", text)
    return re.sub(r"[\\{}_^$*`&~]+", " ", text)


def _last(layer: str) -> str:
    return next((part for part in reversed(_SENTENCE.split(layer)) if part.strip()), "")


def facets_of(span: Span, known: Mapping[str, Mapping[str, tuple[str, ...]]]) -> dict[str, str]:
    """Return for each facet the value whose words stand nearest."""
    found: dict[str, str] = {}
    titles = span.titles[:1], span.titles[1:]
    texts = [(label(span), True), (_unit(span), True), *((layer, True) for layer in span.layers)]
    texts += [(t, False) for t in titles[0]] + [(span.history, True)]
    texts += [(t, False) for t in titles[1]]
    for text, last_wins in texts:
        for sentence in reversed(_SENTENCE.split(words(text))):
            for facet in known.keys() - found.keys():
                if value := mentioned(sentence, known[facet], last_wins=last_wins):
                    found[facet] = value
        if known.keys() == found.keys():
            break
    return found


def mentioned(
    sentence: str, values: Mapping[str, tuple[str, ...]], *, last_wins: bool = False
) -> str:
    """Return the value that a sentence mentions; strong words (!) win over others.

    Of several it is the last one, where that stands nearest to a formula, and else none.
    """
    strong, weak = _patterns(tuple((value, tuple(known)) for value, known in values.items()))
    for patterns in (strong, weak):
        found = [
            (max(match.start() for match in matches), value)
            for value, pattern in patterns
            if (matches := list(pattern.finditer(sentence)))
        ]
        if found:
            return max(found)[1] if last_wins or len(found) == 1 else ""
    return ""


@functools.lru_cache(maxsize=64)
def _patterns(
    values: tuple[tuple[str, tuple[str, ...]], ...],
) -> tuple[list[tuple[str, re.Pattern[str]]], list[tuple[str, re.Pattern[str]]]]:
    out: tuple[list[tuple[str, re.Pattern[str]]], list[tuple[str, re.Pattern[str]]]] = ([], [])
    for value, known in values:
        for index, chosen in enumerate(
            ([w[:-1] for w in known if w.endswith("!")], [w for w in known if not w.endswith("!")])
        ):
            if chosen:
                out[index].append((value, pattern_of(chosen)))
    return out


def pattern_of(known: Sequence[str]) -> re.Pattern[str]:
    """Return what finds any of a pack's words; "*": it may go on; "re:": an expression."""
    parts = []
    for word in (each.removesuffix("!") for each in known):
        if word.startswith(_EXPRESSION):
            parts.append(word.removeprefix(_EXPRESSION))
            continue
        spelt = r"[\s-]*".join(re.escape(part) for part in word.rstrip("*").split())
        parts.append(rf"(?<![A-Za-z]){spelt}" + ("" if word.endswith("*") else r"(?![A-Za-z])"))
    return re.compile("|".join(parts), re.IGNORECASE)

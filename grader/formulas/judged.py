"""What is judged beside formulas: verdicts in words, and whether an answer fits those before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from grader.formulas import polynomials, trees
from grader.formulas.judging import NONE, REFERENCE, own_trees, point_of, put_in, value_at
from grader.formulas.placing import ELSEWHERE, Places, Stated
from grader.formulas.questions import Question
from grader.formulas.records import SEEN, Reading
from grader.formulas.trees import Tree
from grader.formulas.verdicts import verdict_of

FOLLOWS = "follows"
_SHOWN = 300
_PROSE = 4_000


def verdict(question: Question, files: Sequence[Places], own: Mapping[str, Tree]) -> Reading:
    """Return the verdict that a sheet states in words, or why a person reads it."""
    nearest = sorted((s for f in files for s in f.statements(question)), key=lambda s: -s.rank)
    for said in nearest:
        stated, sentence = verdict_of(said.prose, said.cells, question.stances, question.short)
        if stated:
            review = "it was found under another heading" if said.rank == ELSEWHERE else ""
            if not question.graded:
                return Reading(question.id, SEEN, said.where, sentence[:_SHOWN], stated,
                               review=review)  # fmt: skip
            if stated != question.reference:
                review = review or _beside(question, said)
            return _judged(question, own, Reading(
                question.id, stated, said.where, sentence[:_SHOWN], stated,
                reference=question.reference, review=review,
            ))  # fmt: skip
        if sentence:
            text = " ".join(" ".join((*said.prose, *said.cells)).split())[:_SHOWN]
            return Reading(question.id, "unreadable", said.where, text, stopped_by="its words",
                           reference=question.reference, review=sentence)  # fmt: skip
    return missing(question, files)


def _beside(question: Question, said: Stated) -> str:
    """Return that the right verdict is mentioned as well, in words that count for less; or ""."""
    right = {question.reference: question.stances[question.reference]}
    found, sentence = verdict_of(said.prose, said.cells, right, {})
    return f"it also says {found}: {sentence[:_SHOWN]}" if found else ""


def prose(question: Question, files: Sequence[Places]) -> Reading:
    """Return what is written under a question that a person grades."""
    for file in files:
        text, where = file.prose(question)
        if text:
            return Reading(question.id, "prose", where, text[:_PROSE])
    return missing(question, files)


def missing(question: Question, files: Sequence[Places]) -> Reading:
    """Return that an answer is not there; a person looks for it, unless its place is empty."""
    sure = bool(files) and all(f.empty(question) for f in files)
    review = "" if sure or not files else "no answer to it was found in the sheet"
    return Reading(question.id, "missing", reference=question.reference, review=review)


def _judged(question: Question, own: Mapping[str, Tree], reading: Reading) -> Reading:
    """Return a stated verdict as right, as following from the student's own formulas, or as it is.

    Where it is wrong and their formulas were not read, a person looks whether it follows.
    """
    follows = _follows(question, own)
    if reading.verdict == question.reference:
        remarks: tuple[str, ...] = ()
        if follows and follows != question.reference:
            remarks = (f"your own formulas give {follows}",)
        return _with(reading, REFERENCE, remarks=remarks)
    if follows == reading.verdict:
        return _with(reading, FOLLOWS, says="it follows from your own formulas")
    if question.bound and not follows:
        return _with(reading, reading.verdict, review="it may follow from formulas that were not "
                     "read")  # fmt: skip
    return reading


def _with(
    reading: Reading, name: str, *, says: str = "", review: str = "", remarks: tuple[str, ...] = ()
) -> Reading:
    return Reading(
        reading.question, name, reading.found_in, reading.text, reading.read_as, says,
        remarks=remarks, reference=reading.reference, review=reading.review or review,
    )  # fmt: skip


def _follows(question: Question, own: Mapping[str, Tree]) -> str:
    """Return the verdict that the student's own formulas lead to; "" where they do not say."""
    bound = question.bound
    if not bound or bound["over"] not in own or bound["under"] not in own:
        return ""
    values = []
    for key in ("over", "under"):
        tree = trees.substitute(own[bound[key]], trees.numbers(point_of(question)))
        value = value_at(put_in(question, tree), point_of(question))
        if not value:
            return ""
        values.append(value)
    over, under = values
    return bound["above"] if over / under > Fraction(bound["ridge"]) else bound["below"]


def against_own(
    question: Question, own: Mapping[str, Tree], tree: Tree, name: str
) -> tuple[str, ...]:
    """Return what a total contradicts: the student's own parts, added up."""
    if name != NONE:
        return ()
    for variant in question.variants:
        if variant.own and variant.sources <= own.keys():
            mine = own_trees(question, variant, own)
            whole = trees.substitute(question.tree(variant.formula, tuple(variant.own)), mine)
            parts = polynomials.terms(put_in(question, whole))
            this = polynomials.terms(put_in(question, tree))
            if parts and this:
                sums = polynomials.show(parts), polynomials.show(this)
                return ("your own answers above give {}, and this is {}".format(*sums),)
    return ()

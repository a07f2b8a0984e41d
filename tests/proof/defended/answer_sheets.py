"""An answer sheet: what would let a wrong answer through, or take points for a right one.

What each answer is worth is a row of `tests/sheets`; here, each mechanism that reads and judges.
"""

import contextlib
import re
from unittest import mock

from tests.proof import broken
from tests.proof.trials import Defence, Seen
from tests.sheets import grading
from tests.sheets.grading import credit_of, graded_here


def answered(asked, answer, worth, **before):
    """Return a trial: an answer, after those to other questions, has to be worth this."""

    def trial():
        found = credit_of(asked, answer, **before)
        return Seen("a person decides" if found is None else f"credit {found:g}", found == worth)

    return trial


def nothing_in_the_template():
    """Grade the sheet as it was given."""
    results = graded_here(grading.PACK.joinpath("template", "README.md").read_text())
    found = sum(result.outcome != "not_submitted" for result in results.values())
    return Seen(f"{found} answers", found == 0)


@contextlib.contextmanager
def everything_is_the_same():
    """Let every formula be what it is compared with."""
    with (
        broken.name("grader.formulas.judging.Sieve.value", lambda *_: None),
        broken.name("grader.formulas.judging.identity.same", lambda *_: True),
    ):
        yield


def nothing_matches(target):
    """Let a pattern find nothing."""
    return lambda: broken.name(target, re.compile("(?!)"))


MHA = {"2_1_4_1": "$$4BN^2D + 5HBN^2$$", "2_1_4_2": "$$n(4BND + 6BN^2)$$"}

DEFENCES = [
    Defence("a formula is the reference, or it is not",
            "any formula is the same, in the sieve and behind it", everything_is_the_same,
            "7BND² for 6BND²", answered("2.1.2.1", "$$7BND^2$$", None)),
    Defence("what is none of the known answers is a person's", "it is worth nothing",
            lambda: mock.patch.object(
                grading.SHEET.Sheet, "_review", lambda _, __, record: record.answer("none", "")),
            "7BND² for 6BND²", answered("2.1.2.1", "$$7BND^2$$", None)),
    Defence("what follows from an own answer is right", "it is not looked at",
            lambda: broken.host("grader.formulas.judging.Judge._targets",
                                ("variant.sources <= own.keys()", "not variant.sources")),
            "a forgotten H, and a total that fits it",
            answered("2.1.3.5.1", "$$4BN^2D + 4BN^2$$", 1, **{
                "2_1_3_1_1": "$$2BN^2D + BN^2$$", "2_1_3_2_1": "$$BN^2$$",
                "2_1_3_3_1": "$$2BN^2$$", "2_1_3_4_1": "$$2BN^2D$$"})),
    Defence("so is a verdict", "it is compared with the reference's alone",
            lambda: broken.name("grader.formulas.judged._follows", lambda *_: "memory"),
            "compute bound, by a forgotten H",
            answered("2.1.4.5.bound", "It is compute bound.", 1, **MHA)),
    Defence("an error is charged once", "each time",
            lambda: mock.patch.object(grading.SHEET, "ONCE", ()),
            "a multiply-add counted as one, twice",
            answered("2.1.2.1", "$$3BND^2$$", 1, **{"2_1_1_1": "$$MNK$$"})),
    Defence("a negation is heard", "it is not", nothing_matches("grader.formulas.verdicts._NOT"),
            "not compute bound", answered("2.1.4.5.bound", "It is not compute bound.", 1)),
    Defence("what would be if is no verdict", "it is one",
            nothing_matches("grader.formulas.verdicts._SUPPOSES"),
            "would be compute bound if", answered(
                "2.1.4.5.bound", "It is memory bound. With a larger D it would be compute bound.",
                1)),
    Defence("verdicts that contradict each other are a person's", "the last one counts",
            lambda: broken.host("grader.formulas.judged.verdict_of",
                                ("if len(values) == 1:", "if values:")),
            "both", answered("2.1.4.5.bound", "It is compute bound. It is memory bound.", None,
                             **MHA | {"2_1_4_2": "$$n(4BND + 6HBN^2)$$"})),
    Defence("a right verdict in words that count for less is a person's to see", "it is not seen",
            lambda: broken.name("grader.formulas.judged._beside", lambda *_: ""),
            "one more layer than 1, so 2",
            answered("1.1.2.value", "We need one more layer than 1, so 2.", None)),
    Defence("numbers are the reference's to half a per cent", "to any",
            lambda: broken.name("grader.formulas.quantities.TOLERANCE", 10),
            "AI = 90 for 84.87", answered("2.1.4.5.value", "AI = 90", None)),
    Defence("or to the digits shown, at least two", "one is enough",
            lambda: broken.name("grader.formulas.quantities._LEAST_DIGITS", 1),
            "10 s for 9.83 ms, in one digit",
            answered("2.4.1.weights", "Reading the weights takes 0.01 s", None)),
    Defence("a better answer beside it is a person's to see", "the last one counts",
            lambda: broken.host("grader.formulas.answering.Answers._reading",
                                ("elif reading.verdict not in FULL:", "elif False:")),
            "16BND² (that is 8BND² for each)",
            answered("2.1.6.1", "$16BND^2$ (that is $8BND^2$ for each)", None)),
    Defence("what the sheet says itself is no answer", "it is one",
            lambda: broken.name("grader.formulas.sections.Sections.given", lambda *_: False),
            "the sheet as it was given", nothing_in_the_template),
]  # fmt: skip

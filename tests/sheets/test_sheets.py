"""Whole answer sheets: the reference, an empty one, other ways of writing, what is left open."""

import pytest
from markdown_it import MarkdownIt

from grader.formulas.verdicts import verdict_of
from tests.sheets.answers import PACK
from tests.sheets.grading import checks, credit, graded, graded_here, small_sheet
from tests.sheets.layouts import TEMPLATE, sheet

REFERENCE = PACK.parents[1] / "reference" / "optimizing_transformers" / "README.md"
BOUND = {"memory": ["re:memory[- ]bound"], "compute": ["re:compute[- ]bound"]}


def lost(results):
    """Return the checks that a machine decides and that are not full."""
    return {
        name: (credit(result), result.message)
        for name, result in results.items()
        if not checks()[name].manual and credit(result) != 1
    }


def test_the_reference_is_full():
    """The reference's own sheet earns every point that a machine gives."""
    assert lost(graded(REFERENCE.read_text(encoding="utf-8"))) == {}


def test_an_empty_sheet_earns_nothing_and_costs_nobody_time():
    """The sheet as it was given holds no answer, and nobody has to look for one."""
    outcomes = {result.outcome for result in graded_here(TEMPLATE).values()}
    assert outcomes == {"not_submitted"}


@pytest.mark.parametrize(
    ("seed", "written"),
    [(11, "inline"), (5, "code"), (2, "rows"), (15, "plain"), (7, "square"), (9, "labelled")],
)
def test_other_ways_of_writing(seed, written):
    """Right answers in another style earn as much, whatever the marks, tables and labels."""
    text, described = sheet(seed)
    assert written in described
    assert lost(graded_here(text)) == {}


def test_the_export_of_a_notebook():
    """Answers in HTML, as a notebook is exported, earn as much."""
    markdown, _ = sheet(7)  # bare lists
    page = MarkdownIt("commonmark").enable("table").disable(["escape", "emphasis"]).render(markdown)
    page = f"<html><head><style>p {{ color: red }}</style></head><body><main>{page}</main></body>"
    assert lost(graded_here(page, name="answers.html")) == {}
    assert lost(graded_here(page.replace("<head>", ""), name="README.md")).keys() == set()


def test_a_sheet_of_unknown_form_loses_nothing():
    """Where no question is recognised, a person looks, and no point is taken."""
    text = "# Notes\n\n" + "\n\n".join(f"Answer {c}: $4BN^2D$" for c in "abcdefgh")
    results = graded_here(text)
    assert {r.outcome for r in results.values()} == {"inconclusive"}


def test_what_is_left_out_between_answers():
    """A question with nothing below it in a sheet that is else in order was not answered."""
    text = TEMPLATE.replace("in terms of $M$, $K$, and/or $N$.",
                            "in terms of $M$, $K$, and/or $N$.\n\n   $$2MNK$$", 1)  # fmt: skip
    results = graded_here(text)
    assert credit(results["2.1.1.1"]) == 1
    assert results["2.1.1.2"].outcome == "not_submitted"


def test_an_unread_formula_is_for_a_person():
    """What cannot be read is shown with the place where reading stopped."""
    result = graded_here(small_sheet({"2.1.2.1": "$$6BND^2 + \\Gamma(x)$$"}))["2.1.2.1"]
    assert result.outcome == "inconclusive"
    assert "Not understood at" in result.message


def test_flops_and_bytes_are_not_mixed_up():
    """Two displays under one question are told apart by their labels, in either order."""
    text = small_sheet(
        {"2.2.2": "$$\\text{MEM} = 40976000 + 32000BN$$\n\n$$\\text{FLOPs} = 40968000BN$$"}
    )
    results = graded_here(text, only={"2.2.2.flops", "2.2.2.bytes"})
    assert [credit(r) for r in results.values()] == [1, 1]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("We are memory bound.", "memory"),
        ("It is not compute bound.", "memory"),
        ("It isn't memory-bound but compute-bound.", "compute"),
        ("The GPU is memory bound rather than compute bound.", "memory"),
        ("Is the GPU memory bound or compute bound?", ""),
        ("If the batch were larger, it would be compute bound.", ""),
        ("Some parts are memory bound. Others are compute bound.", ""),
        ("This is no longer compute bound.", "memory"),
    ],
)
def test_verdicts(text, verdict):
    """Negations are heard, questions and conditions say nothing, contradictions are a person's."""
    assert verdict_of([text], [], BOUND, {})[0] == verdict

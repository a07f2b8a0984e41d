"""Problem 1's plots: which curve was drawn, and when it follows from the student's own formulas."""

from pathlib import Path

import pytest

from grader.beside import beside
from grader.formulas import questions
from grader.formulas.records import Reading
from grader.scripts import Axes, Figure, Series

PACK = Path(__file__).parents[2] / "rubrics" / "e0294-a4"
curves = beside(str(PACK / "checks" / "any.py"), "curves")
following = beside(str(PACK / "checks" / "any.py"), "following")
QUESTIONS = questions.load(PACK / questions.FILE)
CONTEXTS = (128, 512, 1024, 4096)
BATCHES = (1, 2, 4, 8)


def figure(title, x, y, labels=("x", "FLOP/byte")):
    """Return a figure with one line."""
    axes = Axes(
        title, *labels, "linear", "linear", (), (), (Series("line", "", tuple(x), tuple(y)),)
    )
    return Figure("", (axes,), b"")


def own(phase="prefill", **formulas):
    """Return the intensities of a sheet that has these formulas, by quantity."""
    answers = {
        f"1c.{phase}_{quantity}": Reading(f"1c.{phase}_{quantity}", "none", read_as=text)
        for quantity, text in formulas.items()
    }
    return following.intensities(answers, QUESTIONS, phase)


@pytest.mark.parametrize(
    ("formulas", "variant"),
    [
        ({}, "single_pass"),
        ({"intensity": "4*N**2*d/((2*N**2 + 4*N*d)*b)"}, "follows"),
        ({"flops": "4*N**2*d*H", "bytes": "(2*N**2 + 4*N*d)*b*H"}, "follows"),
        ({"flops": "4*N**2*d"}, "single_pass"),
        ({"intensity": "N*d/((N + d)*b)"}, "single_pass"),
        ({"intensity": "1/(N - N)"}, "single_pass"),
        ({"intensity": "what is this"}, "single_pass"),
    ],
)
def test_a_mistake_of_1c_is_not_charged_again(formulas, variant):
    """At N = 1024 a single pass over S and P gives 102.4; it follows from formulas that say so."""
    y = [4 * N**2 * 128 / ((2 * N**2 + 4 * N * 128) * 2) for N in CONTEXTS]
    assert y[2] == pytest.approx(102.4)
    plotted = [figure("intensity of prefill", CONTEXTS, y)]
    assert curves.prefill(plotted, own(**formulas)).variant == variant


def test_the_right_curve_is_the_reference_whatever_the_formulas():
    """A right plot beside a wrong formula is right."""
    y = [32, 51.2, 56.8889, 62.0606]
    plotted = [figure("intensity of prefill", CONTEXTS, y)]
    assert curves.prefill(plotted, own(intensity="N")).variant == "reference"


@pytest.mark.parametrize(
    ("level", "formulas", "variant"),
    [
        (0.98367, {}, "flat"),
        (3.0, {}, "flat_elsewhere"),
        (3.0, {"intensity": "6/b"}, "follows"),
        (3.0, {"intensity": "7/b"}, "flat_elsewhere"),
    ],
)
def test_the_level_of_decode_may_be_the_students_own(level, formulas, variant):
    """Flat is right; where it lies is that of the algorithm, or of the own formula."""
    plotted = [figure("decode, intensity against batch", BATCHES, [level] * 4)]
    assert curves.decode(plotted, own("decode", **formulas)).variant == variant


def test_bars_under_words_say_nothing_of_prefill():
    """Positions 0, 1, 2 ... are no context lengths; a flat curve is flat wherever it stands."""
    places = range(4)
    assert curves.prefill([figure("prefill intensity", places, [32, 51.2, 56.9, 62.1])]) is None
    flat = [figure("decode intensity by batch", places, [0.98] * 4, ("", ""))]
    assert curves.decode(flat).variant == "flat"
    assert curves.decode(flat).slips == ("no_axis_labels",)

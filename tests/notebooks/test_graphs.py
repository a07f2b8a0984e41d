"""Graphs of the notebook: drawn again cell by cell, and judged by what they show."""

import json
import math
from types import SimpleNamespace

import pytest

from grader.beside import by_path
from grader.conversation import Conversation
from grader.intake import SourceFile
from grader.notebook import books
from grader.records import Limits
from grader.sandbox.process import ProcessSandbox
from grader.scripts import Axes, Figure, Scripts, Series
from tests.notebooks.samples import PACK, ROOT

LENGTHS = (1.0, 16.0, 32.0, 64.0, 128.0, 192.0, 240.0)
RISING = (2.0, 2.5, 3.0, 5.0, 9.0, 12.0, 16.0)
LEVEL = (2.0, 2.1, 2.0, 2.2, 2.1, 2.3, 2.4)


@pytest.fixture(scope="module")
def graphs():
    """How the pack looks at graphs."""
    return by_path(ROOT / "rubrics" / PACK / "checks" / "graphs.py")


def figure(*lines, x="prompt", y="ms", title=""):
    """A figure with lines (label, y)."""
    series = tuple(Series("line", label, LENGTHS[: len(ys)], tuple(ys)) for label, ys in lines)
    return Figure("", (Axes(title, x, y, "linear", "linear", (), (), series),), b"")


@pytest.mark.parametrize(
    ("shown", "cached", "is_cpu", "variant"),
    [
        (figure(("without a cache", RISING)), False, True, "graph"),
        (figure(("", RISING)), False, True, "graph"),
        (figure(("", LEVEL)), False, True, "flat"),
        (figure(("", LEVEL)), False, False, "graph"),  # on a GPU launches take all the time
        (figure(("", RISING[:3])), False, True, "no_graph"),
        (figure(), False, True, "no_graph"),
        (figure(("without a cache", RISING), ("with a cache", LEVEL)), True, True, "graph"),
        (figure(("no cache", RISING), ("KV cache", LEVEL)), True, True, "graph"),
        (figure(("GPT", LEVEL), title="generate_with_cache"), True, True, "graph"),
        (figure(("without", RISING), ("with", RISING)), True, True, "steep"),
        (figure(("A", RISING), ("B", LEVEL)), True, True, "unnamed"),
    ],
)
def test_a_graph_is_judged_by_what_it_shows(graphs, shown, cached, is_cpu, variant):
    """Points and growth: what does not look like its question has a name of its own."""
    assert graphs.judge(shown, cached=cached, is_cpu=is_cpu).variant == variant


def test_axes_without_labels_are_a_slip(graphs):
    """Both have to be labelled; nothing else of the graph is affected."""
    for x, y, slips in (("n", "ms", ()), ("", "ms", ("no_axis_labels",))):
        found = graphs.judge(figure(("", RISING), x=x, y=y), cached=False, is_cpu=True)
        assert (found.variant, found.slips) == ("graph", slips)


def test_growth_is_that_of_thirds(graphs):
    """One slow call at either end moves no third's median."""
    once = (90.0, *RISING[1:-1], 0.1)
    assert graphs.growth(Series("line", "", LENGTHS, once)) == pytest.approx(9 / 3)
    assert math.isfinite(graphs.growth(Series("line", "", LENGTHS, (0.0,) * 7)))


NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "source": "!pip install torch\nfrom google.colab import drive"},
        {"cell_type": "code", "source": "%matplotlib inline\nimport matplotlib.pyplot as plt"},
        {"cell_type": "markdown", "source": "plt.plot([1])"},
        {"cell_type": "code", "source": "plt.plot([1, 2, 3, 4], [4, 3, 2, 1])\nplt.show()"},
        {"cell_type": "code", "source": "raise SystemExit(3)"},
        {"cell_type": "code", "source": "plt.plot([5, 6], [1, 2])\nplt.savefig('x.png')"},
    ],
    "nbformat": 4,
}


def test_a_notebook_is_drawn_again_cell_by_cell(graphs):
    """What a cell raises ends that cell alone; each figure is known by the cell that drew it."""
    data = json.dumps(NOTEBOOK).encode()
    files = [SourceFile("kv.ipynb", data)]
    with Conversation(ProcessSandbox(), files, Limits()) as conversation:
        scripts = Scripts(conversation, files)
        figures, trouble = graphs.drawn_again(scripts, books.read("kv.ipynb", data))
    assert {
        cell: [one.axes[0].series[0].x for one in found] for cell, found in figures.items()
    } == {
        4: [(1, 2, 3, 4)],
        6: [(5, 6)],
    }
    assert "cell 1: ModuleNotFoundError" in trouble
    assert "cell 5: SystemExit" in trouble


def test_the_device_is_what_outputs_and_answers_name(graphs):
    """A claim: the words of devices, wherever the student's own text has them."""
    cells = (SimpleNamespace(printed="0.84 million parameters on cuda"),)
    work = SimpleNamespace(
        book=SimpleNamespace(cells=cells),
        answers={"Q5": SimpleNamespace(text="measured on a Tesla T4 in Colab")},
    )
    assert graphs.claimed(work) == ["T4", "cuda"]

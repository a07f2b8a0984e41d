"""2d's plot, judged in form: lengths, both ways, labels; whatever way it was drawn."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from grader.beside import beside
from grader.checking.record import Record
from grader.scripts import Axes, Figure, Run, Series

CHECKS = Path(__file__).parents[2] / "rubrics" / "e0294-a4" / "checks" / "latency_plot.py"
plots = beside(str(CHECKS), "latency_plot")
FIVE = (10.0, 50.0, 100.0, 500.0, 1000.0)


def line(label, x=FIVE, y=None, kind="line"):
    """A series that rises."""
    return Series(kind, label, tuple(x), tuple(y or (0.1 * (1 + a) for a in range(len(x)))))


def axes(*series, x="prompt length (tokens)", y="latency (ms)", title="", ticks=()):
    """A system of axes with these series."""
    return Axes(title, x, y, "log", "log", tuple(s.label for s in series), tuple(ticks), series)


def figure(*parts, title=""):
    """A figure."""
    return Figure(title, parts, b"\x89PNG")


@pytest.mark.parametrize(
    ("without", "cached"),
    [
        ("without KV cache", "with KV cache"),
        ("Without KV", "With KV"),
        ("No cache", "KV cache"),
        ("no_cache", "kv_cache"),
        ("w/o cache", "w/ cache"),
        ("use_cache=False", "use_cache=True"),
        ("uncached", "cached"),
        ("KV cache off", "KV cache on"),
        ("Without KV caching", "KV caching"),
    ],
)
def test_both_ways_are_known_by_their_names(without, cached):
    """However the lines are named, five lengths in both ways are all of it."""
    found = plots.judge(figure(axes(line(without), line(cached))))
    assert (found.variant, found.slips) == ("lengths_5", ())


def test_each_length_has_its_share():
    """Lengths count that both ways have."""
    found = plots.judge(figure(axes(line("without", FIVE), line("with cache", FIVE[:3]))))
    assert found.variant == "lengths_3"
    found = plots.judge(figure(axes(line("without", (10, 20, 100)), line("cached", (10, 20, 100)))))
    assert found.variant == "lengths_2"


def test_bars_are_read_by_what_stands_below_them():
    """Bars beside each other stand at positions; the ticks say which lengths they are."""
    ticks = ("10", "50", "100", "500", "1000")
    left = line("without cache", [i - 0.2 for i in range(5)], kind="bars")
    right = line("with cache", [i + 0.2 for i in range(5)], kind="bars")
    assert plots.judge(figure(axes(left, right, ticks=ticks))).variant == "lengths_5"


def test_one_system_of_axes_for_each_way_will_do():
    """Two plots side by side are named by their titles."""
    left = axes(line("_child0"), title="Without KV cache")
    right = axes(line("_child0"), title="With KV cache", y="")
    assert plots.judge(figure(left, right)).variant == "lengths_5"


def test_missing_labels_and_names_are_slips():
    """What is missing in form is said, and costs by the rubric."""
    found = plots.judge(figure(axes(line("without"), line("with cache"), x="")))
    assert (found.variant, found.slips) == ("lengths_5", ("no_axis_labels",))
    found = plots.judge(figure(axes(line("_child0"), line("_child1"), title="latency")))
    assert (found.variant, found.slips) == ("lengths_5", ("unnamed_lines",))


@pytest.mark.parametrize(
    ("drawn", "variant"),
    [
        (axes(line("speedup with cache"), y="latency ratio"), "gain_only"),
        (axes(line("with cache")), "one_way"),
        (axes(line("without", (7, 9, 20)), line("with cache", (7, 9, 20))), "other_lengths"),
    ],
)
def test_what_is_not_asked_for_is_a_humans(drawn, variant):
    """A ratio alone, one way alone or other lengths have no name in the rubric's credit."""
    assert plots.judge(figure(drawn)).variant == variant


def made(figures=(), runs=(), sheets=(), pictures=(), files=None):
    """Return the plots of a submission with these figures."""
    work = SimpleNamespace(
        figures=list(figures), drawn=list(runs), sheets=list(sheets), pictures=list(pictures),
        files={}, sheet=SimpleNamespace(pictures={}),
    )  # fmt: skip
    asked = []

    def draw(chosen, argv):
        asked.append((tuple(chosen), tuple(argv)))
        both = figure(axes(line("without"), line("with cache")))
        return [Run(path, "", 0, 0, "", (both,)) for path in chosen]

    found = plots.Plots(work, SimpleNamespace(files=files or {}, draw=draw))
    return found, asked


def test_plots_of_other_questions_are_not_taken():
    """A plot of intensity, or of memory, is none of latency."""
    other = figure(axes(line("with cache"), y="arithmetic intensity (FLOP/byte)"))
    found, _ = made([other])
    assert found.find() is None
    both = figure(axes(line("without"), line("with cache")))
    assert made([other, both])[0].find().variant == "lengths_5"


def test_the_models_own_benchmark_mode_is_tried():
    """A plot that the model's file draws in its benchmark mode is found, run once."""
    files = {"model.py": b"import matplotlib.pyplot as plt", "notes.txt": b"plt."}
    found, asked = made(files=files)
    assert found.find().variant == "lengths_5"
    assert found.shown()
    assert asked == [(("model.py",), ("--mode", "benchmark"))]


def test_a_missing_plot_is_told_from_one_that_could_not_be_seen():
    """Nothing at all is not submitted; a picture, a sheet or a script that failed is a human's."""
    for given, outcome in (
        ({}, "not_submitted"),
        ({"pictures": ["latency.png"]}, "inconclusive"),
        ({"sheets": ["answers.md"]}, "inconclusive"),
        ({"runs": [Run("bench.py", "", 0, 1, "took too long")]}, "inconclusive"),
    ):
        record = Record("latency_plot")
        made(**given)[0].missing(record)
        assert record.evidence.outcome == outcome

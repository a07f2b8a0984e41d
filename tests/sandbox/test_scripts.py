"""Scripts run as by hand: what they print, ask and draw comes back, in bounds."""

import contextlib
import json
import tempfile

import pytest

from grader.errors import StudentFault
from grader.intake import SourceFile
from grader.records import Limits
from grader.sandbox.docker import DockerSandbox
from grader.sandbox.process import ProcessSandbox
from grader.scripts import PNG, Scripts
from grader.student import Student

CURVE = """
import numpy as np, matplotlib
matplotlib.use("TkAgg")
import matplotlib.pyplot as plt
N = np.array([128, 256, 512])
plt.figure()
plt.plot(N, N * 64 / (N + 128), "o-", label="prefill")
plt.xscale("log")
plt.xlabel("context length N")
plt.ylabel("FLOP per byte")
plt.title("Arithmetic intensity")
plt.legend()
{end}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A temporary folder of this test's own, so that no other grader's boxes are in it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def scripts(pack):
    """Return the scripts of a submission made of these sources."""
    open_ = []

    def made(sandbox=None, seconds=20, submission_seconds=120, **sources):
        files = [SourceFile(f"{name}.py", text.encode()) for name, text in sources.items()]
        limits = Limits(
            request_seconds=seconds,
            script_seconds=seconds,
            submission_seconds=submission_seconds,
        )
        boxes = sandbox or ProcessSandbox()
        student = Student(boxes, files, pack.interface, limits, preload=["matplotlib.pyplot"])
        open_.append(student)
        return Scripts(student, files)

    yield made
    for student in open_:
        student.close()


def test_a_script_runs_as_by_hand(scripts):
    """Arguments, input, its own folder, imports beside it, __main__ and the exit code are there."""
    run = scripts(
        helper="WORD = 'beside'",
        table="import sys, os, helper\nif __name__ == '__main__':\n"
        " print(sys.argv[1:], input('layers? '), helper.WORD, os.path.exists('helper.py'))\n"
        " sys.exit(3)",
    ).run("table.py", argv=["--layers", "2"], stdin="32\n")
    assert run.printed == "layers? ['--layers', '2'] 32 beside True\n"
    assert (run.exit_code, run.trouble) == (3, "")


def test_files_may_be_given_with_a_run(scripts):
    """They are there for this run, in the place of those handed in, and gone in the next."""
    made = scripts(show="print(open('c.json').read())\nopen('c.json', 'a').write('!')")
    assert made.run("show.py", files={"c.json": "{}"}).printed == "{}\n"
    assert made.run("show.py", files={"c.json": "[é]"}, stdin="x").printed == "[é]\n"
    assert made.run("show.py", files={"show.py": "print(7)"}).printed == "7\n"
    assert "FileNotFoundError" in made.run("show.py").trouble


def test_what_was_printed_before_it_failed_counts(scripts):
    """An exception, a question nobody answers and a missing package are told in words."""
    made = scripts(
        a="print('so far')\n1 / 0",
        b="print('so far')\ninput()",
        c="print('so far')\nimport seaborn_of_the_future",
    )
    for name, words in (("a", "ZeroDivisionError"), ("b", "EOFError"), ("c", "seaborn_of_the")):
        run = made.run(f"{name}.py")
        assert run.printed == "so far\n"
        assert words in run.trouble
        assert run.exit_code == 1
    assert "a.py, line 2" in made.run("a.py").trouble


def test_of_ten_megabytes_the_first_and_the_last_are_kept(scripts):
    """A flood costs nothing but its middle."""
    run = scripts(
        flood="print('first')\nfor _ in range(1000): print('x' * 10_000)\nprint('last')"
    ).run("flood.py")
    assert run.printed_bytes > 10_000_000
    assert len(run.printed) < 70_000
    assert run.printed.startswith("first\n")
    assert run.printed.endswith("last\n")
    assert "[... cut ...]" in run.printed


@pytest.mark.parametrize("end", ["", "plt.show()", "plt.savefig('c.png')\nplt.close()"])
def test_figures_come_as_data_and_picture(scripts, end):
    """Shown, saved, closed or left open: lines, scales, labels and legend are those drawn."""
    (run,) = scripts(curve=CURVE.format(end=end)).draw(["curve.py"])
    assert run.trouble == ""
    (figure,) = run.figures
    (axes,) = figure.axes
    assert (axes.x_label, axes.y_label) == ("context length N", "FLOP per byte")
    assert (axes.x_scale, axes.y_scale) == ("log", "linear")
    assert (axes.title, axes.legend) == ("Arithmetic intensity", ("prefill",))
    (line,) = axes.series
    assert line.x == (128, 256, 512)
    assert line.y == pytest.approx((32, 42.6666667, 51.2))
    assert figure.picture.startswith(PNG)


def test_a_script_may_draw_what_another_wrote(scripts):
    """The order of their names does not matter: who finds nothing is run again after the rest."""
    plot, make = scripts(
        a_plot="import json\nimport matplotlib.pyplot as plt\n"
        "plt.bar(['10', '50'], json.load(open('found.json')))",
        b_make="import json\njson.dump([3, 4], open('found.json', 'w'))",
    ).draw(["a_plot.py", "b_make.py"])
    assert (plot.trouble, make.trouble) == ("", "")
    bars = [series for series in plot.figures[0].axes[0].series if series.kind == "bars"]
    assert bars[0].y == (3, 4)


def test_a_script_that_never_ends_costs_its_own_figures_only(scripts):
    """The others' figures are there, in a clean folder."""
    made = scripts(seconds=3, endless="while True: pass", curve=CURVE.format(end=""))
    endless, curve = made.draw(["endless.py", "curve.py"])
    assert "longer than" in endless.trouble
    assert len(curve.figures) == 1
    with pytest.raises(StudentFault):
        made.run("endless.py")


def test_scripts_have_a_time_of_their_own(scripts):
    """Scripts that never end use up the scripts' time, and not that of anything else."""
    made = scripts(seconds=1, submission_seconds=2, a="while True: pass", b="print(7)")
    for argument in "1234":
        with pytest.raises(StudentFault) as caught:
            made.run("a.py", argv=[argument])
    assert "2 s for the whole submission are used up" in caught.value.message
    with pytest.raises(StudentFault, match="used up"):
        made.run("b.py")
    student = made.conversation
    student.fresh_worker()
    assert student.call("warm", {}) == ({}, b"")
    assert student.seconds < 1 < student.spent_apart


@pytest.mark.docker
def test_the_container_is_no_different(scripts):
    """In Docker a script prints and draws as it does in a plain process."""
    made = scripts(DockerSandbox(), table="print('Max batch:', 476)", curve=CURVE.format(end=""))
    assert made.run("table.py").printed == "Max batch: 476\n"
    (run,) = made.draw(["curve.py"])
    assert run.figures[0].axes[0].series[0].x == (128, 256, 512)


FIGURE = {"title": "t", "axes": [{"series": [{"kind": "line", "x": [1], "y": [2]}]}]}


@pytest.mark.parametrize(
    ("result", "body"),
    [
        ({}, b""),
        ({"sizes": "many"}, b"abc"),
        ({"sizes": [1, 1]}, b"abc"),
        ({"sizes": [-1, 4]}, b"abc"),
        ({"sizes": [2, 0, 1, 0, 0, 0, 0, 0, 0]}, b"abc"),
        ({"sizes": [1 << 70, 0]}, b"abc"),
    ],
)
def test_a_reply_in_pieces_that_do_not_fit_breaks_the_protocol(result, body):
    """Sizes that do not add up are refused, whatever they are."""
    with pytest.raises(StudentFault) as caught:
        Scripts(Answering(result, body), []).run("a.py")
    assert caught.value.outcome == "protocol_violation"


@pytest.mark.parametrize(
    "told",
    [
        b"", b"[", b"7", b"[7]", b"[" * 100_000,
        json.dumps([{"title": 7, "axes": "x"}]).encode(),
        json.dumps([{"axes": [{"series": [{"x": [1, None, "9", 1e999], "y": 3}]}]}]).encode(),
        json.dumps([{"axes": [{"series": [{"x": [10**400], "y": [True]}]}]}]).encode(),
        json.dumps([{"axes": [{"legend": [1, {}]}] * 99}] * 99).encode(),
    ],
)  # fmt: skip
def test_junk_for_figures_is_no_figure_or_an_empty_one(told):
    """Whatever the data are, nothing but text and finite numbers comes of them."""
    run = Scripts(Answering({"sizes": [0, len(told), 1]}, told + b"x"), []).run("a.py")
    for figure in run.figures:
        assert figure.picture == b"", "no PNG"
        assert all(series.x == series.y == () for axes in figure.axes for series in axes.series)


def test_good_figures_pass_the_same_gate():
    """The gate of the two tests above lets a figure through."""
    told = json.dumps([FIGURE]).encode()
    run = Scripts(Answering({"sizes": [0, len(told), 8]}, told + PNG), []).run("a.py")
    assert run.figures[0].axes[0].series[0].y == (2,)
    assert run.figures[0].picture == PNG


class Answering:
    """A conversation that gives one answer to everything."""

    def __init__(self, result, body):
        self.answer = result, body

    def fresh_worker(self):
        pass

    def call(self, *_, **__):
        return self.answer

    def apart(self):
        return contextlib.nullcontext()

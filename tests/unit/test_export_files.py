"""Files that an export makes anew: spreadsheets, reports, feedback, and the command itself."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from xml.etree import ElementTree as ET

import nbformat
import pytest

from grader import handed as index_of
from grader import results
from grader.cli import arguments
from grader.errors import HarnessError, UsageError
from grader.export import feedback, files, given, gradescope, junit, sheet
from grader.export.feedback import Pages
from grader.handed import Handed, Index
from tests.result_samples import check, criterion, graded, result, waiting, withheld


def course(*results, index=None, with_pending=False):
    """Return what of these results may be given."""
    return given.course(results, index, given.so_far if with_pending else given.settled)


# --- CSV ------------------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1", "a;=1", "a, =1", "a|=1", "\r=1"]


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_no_cell_is_a_formula(text, delimiter):
    """However a spreadsheet cuts the file into cells, none begins as a formula does."""
    index = Index("folder", {"bob": Handed(("x",), people=(text,), name=text)}, (text,))
    data = sheet.write(course(graded("bob", 1.0), index=index)).decode()
    cells = [cell for row in csv.reader(io.StringIO(data), delimiter=delimiter) for cell in row]
    assert cells
    assert not [each for each in cells if each.strip().strip('"').strip()[:1] in tuple("=+-@＝")
                and each.strip()]  # fmt: skip


def test_the_spreadsheet_has_a_row_for_each_and_no_false_zero():
    """Settled points by criterion; what waits, failed or is missing has empty cells, and why."""
    index = Index("folder", {"bob": Handed(("b",), late=True), "zoe": Handed(("z",))}, ("frank",))
    both = criterion("2", check("b", "passed", 2.0, 2.0)), criterion("1", check("a"))
    made = course(result("bob", *both), waiting("carol"), withheld("dan"), index=index)
    rows = {
        row["submission"]: row for row in csv.DictReader(io.StringIO(sheet.write(made).decode()))
    }
    assert list(rows) == ["bob", "carol", "dan", "zoe", "frank"]
    assert (rows["bob"]["points"], rows["bob"]["2"], rows["bob"]["late"]) == ("3", "2", "late")
    for name, why in (("carol", "10 points wait for a person"), ("dan", "withheld"),
                      ("zoe", "no result"), ("frank", "nothing handed in")):  # fmt: skip
        assert (rows[name]["points"], rows[name]["1"], rows[name]["2"]) == ("", "", "")
        assert rows[name]["why_no_points"].startswith(why)


# --- Gradescope -----------------------------------------------------------------------------------


def test_gradescope_shows_the_total_and_no_hidden_data():
    """No test is hidden, which would hide the total; hidden ones have their hint and no more."""
    hidden = check("a", "failed", 0.0, 2.0, visibility="hidden", message="Chunks are right.",
                   staff_message="SECRET", measured={"x": 987654.25})  # fmt: skip
    one = result("bob", criterion("1", hidden), criterion("2", check("b", "passed", 30.775, 31.0)))
    (bob,) = course(one).given
    data = gradescope.write(bob)
    found = json.loads(data)
    assert found["score"] == 30.78
    assert found["visibility"] == "after_published"
    assert [test["visibility"] for test in found["tests"]] == ["visible", "visible"]
    assert [(test["score"], test["max_score"]) for test in found["tests"]] == [(0, 2), (30.775, 31)]
    assert found["tests"][0]["output"] == "Chunks are right."
    assert b"SECRET" not in data
    assert b"987654" not in data


def test_gradescope_gets_no_zero_for_what_waits():
    """A test that waits has no score at all."""
    (bob,) = course(waiting("bob", 40.0), with_pending=True).given
    found = json.loads(gradescope.write(bob))
    assert found["score"] == 40
    assert [("score" in test, "status" in test) for test in found["tests"]] == [
        (True, True), (False, False),
    ]  # fmt: skip
    assert "wait for a person" in found["output"]


# --- JUnit ----------------------------------------------------------------------------------------


def test_a_suite_for_each_submission():
    """Failures, errors of ours and what waits are told apart and counted."""
    bob = result(
        "bob", criterion("2c", check("a"), check("b", "timeout", 0.0, 2.0, message="Slow."))
    )
    index = Index("folder", {"zoe": Handed(("z",))})
    root = ET.fromstring(junit.write(course(bob, waiting("carol"), withheld("dan"), index=index)))
    counts = {
        suite.get("name"): [suite.get(k) for k in ("tests", "failures", "errors", "skipped")]
        for suite in root
    }
    assert counts == {"bob": ["2", "1", "0", "0"], "carol": ["2", "0", "0", "1"],
                      "dan": ["2", "0", "1", "0"], "zoe": ["1", "0", "1", "0"]}  # fmt: skip
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("7", "1", "2")
    points = {
        suite.get("name"): [
            p.get("value") for p in suite.iter("property") if p.get("name") == "points"
        ]
        for suite in root
    }
    assert points == {"bob": ["1"], "carol": [], "dan": [], "zoe": []}
    (case,) = [each for each in root.iter("testcase") if each.get("name") == "b" and len(each)][:1]
    assert (case.get("classname"), case[0].get("type")) == ("small.2c", "timeout")
    assert case[0].text == "0 of 2 points. Slow."


def test_text_that_xml_cannot_hold_is_spelt_out():
    """Controls, surrogates and markup of a student leave a file that any reader takes."""
    text = "\x00\x0b\x1b[2J\ufffe\uffff\ud800]]><x a='&\">"
    bad = check("b", "failed", 0.0, 1.0, message=text)
    root = ET.fromstring(junit.write(course(result("bob", criterion("1", bad)))))
    (failure,) = root.iter("failure")
    assert failure.get("message") == "\\x00\\x0b\\x1b[2J\\ufffe\\uffff\\ud800]]><x a='&\">"


# --- feedback -------------------------------------------------------------------------------------

PAGES = Pages("<!doctype html><p>page</p>", "# page")


def zipped(made):
    """Return the files of a zip by name."""
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def of_canvas(*names):
    """Return a course of one who handed in these files."""
    return course(graded("bob", 1.0), index=Index("canvas", {"bob": Handed(names)}))


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("bob_12_34_a.py", "bob_12_35_b.zip"), "bob_12_35_b.zip"),
        (("bob_LATE_12_34_my_a-1.py", "bob_12_35_b.pdf"), "bob_LATE_12_34_my_a-1.py"),
        (("bob_12_34_a.ipynb",), "bob_12_34_a.ipynb"),
        (("bob_12_34_a.html", "bob_12_34_a.zip"), "bob_12_34_a.html"),
        (("bob_12_text.html", "bob_12_34_a.md"), "bob_12_34_a.md"),
    ],
)
def test_canvas_takes_feedback_under_a_name_that_it_gave(names, taken):
    """One file for each, by a downloaded name, which opens as what its name says."""
    ((name, data),) = zipped(feedback.canvas(of_canvas(*names), lambda _: PAGES)).items()
    assert name == taken
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as inner:
            assert inner.read("feedback.html").decode() == PAGES.html
    elif name.endswith(".ipynb"):
        book = nbformat.reads(data.decode(), as_version=4)
        nbformat.validate(book)
        assert book.cells[0].source == PAGES.markdown
    else:
        assert data.decode() == (PAGES.html if name.endswith(".html") else PAGES.markdown)


@pytest.mark.parametrize("names", [("bob_12_34_a.pdf",), ("bob_12_text.html",), ("bob",), ()])
def test_who_cannot_get_feedback_from_canvas_is_named(names):
    """A page under the name of a PDF would not open: it is said and not sent."""
    made = feedback.canvas(of_canvas(*names), lambda _: PAGES)
    assert (zipped(made), made.count) == ({}, 0)
    assert made.left[0].startswith("bob: ")


def test_moodle_takes_feedback_by_participant():
    """A folder for each with the participant's number; what would end the name is not in it."""
    index = Index("moodle", {
        "jane": Handed(("x",), name="Jane_../Doe", keys={"moodle": "501"}),
        "bob": Handed(("y",), name="Bob"),
    })  # fmt: skip
    made = feedback.moodle(course(graded("jane", 1.0), graded("bob", 1.0), index=index),
                           lambda _: PAGES)  # fmt: skip
    ((name, data),) = zipped(made).items()
    assert name == "Jane .. Doe_501_assignsubmission_file_/feedback.html"
    assert data.decode() == PAGES.html
    assert made.left == ("bob: Moodle's participant number is not known",)


@pytest.mark.parametrize("make", [feedback.canvas, feedback.moodle])
def test_who_waits_gets_no_feedback_yet(make):
    """Pages go to those whose points go, too; the others are named."""
    index = Index("canvas", {"bob": Handed(("b_1_2_a.py",), keys={"moodle": "5"})})
    assert make(course(waiting("bob"), index=index), lambda _: PAGES).count == 0
    made = make(course(waiting("bob"), index=index, with_pending=True), lambda _: PAGES)
    assert made.count == 1
    assert zipped(made)


# --- on disk --------------------------------------------------------------------------------------


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    """What is there already is not mixed with new files, and a failure leaves nothing."""
    files.write_folder(tmp_path / "out", {"a/b.json": b"1"})
    assert (tmp_path / "out/a/b.json").read_bytes() == b"1"
    with pytest.raises(UsageError, match="there already"):
        files.write_folder(tmp_path / "out", {"c": b"2"})
    with pytest.raises(HarnessError):
        files.write_folder(tmp_path / "other", {"a": b"1", "a/b": b"2"})
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# --- the command ----------------------------------------------------------------------------------

BOOK = b"Student,ID,SIS Login ID,Section,Lab (9)\n    Points Possible,,,,50\nA,1,alice,X,\n"


@pytest.fixture
def marks(tmp_path):
    """Return a folder with results of two, one of whom waits, and who handed in what."""
    folder = tmp_path / "marks"
    results.write(folder, graded("alice", 46.5))
    results.write(folder, waiting("bob"))
    handins = {"alice": Handed(("a_1_7_a.py",), keys={"canvas": "1"})}
    index_of.write(folder, Index("canvas", handins))
    (tmp_path / "book.csv").write_bytes(BOOK)
    return folder


def grader(*words):
    """Run the command; return its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "grader", *map(str, words)], capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_gradebook_is_shown_first_and_written_on_demand(marks, tmp_path):
    """Without --out nothing is written; with it the copy is, and the TA's own file stays."""
    book, new = tmp_path / "book.csv", tmp_path / "new.csv"
    before = sorted(tmp_path.rglob("*"))
    code, said = grader("export", marks, "--to", "canvas", "--into", book)
    assert (code, sorted(tmp_path.rglob("*"))) == (0, before)
    assert "bob: 10 points wait for a person" in said
    assert "46.5" in said
    assert "stays as it is" in said
    code, said = grader("export", marks, "--to", "canvas", "--into", book, "--out", new,
                        "--feedback", tmp_path / "back.zip")  # fmt: skip
    assert (code, book.read_bytes()) == (0, BOOK)
    assert new.read_bytes() == BOOK.replace(b"X,\n", b"X,46.5\n")
    with zipfile.ZipFile(tmp_path / "back.zip") as archive:
        assert archive.namelist() == ["a_1_7_a.py"]
        assert b"46.5 of 50 points" in archive.read("a_1_7_a.py")


def test_pages_are_written_for_who_is_named(marks, tmp_path):
    """`grader report` writes both forms for those asked for; who is not there is named."""
    code, said = grader("report", marks, "bob", "--out", tmp_path / "pages")
    assert (code, sorted(p.name for p in (tmp_path / "pages").iterdir())) == (
        0,
        ["bob.html", "bob.md"],
    )
    code, said = grader("report", marks, "bbo", "--out", tmp_path / "pages")
    assert code == 1
    assert "holds no result of bbo" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "canvas"], "give the gradebook"),
        (["--to", "csv", "--into", "x"], "are for --to canvas"),
        (["--to", "moodle", "--into", "nothing.csv"], "nothing.csv cannot be read"),
    ],
)
def test_what_does_not_fit_is_one_sentence(marks, words, said):
    """Words that do not go together, or a file that is not there, end before anything is done."""
    asked = arguments.parser().parse_args(["export", str(marks), *words])
    with pytest.raises(UsageError, match=said) as caught:
        asked.run(asked)
    assert len(str(caught.value).splitlines()) == 1

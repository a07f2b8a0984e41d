"""Whole sheets, through the one call of the host and its child process."""

import io
import json
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from grader.formulas import documents, examine
from grader.formulas.answering import Answers, by_file
from grader.formulas.examine import examine as examined
from tests.formulas.generating import FORMULAS, QUESTIONS, ROOT

SHEETS = Path(__file__).parent / "sheets"
ALL = list(QUESTIONS.values())
EXPECTED = tomllib.loads((SHEETS / "expected.toml").read_text(encoding="utf-8"))


def verdicts(sheet):
    return {name: reading.verdict for name, reading in sheet.answers.items()}


def in_process(name, data):
    """Return the readings of a sheet, without a child."""
    answers = Answers(ALL)
    answers.read(by_file(documents.spans(name, data)))
    return answers.readings


@pytest.mark.parametrize("name", [name for name in EXPECTED if not name.endswith(".pdf")])
def test_sheets(name):
    """Every sample sheet gets the verdicts, and the reviews, that stand beside it."""
    readings = in_process(name, (SHEETS / name).read_bytes())
    found = {q: r.verdict + " ?" * bool(r.review) for q, r in readings.items()}
    assert found == EXPECTED[name]


@pytest.mark.parametrize("name", ["full.tex", "typeset.pdf"])
def test_the_child_says_the_same(name):
    """Files that go through the child process get the verdicts that stand beside them."""
    sheet = examined({f"work/{name}": (SHEETS / name).read_bytes()}, ALL)
    found = {q: r.verdict + " ?" * bool(r.review) for q, r in sheet.answers.items()}
    assert found == EXPECTED[name]
    assert not sheet.remarks


WORDS = (SHEETS / "words.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("crlf.md", WORDS.replace("\n", "\r\n").encode()),
        ("cr.md", WORDS.replace("\n", "\r").encode()),
        ("bom.md", b"\xef\xbb\xbf" + WORDS.encode()),
        ("utf16.md", WORDS.encode("utf-16")),
        ("utf16-be.md", b"\xfe\xff" + WORDS.encode("utf-16-be")),
        ("utf16-without-mark.md", WORDS.encode("utf-16-le")),
        ("latin1.md", (WORDS + "\nd\u00e9j\u00e0 vu\n").encode("latin-1")),
        ("notebook.ipynb", json.dumps({
            "nbformat": 4, "cells": [
                {"cell_type": "code", "source": ["F = 9*N**2"]},
                {"cell_type": "markdown", "source": WORDS.splitlines(keepends=True)},
            ]}).encode()),
        ("old.ipynb", json.dumps({
            "nbformat": 3, "worksheets": [{"cells": [
                {"cell_type": "markdown", "source": WORDS}]}]}).encode()),
    ],
)  # fmt: skip
def test_encodings_and_containers(name, data):
    """A sheet reads the same in any encoding, with any line ends, and as cells of a notebook."""
    found = {q: r.verdict for q, r in in_process(name, data).items()}
    assert found == {q: v.rstrip(" ?") for q, v in EXPECTED["words.md"].items()}


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.md", b"x" * 20_000_000, "20.0 MB"),
        ("a.pdf", b"%PDF-1.7\nbroken", "damaged"),
        ("a.pdf", b"%PDF-" + b"x" * 33_000_000, "33.0 MB"),
        ("a.ipynb", b"{]", "not a notebook"),
        ("a.ipynb", b'{"cells": 3}', "no list of cells"),
        ("a.ipynb", b"[" * 100_000, "not a notebook"),
        ("answers.toml", b"a = ", "not TOML"),
        ("a.md", b"\0\1\2" * 1000, "not text"),
        ("a.md", b"$N+d$ " * 6_000, "more than 5,000 formulas"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_costs_one_sentence(name, data, says):
    """A file that cannot be read is named with the reason, and nobody gets a wrong verdict."""
    sheet = examined({name: data}, ALL[:2])
    assert any(name in remark and says in remark for remark in sheet.remarks)
    assert set(verdicts(sheet).values()) == {"missing"}
    assert all(reading.review for reading in sheet.answers.values())


def test_empty_sheets():
    """An empty sheet, and none at all, is an answer that is missing."""
    assert set(verdicts(examined({}, ALL)).values()) == {"missing"}
    assert set(verdicts(examined({"a.md": b"", "b.tex": b"\n"}, ALL)).values()) == {"missing"}
    assert examined({"main.py": b"4N^2d"}, ALL).remarks == ()


def test_a_bad_file_costs_the_others_nothing():
    """What could not be read stands beside what could."""
    files = {"full.tex": (SHEETS / "full.tex").read_bytes(), "a.ipynb": b"{", "b.pdf": b"%PDF-1"}
    sheet = examined(files, ALL)
    assert sheet.answers["1c.prefill_flops"].verdict == "softmax"
    assert sheet.remarks


# --- the child ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("raise SystemExit(3)", "ended with 3"),
        ("x = bytearray(3 << 30)", "ended with 1"),
        ("while True: pass", "SIGXCPU"),
        ("import time; time.sleep(60)", "stopped after 1 s"),
        ("print('{}')", "makes no sense"),
        ("print('[' * 100000)", "makes no sense"),
        ("import sys; [sys.stdout.write('x' * (1 << 20)) for _ in range(100)]", "ended with"),
    ],
)
def test_a_child_that_dies_is_a_humans_to_read(monkeypatch, code, says):
    """However the child ends, no answer counts as wrong, and the sheet says how it ended."""
    boot = "import sys; sys.path.insert(0, sys.argv[1]); import grader.formulas.worker as w; "
    monkeypatch.setattr(examine, "_BOOT", f"{boot}w.limit(int(sys.argv[2]))\n{code}")
    monkeypatch.setattr(examine, "TEXT_SECONDS", 20 if "SIGXCPU" in says else 1)
    if "SIGXCPU" in says:
        monkeypatch.setattr(examine, "_BOOT", f"{boot}w.limit(1)\n{code}")
    sheet = examined({"a.tex": b"x"}, ALL[:1])
    (reading,) = sheet.answers.values()
    assert reading.verdict == "unreadable"
    assert reading.review
    assert says in sheet.remarks[0]


def test_a_pdf_that_kills_the_reader_costs_nothing_that_was_read(monkeypatch):
    """Text is read before any PDF, in a child of its own."""
    run = examine._run

    def fails(files, questions, given, seconds):
        pdf = any(path.endswith(".pdf") for path in files)
        return examine._Ended("was killed") if pdf else run(files, questions, given, seconds)

    monkeypatch.setattr(examine, "_run", fails)
    sheet = examined({"a.tex": rb"\answer{1c.prefill_flops}{4N^2d}", "b.pdf": b"%PDF"}, ALL)
    assert sheet.answers["1c.prefill_flops"].verdict == "reference"
    assert sheet.answers["1c.prefill_bytes"].verdict == "missing"
    assert sheet.answers["1c.prefill_bytes"].review
    assert "b.pdf could not be read (was killed): a person reads it" in sheet.remarks


def test_the_worker_without_limits_of_the_system():
    """Where the system has no resource limits, the worker still works."""
    code = (
        "import sys; sys.modules['resource'] = None; import grader.formulas.worker as w; w.limit(1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_sheet_of_a_hundred_formulas_is_read_at_once():
    """100 questions, all answered wrong, are judged within a moment, the child's start included."""
    asked = [replace(q, id=f"{q.id}.{i}") for i in range(17) for q in FORMULAS][:100]
    text = "\n".join(rf"\answer{{{q.id}}}{{{i}N^2 + 9N^2d}}" for i, q in enumerate(asked))
    begin = time.perf_counter()
    sheet = examined({"a.tex": text.encode()}, asked)
    assert time.perf_counter() - begin < 3  # a busy machine; alone it is half a second
    assert set(verdicts(sheet).values()) == {"none"}


# --- PDFs -----------------------------------------------------------------------------------------


def typeset(pages):
    """Return a PDF with a line of text and mathematics on each line of each page."""
    buffer = io.BytesIO()
    with mpl.rc_context({"mathtext.fontset": "cm"}), PdfPages(buffer) as book:
        for lines in pages:
            figure = Figure(figsize=(8, 11))
            for i, line in enumerate(lines):
                figure.text(0.1, 0.9 - 0.05 * i, line)
            book.savefig(figure)
    return buffer.getvalue()


def test_a_pdf_of_another_program():
    """Exponents survive; a fraction does not and is left to a person, with the page beside it."""
    data = typeset([["1c Prefill"], ["Prefill FLOPs = $2N^2 d + 2N^2 d = 4N^2 d$",
                     r"Prefill intensity = $\frac{N d}{(N + d) b}$"]])  # fmt: skip
    sheet = examined({"report.pdf": data}, ALL)
    assert sheet.answers["1c.prefill_flops"].verdict == "reference"
    assert sheet.answers["1c.prefill_flops"].found_in == "report.pdf, page 2"
    intensity = sheet.answers["1c.prefill_intensity"]
    assert intensity.review
    picture = sheet.pictures[intensity.seen_as]
    assert picture.startswith(b"\x89PNG")


def test_a_pdf_of_many_pages():
    """Of 500 pages the first 60 are read, and the sheet says so."""
    sheet = examined({"a.pdf": _empty_pages(500)}, ALL)
    assert "a.pdf has 500 pages: only the first 60 were read" in sheet.remarks
    assert "a.pdf holds no text: its pages are pictures, which a person reads" in sheet.remarks
    assert all(reading.review for reading in sheet.answers.values())


def _empty_pages(count):
    import pypdfium2  # noqa: PLC0415 - only here

    document = pypdfium2.PdfDocument.new()
    for _ in range(count):
        document.new_page(100, 100)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def test_a_locked_pdf():
    """A PDF with a password is named as one."""
    sheet = examined({"locked.pdf": (SHEETS / "locked.pdf").read_bytes()}, ALL)
    assert "locked.pdf was not read: it is locked with a password" in sheet.remarks

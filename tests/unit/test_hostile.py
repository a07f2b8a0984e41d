"""Whatever a student writes is shown, and harmless, in everything that the grader makes."""

import contextlib
import csv
import io
import json
import re
import threading
import unicodedata
import zipfile
from pathlib import PurePosixPath
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from werkzeug.serving import make_server

from grader import results
from grader.batch.screen import Terminal
from grader.batch.tally import tally
from grader.cli import arguments
from grader.records import ACCEPTED
from grader.report import changes, surprises, table
from grader.rescore import Change, Rescored
from grader.review import app as reviewing
from tests import browser
from tests.conftest import ROOT
from tests.hostile import ALL, PLAIN, TEXTS, course, mark, marked, submissions
from tests.unit.test_page import Parsed
from tests.unit.test_review import Browser

CANVAS = b"Student,ID,SIS Login ID,Section,Lab (9)\n    Points Possible,,,,50\nA,1,all,X,\n"
WHOLE = (f"pages/{ALL}.html", f"staff/{ALL}.html", f"marks/published/{ALL}.html")


def said(*words):
    """Run a command in this process; return what it prints, to whichever stream."""
    asked = arguments.parser().parse_args([str(word) for word in words])
    return printed(lambda: asked.run(asked))


def printed(work):
    """Return what some work prints, to whichever stream."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        work()
    return out.getvalue()


class Made:
    """Everything that is made of a course in which these texts stand everywhere."""

    def __init__(self, folder, texts):
        self.marks, self.texts = course(folder / "marks", texts), texts
        self.out = folder
        self.result = results.read(self.marks, ALL)

    def terminal(self):
        """Yield everything that is printed, by what prints it."""
        marks, out = self.marks, self.out
        yield "grade", table.render(self.result)
        yield "check", table.render_check(self.result, 50.0)
        yield "gradebook", said("gradebook", marks)
        yield "waiting", said("points", marks, ALL)
        yield "history", said("history", marks, ALL)
        submissions(out / "hand-ins")
        similar = ("--pack", "e0294-a4", "--out", out / "similar")
        yield "similar", said("similar", out / "hand-ins", *similar)
        yield from self.pages().items()
        said("publish", marks)
        for kind, name in (("csv", "marks.csv"), ("gradescope", "scope")):
            yield kind, said("export", marks, "--to", kind, "--with-pending", "--out", out / name)
        (out / "book.csv").write_bytes(CANVAS)
        yield "canvas", said("export", marks, "--to", "canvas", "--into", out / "book.csv",
                             "--with-pending", "--out", out / "filled.csv",
                             "--feedback", out / "canvas.zip")  # fmt: skip
        yield "moodle", said("export", marks, "--to", "moodle", "--with-pending",
                             "--feedback", out / "moodle.zip")  # fmt: skip
        moved = Rescored((self._change(),), 1, dict.fromkeys(marked(self.texts), "\x1b[31m"))
        yield "rescore", changes.render(moved)
        refused = dict.fromkeys(marked(self.texts), "it is damaged: \x1b]0;owned\x07\u202e")
        hand_ins = SimpleNamespace(taken={}, refused=refused)
        trouble = {"trouble": "\x1b[2J".join(marked(self.texts))}
        yield "batch", tally(out, hand_ins, {"eve": trouble}, stopped=False)[0]
        yield "while a batch runs", printed(lambda: self._lines(hand_ins))
        yield "surprises", surprises.render(moved.changes)

    def _lines(self, hand_ins):
        screen = Terminal(1)
        for name, why in hand_ins.refused.items():
            screen.ends(0, SimpleNamespace(id=name), {"refused": why})

    def pages(self):
        """Make what is compared with the same of harmless words; return what is printed."""
        marks, out = self.marks, self.out
        junit = ("--to", "junit", "--with-pending", "--out", out / "junit.xml")
        return {
            "publish": said("publish", marks, ALL),
            "report": said("report", marks, ALL, "--out", out / "pages"),
            "course": said("report", marks, "--staff", "--out", out / "staff"),
            "junit": said("export", marks, *junit),
        }

    def _change(self):
        """Return what a changed rubric does, each text being a reason once."""
        new = json.loads(json.dumps(self.result))
        for each in new["criteria"][0]["checks"]:
            each["points"] = 1.0
        new["manual"] = [
            {"criterion": "3", "checks": [text], "points": 1.0, "by": text, "at": "", "note": text,
             ACCEPTED: "x"} for text in marked(self.texts)
        ]  # fmt: skip
        return Change(self.result, new, tuple(marked(self.texts)))

    def review(self):
        """Yield every page of the review."""
        carol = Browser(*reviewing.make(self.marks, ROOT, 8000), by=marked(self.texts)[0])
        yield "overview", carol.page
        yield "questions", carol.get("/").text
        questions = re.findall(r'href="(/question/\w+)"', carol.get("/").text)
        for number, path in enumerate(questions[:4]):
            yield f"question {number}", carol.get(path).text
        yield "trail", carol.get("/trail").text
        yield "accepted", carol.get("/accepted").text


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A course of hostile texts, all made of it, and what was printed meanwhile."""
    found = Made(tmp_path_factory.mktemp("hostile"), TEXTS)
    found.printed = dict(found.terminal())
    return found


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    """The same of words that mean nothing, as far as it is compared."""
    found = Made(tmp_path_factory.mktemp("harmless"), PLAIN)
    found.pages()
    return found


def acting(text):
    """Return the characters that a terminal acts on, or that an eye misses."""
    kinds = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return {char for char in text if unicodedata.category(char) in kinds} - {"\n"}


def missing(text):
    """Return which of the texts are not shown."""
    return {name for n, name in enumerate(TEXTS) if mark(n) not in text}


# --- in a terminal --------------------------------------------------------------------------------

PRINTED = ("grade", "check", "gradebook", "waiting", "history", "publish", "similar", "report",
           "course", "csv", "junit", "gradescope", "canvas", "moodle", "rescore",
           "batch", "while a batch runs", "surprises")  # fmt: skip
EVERY_ONE = (
    "grade",
    "gradebook",
    "history",
    "rescore",
    "batch",
    "while a batch runs",
)  # of the texts is in it


@pytest.mark.parametrize("what", PRINTED)
def test_nothing_acts_on_a_terminal(made, what):
    """No control, no escape, no bidirectional or invisible character is printed."""
    text = made.printed[what]
    assert acting(text) == set()
    assert max(map(len, text.splitlines()), default=0) < 5000
    if what in EVERY_ONE:
        assert missing(text) == set()


# --- in a browser ---------------------------------------------------------------------------------

LOOK = """() => [...document.querySelectorAll("*")].flatMap((element) => [...element.attributes]
    .filter((one) => one.name.startsWith("on") || /^(javascript|vbscript):/i.test(one.value))
    .map((one) => element.tagName + " " + one.name))"""
PLANT = """() => {
    document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.canary=2'>");
    const script = document.createElement("script");
    script.text = "window.canary=3";
    document.body.append(script);
    return new Promise((done) => setTimeout(() => done(window.canary), 20));
}"""


def test_nothing_runs_in_a_browser(made, tmp_path):
    """In Chromium no student's text is a script or asks for anything; nor could a script run."""
    asked, opened = [], []
    app, door = reviewing.make(made.marks, ROOT, 8000)
    review = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=review.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{review.server_port}"
    with browser.chromium(tmp_path) as found:
        page = found.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
        page.goto(here + door.link("carol"))
        page.wait_for_selector("a.row")
        review_pages = [here + path for path in ("/", "/trail", "/accepted")]
        review_pages.append(page.get_attribute("a.row >> nth=0", "href") or "")
        files = [made.out / name for name in (WHOLE[1], "staff/index.html", "similar/index.html")]
        for address in (*(each.as_uri() for each in files), *review_pages):
            page.goto(address if ":" in address else here + address)
            assert page.evaluate("window.canary") is None, address
            assert page.evaluate(LOOK) == [], address
            assert page.evaluate(PLANT) is None, f"{address}: its policy lets a script run"
    review.shutdown()
    assert opened == []
    assert [url for url in asked if not url.startswith((here, "file:", "data:image/png"))] == []


# --- files ----------------------------------------------------------------------------------------


def test_results_and_histories_are_plain_ascii(made):
    """What is stored opens in any editor and does nothing there."""
    paths = [*made.marks.glob("*.json"), *made.marks.glob("*.jsonl"), *made.marks.glob("*.index"),
             *(made.out / "staff").glob("*.index")]  # fmt: skip
    assert len(paths) > len(TEXTS)
    for path in paths:
        assert acting(path.read_bytes().decode("ascii")) == set(), path


def test_names_of_files_are_harmless(made):
    """No file or folder that is made is named so that it acts or leads elsewhere."""
    for folder in (made.marks, made.out / "pages", made.out / "staff", made.out / "scope"):
        for path in folder.rglob("*"):
            assert acting(path.name) == set()
            assert not path.name.startswith("-")


def html_of(one):
    """Return every HTML page of a course, by where it is."""
    folders = (one.out / "pages", one.out / "staff", one.out / "similar", one.marks / "published")
    found = {str(path.relative_to(one.out)): path.read_text(encoding="utf-8")
             for folder in folders for path in sorted(folder.rglob("*.html"))}  # fmt: skip
    return found | {f"review: {name}": text for name, text in one.review()}


def test_no_page_gets_an_element_or_an_attribute(made, harmless):
    """Each page has the tags and attributes of harmless words; nothing in it acts."""
    pages, plain = html_of(made), html_of(harmless)
    reviewed = [name for name in plain if name.startswith("review")]
    for kind in (*WHOLE, "staff/index.html", *reviewed):
        tags, expected = (
            [(tag, sorted(found)) for tag, found in Parsed(each[kind]).tags]
            for each in (pages, plain)
        )
        assert sorted(tags) == sorted(expected), kind
    for name, text in pages.items():
        kept = re.sub(r"<textarea.*?</textarea>", "", text, flags=re.DOTALL)  # as it was written
        assert acting(Parsed(kept).text) == set(), name
        assert len(text) < 2_000_000, name
        for _, found in Parsed(text).tags:
            assert not [key for key in found if key.startswith("on")], name
            links = [found[key] for key in ("href", "src", "action") if key in found]
            assert not [link for link in links if re.match(r"(?!data:image/png)\w+:|//", link)]
    for name in WHOLE:
        assert missing(pages[name]) == set(), name


def test_no_markdown_gets_a_link_or_markup(made, harmless):
    """The Markdown of a page has the blocks of harmless words, no link, picture or HTML."""
    engine = MarkdownIt().enable(["table", "strikethrough"])
    for folder in ("pages", "staff"):
        blocks = []
        for one in (made, harmless):
            text = (one.out / folder / f"{ALL}.md").read_text(encoding="utf-8")
            tokens = engine.parse(text)
            inner = [child.type for token in tokens for child in token.children or ()]
            blocks.append([token.type for token in tokens])
            assert not {"link_open", "image", "html_inline", "html_block"} & {*inner, *blocks[-1]}
        assert blocks[0] == blocks[1]
        assert acting(text) == set()


def test_no_cell_of_a_spreadsheet_is_a_formula(made):
    """However the CSV is cut into cells, none begins as a formula does, and none is invisible."""
    text = (made.out / "marks.csv").read_text(encoding="utf-8")
    for delimiter in ",;|\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            for cell in row:
                assert acting(cell) == set()
                assert cell.strip(" \"'")[:1] not in tuple("=+-@") or "'" in cell[:3], cell
    assert missing(text) == set()


def test_the_xml_holds_text_alone(made, harmless):
    """JUnit's XML is well formed, and has the elements of harmless words."""
    roots = [ET.parse(one.out / "junit.xml").getroot() for one in (made, harmless)]
    found = [sorted((each.tag, *sorted(each.attrib)) for each in root.iter()) for root in roots]
    assert found[0] == found[1]
    for each in roots[0].iter():
        assert acting("".join([*each.attrib.values(), each.text or ""])) == set()


def test_what_a_platform_gets_is_text(made):
    """Gradescope's files say that they are text; Canvas gets a number in one cell."""
    for path in (made.out / "scope").rglob("results.json"):
        found = json.loads(path.read_text(encoding="ascii"))
        assert {found["output_format"], found["test_output_format"]} == {"text"}
        told = [found["output"], *(part for each in found["tests"]
                                   for part in (each["name"], each["output"]))]  # fmt: skip
        assert acting("".join(told)) == set()
    before, after = CANVAS.decode(), (made.out / "filled.csv").read_text()
    assert re.fullmatch(re.escape(before[:-1]) + r"[\d.]*\n", after)


@pytest.mark.parametrize("name", ["canvas.zip", "moodle.zip"])
def test_a_feedback_zip_has_no_path_that_leads_elsewhere(made, name):
    """Names in it are plain and stay inside; what it holds is a page."""
    with zipfile.ZipFile(made.out / name) as archive:
        assert len(archive.namelist()) > len(TEXTS) / 2
        for each in archive.namelist():
            assert acting(each) == set()
            assert not {"..", "", "/"} & set(PurePosixPath(each).parts)
            assert acting(archive.read(each).decode()) == set()


def test_the_database_holds_what_was_written(made):
    """A text that looks like SQL or holds a NUL is a value, and every result has its row."""
    assert len(re.findall("(?m)^", made.printed["gradebook"])) > len(TEXTS)
    assert "not in the gradebook" not in made.printed["gradebook"]

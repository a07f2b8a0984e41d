"""The review in a real browser, by keyboard, as the command serves it."""

import http.server
import re
import shutil
import signal
import subprocess
import sys
import threading

import pytest
from werkzeug.serving import make_server

from grader import history, results
from grader import pack as packs
from grader.gradebook import entries
from grader.gradebook.book import Book
from grader.review import app as reviewing
from tests import browser
from tests.conftest import ROOT
from tests.long import LONG
from tests.result_samples import png
from tests.review_samples import student
from tests.unit.test_accepting import unread

QUIET = "body:not([aria-busy])"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser without a window."""
    with browser.chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def serve(tmp_path):
    """Return what starts the command over a folder, and gives a link for each reviewer."""
    started = []

    def start(*reviewers):
        command = [sys.executable, "-m", "grader", "review", tmp_path, "--by", *reviewers]
        running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        started.append(running)
        return [running.stderr.readline().split()[0] for _ in reviewers]

    yield start
    for each in started:
        each.send_signal(signal.SIGTERM)
        assert each.wait(20) == 0
        each.stderr.close()


class Reviewer:
    """Somebody with a keyboard; whatever the page's scripts or the policy object to is kept."""

    def __init__(self, browser, link, there="a.row"):
        self.context = browser.new_context()
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(link)
        self.page.wait_for_selector(there)

    def press(self, *keys):
        """Press keys, one after the other, without waiting for what comes of them."""
        for key in keys:
            self.page.keyboard.press(key)

    def see(self, what):
        """Wait for something, once the page is at rest; return its text."""
        self.page.wait_for_selector(f"{QUIET} {what}", timeout=10_000)
        return self.page.inner_text(what)


def given(folder, name):
    """Return the points by hand of a submission."""
    return [each["points"] for each in results.read(folder, name)["manual"]]


def test_points_are_given_by_keyboard(tmp_path, chromium, serve):
    """Levels, notes, groups, undo and blind work by keys alone, and nothing runs but our script."""
    for name in ("alice", "bob"):
        student(tmp_path, name, "<script>document.title='owned'</script> 2 x L x N")
    student(tmp_path, "dora", "no idea", picture=png(1, 1))
    (link,) = serve("carol")
    carol = Reviewer(chromium, link)
    carol.press("Enter")
    carol.see("#give")
    carol.press("2", "-", "m")
    carol.page.keyboard.type("twice is missing: 2 x")
    carol.press("Enter")  # out of the note
    carol.see("[data-note]")
    assert (given(tmp_path, "alice"), given(tmp_path, "bob")) == ([1.5], [1.5])
    assert carol.see(".name") == "dora"
    carol.press("Shift+Digit1", "f", "Enter")  # the note that was given before, all points
    carol.see("a.row")
    assert results.read(tmp_path, "dora")["manual"][0]["note"] == "twice is missing: 2 x"
    carol.press("u")
    assert carol.see(".name") == "dora"
    carol.press("u")
    assert carol.see(".name") == "alice"
    assert [given(tmp_path, name) for name in ("alice", "bob", "dora")] == [[], [], []]
    carol.press("g", "1", "Enter")  # for this one alone
    carol.see("#give")
    assert (given(tmp_path, "alice"), given(tmp_path, "bob")) == ([1], [])
    carol.press("b")
    carol.see("a.row")
    carol.press("n")
    assert re.fullmatch(r"answer \d", carol.see(".name"))
    assert carol.complaints == []
    assert "owned" not in carol.page.title()


def test_what_another_has_decided_is_shown(tmp_path, chromium, serve):
    """Points that another has given meanwhile are shown, and no key typed ahead replaces them."""
    for name in ("alice", "bob"):
        student(tmp_path, name, f"{name} says this")
    (link,) = serve("carol")
    carol = Reviewer(chromium, link)
    carol.press("Enter")
    assert carol.see(".name") == "alice"
    with Book(tmp_path) as book:
        book.record("alice", entries.points("shown_calculation", 0, "empty", "dave"))
    carol.press("2", "Enter", "1", "Enter")
    assert "dave has given 0 (empty)" in carol.see(".told")
    carol.press("1", "Enter")
    assert (given(tmp_path, "alice"), given(tmp_path, "bob")) == ([0], [])
    carol.press("r", "2", "Enter")
    carol.see("#give:not([data-rest])")
    assert given(tmp_path, "alice") == [2]


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another page of this machine: it leads to the review, and then sends it a form."""

    target = ""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(
            f'<a href="{self.target}">go</a><form method="post" action="{self.target}"></form>'
            "<script>if (location.hash) document.forms[0].submit()</script>".encode()
        )

    def log_message(self, *_said):
        pass


def test_another_page_in_the_browser_changes_nothing(tmp_path, chromium, serve):
    """A page of another port can open a link into the review, and can neither click nor look."""
    student(tmp_path, "alice", "2 x L x N")
    (link,) = serve("carol")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{server.server_port}/"
        Elsewhere.target = link
        carol = Reviewer(chromium, there, there="a")
        carol.page.click("a")
        carol.page.wait_for_selector("a.row")
        carol.press("Enter")
        carol.see("#give")
        carol.press("2", "Enter")
        carol.see("a.row")
        Elsewhere.target = link.partition("/enter")[0] + "/undo"
        carol.page.goto(f"{there}#now")
        assert "another page" in carol.see(".told")
        server.shutdown()
    assert given(tmp_path, "alice") == [2]


@pytest.fixture
def accepting(tmp_path):
    """Serve results with unread answers, over a rubric that may be written to; give a link."""
    project, marks = tmp_path / "project", tmp_path / "marks"
    for name in ("rubrics/e0294-a4", "reference/e0294_a4"):
        shutil.copytree(ROOT / name, project / name)
    pack = packs.load(project, "e0294-a4")
    for name, text in (("alice", "2 N d + 4 N²"), ("bob", "2 N d + 4 N²"), ("dora", "N d")):
        unread(marks, pack, name, text)
    app, door = reviewing.make(marks, project, 0)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield marks, f"http://127.0.0.1:{server.server_port}{door.link('carol')}"
    server.shutdown()


@LONG
def test_an_answer_is_accepted_for_everybody_by_keyboard(chromium, accepting):
    """Nothing is stored before whose points move was seen: a key typed ahead does not do it."""
    marks, link = accepting
    carol = Reviewer(chromium, link)
    carol.press("j", "Enter")
    assert carol.see(".name") == "alice"
    carol.press("1", "a", "Enter", "y")
    carol.see("#sure")
    assert "2 of 3 results change: 2 gain" in carol.see("main")
    assert (given(marks, "alice"), given(marks, "bob")) == ([], [])
    carol.press("y")
    carol.see("#give")
    assert carol.see(".name") == "dora"
    assert (given(marks, "alice"), given(marks, "bob"), given(marks, "dora")) == (
        [0.75],
        [0.75],
        [],
    )
    assert carol.complaints == []


def fifty(folder):
    """Store fifty submissions with two answers each, none of them like another; return names."""
    names = [f"s{n:02}" for n in range(50)]
    for name in names:
        own = " ".join(f"{name}{letter}" for letter in "abcdef")
        student(folder, name, own, timing=own)
    return names


def test_fifty_items_by_keyboard_beside_another_reviewer(tmp_path, chromium, serve):
    """Typed ahead while another writes into the same results: every decision is there, once."""
    names = fifty(tmp_path)
    (link,) = serve("carol")
    carol = Reviewer(chromium, link)
    carol.press("Enter")
    assert carol.see(".name") == "s00"

    def decide():
        for n, name in enumerate(names[::4]):
            with Book(tmp_path) as book:
                book.record(name, entries.points("step_latency", n % 2, "", "dave"))

    dave = threading.Thread(target=decide)
    dave.start()
    for n in range(50):
        carol.press("0" if n % 2 else "2", "Enter")
    dave.join()
    carol.see("a.row")  # all is decided
    for n, name in enumerate(names):
        found = sorted((e["by"], e["points"]) for e in history.read(tmp_path, name))
        others = [] if n % 4 else [("dave", n // 4 % 2)]
        assert found == [("carol", 0.0 if n % 2 else 2.0), *others], name
    assert carol.complaints == []


@LONG
def test_fifty_decisions_each_lose_no_click_beside_one_another(tmp_path, chromium, serve):
    """Two reviewers type ahead, each at a server of their own: every decision is written once."""
    names = fifty(tmp_path)
    carol, dave = (Reviewer(chromium, *serve(by)) for by in ("carol", "dave"))
    carol.press("Enter")  # the words
    dave.press("j", "Enter")  # the timings
    assert (carol.see(".name"), dave.see(".name")) == ("s00", "s00")
    for n in range(50):
        carol.press("0" if n % 2 else "2", "Enter")
        dave.press("f" if n % 3 else "0", "Enter")
    for each in (carol, dave):
        each.see("a.row")  # all is decided
    found = [
        sorted((e["by"], e["criterion"], e["points"]) for e in history.read(tmp_path, name))
        for name in names
    ]
    assert found == [
        [("carol", "1a", 0.0 if n % 2 else 2.0), ("dave", "2d", 1.0 if n % 3 else 0.0)]
        for n in range(50)
    ]

"""The review over HTTP: who may ask, what is shown, and that no decision is lost."""

import html
import re
import threading

import pytest

from grader import history, results
from grader.gradebook import entries, telling
from grader.gradebook.book import Book
from grader.records import Attachment
from grader.report import seen, table
from grader.review import app as reviewing
from grader.review import likeness
from grader.review.levels import levels
from grader.review.shelf import Shelf
from tests.conftest import ROOT
from tests.result_samples import check, criterion, png, result
from tests.review_samples import PACK, student

HOST = "http://127.0.0.1:8000"
HOME = {"Origin": HOST}


class Browser:
    """One reviewer's browser, let in; it follows forms as a browser does."""

    def __init__(self, app, door, by="carol"):
        self.client = app.test_client()
        self.page = self.get(door.link(by)).text

    def get(self, path, **headers):
        """Open an address."""
        return self.client.get(path, base_url=HOST, headers=headers, follow_redirects=True)

    def post(self, path, headers=HOME, **fields):
        """Send a form."""
        found = self.client.post(
            path, base_url=HOST, headers=headers, data=fields, follow_redirects=True
        )
        self.page = found.text
        return found

    def open(self, question, name=None):
        """Open an answer to a question, of this student if one is named; return the page."""
        rows = re.findall(r'href="(/question/\w+)">.*?<code>(\w+)</code>', self.get("/").text)
        self.page = self.get({name: path for path, name in rows}[question]).text
        for _ in range(100):
            if name is None or self.who == name:
                return self.page
            after = re.search(r'href="([^"]+)" data-key="j"', self.page)[1]
            self.page = self.get(after).text
        raise AssertionError(name)

    @property
    def who(self):
        """Whose answer is shown."""
        return re.search(r'class="name"><bdi>(.*?)</bdi>', self.page)[1]

    def give(self, points, *, note="", alone=False):
        """Give points to whoever is ticked."""
        form = re.search(
            r'<form id="give"[^>]*?action="([^"]+)">(.*?)</form>', self.page, re.DOTALL
        )
        hidden = re.findall(r'type="hidden" name="who" value="([^"]+)"', form[2])
        ticked = re.findall(r'checkbox" name="who" value="([^"]+)"[^>]* checked', form[2])
        who = hidden if alone else hidden + ticked
        return self.post(form[1], who=who, points=str(points), note=note)


@pytest.fixture
def folder(tmp_path):
    """Three students: two with equal answers, one with another."""
    student(tmp_path, "alice", "2 x L x N x d x bytes")
    student(tmp_path, "bob", "2 x l x n x D x\r\n bytes  ")
    student(tmp_path, "dora", "I do not know", picture=png(1, 1))
    return tmp_path


@pytest.fixture
def served(folder):
    """The app and its door."""
    return reviewing.make(folder, ROOT, 8000)


@pytest.fixture
def carol(served):
    """A browser that was let in."""
    return Browser(*served)


def points(folder):
    """Return everybody's points and what waits, as stored."""
    found = {each["submission"]["id"]: each["total"] for each in results.stored(folder)}
    return {name: (total["points"], total["pending_points"]) for name, total in found.items()}


def events(folder, name):
    """Return the points of a history with who gave them and why."""
    return [(e["points"], e["by"], e["why"]) for e in history.read(folder, name)]


# --- giving points --------------------------------------------------------------------------------


def test_one_decision_is_for_all_equal_answers(folder, carol):
    """A decision gives points and note to everybody with that answer, and to nobody else."""
    carol.open("shown_calculation", "alice")
    carol.give(1.5, note="no factor is named")
    assert points(folder) == {"alice": (3.5, 1.0), "bob": (3.5, 1.0), "dora": (2.0, 4.0)}
    assert events(folder, "bob") == [(1.5, "carol", "no factor is named")]
    assert carol.who == "dora"  # the next that nobody has decided


def test_an_answer_that_comes_later_is_offered_what_its_equal_has(folder, carol):
    """A late answer that equals a decided one comes with its points and note, not given yet."""
    carol.open("shown_calculation", "alice")
    carol.give(1.5, note="no factor is named")
    student(folder, "late", "2 x L x N x D x bytes")
    page = carol.open("shown_calculation", "late")
    assert re.search(r'name="points"[^>]* value="1.5"', page)
    assert ">no factor is named</textarea>" in page
    assert points(folder)["late"] == (2.0, 3.0)


def test_the_last_decision_is_undone_as_one(folder, carol):
    """Undo puts back what each student of a group had before, again and again."""
    with Book(folder) as book:
        book.record("bob", entries.points("shown_calculation", 1, "from the terminal", "erin"))
    carol.open("shown_calculation", "bob")
    carol.give(0.5, alone=True)
    carol.open("shown_calculation", "alice")
    carol.give(2)
    assert points(folder)["bob"][0] == 2.5  # erin's was no decision that was open
    carol.post("/undo")
    assert points(folder)["alice"] == (2.0, 3.0)
    carol.post("/undo")
    assert events(folder, "bob")[-1] == (1, "carol", "from the terminal")
    assert carol.post("/undo").status_code == 409


def test_undo_spares_what_others_have_decided_since(folder, served):
    """What somebody has decided after a decision stays when that is undone."""
    carol, dave = Browser(*served), Browser(*served, by="dave")
    carol.open("shown_calculation", "alice")
    carol.give(2)
    dave.open("shown_calculation", "bob")
    dave.give(1, alone=True)
    carol.post("/undo")
    assert (points(folder)["alice"], points(folder)["bob"]) == ((2.0, 3.0), (3.0, 1.0))


def test_a_decision_on_what_has_changed_is_shown_and_not_written(folder, served):
    """Of two who decide one answer, the second sees the first one's points and may replace them."""
    carol, dave = Browser(*served), Browser(*served, by="dave")
    carol.open("shown_calculation", "dora")
    dave.open("shown_calculation", "dora")
    carol.give(0, note="nothing is shown")
    found = dave.give(2)
    assert found.status_code == 409
    assert "carol has given 0 (nothing is shown)" in html.unescape(found.text)
    assert points(folder)["dora"] == (2.0, 2.0)
    assert dave.give(2).status_code == 200
    assert events(folder, "dora") == [(0, "carol", "nothing is shown"), (2, "dave", "")]


def test_a_group_is_decided_for_those_who_have_not_changed(folder, served):
    """Where one of a group was decided meanwhile, the others get their points, and it is named."""
    carol, dave = Browser(*served), Browser(*served, by="dave")
    carol.open("shown_calculation", "alice")
    dave.open("shown_calculation", "bob")
    dave.give(1, alone=True)
    page = html.unescape(carol.give(2).text)
    assert "Done for 1." in page
    assert "bob changed while you looked: dave has given 1" in page
    assert [points(folder)[name][0] for name in ("alice", "bob")] == [4.0, 3.0]


def test_a_click_that_comes_twice_counts_once(folder, served):
    """The same form sent again, as after a lost answer, is no conflict and no second event."""
    carol = Browser(*served)
    before = carol.open("shown_calculation", "dora")
    carol.give(1)
    carol.page = before
    assert carol.give(1).status_code == 200
    assert len(events(folder, "dora")) == 1


def test_an_answer_that_was_graded_anew_is_not_decided_unseen(folder, carol):
    """A decision on a submission that was graded again meanwhile is shown and not written."""
    carol.open("shown_calculation", "dora")
    new = results.read(folder, "dora")
    new["submission"]["digest"] = "sha256:" + "3" * 64
    results.write(folder, new)
    assert carol.give(2).status_code == 409
    assert points(folder)["dora"] == (2.0, 4.0)


def test_two_who_click_at_the_same_time_lose_nothing(folder, served):
    """Decisions that come at the same time, each on another answer, are all written."""
    for n in range(12):
        student(folder, f"s{n:02}", f"answer number {n} " * n)
    browsers = [Browser(*served, by=f"reviewer{n}") for n in range(12)]
    for n, browser in enumerate(browsers):
        browser.open("shown_calculation", f"s{n:02}")
    clicks = [
        threading.Thread(target=browser.give, args=(1,), kwargs={"alone": True})
        for browser in browsers
    ]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    assert [events(folder, f"s{n:02}") for n in range(12)] == [
        [(1.0, f"reviewer{n}", "")] for n in range(12)
    ]


@pytest.mark.parametrize("wrong", ["", "many", "nan", "inf", "-1", "2.5", "1e999"])
def test_points_that_cannot_be_are_refused(folder, carol, wrong):
    """What is no number from 0 to the most is answered with a sentence, and nothing is written."""
    carol.open("shown_calculation", "dora")
    assert carol.give(wrong).status_code in {400, 409}
    assert points(folder)["dora"] == (2.0, 4.0)


# --- what is shown --------------------------------------------------------------------------------


def test_blind_no_page_names_a_student(folder, carol):
    """Blind, no page, address, form or trail holds the name of a submission."""
    carol.post("/blind")
    pages = [carol.open("shown_calculation"), carol.give(1).text, carol.get("/trail").text]
    assert "answer " in pages[0]
    for name in ("alice", "bob", "dora"):
        assert not any(name in page for page in pages)


def test_what_students_wrote_stays_text(folder, carol):
    """Markup in an answer is escaped, and invisible characters are made visible."""
    student(folder, "eve", "<script>alert(1)</script><b onclick=x>\u202eevil")
    page = carol.open("shown_calculation", "eve")
    assert "&lt;script&gt;alert(1)" in page
    assert "<b onclick" not in page
    assert "\u202e" not in page


def test_only_pictures_are_served(folder, carol):
    """A PNG goes out as a PNG and nothing else; what only has the name of one does not."""
    student(folder, "eve", "x", picture=b"<svg onload=alert(1)>")
    page = carol.open("explanation", "dora")
    found = carol.get(re.search(r'<img[^>]*src="([^"]+)"', page)[1])
    assert (found.data, found.mimetype) == (png(1, 1), "image/png")
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    page = carol.open("explanation", "eve")
    assert "<img" not in page
    address = re.search(r'<form id="give"[^>]*?action="([^"]+)"', page)[1]
    assert carol.get(f"{address}/picture/0").status_code == 404


def test_similar_answers_show_what_differs(folder, carol):
    """An answer with a word changed is in the group, not ticked, with that word marked."""
    said = "the time grows with the position since all of the prefix is computed again and again"
    student(folder, "eve", said)
    student(folder, "fay", said.replace("grows", "falls"))
    page = carol.open("shown_calculation", "eve")
    assert "<mark> falls</mark>" in page
    carol.give(2)
    assert (points(folder)["eve"][0], points(folder)["fay"][0]) == (4.0, 2.0)


def test_notes_come_back_the_most_used_first(folder, carol):
    """Notes of a question are offered again, ordered by how often they stand."""
    for n in range(3):
        student(folder, f"s{n}", "long " * 4**n)
        carol.open("shown_calculation", f"s{n}")
        carol.give(1, note="often" if n else "once", alone=True)
    page = carol.open("shown_calculation", "dora")
    assert re.findall(r'data-note="(\w+)"', page) == ["often", "once"]


# --- who may ask ----------------------------------------------------------------------------------


def test_a_link_opens_once(served):
    """A link lets one browser in; used again, guessed or left out, it lets nobody in."""
    app, door = served
    link = door.link("carol")
    for path, code in (
        (link, 200),
        (link, 403),
        ("/enter?token=", 403),
        ("/", 403),
        ("/trail", 403),
    ):
        assert app.test_client().get(path, base_url=HOST).status_code == code


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9000"},
        {"Origin": "https://127.0.0.1:8000"},
        {"Origin": "http://evil.example"},
        {**HOME, "Sec-Fetch-Site": "same-site"},
        {**HOME, "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_click_from_another_page_is_refused(folder, carol, headers):
    """A form that another page sends, with the browser's cookie, changes nothing."""
    page = carol.open("shown_calculation", "dora")
    where = re.search(r'<form id="give"[^>]*?action="([^"]+)"', page)[1]
    who = re.search(r'name="who" value="([^"]+)"', page)[1]
    assert carol.post(where, headers=headers, who=who, points="1").status_code == 403
    assert points(folder)["dora"] == (2.0, 4.0)


def test_another_page_of_this_machine_cannot_show_ours(carol):
    """What a page of another port asks for is refused, although the cookie comes along."""
    assert carol.get("/", **{"Sec-Fetch-Site": "same-site"}).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:8000"])
def test_a_name_that_leads_here_is_refused(served, host):
    """A host that is not this machine's own name gets nothing, not even through a good link."""
    app, door = served
    link = door.link("carol")
    assert app.test_client().get(link, base_url=f"http://{host}").status_code == 400
    assert app.test_client().get(link, base_url=HOST).status_code == 200


def test_the_cookie_and_every_page_are_sealed(served):
    """The cookie is for no script and no other site; no page runs a script that is not ours."""
    app, door = served
    found = app.test_client().get(door.link("carol"), base_url=HOST)
    assert {"HttpOnly", "SameSite=Strict"} <= set(found.headers["Set-Cookie"].split("; "))
    policy = found.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


# --- what belongs together ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "most", "credit", "expected"),
    [
        ("All factors (2), the result only (1), nothing (0).", 2, {}, [1, 2]),
        ("It grows (4), since all is computed again (4).", 8, {}, [2, 4, 6, 8]),
        ("Each block is explained (1 each).", 4, {}, [1, 2, 3, 4]),
        ("A; b; c (a third each).", 3, {}, [1, 2, 3]),
        ("Says.", 2, {"right": 1, "half_right": 0.5, "half_too": 0.5, "wrong": 0}, [1, 2]),
        ("", 1, {}, [0.25, 0.5, 0.75, 1]),
    ],
)
def test_levels_are_the_rubric_s(says, most, credit, expected):
    """Levels are what the rubric names, or equal parts where it names none."""
    assert [level.points for level in levels(says, most, credit)] == pytest.approx(expected)


def test_dice_counts_words_as_often_as_they_stand():
    """Two of three words in common, one of them twice on one side: twice 2 by 3 and 3."""
    assert likeness.dice(likeness.words("a B b"), likeness.words("a  b c")) == pytest.approx(4 / 6)


def test_each_answer_of_a_group_is_like_the_first(tmp_path):
    """A chain of answers, each like the one before, is not taken for one answer."""
    words = [f"w{n}" for n in range(20)]
    for n in range(4):  # each shares 17 of 20 words with the one before
        chosen = [f"x{n}{i}" if i < 3 * n else word for i, word in enumerate(words)]
        student(tmp_path, f"s{n}", " ".join(chosen).replace(f"x{n}", "x"))
    shelf = Shelf(tmp_path, ROOT)
    room = next(r for k, r in shelf.rooms().items() if k[2] == "shown_calculation")
    groups = [[item.name for item in group.all] for group in shelf.groups(room)]
    assert groups == [["s0", "s1"], ["s2", "s3"]]


def test_what_checks_say_is_similar_whatever_its_numbers(tmp_path):
    """Timings that differ by their numbers are one group, not ticked; other sentences are not."""
    for name, timing in (("s0", "between 1.21 and 1.64 times as fast"),
                         ("s1", "between 0.9 and 2.31 times as fast"),
                         ("s2", "not measured, since the model keeps its weights")):  # fmt: skip
        student(tmp_path, name, f"words of {name}", timing=timing)
    shelf = Shelf(tmp_path, ROOT)
    room = next(room for key, room in shelf.rooms().items() if key[2] == "step_latency")
    groups = [[item.name for item in group.all] for group in shelf.groups(room)]
    assert groups == [["s0", "s1"], ["s2"]]
    carol = Browser(*reviewing.make(tmp_path, ROOT, 8000))
    assert "<mark> 0.9</mark>" in carol.open("step_latency", "s0")
    carol.give(1)
    assert [points(tmp_path)[name][0] for name in ("s0", "s1")] == [3.0, 2.0]


def test_figures_and_code_beside_words_are_folded(tmp_path):
    """What the student wrote is shown; raw figures and code beside words can be opened."""
    files = [Attachment("w-1.own.txt", b"my words"), Attachment("w-2.txt", b"my code"),
             Attachment("t-1.json", b'{"rounds": []}')]  # fmt: skip
    checks = [check("w", "inconclusive", 0.0, 1.0, attachments=["w-1.own.txt", "w-2.txt"]),
              check("t", "inconclusive", 0.0, 1.0, attachments=["t-1.json"])]  # fmt: skip
    results.write(tmp_path, result("alice", criterion("1a", *checks), pack=PACK), files)
    carol = Browser(*reviewing.make(tmp_path, ROOT, 8000))
    page = carol.open("w")
    assert page.index("my words") < page.index("<details><summary>w-2</summary>")
    assert "<details><summary>t-1</summary>" in carol.open("t")


def test_an_answer_without_credit_says_how_it_gets_some(tmp_path):
    """An answer that was read, and that the rubric does not name, says where a name would go."""
    check_ = check("total_parameters", "inconclusive", 0.0, 1.0, variant="said_in_a_comment")
    results.write(tmp_path, result("alice", criterion("1a", check_), pack=PACK))
    (room,) = Shelf(tmp_path, ROOT).rooms().values()
    told = " ".join(room.items["alice"].told)
    assert ("said_in_a_comment" in told) == bool(room.question.credit)
    assert room.question.credit


def test_a_timing_comes_with_what_was_measured(tmp_path):
    """What a check measured stands beside the limit that it is judged by."""
    speed = check("step_latency", "inconclusive", 0.0, 1.0, limits={"speedup_low": 1.5},
                  measured={"speedup_low": 1.21, "rounds": 60})  # fmt: skip
    results.write(tmp_path, result("alice", criterion("2d", speed), pack=PACK))
    carol = Browser(*reviewing.make(tmp_path, ROOT, 8000))
    assert "speedup_low: measured 1.21, limit 1.5" in carol.open("step_latency")


def test_without_flask_a_sentence_says_what_to_install(folder, monkeypatch):
    """Where the extra is not installed, the command names it."""
    import sys  # noqa: PLC0415 - only here

    from grader.errors import UsageError  # noqa: PLC0415 - only here
    from grader.review import serving  # noqa: PLC0415 - only here

    monkeypatch.setitem(sys.modules, "waitress.server", None)
    with pytest.raises(UsageError, match=r"grader\[review\]"):
        serving.serve(folder, ROOT, ["carol"], 0, print)


# --- deductions -----------------------------------------------------------------------------------


def test_a_deduction_is_confirmed_by_a_human(tmp_path):
    """What is only suggested takes nothing until a human says how much; undone, nothing again."""
    advice = {
        "id": "comments", "points": 0.0, "suggested": 2.0, "status": "needs_confirmation",
        "message": "Comment your code.", "evidence": ["a.py, line 1"],
    }  # fmt: skip
    before = results.write(tmp_path, result("alice", deductions=[advice]))
    assert "deduction comments, 0 to 2 to take off" in telling.waiting(tmp_path, before)
    carol = Browser(*reviewing.make(tmp_path, ROOT, 8000))
    start = re.search(r'href="(/question/\w+)"', carol.get("/").text)[1]
    carol.page = carol.get(start).text
    assert "a.py, line 1" in carol.page
    assert carol.give(3).status_code == 409  # more than is suggested
    carol.give(1.5, note="hardly any")
    assert points(tmp_path)["alice"] == (44.5, 0)
    after = results.read(tmp_path, "alice")
    assert telling.waiting(tmp_path, after) == "nothing waits for a human"
    assert "comments  -1.5  Comment your code." in table.render(after)
    assert "A human decides" not in table.render(after)
    page = seen.page(after, {}, "student")
    assert page.deducted == ("Comment your code. See a.py, line 1. 1.5 points are taken off.",)
    assert page.by_hand == ("deduction comments: a person took off 1.5: hardly any",)
    with Book(tmp_path) as book:
        assert book.rows("SELECT * FROM idle") == []
    carol.post("/undo")
    assert points(tmp_path)["alice"] == (46.0, 0)

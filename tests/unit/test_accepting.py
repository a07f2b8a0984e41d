"""An unread answer that a human accepts for everybody: whose points move, and whose never do."""

import dataclasses
import functools
import html
import json
import re
import shutil
import sys

import pytest

from grader import accepted, accepting, evidence, history, results
from grader import pack as packs
from grader.cli import choices, door
from grader.errors import UsageError
from grader.gradebook import entries
from grader.gradebook.book import Book
from grader.granted import with_accepted
from grader.records import Attachment
from grader.report import page
from grader.rescore import apply, rescore
from grader.review import app as reviewing
from grader.review import likeness
from grader.review.shelf import Shelf
from grader.score import by_hand
from grader.tables import BadPack
from tests.unit.test_rescore import evidence_for, store
from tests.unit.test_review import Browser

CHECK, MOST = "decode_flops", 1.5
FORMULA = "2 N d\n  + 4 N²"


@pytest.fixture(scope="module")
def copied(root, tmp_path_factory):
    """A project with a copy of the shipped assignment, whose rubric may be written to.

    What takes long to read, and is not asked for here, is not in it.
    """
    project = tmp_path_factory.mktemp("project")
    for name in ("rubrics/e0294-a4", "reference/e0294_a4"):
        ignore = shutil.ignore_patterns("formulas.toml", "mistakes.toml")
        shutil.copytree(root / name, project / name, ignore=ignore)
    return project


@pytest.fixture
def project(copied):
    """The same, with nothing accepted."""
    yield copied
    (copied / "rubrics" / "e0294-a4" / accepted.FILE).unlink(missing_ok=True)


@pytest.fixture
def load(project):
    """Return what loads the pack as it is on the disk; once for the same rulings."""
    path = project / "rubrics" / "e0294-a4" / accepted.FILE

    @functools.cache
    def loaded(_rulings):
        return packs.load(project, "e0294-a4")

    return lambda: loaded(path.read_bytes() if path.exists() else b"")


def unread(folder, pack, name, text, *, check=CHECK, picture=None):
    """Store a result in which one answer could not be read."""
    found = evidence_for(pack)
    for each in found:
        if each.check == check:
            each.outcome, each.variant = "inconclusive", "unreadable"
            each.message = "answers.md, line 3: it could not be read."
            each.attachments = [Attachment(f"{check}-1.own.txt", text.encode())]
            if picture:
                each.attachments.append(Attachment(f"{check}-2.own.png", picture))
    return store(folder, pack, name, found)


def standing(folder):
    """Return everybody's points and what waits."""
    found = {each["submission"]["id"]: each["total"] for each in results.stored(folder)}
    return {name: (total["points"], total["pending_points"]) for name, total in found.items()}


def accept(project, folder, pack, name, points, why="K and V counted once", by="carol"):
    """Accept an answer, and return what moved."""
    new = accepting.ruling(pack, folder, name, CHECK, points, why, by)
    return accepting.keep(project, folder, pack, new)[0]


def test_an_accepted_answer_is_everybodys_who_gave_it(tmp_path, project, load):
    """Who gave the same answer gets the same points, spaces aside; nobody else's move."""
    pack = load()
    for name, text in (("alice", FORMULA), ("bob", f" {FORMULA}\r\n"), ("dora", "2 n d + 4 N²"),
                       ("eve", "2 N d + 4 N2")):  # fmt: skip
        unread(tmp_path, pack, name, text)
    before = standing(tmp_path)
    new = accepting.ruling(pack, tmp_path, "alice", CHECK, MOST / 2, "counted once", "carol")
    tried = accepting.tried(tmp_path, pack, new)
    assert standing(tmp_path) == before, "trying stores nothing"
    assert {change.id for change in tried.changes} == {"alice", "bob"}
    assert [line[3] for line in tried.changes[0].lines()] == [
        "accepted for everybody by carol: counted once"
    ]
    accepting.keep(project, tmp_path, pack, new)
    (points, pending) = before["alice"]
    moved = (points + MOST / 2, pending - MOST)
    assert standing(tmp_path) == {**before, "alice": moved, "bob": moved}
    again = rescore(tmp_path, load())
    assert (again.changes, again.same) == ((), 4), "the same when it is repeated"
    told = page.html(results.read(tmp_path, "bob"), {}, "student")
    assert f"a person gave {MOST / 2:g}: counted once" in told
    told = page.html(results.read(tmp_path, "bob"), {}, "staff")
    assert "for everybody who gave this answer" in told


def test_who_accepted_what_and_why_is_kept_and_it_can_be_taken_back(tmp_path, project, load):
    """The file names reviewer, time, reason and the answer; taken back, all is as it was."""
    pack = load()
    unread(tmp_path, pack, "alice", FORMULA)
    before = standing(tmp_path)
    accept(project, tmp_path, pack, "alice", 0.5)
    assert load().digest != pack.digest
    assert load().checks_digest == pack.checks_digest, "nobody has to be graded again"
    new = accepting.ruling(load(), tmp_path, "alice", CHECK, None, "too generous", "dave")
    found, refused = accepting.keep(project, tmp_path, load(), new)
    assert (standing(tmp_path), refused) == (before, [])
    assert [line[3] for line in found.changes[0].lines()] == ["accepted for everybody no more"]
    lines = (load().folder / accepted.FILE).read_text().splitlines()
    kept = [json.loads(line) for line in lines]
    assert [(each["by"], each["why"], each["fraction"] is None) for each in kept] == [
        ("carol", "K and V counted once", False),
        ("dave", "too generous", True),
    ]
    assert kept[0]["text"] == FORMULA
    assert "alice" not in lines[0]
    assert [e["why"] for e in history.read(tmp_path, "alice")] == ["rescored", "rescored"]


def test_points_by_hand_stay(tmp_path, project, load):
    """Who has points by hand keeps them, before and after; taken back, the accepted ones count."""
    pack = load()
    for name in ("alice", "bob"):
        unread(tmp_path, pack, name, FORMULA)
    with Book(tmp_path) as book:
        book.record("bob", entries.points(CHECK, 0.25, "an exception", "erin"))
    before = standing(tmp_path)
    accept(project, tmp_path, pack, "alice", 1.0)
    assert standing(tmp_path)["bob"] == before["bob"]
    with Book(tmp_path) as book:  # the other way round: one is made an exception later
        book.record("alice", entries.points(CHECK, 0.0, "copied", "erin"))
    assert standing(tmp_path)["alice"][0] == before["alice"][0]
    assert rescore(tmp_path, load()).changes == ()
    with Book(tmp_path) as book:
        book.record("bob", entries.undo(CHECK, "", "erin"))
        assert book.rows("SELECT * FROM idle") == []
    apply(tmp_path, rescore(tmp_path, load()))
    assert standing(tmp_path)["bob"] == (before["alice"][0] + 1.0, before["alice"][1] - MOST)


def test_points_of_everybody_are_not_taken_back_for_one(tmp_path, project, load):
    """To undo points that are everybody's for one student says what to do instead."""
    pack = load()
    unread(tmp_path, pack, "alice", FORMULA)
    accept(project, tmp_path, pack, "alice", 1.0)
    with Book(tmp_path) as book, pytest.raises(UsageError, match="those of everybody"):
        book.record("alice", entries.undo(CHECK, "", "erin"))


def test_points_given_while_it_is_tried_stay(tmp_path, project, load):
    """Points by hand that come between the look and the storing are not written over."""
    pack = load()
    unread(tmp_path, pack, "alice", FORMULA)
    new = accepting.ruling(pack, tmp_path, "alice", CHECK, 1.0, "", "carol")
    found = accepting.tried(tmp_path, pack, new)
    with Book(tmp_path) as book:
        book.record("alice", entries.points(CHECK, 0.5, "mine", "dave"))
    apply(tmp_path, found)
    (entry,) = results.read(tmp_path, "alice")["manual"]
    assert (entry["points"], entry["by"]) == (0.5, "dave")


def test_a_later_grading_knows_it(tmp_path, project, load):
    """What is graded after an answer was accepted, or again, has its points without a rescore."""
    pack = load()
    unread(tmp_path, pack, "alice", FORMULA)
    accept(project, tmp_path, pack, "alice", 1.0)
    measured, _ = evidence.read(tmp_path / results.read(tmp_path, "alice")["attachments"], {CHECK})
    manual = with_accepted(load().criteria, measured)
    assert [(each["checks"], each["points"]) for each in manual] == [([CHECK], 1.0)]
    mine = {"criterion": "1c", "checks": [CHECK], "points": 0.5, "by": "x", "at": "", "note": ""}
    regraded = history.merged([mine], manual)
    assert regraded == [mine]
    stored = results.read(tmp_path, "alice")
    assert by_hand(stored, regraded)["total"]["points"] == stored["total"]["points"] - 0.5


def test_only_an_answer_that_can_be_known_again_is_accepted(tmp_path, load):
    """What was decided, what a human reads each time, what kept nothing: one sentence each."""
    pack = load()
    unread(tmp_path, pack, "alice", FORMULA)
    unread(tmp_path, pack, "words", "since it is read again", check="explanation")
    unread(tmp_path, pack, "empty", " \n")
    for name, check, points, said in (
        ("alice", "kv_per_request", 1.0, "is not for a human to judge"),
        ("words", "explanation", 1.0, "is read by a human each time"),
        ("empty", CHECK, 1.0, "known again"),
        ("alice", CHECK, 2.5, r"leaves 0 to 1\.5 points to a human, not 2\.5"),
        ("alice", CHECK, float("nan"), "not nan"),
        ("alice", "1c", 1.0, "is no check"),
        ("alice", CHECK, None, "is not accepted for everybody"),
        ("nobody", CHECK, 1.0, "no result of 'nobody'"),
    ):
        with pytest.raises(UsageError, match=said):
            accepting.ruling(pack, tmp_path, name, check, points, "", "carol")


def test_pictures_count_as_words_do(tmp_path, load):
    """What is read off a page is the same only where the page's picture is."""
    pack = load()
    for name, picture in (("alice", b"page 1"), ("bob", b"page 1"), ("dora", b"page 2")):
        unread(tmp_path, pack, name, FORMULA, picture=picture)
    new = accepting.ruling(pack, tmp_path, "alice", CHECK, 1.0, "", "carol")
    moved = {change.id for change in accepting.tried(tmp_path, pack, new).changes}
    assert moved == {"alice", "bob"}


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"check": 1}',
        '{"check":"a","answer":"b","fraction":2,"by":"","at":"","why":"","text":""}',
    ],
)
def test_a_spoilt_line_is_named(tmp_path, line):
    """A line that is no ruling is refused with its number; half a line at the end is none."""
    good = accepted.Ruling("a", "b", 0.5, "carol", "now", "", "x")
    accepted.add(tmp_path, good)
    path = tmp_path / accepted.FILE
    first = path.read_text()
    path.write_text(f"{first}{line}\n{first}")
    with pytest.raises(BadPack, match=r"accepted\.jsonl, line 2 is no accepted answer"):
        accepted.read(tmp_path)
    path.write_text(f'{first}{{"check": "half')
    assert accepted.read(tmp_path) == (good,)


def test_nothing_moves_where_the_rubric_cannot_be_written(tmp_path, project, load, monkeypatch):
    """A full disk is one sentence, and nobody's points have moved."""
    pack = load()
    unread(tmp_path, pack, "alice", FORMULA)
    before = standing(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(accepted.lines, "append", full)
    with pytest.raises(UsageError, match="nobody's points have moved"):
        accept(project, tmp_path, pack, "alice", 1.0)
    assert standing(tmp_path) == before


def test_the_command_tells_and_stores(tmp_path, project, load, monkeypatch, capsys):
    """Without --yes it says whose points move and writes nothing; --undo takes it back."""
    unread(tmp_path, load(), "alice", f"\x1b]0;owned\x07{FORMULA}")
    before = standing(tmp_path)
    monkeypatch.setattr(choices, "ROOT", project)

    def grader(*words):
        arguments = ["grader", "points", str(tmp_path), "alice", CHECK, *words, "--for-all"]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            door.main()
        return ended.value.code, capsys.readouterr().out

    code, out = grader("1", "--by", "carol")
    assert (code, standing(tmp_path)) == (0, before)
    assert "nothing is stored" in out
    assert "\x1b" not in out
    assert not (load().folder / accepted.FILE).exists()
    code, out = grader("1", "--by", "carol", "--yes")
    assert (code, "1 gain 1 points" in out) == (0, True)
    assert standing(tmp_path)["alice"] == (before["alice"][0] + 1, before["alice"][1] - MOST)
    assert grader("--undo", "--yes")[0] == 0
    assert standing(tmp_path) == before


def test_a_changed_rubric_keeps_the_fraction(tmp_path, project, load):
    """Where a check comes to be worth more, an accepted answer is, too."""
    pack = load()
    unread(tmp_path, pack, "alice", FORMULA)
    accept(project, tmp_path, pack, "alice", 1.0)
    criteria = tuple(
        dataclasses.replace(c, points=c.points + 2, checks=tuple(
            dataclasses.replace(k, points=MOST + 2) if k.id == CHECK else k for k in c.checks))
        if c.id == "1c" else c
        for c in load().criteria
    )  # fmt: skip
    (change,) = rescore(tmp_path, dataclasses.replace(load(), criteria=criteria)).changes
    gained = change.new["total"]["points"] - change.old["total"]["points"]
    assert gained == pytest.approx((MOST + 2) / MOST - 1, abs=1e-4)


# --- in the review --------------------------------------------------------------------------------


def sent(page):
    """Return where the form of a page goes, and its hidden fields."""
    form = re.search(r'<form id="sure"[^>]*action="([^"]+)">(.*?)</form>', page, re.DOTALL)
    return form[1], dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[2]))


def test_a_reviewer_accepts_after_a_look_and_takes_it_back(tmp_path, project, load):
    """One answer's points go to all who gave it, once somebody has seen whose move; and back."""
    for name in ("alice", "bob"):
        unread(tmp_path, load(), name, FORMULA)
    unread(tmp_path, load(), "dora", "<script>alert(1)</script>\u202e")
    before = standing(tmp_path)
    carol = Browser(*reviewing.make(tmp_path, project, 8000))
    carol.open(CHECK, "alice")
    address = re.search(r'<form id="give"[^>]*?action="([^"]+)"', carol.page)[1]
    who = re.search(r'name="who" value="([^"]+)"', carol.page)[1]
    carol.post(address, who=who, points="0.5", note="a factor is missing", everybody="1")
    assert standing(tmp_path) == before, "it only shows"
    shown = html.unescape(carol.page)
    assert "2 of 3 results change: 2 gain 1 points" in shown
    assert all(name in shown for name in ("alice", "bob", "a factor is missing", "4 N²"))
    where, fields = sent(carol.page)
    assert carol.post(where, **fields).status_code == 200
    moved = (before["alice"][0] + 0.5, before["alice"][1] - MOST)
    assert standing(tmp_path) == {**before, "alice": moved, "bob": moved}
    assert carol.who == "dora", "on to the next that nobody has decided"
    assert "for everybody who gave this answer" in carol.open(CHECK, "bob")
    page = carol.get("/accepted").text
    back = re.search(r'action="(/accepted/[^"]+)"', page)[1]
    carol.post(back)
    assert standing(tmp_path)["bob"] == moved
    where, fields = sent(carol.page)
    carol.post(where, **fields)
    assert standing(tmp_path) == before
    assert carol.post(back).status_code == 409, "it is not there any more"


def test_blind_nobody_who_moves_is_named(tmp_path, project, load):
    """Whoever reviews blind sees how many move, and no name."""
    for name in ("alice", "bob"):
        unread(tmp_path, load(), name, FORMULA)
    carol = Browser(*reviewing.make(tmp_path, project, 8000))
    carol.post("/blind")
    carol.open(CHECK)
    address = re.search(r'<form id="give"[^>]*?action="([^"]+)"', carol.page)[1]
    who = re.search(r'name="who" value="([^"]+)"', carol.page)[1]
    carol.post(address, who=who, points="1", note="", everybody="1")
    assert "2 of 2 results change" in carol.page
    assert not any(name in carol.page for name in ("alice", "bob"))


def test_what_is_read_is_equal_by_its_signs(tmp_path, load):
    """Formulas that differ by case or by a power are different answers; words by case are not."""
    for name, text in (("alice", "2 N d"), ("bob", "2  N d"), ("dora", "2 n d"), ("eve", "2 N² d"),
                       ("fay", "2 N2 d")):  # fmt: skip
        unread(tmp_path, load(), name, text)
    room = next(room for key, room in Shelf(tmp_path, choices.ROOT).rooms().items()
                if key[2] == CHECK)  # fmt: skip
    same = [[item.name for item in each] for each in likeness.equal(list(room.items.values()))]
    assert same == [["alice", "bob"], ["dora"], ["eve"], ["fay"]]

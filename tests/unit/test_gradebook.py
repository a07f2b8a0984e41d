"""The gradebook: points by hand, states, requests and their history, whoever writes beside it."""

import csv
import dataclasses
import json
import os
import shutil
import signal
import sqlite3
import sys
import traceback
import types

import pytest

from grader import history, results
from grader.cli import door
from grader.errors import HarnessError, UsageError
from grader.grade import criterion_json
from grader.gradebook import database, entries, rows, telling
from grader.gradebook.book import Book
from grader.records import Evidence
from grader.rubric import Check, Condition, Criterion
from grader.score import by_hand, score, status, total

DIGEST = "sha256:" + "1" * 64
NOTHING = Condition({}, {})


def check(name, points, *, manual):
    """Return a check of a rubric: a human's, or one that passes up to 1."""
    passes = NOTHING if manual else Condition({"gap": 1.0}, {})
    return Check(name, points, "Says.", "hidden", passes, None, {}, {}, manual=manual)


CRITERIA = (
    Criterion("1", "Numbers and words", 6, "sum", (
        check("numbers", 3, manual=False),
        check("words", 2, manual=True),
        check("picture", 1, manual=True),
    )),
    Criterion("2", "An essay", 4, "manual", ()),
    Criterion("3", "More numbers", 2, "sum", (check("more", 2, manual=False),)),
)  # fmt: skip


def graded(
    name="alice", *, numbers=0.0, more=0.0, criteria=CRITERIA, manual=(), seconds=1.0, **others
):
    """Return a result as grading gives it; a gap over 1 fails a check, None is our fault.

    ``others`` is evidence of other checks than these.
    """
    found = {
        "numbers": Evidence("numbers", measured={"gap": numbers}),
        "more": Evidence("more", measured={"gap": more})
        if more is not None
        else Evidence("more", outcome="harness_error"),
        **{each: Evidence(each, outcome="inconclusive") for each in ("words", "picture")},
        **others,
    }
    lines = score(criteria, found, manual)
    return {
        "schema": "grader.result/1",
        "submission": {"id": name, "digest": DIGEST, "files": []},
        "pack": {"id": "small", "version": "1", "digest": DIGEST},
        "status": status(lines),
        "total": total(lines),
        "criteria": [criterion_json(line) for line in lines],
        "deductions": [],
        "flags": [],
        "diagnosis": [],
        "manual": list(manual),
        "course_verdict": {},
        "draw": {"seed": "00", "digest": DIGEST},
        "environment": {"sandbox": "docker", "isolation": "container", "device": "cpu",
                        "torch": "", "grader": "", "image": DIGEST, "driver": None},
        "timing": {"seconds_total": seconds, "seconds_student": 0.5},
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A folder with the results of alice and bob."""
    results.write(tmp_path, graded("alice"))
    results.write(tmp_path, graded("bob", numbers=2.0))
    return tmp_path


def record(folder, name, make):
    """Record one event; return it."""
    with Book(folder) as book:
        return book.record(name, make)


def give(folder, name, line, points, note=""):
    """Give points by hand."""
    return record(folder, name, entries.points(line, points, note, "carol"))


def now(folder, name="alice"):
    """Return points and what is pending, as the stored result has them."""
    stored = results.read(folder, name)["total"]
    return stored["points"], stored["pending_points"]


def dump(folder):
    """Return every row of the database, as text."""
    base = sqlite3.connect(folder / database.FILE)
    with base:
        text = "\n".join(base.iterdump())
    base.close()
    return text


def rebuilt(folder):
    """Return every row of a database that is made anew from the files."""
    with Book(folder, anew=True):
        pass
    return dump(folder)


def overview(folder):
    """Return what the gradebook shows, by submission."""
    with Book(folder) as book:
        return {row["id"]: dict(row) for row in book.rows("SELECT * FROM overview")}


def command(capsys, monkeypatch, *arguments):
    """Run a command as from the terminal; return its code and what it printed."""
    monkeypatch.setattr(sys, "argv", ["grader", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        door.main()
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


# --- points by hand -------------------------------------------------------------------------------


def test_points_by_hand_take_the_place_of_what_waits(folder):
    """A criterion, or one check of it: its points come in, what is not covered waits on."""
    assert now(folder) == (5, 7)
    give(folder, "alice", "2", 3.5)
    assert now(folder) == (8.5, 3)
    give(folder, "alice", "words", 1)
    assert now(folder) == (9.5, 1)
    give(folder, "alice", "picture", 0)
    assert now(folder) == (9.5, 0)
    assert results.read(folder, "alice")["status"] == "graded"
    give(folder, "alice", "words", 2)
    assert now(folder) == (10.5, 0)


def test_points_can_be_taken_back(folder):
    """Then what they covered waits again; the history keeps both."""
    give(folder, "alice", "1", 2)
    record(folder, "alice", entries.undo("1", "a slip", "bob"))
    assert now(folder) == (5, 7)
    events = history.read(folder, "alice")
    assert [(e["by"], e["points"], e["why"]) for e in events] == [
        ("carol", 2, ""), ("bob", None, "a slip")]  # fmt: skip
    assert [e["total"]["points"] for e in events] == [5, 7]
    with pytest.raises(UsageError, match="no points by hand for 1"):
        record(folder, "alice", entries.undo("1", "", ""))


@pytest.mark.parametrize(
    ("line", "points", "words"),
    [
        ("2", 4.5, "0 to 4 points"),
        ("2", -1, "0 to 4 points"),
        ("2", float("nan"), "0 to 4 points"),
        ("words", 3, "0 to 2 points"),
        ("1", 3.5, "0 to 3 points"),
        ("3", 1, "nothing of 3 is for a human"),
        ("numbers", 1, "that is words, picture"),
        ("wrods", 1, "did you mean 'words'"),
        ("9", 1, "waits for a human: 1, 2"),
    ],
)
def test_points_keep_to_what_the_rubric_leaves_to_a_human(folder, line, points, words):
    """More, less, or for what no human judges: one sentence, and nothing is written."""
    before = sorted((p.name, p.read_bytes()) for p in folder.glob("*.json*"))
    with pytest.raises(UsageError, match=words):
        give(folder, "alice", line, points)
    assert sorted((p.name, p.read_bytes()) for p in folder.glob("*.json*")) == before


def test_withheld_points_are_not_a_human_s_to_give(folder):
    """What the grader failed over is graded again first."""
    results.write(folder, graded("alice", more=None))
    with pytest.raises(UsageError, match="withheld by a fault of the grader"):
        give(folder, "alice", "3", 2)


def test_points_for_several_checks_at_once_are_not_torn_apart(folder):
    """Half of them cannot be given anew; all of them can."""
    give(folder, "alice", "1", 2)
    with pytest.raises(UsageError, match="words and picture together"):
        give(folder, "alice", "words", 1)
    give(folder, "alice", "1", 1)
    assert now(folder) == (6, 4)


def test_what_comes_to_wait_later_is_not_covered(folder):
    """Points for what was open then say nothing about a check that is left to a human since."""
    give(folder, "alice", "1", 2)
    third = dataclasses.replace(CRITERIA[0].checks[0], passes=NOTHING, manual=True)
    changed = (dataclasses.replace(CRITERIA[0], checks=(third, *CRITERIA[0].checks[1:])),
               *CRITERIA[1:])  # fmt: skip
    results.write(folder, graded("alice", criteria=changed))
    stored = results.read(folder, "alice")["criteria"][0]
    assert (stored["points"], stored["pending_points"]) == (2, 3)
    assert stored["status"] == "needs_review"


def test_a_check_that_is_decided_now_takes_no_points_by_hand_twice(folder):
    """Where a machine has come to decide what a human did, the human's points are not added."""
    give(folder, "alice", "words", 2)
    numbers, words, picture = CRITERIA[0].checks
    decided = dataclasses.replace(words, manual=False)
    lines = (dataclasses.replace(CRITERIA[0], checks=(numbers, decided, picture)), *CRITERIA[1:])
    results.write(folder, graded("alice", criteria=lines, words=Evidence("words")))
    stored = results.read(folder, "alice")["criteria"][0]
    assert (stored["points"], stored["pending_points"]) == (3 + 2, 1)
    with Book(folder) as book:
        assert "look again: alice has points by hand for 1 words" in telling.overview(book)


def test_grading_again_keeps_points_by_hand(folder):
    """Another grading stores its own points and those that a human has given before."""
    give(folder, "alice", "2", 4, "well said")
    stored = results.write(folder, graded("alice", numbers=5.0))
    assert stored == results.read(folder, "alice")
    assert now(folder) == (6, 3)
    (entry,) = stored["manual"]
    assert (entry["points"], entry["by"], entry["note"]) == (4, "carol", "well said")
    assert [e["event"] for e in history.read(folder, "alice")] == ["points", "replaced"]


def test_lateness_takes_its_share_of_points_by_hand(folder):
    """A share of what was earned is one of all that was earned, whenever a human came to it."""
    late = {"id": "late", "points": 0.5, "suggested": 0, "status": "applied", "measured": {},
            "limits": {"share_of_earned": 0.1}, "message": "A day.", "evidence": []}  # fmt: skip
    results.write(folder, graded("alice") | {"deductions": [late]})
    give(folder, "alice", "2", 4)
    stored = results.read(folder, "alice")
    assert stored["deductions"][0]["points"] == pytest.approx(0.9)
    assert now(folder) == (pytest.approx(8.1), 3)


# --- states, pages, requests ----------------------------------------------------------------------


def page_of(folder, state, name="alice"):
    """Return a page, or None where there is none."""
    path = folder / state / f"{name}.html"
    return path.read_text() if path.exists() else None


def test_a_page_exists_only_once_it_is_published(folder):
    """Held: none; previewed: one for staff; published: the student's, until it is held again."""
    overview(folder)
    assert not list(folder.glob("*/*.html"))
    record(folder, "alice", entries.state("previewed", "", ""))
    assert "A preview" in page_of(folder, "previewed")
    assert page_of(folder, "published") is None
    record(folder, "alice", entries.state("published", "", ""))
    assert "A preview" not in page_of(folder, "published")
    assert page_of(folder, "previewed") is None
    assert record(folder, "alice", entries.state("published", "", "")) is None
    assert overview(folder)["alice"]["state"] == "published"
    assert overview(folder)["bob"]["state"] == "held"
    record(folder, "alice", entries.state("held", "under review", ""))
    assert record(folder, "alice", entries.state("held", "", "")) is None
    assert not list(folder.glob("*/*.html"))
    assert [e["state"] for e in history.read(folder, "alice")] == ["previewed", "published", "held"]


def test_a_page_words_what_is_not_decided(folder):
    """Pending and withheld points are said in plain words; nobody's zero is a fault of ours."""
    record(folder, "alice", entries.state("published", "", ""))
    text = page_of(folder, "published")
    assert "Open points: 7. They wait for a person, and are neither given nor lost." in text
    assert ">words<" in text
    give(folder, "alice", "1", 2)
    text = page_of(folder, "published")
    assert "Open points: 4." in text
    assert "1 words picture: a person gave 2" in text
    assert ">words<" not in text, "it waits no longer"
    results.write(folder, graded("alice", more=None))
    overview(folder)
    assert "The grader failed on a part of this, which is not your fault" in (
        page_of(folder, "published"))  # fmt: skip


def test_a_page_follows_its_result_and_says_what_has_changed(folder):
    """After publishing, points by hand and another grading stand in the page with their reasons."""
    give(folder, "alice", "2", 1)
    record(folder, "alice", entries.state("published", "", ""))
    assert "Changed since" not in page_of(folder, "published")
    give(folder, "alice", "2", 3, "<b>read again</b>")
    text = page_of(folder, "published")
    assert "6 points, now 8 points (graded by a person)" in text
    assert "&lt;b&gt;read again&lt;/b&gt;" in text
    results.write(folder, graded("alice", numbers=7.0), why="regraded")
    overview(folder)
    assert "8 points, now 5 points (regraded)" in page_of(folder, "published")


def test_what_is_held_is_not_exported(folder, capsys, monkeypatch):
    """Neither what somebody holds nor, once anything is published, what is not."""

    def exported():
        out = folder / "points.csv"
        given = ("--with-pending", "--out", out)
        command(capsys, monkeypatch, "export", folder, "--to", "csv", *given)
        rows = csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines())
        return {row["submission"] for row in rows if row["points"]}

    assert exported() == {"alice", "bob"}
    record(folder, "bob", entries.state("held", "under review", ""))
    assert exported() == {"alice"}
    record(folder, "bob", entries.state("published", "", ""))
    assert exported() == {"bob"}


def test_a_request_is_open_until_it_is_answered(folder):
    """It is numbered, shows in the gradebook and on the page, and so does its answer."""
    record(folder, "alice", entries.request("1", "my cache is right because", ""))
    record(folder, "alice", entries.request("words", "<b>and this</b>", ""))
    assert overview(folder)["alice"]["asked"] == 2
    record(folder, "alice", entries.answer(1, "it is not", "carol"))
    record(folder, "alice", entries.state("published", "", ""))
    assert overview(folder)["alice"]["asked"] == 1
    with Book(folder) as book:
        asked = book.rows("SELECT number, line, by, answer FROM requests ORDER BY number")
    assert [tuple(row) for row in asked] == [
        (1, "1", "alice", "it is not"), (2, "words", "alice", None)]  # fmt: skip
    text = page_of(folder, "published")
    assert "my cache is right because" in text
    assert "&lt;b&gt;and this&lt;/b&gt;" in text
    assert "Answer: it is not" in text
    assert "Answer: none yet" in text
    for make, words in (
        (entries.answer(3, "no", ""), "no request 3; requests here: 1, 2"),
        (entries.answer(1, " ", ""), "has to say something"),
        (entries.request("nowhere", "x", ""), "no criterion and no check 'nowhere'"),
        (entries.request("1", "", ""), "what is disputed"),
    ):
        with pytest.raises(UsageError, match=words):
            record(folder, "alice", make)


# --- files and database ---------------------------------------------------------------------------


def test_the_database_is_rebuilt_from_the_files(folder):
    """Deleted or made anew, it has the same rows, evidence and history with them."""
    give(folder, "alice", "2", 3, "a note")
    results.write(folder, graded("bob", numbers=0.5))
    record(folder, "bob", entries.request("1", "please", ""))
    record(folder, "bob", entries.state("published", "", ""))
    overview(folder)
    kept = dump(folder)
    assert all(part in kept for part in ("a note", "please", "replaced", "numbers"))
    assert rebuilt(folder) == kept
    for left in folder.glob("gradebook.sqlite*"):
        left.unlink()
    shutil.rmtree(folder / "published")
    overview(folder)
    assert dump(folder) == kept
    assert page_of(folder, "published", "bob")


def test_what_changes_beside_the_gradebook_is_taken_in(folder):
    """Results that come, change and go, with lines of an earlier version in their history."""
    overview(folder)
    results.write(folder, graded("dave"))
    results.write(folder, graded("alice", numbers=9.0))
    (folder / "bob.json").unlink()
    (folder / "other.json").write_text('{"shopping": ["milk"]}')
    old = {"replaced_at": "2026-01-01T00:00:00+00:00", "total": {"points": 1, "max_points": 12,
           "pending_points": 0}, "criteria": {}, "draw": DIGEST}  # fmt: skip
    (folder / "dave.history.jsonl").write_text(json.dumps(old) + "\n")
    seen = overview(folder)
    assert set(seen) == {"alice", "dave"}
    assert seen["alice"]["points"] == 2
    with Book(folder) as book:
        assert not book.troubles
        (event,) = book.rows("SELECT event, at FROM events WHERE result = 'dave'")
    assert tuple(event) == ("replaced", "2026-01-01T00:00:00+00:00")
    assert rebuilt(folder).count("INSERT INTO") == dump(folder).count("INSERT INTO")


@pytest.mark.parametrize(
    ("file", "data", "words"),
    [
        ("bob.json", b'{"schema": "grader.res', r"bob\.json is not a result"),
        ("bob.json", b'{"schema": "grader.result/1"}', r"bob\.json is not a result"),
        ("bob.history.jsonl", b'{"event": "state"}\n', r"history\.jsonl, line 1 is no event"),
        ("bob.history.jsonl", b'{"event": "party", "at": "", "by": "", "why": ""}\n', "line 1"),
        ("bob.history.jsonl", b"\n", "line 1"),
    ],
)
def test_a_spoilt_file_is_named_and_stops_nobody_else(folder, file, data, words):
    """One student's file that is none leaves the others' rows; that file is not touched."""
    overview(folder)
    (folder / file).write_bytes(data)
    with Book(folder) as book:
        assert [row["id"] for row in book.rows("SELECT id FROM results")] == ["alice"]
        assert book.troubles.keys() == {"bob"}
        with pytest.raises(UsageError, match=words):
            book.record("bob", entries.state("published", "", ""))
    assert (folder / file).read_bytes() == data


def test_a_foreign_database_is_left_alone(folder):
    """Another program's file of that name is named and never written, nor deleted by a rebuild."""
    base = sqlite3.connect(folder / database.FILE)
    base.execute("CREATE TABLE shopping (item)")
    base.commit()
    base.close()
    before = (folder / database.FILE).read_bytes()
    for anew in (False, True):
        with pytest.raises(UsageError, match="another program's database: move it away"):
            Book(folder, anew=anew).__enter__()
    assert (folder / database.FILE).read_bytes() == before


@pytest.mark.parametrize("how", ["no database", "cut short", "overwritten"])
def test_a_damaged_database_is_said_and_rebuilt(folder, how):
    """It is never used; a rebuild has all that was in it."""
    give(folder, "alice", "2", 3)
    path, kept = folder / database.FILE, dump(folder)
    data = bytearray(path.read_bytes())
    if how == "no database":
        data[:] = b"not a database at all, but text that somebody has left here" * 20
    elif how == "cut short":
        del data[len(data) // 2 :]
    else:
        data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"damaged.*--rebuild"):
        overview(folder)
    assert rebuilt(folder) == kept


def test_a_database_of_another_version_is_said(folder):
    """Its tables may be others: it is made anew, and not read."""
    overview(folder)
    base = sqlite3.connect(folder / database.FILE)
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(UsageError, match="another version"):
        overview(folder)
    assert "PRAGMA" not in rebuilt(folder)
    assert set(overview(folder)) == {"alice", "bob"}


def test_a_transaction_is_all_or_nothing(folder):
    """Where something fails in the middle, the rows are those of before."""
    with Book(folder) as book:
        base = book._base
        kept = list(base.iterdump())
        with pytest.raises(KeyError), database.transaction(base):
            rows.put(base, "", graded("alice") | {"manual": [{}]}, [])
        assert list(base.iterdump()) == kept


# --- several at once, and killed ------------------------------------------------------------------


def started(work, *arguments):
    """Start a process of its own that does this; return its id."""
    if child := os.fork():
        return child
    code = 1
    try:
        work(*arguments)
        code = 0
    except BaseException:  # noqa: BLE001 - it is said, and the process ends
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(child):
    """Wait for a process; return its exit code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def busy(folder, me, count, note=""):
    """Do so many things, one after the other; each has a note of its own."""
    for n in range(count):
        if me == "grader":
            results.write(folder, graded("alice", numbers=2.0 * (n % 2), seconds=float(n)))
        elif me == "asker":
            record(folder, "alice", entries.request("1", f"number {n}", me))
        else:
            record(folder, "alice", entries.points(me, (n % 2) + 1, note or f"{me} {n}", me))


def test_several_processes_lose_nothing_of_each_other(folder):
    """Points for two lines, requests and gradings at the same time: all are there at the end."""
    count = 12
    others = [started(busy, folder, me, count) for me in ("words", "2", "asker", "grader")]
    assert [ended(other) for other in others] == [0] * 4
    events = history.read(folder, "alice")
    for me in ("words", "2"):
        notes = [e["why"] for e in events if e["by"] == me]
        assert notes == [f"{me} {n}" for n in range(count)]
    assert [e["number"] for e in events if e["event"] == "request"] == list(range(1, count + 1))
    stored = results.read(folder, "alice")
    assert {m["criterion"]: m["points"] for m in stored["manual"]} == {"1": 2, "2": 2}
    assert stored["total"]["points"] == 2 + 2 + 2, "the last grading, and two lines by hand"
    assert stored == by_hand(stored, stored["manual"])
    overview(folder)
    kept = dump(folder)
    assert rebuilt(folder) == kept


def killed(folder, place):
    """Give points, and be killed at some place of it."""

    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    if place == "before the result":
        results.put = die
    elif place == "before the database":
        rows.put = die
    elif place == "within a transaction":
        insert = rows._insert
        rows._insert = lambda base, table, values: (
            die() if table == "events" else insert(base, table, values)
        )
    elif place == "within a line":
        history.lines.os = types.SimpleNamespace(fsync=die)
    give(folder, "alice", "2", 3)


@pytest.mark.parametrize(
    "place",
    ["before the result", "before the database", "within a transaction", "within a line"],
)
def test_what_a_killed_process_has_left_is_made_up_for(folder, place):
    """After kill -9 anywhere in between, the next one has event, result and rows that agree."""
    overview(folder)
    assert ended(started(killed, folder, place)) == -signal.SIGKILL
    if place == "within a line":
        path = folder / "alice.history.jsonl"
        path.write_bytes(path.read_bytes()[:-20])  # it was not all on the disk yet
        overview(folder)
        assert now(folder) == (5, 7)
        give(folder, "alice", "2", 3)
    assert overview(folder)["alice"]["points"] == 8
    assert now(folder) == (8, 3)
    assert len(history.read(folder, "alice")) == 1
    kept = dump(folder)
    assert rebuilt(folder) == kept


def test_a_grading_that_began_before_keeps_what_a_human_entered_meanwhile(folder):
    """Whoever looked at an older result and writes later takes the stored points by hand."""
    begun = graded("alice", numbers=4.0, manual=results.read(folder, "alice")["manual"])
    give(folder, "alice", "2", 4)
    stored = results.write(folder, begun)
    assert [m["points"] for m in stored["manual"]] == [4]
    assert now(folder) == (6, 3)
    looked_at = results.read(folder, "alice")
    results.write(folder, graded("alice", seconds=9.0))
    with pytest.raises(UsageError, match="alice was graded anew meanwhile"):
        results.write(folder, looked_at, instead_of=looked_at)


def test_a_full_disk_is_no_event(folder, monkeypatch):
    """An event that cannot be written has not happened."""
    overview(folder)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(history, "append", full)
    with pytest.raises(HarnessError, match="No space left"):
        give(folder, "alice", "2", 3)
    assert now(folder) == (5, 7)


# --- the commands ---------------------------------------------------------------------------------


def test_the_commands_say_where_that_leaves_a_result(folder, capsys, monkeypatch):
    """Each prints its event and the points now; a mistake is one sentence and exit code 1."""

    def grader(*arguments):
        return command(capsys, monkeypatch, *arguments)

    code, out, _ = grader("points", folder, "alice", "2", "3", "--note", "good", "--by", "carol")
    assert code == 0
    moved = "carol: 2: 3 by hand; 5 of 12 (7 waiting) -> 8 of 12 (3 waiting)"
    assert moved in " ".join(out.split())
    code, out, _ = grader("points", folder, "alice")
    assert out == "1 words, 0 to 2\n   Says.\n1 picture, 0 to 1\n   Says.\n"
    for wrong in (("2",), ("2", "3", "--undo"), ("2", "9")):
        code, out, errors = grader("points", folder, "alice", *wrong)
        assert (code, out, errors.count("\n")) == (1, "", 1)
    assert grader("publish", folder, "alice")[0] == 0
    assert grader("request", folder, "alice", "1", "look again")[0] == 0
    code, out, _ = grader("gradebook", folder)
    assert code == 0
    assert "1 held, 1 published; 2 wait for a human" in out
    assert "open request: alice 1, on 1: look again" in out
    code, out, _ = grader("history", folder, "alice")
    assert [line.partition("root: ")[2] or line for line in out.splitlines()][-1].startswith("now:")
    code, _, errors = grader("publish", folder, "alcie")
    assert (code, "did you mean 'alice'" in errors) == (1, True)
    code, _, errors = grader("gradebook", folder / "nowhere")
    assert (code, "no folder of results" in errors) == (1, True)
    (folder / "bob.json").write_text("{")
    code, out, _ = grader("gradebook", folder)
    assert (code, "not in the gradebook: " in out) == (1, True)

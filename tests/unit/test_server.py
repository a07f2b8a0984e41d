"""A server with several courses: its files, its one lock, its budgets, and what gets old on it."""

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib

import pytest

from grader import history
from grader.batch import local, logs, running, stopping, story
from grader.batch.engine import Wanted
from grader.batch.fitting import MB_BESIDE
from grader.batch.slot import Settings
from grader.devices import lease
from grader.downloads.download import Bundle
from grader.errors import HarnessError, UsageError
from grader.sandbox import image
from grader.server import budget, cleaning, courses, examining, lock, old
from grader.server import night as nights
from tests.docs import world
from tests.docs.commands import tokens

COURSE = """
pack = "e0294-a4"
hand_ins = "hand-ins"
out = "marks"
devices = ["cuda:0", "cuda:1"]
due = 2026-11-20T23:59:00+01:00

[budget]
disk = 2

[keep]
results = 100
"""
HOLD = """
import sys, time
from grader.server import lock
with lock.held("3 courses", print, wait=False):
    print("held", flush=True)
    time.sleep(60)
"""
NOW = dt.datetime(2026, 11, 22, 2, 0, tzinfo=dt.UTC)


@pytest.fixture
def write(tmp_path):
    """Write a course's file; return its path."""

    def write(text=COURSE, name="llm"):
        (tmp_path / f"{name}.toml").write_text(text)
        return tmp_path / f"{name}.toml"

    return write


# --- a course's file ------------------------------------------------------------------------------


def test_a_course_is_what_its_file_says(write, root, tmp_path):
    """Paths count from the file's folder, and what is not said has its default."""
    course = courses.read(write(), root)
    assert (course.name, course.hand_ins) == ("llm", tmp_path / "hand-ins")
    assert course.logs == tmp_path / "marks" / "logs"
    assert course.devices == ("cuda:0", "cuda:1")
    assert course.due == "2026-11-20T23:59:00+01:00"
    assert (course.sandbox, course.jobs, course.memory, course.disk) == ("auto", None, None, 2.0)
    assert (course.keep_logs, course.keep_results) == (30.0, 100.0)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('out = "marks"', 'outt = "marks"', "unknown key 'outt'; did you mean 'out'"),
        ('"e0294-a4"', '"e0294-a5"', "pack is 'e0294-a5'"),
        ("+01:00", "", "'due' has to be a date, a time and a zone"),
        ("disk = 2", "disk = -2", "'disk' has to be a number from 0 up"),
        ("disk = 2", "discs = 2", "unknown key 'discs'; did you mean 'disk'"),
        ('out = "marks"', 'out = "marks"\njobs = 1.5', "'jobs' has to be a whole number"),
        ('out = "marks"', 'out = "marks"\nsandbox = "process"', "sandbox is 'process'"),
        ("pack =", "pack", "cannot be read"),
    ],
)
def test_a_mistake_in_it_is_named_with_its_place(write, root, was, now, said):
    """One sentence says which file, which key, and what may stand there."""
    path = write(COURSE.replace(was, now))
    with pytest.raises(UsageError) as refused:
        courses.read(path, root)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_folder_stands_for_the_files_in_it(write, tmp_path):
    """A folder of courses is as good as their names; an empty one is said to be so."""
    first, second = write(name="a"), write(name="b")
    assert courses.files([tmp_path]) == [first, second]
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="holds no course"):
        courses.files([tmp_path / "none"])


# --- one night at a time --------------------------------------------------------------------------


def test_a_second_night_is_told_who_and_since_when_and_a_killed_one_lets_go(
    tmp_path, monkeypatch, root
):
    """It ends, or waits where it is told to; a holder that is killed holds nothing."""
    monkeypatch.setenv(lease.ENVIRONMENT, str(tmp_path / "leases"))
    assert lock.holder() == ""
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert first.stdout.readline() == "held\n"
    who = f"process {first.pid} of {history.me()}, 3 courses, since {history.now().year}"
    with pytest.raises(HarnessError) as refused, lock.held("mine", print, wait=False):
        raise AssertionError
    assert who in str(refused.value)
    assert who in lock.holder()
    said = []
    first.kill()
    with lock.held("mine", said.append, wait=True):
        assert all(who in each for each in said)  # none, if it has gone already
    first.wait()
    first.stdout.close()
    assert lock.holder() == ""


# --- a night --------------------------------------------------------------------------------------


@pytest.fixture
def night(write, root, tmp_path, monkeypatch):
    """Run a night of courses, each of which ends as it is told to: a batch's code, or an error."""
    monkeypatch.setenv(lease.ENVIRONMENT, str(tmp_path / "leases"))
    (tmp_path / "hand-ins").mkdir()

    def run(**ends):
        def batch(order, say):
            end = ends[order.out.name]
            if isinstance(end, BaseException):
                raise end
            data = {"graded": {}, "left": [], "stopped": end == 130}
            return story.Done("a summary", end, data)

        monkeypatch.setattr(story, "run", batch)
        files = [
            write(COURSE.replace("marks", name) if end is not None else "pack", name)
            for name, end in ends.items()
        ]
        return nights.run(files, root, str, print, wait=False)

    return run


def test_whatever_becomes_of_a_course_the_others_are_graded(night):
    """Bad files, bad downloads, an engine that is down, a fault of ours: each ends one course."""
    done = night(
        a=None, b=UsageError("no"), c=HarnessError("down"), d=RuntimeError("oops"), e=0, f=2
    )
    codes = {each["course"]: each["code"] for each in done.data["courses"]}
    assert codes == {"a": 1, "b": 1, "c": 2, "d": 2, "e": 0, "f": 2}
    assert done.code == 2
    assert "oops" in done.summary


@pytest.mark.parametrize(
    ("ends", "code"),
    [({"a": 0}, 0), ({"a": None, "b": 0}, 1), ({"a": None, "b": 2}, 2), ({"a": 130, "b": 0}, 130),
     ({"a": KeyboardInterrupt(), "b": 0}, 130)],
)  # fmt: skip
def test_the_exit_code_says_the_worst(night, ends, code):
    """0 where all is done, 1 what people mend, 2 our fault; after a stop nothing more begins."""
    done = night(**ends)
    assert done.code == code
    assert done.data["not_begun"] == (["b"] if code == 130 else [])


def test_a_course_that_is_over_is_left_alone_and_one_folder_is_of_one_course(
    write, night, tmp_path, root, monkeypatch
):
    """Before `from` and after `until` nothing is graded, and that is no failure."""
    night(a=0)
    for key, year in (("until", 2020), ("from", 2120)):
        path = write(f"{key} = {year}-01-01T00:00:00Z\n{COURSE}", key)
        done = nights.run([path], root, str, print, wait=False)
        assert (done.code, done.data["courses"][0]["batch"]) == (0, None)
        assert str(year) in done.data["courses"][0]["said"]
    one = COURSE.replace("marks", "a")
    done = nights.run([write(one, "x"), write(one, "y")], root, str, print, wait=False)
    assert [each["code"] for each in done.data["courses"]] == [0, 1]
    assert "x.toml" in done.data["courses"][1]["said"]


# --- budgets --------------------------------------------------------------------------------------


def test_what_is_used_up_is_said_in_a_sentence(write, root, tmp_path):
    """Disk of the course, disk of the machine and memory of the machine, each by its own limit."""

    def look(text, memory=8.0):
        free = None if memory is None else int(memory * 1e9)
        return budget.Watch(courses.read(write(text), root), lambda: free).look()

    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "a.json").write_bytes(bytes(2_000_000))
    assert look(COURSE) == ""
    assert "disk budget of llm is used up" in look(COURSE.replace("disk = 2", "disk = 0.002"))
    assert "have to stay free" in look(COURSE.replace("disk = 2", "free_disk = 1e6"))
    assert "0.5 GB of memory left, and 1 have" in look(COURSE, memory=0.5)
    assert look(COURSE, memory=None) == ""


class Quick:
    """A slot that grades at once."""

    def __init__(self, settings):
        pass

    def grade(self, hand_in, at):
        return {"refused": "seen"}

    def notes(self):
        return "a warning\na warning\n"

    def close(self):
        pass


class Silent:
    """A screen that keeps who was graded."""

    def __init__(self):
        self.seen = {}

    def begins(self, slot, hand_in):
        pass

    def at(self, slot, check):
        pass

    def ends(self, slot, hand_in, answer):
        self.seen[hand_in.id] = answer


SETTINGS = Settings("", "", "", "", "", "", 0)


class HandIn:
    """One of many."""

    def __init__(self, name):
        self.id, self.bundle = name, Bundle(name)


def test_a_batch_whose_budget_is_used_up_stops_cleanly(monkeypatch):
    """What has begun is graded, nothing else begins, and the sentence is kept."""
    monkeypatch.setattr(running, "Slot", Quick)
    screen = Silent()
    seen = stopping.Stopping(screen, lambda: "full" if len(screen.seen) >= 3 else "")
    batch = running.Running([SETTINGS, SETTINGS], seen)
    seen.stop = batch.stop
    batch.start([HandIn(str(number)) for number in range(50)])
    batch.wait()
    assert seen.why == "full"
    assert 3 <= len(screen.seen) <= 5  # two slots may each have been at one


def test_memory_for_no_grading_is_refused_and_for_some_limits_them(pack):
    """The number of slots is what the budget holds; --jobs cannot go beyond it."""

    def count(memory, jobs):
        return local.count(Wanted(None, None, pack, "docker", ("cpu",), jobs, memory))

    one = pack.sandbox.memory_mb + MB_BESIDE
    assert count(2 * one + 1, jobs=8) == 2
    assert count(None, jobs=8) == 8
    with pytest.raises(UsageError, match="hold no grading"):
        count(one - 1, jobs=1)


def test_each_submission_has_a_log_with_warnings_folded(tmp_path, monkeypatch):
    """It says when, on which slot, what its slot printed, and how often; one more goes behind."""
    monkeypatch.setattr(history, "now", lambda: NOW)
    screen = Silent()
    logged = logs.Logged(screen, tmp_path / "logs")
    for _ in range(2):
        logged.begins(1, HandIn("alice"))
        logged.at(1, "logits")
        logged.ends(1, HandIn("alice"), {"refused": "No.", "notes": "w\nw\n\x1b[0mv\n"})
    text = (tmp_path / "logs" / "alice.log").read_text()
    assert text.count("2026-11-22T02:00:00+00:00  slot 2\n") == 2
    assert "  logits\n" in text
    assert "      2 x  w\n      1 x  \\x1b[0mv\n" in text
    assert screen.seen["alice"]["refused"] == "No."


def test_what_a_slot_prints_is_read_without_moving_where_it_writes():
    """The slot and its reader share one open file: reading must not make it write over itself."""
    slot = running.Slot.__new__(running.Slot)
    slot._noted = 0
    with running.tempfile.TemporaryFile() as slot._notes:
        code = "import sys\nfor line in sys.stdin: print(line.strip(), file=sys.stderr, flush=True)"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=slot._notes, text=True
        ) as child:
            said = []
            for word in ("one", "two"):
                child.stdin.write(f"{word}\n")
                child.stdin.flush()
                deadline = time.monotonic() + 10
                while not (new := slot.notes()) and time.monotonic() < deadline:
                    time.sleep(0.005)
                said.append(new)
            child.stdin.close()
        slot._notes.seek(0)
        assert said == ["one\n", "two\n"]
        assert slot._notes.read() == b"one\ntwo\n"


# --- what is old ----------------------------------------------------------------------------------


@pytest.fixture
def marks(write, root, tmp_path, pack, monkeypatch):
    """A course with results of 200 days ago: alice's, bob's and carol's; images are not asked."""
    monkeypatch.setenv(lease.ENVIRONMENT, str(tmp_path / "leases"))
    monkeypatch.setattr(old, "images", lambda course: ([], ""))
    path = write()
    for name in world.NAMES:
        world._store(tmp_path / "marks", pack, name)
        file = tmp_path / "marks" / f"{name}.json"
        then = time.time() - 200 * 86400
        os.utime(file, (then, then))
    for day in ("2020-01-01", history.now().date().isoformat(), "other"):
        (tmp_path / "marks" / "logs" / day).mkdir(parents=True)
    return courses.read(path, root)


def clean(course, root, *, yes=False):
    """Return what `grader clean` finds, by kind and name, and its notes."""
    done = cleaning.run([course.file], root, print, yes=yes)
    return {(each["kind"], each["name"]) for each in done.data["found"]}, done.data["notes"]


def test_nothing_is_removed_until_it_is_wanted(marks, root):
    """Dry: old nights and old results are named. Then they go, and their files with them."""
    wanted = {("logs", "2020-01-01"), *(("result", name) for name in world.NAMES)}
    assert clean(marks, root) == (wanted, [])
    assert (marks.out / "alice.json").exists()
    assert clean(marks, root, yes=True) == (wanted, [])
    assert sorted(path.name for path in marks.out.iterdir()) == ["logs"]
    assert len(list(marks.logs.iterdir())) == 2
    assert clean(marks, root) == (set(), [])


def test_what_a_human_has_worked_on_stays(marks, root):
    """A result with points by hand or a request is not old, however long ago it was."""
    event = history.event("request", "bob", number=1, line="2c", text="why?")
    history.append(marks.out, "bob", event)
    found, notes = clean(marks, root)
    assert {name for kind, name in found if kind == "result"} == {"alice", "carol"}
    assert "1 old results stay" in notes[0]


def test_results_of_a_published_gradebook_are_never_removed(marks, root):
    """Once anything of the folder has been published, all of it stays; held again or not."""
    for state in ("published", "held"):
        history.append(marks.out, "bob", history.event("state", "ann", state=state))
    found, notes = clean(marks, root, yes=True)
    assert {kind for kind, _ in found} == {"logs"}
    assert "are published" in notes[0]
    assert (marks.out / "alice.json").exists()


@pytest.mark.docker
def test_only_images_of_ours_that_were_replaced_are_old(docker_sandbox, write, root, monkeypatch):
    """Those with our label are found once another has their place; the current one never is."""
    client = docker_sandbox._client
    label = f'LABEL {image._RECIPE}="long ago"'
    old_one, built_on_it, other = (
        f"{image.REPOSITORY}:test-old",
        "grader-test-own:1",
        "grader-test:1",
    )
    made = {
        name: client.api.import_image_from_data(
            b"\0" * 1024,
            repository=name.partition(":")[0], tag=name.partition(":")[2], changes=changes,
        )
        for name, changes in (
            (old_one, [label]), (built_on_it, [label, "ENV mine=1"]), (other, None)
        )
    }  # fmt: skip
    ids = {name: json.loads(text)["status"] for name, text in made.items()}
    try:
        course = courses.read(write(COURSE + "images = 0\n"), root)
        found, trouble = old.images(course)
        assert ids[old_one] in {each.image for each in found}
        stay = {ids[built_on_it], ids[other], docker_sandbox._image.id}
        assert not stay & {each.image for each in found}
        mine = [each for each in found if each.image == ids[old_one]]
        assert (trouble, old.remove(mine)) == ("", [])
        assert ids[old_one] not in {each.id for each in image.replaced(client)}
    finally:
        for name in made:
            with running.contextlib.suppress(image.docker.errors.ImageNotFound):
                client.images.remove(name)


# --- the doctor -----------------------------------------------------------------------------------


def test_the_doctor_says_what_a_course_asks_for_and_is_not_there(
    write, root, tmp_path, monkeypatch
):
    """Each thing has its row: hand-ins that are missing, a folder that everybody can change."""
    monkeypatch.setenv(lease.ENVIRONMENT, str(tmp_path / "leases"))
    monkeypatch.setattr(examining, "_sandbox", lambda course, one, device: (one, "yes", ""))
    (tmp_path / "marks").mkdir(mode=0o777)
    (tmp_path / "marks").chmod(0o777)
    tight = COURSE.replace("disk = 2", "memory = 0.1")
    rows = {what: (state, told) for what, state, told in
            examining.examine([write(tight), write("pack =", "bad")], root, str)}  # fmt: skip
    assert rows["lock of the night"] == ("yes", "free")
    assert rows["llm: file"][0] == "yes"
    assert rows["llm: hand-ins"][0] == "no"
    assert "chmod o-w" in rows["llm: results"][1]
    assert "holds no grading" in rows["llm: assignment"][1]
    assert rows["bad"][0] == "no"
    (tmp_path / "hand-ins").mkdir()
    (tmp_path / "marks").chmod(0o700)
    rows = {what: state for what, state, _ in examining.examine([write()], root, str)}
    assert {rows[f"llm: {what}"] for what in ("hand-ins", "results", "assignment", "budget")} == {
        "yes"
    }


# --- the page -------------------------------------------------------------------------------------


def fences(root, kind):
    """Return the blocks of one kind on the server's page."""
    found = tokens(root / "docs" / "server.md")
    return [each.content for each in found if each.type == "fence" and each.info == kind]


def test_the_example_of_the_page_has_every_key_and_is_read(write, root):
    """A course's file as the page shows it is one, and shows all that may stand in it."""
    (example,) = fences(root, "toml")
    assert courses.read(write(example), root).jobs == 4
    known = tomllib.loads(example)
    assert known.keys() == set(courses.HEAD)
    assert known["budget"].keys() == courses.BUDGET.keys()
    assert known["keep"].keys() == courses.KEEP.keys()


def test_the_units_of_the_page_are_units(root, tmp_path):
    """They are taken as they stand, with a program that is here in the grader's place."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    names = []
    for text in fences(root, "ini"):
        names.append(tmp_path / text.splitlines()[0].rpartition("/")[2])
        names[-1].write_text(text.replace("/opt/grader/.venv/bin/grader", "/bin/true"))
    assert [path.name for path in names] == ["grader-night.service", examining.TIMER]
    command = ["systemd-analyze", "verify", *names]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

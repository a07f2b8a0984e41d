"""A whole course: `grader batch` as a process of its own, in real containers, ended for real.

The project is a copy with one small assignment, so that a grading takes a fraction of a second.
"""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import docker
import pytest

from grader.sandbox.owner import PREFIX
from tests import small
from tests.long import LONG
from tests.platforms import canvas_base, canvas_file, write_zip
from tests.small import NET, WRONG

pytestmark = pytest.mark.docker

SLOW = NET.replace("        return self", "        time.sleep(1.5)\n        return self")


def flat(text):
    """Return a text without the ends of its lines: they are put where 80 columns end."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def project(tmp_path_factory, docker_sandbox):
    """A project whose only assignment is small."""
    return small.project(tmp_path_factory.mktemp("small"))


class Batch:
    """One `grader batch` in a process of its own."""

    def __init__(self, project, subs, out, *options):
        self.out = out
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grader", "batch", str(subs), "--pack", "small",
             "--sandbox", "docker", "--out", str(out), *options],
            cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def end(self, seconds=60):
        """Wait; return exit code, output and errors."""
        out, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, errors

    def slots(self):
        """Return the process ids of the slots."""
        listed = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(line) for line in listed.stdout.split()]

    def result(self, name):
        path = self.out / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None


@pytest.fixture
def batch(project, tmp_path):
    """Start batches over the folder ``tmp_path/subs``; none outlives the test."""
    started = []

    def start(*options):
        started.append(Batch(project, tmp_path / "subs", tmp_path / "out", *options))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.communicate()


@pytest.fixture
def hand_in(tmp_path):
    """Lay out submissions, names to source texts."""

    def hand_in(**sources):
        for name, text in sources.items():
            (tmp_path / "subs" / name).mkdir(parents=True)
            (tmp_path / "subs" / name / "net.py").write_text(text)
        return tmp_path / "subs"

    return hand_in


def containers(pids):
    """Return the containers that carry the labels of these processes."""
    client = docker.from_env()
    try:
        found = client.containers.list(
            all=True, filters={"label": f"{PREFIX}.pid"}, ignore_removed=True
        )
        return [each for each in found if int(each.labels[f"{PREFIX}.pid"]) in pids]
    finally:
        client.close()


def ended(pids):
    """Whether these processes have ended; one that nobody has asked for its end yet, too."""
    states = [subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True,
                             check=False).stdout for pid in pids]  # fmt: skip
    return all(state.startswith("Z") or not state for state in states)


def within(seconds, condition):
    """Wait until the condition holds; return whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def points(batch, *names):
    return [batch.result(name)["total"]["points"] for name in names]


def test_every_entry_is_graded_or_named_and_nothing_twice(batch, hand_in):
    """Folders, files and archives have results of one draw; what has none is named with its why.

    With --resume, results of the same files stay as they are; new and changed files are graded.
    """
    subs = hand_in(right=NET, wrong=WRONG, empty="", again=NET)
    with zipfile.ZipFile(subs / "packed.zip", "w") as archive:
        archive.writestr("net.py", NET)
    (subs / "again.py").write_text(NET)  # its result would be the folder's
    (subs / "notes.txt").write_text("hello")
    (subs / ".hidden").write_text("")
    done = batch("--jobs", "2")
    code, out, errors = done.end()
    assert code == 0, errors
    assert points(done, "right", "wrong", "empty", "packed", "again") == [2, 0, 0, 2, 2]
    names = ("right", "wrong", "empty", "packed", "again")
    assert len({done.result(name)["draw"]["digest"] for name in names}) == 1
    assert "5 graded; 5 of them wait for a human: 2 5 times" in out
    assert "not graded: again.py: Its result would be again.json" in flat(out)
    assert "not graded: notes.txt: " in flat(out)
    assert "hidden" not in out
    assert errors.splitlines()[0] == "small: 5 submissions; docker, 2 at a time"
    assert sum(" of 3, 1 waiting; " in line for line in errors.splitlines()) == 5

    same = (done.out / "packed.json").stat()
    (subs / "right" / "net.py").write_text(WRONG)
    (done.out / "wrong.json").unlink()
    (done.out / "again.json").write_text("of somebody else's")
    hand_in(new=NET)
    again = batch("--resume")
    code, out, errors = again.end()
    assert code == 0, errors
    assert "6 submissions, 2 of them graded before" in errors
    assert (again.out / "packed.json").stat().st_mtime_ns == same.st_mtime_ns
    assert points(again, "right", "wrong", "packed", "new") == [0, 0, 2, 2]
    assert again.result("new")["draw"]["digest"] == again.result("packed")["draw"]["digest"]
    assert "5 graded" in out
    assert "again.json is not a result" in flat(out)
    assert (done.out / "again.json").read_text() == "of somebody else's"


def test_a_download_of_canvas_is_graded_with_its_roster(project, tmp_path):
    """Flat names, one that is damaged and one that is late: each has its result or its sentence.

    Bytes come out of the zip when they are wanted: nothing is unpacked beside it. An extension that
    is granted afterwards is seen by --resume, and `grader rescore` gives the points back.
    """
    jane, bob, eve = canvas_base("Doe, Jane", 12), canvas_base("Roe, Bob", 13, late=True), "eve_14"
    path = write_zip(
        tmp_path / "lab submissions.zip",
        {canvas_file(jane, 1, "net-1.py"): NET, canvas_file(bob, 2, "net.py"): NET,
         canvas_file(eve, 3, "net.zip"): "no zip", "stray.txt": "?"},
    )  # fmt: skip
    roster = tmp_path / "roster.csv"
    lines = ("id,canvas id,extension,submitted", "jane,12,,2026-11-20T22:00Z",
             "bob,13,{},2026-11-21T08:00Z", "eve,14,,2026-11-20T22:00Z", "al,15,,")  # fmt: skip
    roster.write_text("\n".join(lines).format(""))
    options = ("--roster", str(roster), "--due", "2026-11-20T23:00Z")
    done = Batch(project, path, tmp_path / "out", "--jobs", "1", *options)
    code, out, errors = done.end()
    assert code == 0, errors
    assert points(done, "doejane_12", "roebob_13") == [2, 0.5]
    assert "nothing handed in: 1: al" in flat(out)
    assert "belongs to nobody: 1: stray.txt" in flat(out)
    assert "not graded: eve_14: net.zip is damaged or cut off" in flat(out)
    kept = json.loads((done.out / "handins.index").read_text())
    assert (kept["form"], kept["handed"]["roebob_13"]["people"]) == ("canvas", ["bob"])
    assert sorted(kept["handed"]) == ["doejane_12", "eve_14", "roebob_13"]
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, "out", roster.name]

    roster.write_text("\n".join(lines).format("12h"))
    again = Batch(project, path, done.out, "--resume", *options)
    code, _, errors = again.end()
    assert (code, "2 submissions, 2 of them graded before" in errors) == (0, True), errors
    assert "1 results were handed in, or due, at other times" in errors
    command = [sys.executable, "-m", "grader", "rescore", str(done.out), "--yes"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    assert points(done, "doejane_12", "roebob_13") == [2, 2]


@LONG
def test_a_lost_grader_process_costs_nobody_anything(batch, hand_in):
    """A slot that is killed in the middle is replaced, and its submission graded all the same."""
    hand_in(a=SLOW, b=SLOW, c=NET)
    running = batch("--jobs", "1")
    assert within(30, lambda: len(running.slots()) == 1)
    (first,) = running.slots()
    assert within(30, lambda: len(containers([first])) >= 2)
    time.sleep(1)
    os.kill(first, signal.SIGKILL)
    code, _, errors = running.end()
    assert code == 0, errors
    assert points(running, "a", "b", "c") == [2, 2, 2]
    assert within(10, lambda: not containers([first])), "the next slot removes what it left"


@LONG
def test_ctrl_c_lets_what_has_begun_finish(batch, hand_in):
    """After one Ctrl-C: what had begun is stored, nothing else; --resume grades the rest."""
    hand_in(**{f"s{number}": SLOW for number in range(4)})
    running = batch("--jobs", "1")
    assert within(30, lambda: running.result("s0") is not None)
    slots = running.slots()
    running.process.send_signal(signal.SIGINT)
    code, out, errors = running.end()
    assert code == 130
    assert "stopping: what has begun is graded to its end" in errors
    left = [name for name in ("s0", "s1", "s2", "s3") if running.result(name) is None]
    assert left in (["s2", "s3"], ["s1", "s2", "s3"])
    assert f"stopped: {len(left)} left to grade; --resume goes on with them" in out
    assert containers(slots) == []
    again = batch("--jobs", "2", "--resume")
    assert again.end()[0] == 0
    assert points(again, "s0", "s1", "s2", "s3") == [2] * 4


@LONG
def test_a_second_ctrl_c_ends_it_at_once(batch, hand_in):
    """Ctrl-C twice: it ends without what has begun, and leaves no process and no container."""
    hand_in(endless=NET.replace("return self", "time.sleep(60)\n        return self"), other=NET)
    running = batch("--jobs", "2")
    assert within(30, lambda: running.result("other") is not None)
    slots = running.slots()
    begin = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    assert not within(0.5, lambda: running.process.poll() is not None)
    running.process.send_signal(signal.SIGINT)
    assert running.end()[0] == 130
    assert time.monotonic() - begin < 8, "well before the call's own limit"
    assert containers(slots) == []
    assert ended(slots)
    assert running.result("endless") is None


@LONG
def test_a_killed_batch_ends_with_its_slots(batch, hand_in):
    """SIGKILL of the parent: its slots end by themselves, and --resume has each result once."""
    hand_in(**{f"s{number}": SLOW for number in range(3)})
    running = batch("--jobs", "1")
    assert within(30, lambda: running.result("s0") is not None)
    slots = running.slots()
    running.process.kill()
    assert within(10, lambda: ended(slots))
    assert within(10, lambda: containers(slots) == [])
    before = (running.out / "s0.json").stat().st_mtime_ns
    again = batch("--resume")
    assert again.end()[0] == 0
    assert points(again, "s0", "s1", "s2") == [2, 2, 2]
    assert (again.out / "s0.json").stat().st_mtime_ns == before


def test_bad_input_is_one_sentence(batch, hand_in, tmp_path):
    """No folder, a file in its place, nothing to grade, no jobs: exit 1, a sentence, no result."""
    (tmp_path / "subs").write_text("")
    assert_refused(batch(), "is one file")
    (tmp_path / "subs").unlink()
    assert_refused(batch(), "there is no ")
    (tmp_path / "subs").mkdir()
    assert_refused(batch(), "holds no submission")
    hand_in(a=NET)
    assert_refused(batch("--jobs", "0"), "--jobs 0")


def assert_refused(batch, words):
    code, out, errors = batch.end()
    assert (code, out) == (1, "")
    assert errors.startswith("grader: ")
    assert errors.count("\n") == 1
    assert words in errors
    assert not batch.out.exists()

"""Gradings of alice to be disturbed, from outside as processes and from inside as calls."""

import contextlib
import functools
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter

import docker

from grader import grade as story
from grader import intake, results
from grader import pack as packs
from grader.checking.draw import Draw
from grader.errors import HarnessError
from grader.sandbox.docker import DockerSandbox
from grader.sandbox.owner import PREFIX
from tests.proof.ledger import ROOT
from tests.zoo_cases import untimed

ALICE, FULL = ROOT / "submissions" / "alice", 39
READ_BY_A_HUMAN = {"shown_calculation", "explanation"}
SECONDS = 180  # after which a grading is taken to hang


class Grading:
    """One `grader grade` of alice in a process of its own."""

    def __init__(self, out, environment=None):
        self.out = out
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grader", "grade", str(ALICE), "--out", str(out)],
            cwd=ROOT, env=environment or dict(os.environ), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def end(self, number=None):
        """Send a signal, wait for the end and return the exit code and what was said."""
        if number is not None:
            self.process.send_signal(number)
        try:
            _, errors = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise AssertionError("the grading hangs") from None
        assert "Traceback" not in errors, errors[-800:]
        return self.process.returncode, errors

    def containers(self, client):
        """Return the containers that this process owns."""
        label = f"{PREFIX}.pid={self.process.pid}"
        return client.containers.list(all=True, filters={"label": label}, ignore_removed=True)


def stored(out):
    """Look at what is in a folder of results: None, or alice's result, whole."""
    visible = sorted(path.name for path in out.glob("[!.]*")) if out.exists() else []
    assert set(visible) <= {"alice.json", "alice.history.jsonl"}, visible
    result = results.read(out, "alice")
    if result is not None:
        harmless(result)
    return result


def harmless(result):
    """Assert that no check took points from alice; return the points, or None if withheld."""
    checks = [check for criterion in result["criteria"] for check in criterion["checks"]
              if check["id"] not in READ_BY_A_HUMAN]  # fmt: skip
    lost = [c["id"] for c in checks if c["points"] is not None and c["points"] < c["max_points"]]
    assert lost == [], f"points were lost: {lost}"
    odd = {c["outcome"] for c in checks} - {"passed", "harness_error"}
    assert not odd, f"the student is said to be at fault: {odd}"
    points = result["total"]["points"]
    assert points in (None, FULL), points
    assert points == FULL or result["status"] == "withheld"
    return points


def right(out, environment=None):
    """Grade undisturbed; assert that it is as if nothing had happened."""
    code, errors = Grading(out, environment).end()
    assert code == 0, errors[-500:]
    result = stored(out)
    assert result is not None
    assert result["total"]["points"] == FULL
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


@functools.cache
def usual_seconds():
    """Return how long a grading takes here."""
    begin = time.monotonic()
    story_of(sandbox())
    return time.monotonic() - begin + 0.5  # of starting Python


@functools.cache
def sandbox():
    """Return the usual engine's sandbox."""
    return DockerSandbox()


@functools.cache
def assignment():
    """Return the shipped pack."""
    return untimed(packs.load(ROOT, "e0294-a4"))


def story_of(boxes, pack=None):
    """Grade alice in this process."""
    pack = pack or assignment()
    with story.oracle_for(pack, boxes) as oracle:
        return story.grade(intake.read(ALICE), pack, boxes, oracle=oracle, draw=Draw.fresh())


class Killing:
    """A sandbox in which the containers of one side are killed from outside after some time."""

    name, isolation = "docker", "container"

    def __init__(self, *, oracle, after, times):
        self.oracle, self.after, self.left = oracle, after, times
        self.killed = 0
        self.facts = sandbox().facts

    def start(self, limits, *, device):
        box = sandbox().start(limits, device=device)
        if (limits is story.REFERENCE_LIMITS) is self.oracle and self.left:
            self.left -= 1
            threading.Timer(self.after, self._kill, [box]).start()
        return box

    def _kill(self, box):
        with contextlib.suppress(docker.errors.APIError):  # it was done before
            box._container.kill()
            self.killed += 1


def in_this_process(boxes):
    """Grade; return in a word what came of it."""
    try:
        points = harmless(story_of(boxes))
    except HarnessError:
        return "a fault of ours, said in a sentence"
    return "withheld" if points is None else "graded in full"


def cells(fault, seen, problem):
    """Return the cells of one row; ``seen`` counts what was seen."""
    text = ", ".join(f"{count}× {what}" for what, count in sorted(seen.items()))
    return {
        "fault": fault,
        "times injected": str(sum(seen.values())),
        "what was seen": text,
        "held": f"no: {problem}".replace("\n", " ")[:600] if problem else "yes",
    }


def repeated(fault, times, once):
    """Inject a fault several times; ``once`` does it and says in a word what was seen."""
    seen = Counter()
    for number in range(times):
        try:
            seen[once(random.Random(f"{fault} {number}"))] += 1
        except (AssertionError, HarnessError, OSError, RuntimeError) as error:
            seen["a finding"] += 1
            return cells(fault, seen, f"{type(error).__name__}: {error}")
    return cells(fault, seen, "")


def spoken(errors):
    """Return the one sentence that a failed grading said."""
    said = [line for line in errors.splitlines() if line.startswith("grader: ")]
    assert len(said) == 1, errors[-500:]
    return json.dumps(said[0].removeprefix("grader: "), ensure_ascii=False)[1:-1]

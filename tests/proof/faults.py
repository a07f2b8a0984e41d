"""Faults of ours, injected: none may cost alice a point, or leave anything half done."""

import contextlib
import dataclasses
import functools
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import docker

from grader import results
from grader.errors import HarnessError
from grader.records import Limits
from grader.student import Student
from tests.proof import grading
from tests.proof.engine import Engine
from tests.proof.grading import Grading, Killing, repeated, right, spoken, stored
from tests.proof.ledger import ROOT, Row

TITLE = "Faults of ours"
ABOUT = """
Alice's submission is right: 39 of 39. Each row injects a fault of the grader or of its machine into
gradings of hers, at moments drawn over the whole run. Held means: no check with an outcome that
costs the student points, no traceback, nothing half-written, nothing left running for good, and a
repetition that gives 39 of 39.
"""


def rows():
    """Return the rows."""
    table = [
        *((f"grader killed #{n}", "the grader is killed (SIGKILL)", 5, killed) for n in range(5)),
        *((f"grader stopped #{n}", "the grader is stopped (SIGINT)", 5, stopped) for n in range(2)),
        ("oracle killed", "the oracle's container is killed", 6, part(lost, True, 1)),
        ("oracle killed for good", "so is each that follows", 2, part(lost, True, 100)),
        ("student killed", "the student's container is killed", 6, part(lost, False, 1)),
        ("student killed for good", "so is each that follows", 2, part(lost, False, 100)),
        ("wall clock", "the wall clock jumps by days at every look", 1, clock),
        ("6 MB", "the guest has too little memory to start", 1, part(starved, 6)),
        ("32 MB", "the guest has too little memory to start", 1, part(starved, 32)),
        ("disk full", "no room for a result", 1, part(full, 0)),
        ("disk full, old result", "no room for a new result", 1, part(full, 1)),
        ("disk full, history", "room for the result, none for the history", 1, part(full, 2)),
        ("read-only folder", "the folder of results cannot be written to", 1, part(full, 3)),
    ]
    engines = [
        *((f"engine killed #{n}", "the engine is killed and restarted", 4, engine) for n in (0, 1)),
        ("no image", "the image is missing, with no way to a base", 1, no_image),
    ]
    return [
        Row(key, part(inject, f"{fault} ({key})", times, once))
        for inject, kind in ((repeated, table), (with_engine, engines))
        for key, fault, times, once in kind
    ]


part = functools.partial
PAGE = 4096  # what a file in memory grows by


# --- the grader itself ----------------------------------------------------------------------------


def killed(rng):
    """Kill a grader; the next one clears up after it, spares another and grades as ever."""
    client = docker.from_env()
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(client):
        out = Path(folder) / "out"
        with Student(grading.sandbox(), [], grading.assignment().interface, Limits()) as living:
            living.start()
            grader = Grading(out)
            time.sleep(rng.uniform(0, grading.usual_seconds()))
            over = grader.process.poll() is not None
            grader.process.kill()
            grader.process.communicate()
            left = len(grader.containers(client))
            stored(out)
            right(out)
            assert grader.containers(client) == [], "the next grader left its containers"
            living.fresh_worker()
    return "too late" if over else f"{left} containers left and reaped"


def stopped(rng):
    """Stop a grader with Ctrl-C; nothing is left the moment it has ended."""
    client = docker.from_env()
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(client):
        out = Path(folder) / "out"
        grader = Grading(out)
        time.sleep(rng.uniform(0.5, grading.usual_seconds()))
        code, _ = grader.end(2)
        assert code in (0, 130), code
        assert grader.containers(client) == []
        assert (stored(out) is None) == (code == 130)
        right(out)
    return f"exit {code}"


# --- its containers, its clock, its memory --------------------------------------------------------


def lost(oracle, times, rng):
    """Kill a container from outside: the checks are repeated, or their points withheld."""
    boxes = Killing(oracle=oracle, after=rng.uniform(1, grading.usual_seconds() - 1), times=times)
    seen = grading.in_this_process(boxes)
    assert times > 1 or seen != "withheld", "one loss is made good by the repetition"
    assert grading.in_this_process(grading.sandbox()) == "graded in full"
    return f"{seen}, {'hit' if boxes.killed else 'too late'}"


def clock(rng):
    """Let the wall clock jump by days at every look; the grader itself never looks at it."""
    now, lookers = time.time(), Counter()

    def jumping():
        lookers[sys._getframe(1).f_code.co_filename] += 1
        return now + rng.uniform(-1e6, 1e6)

    with mock.patch("time.time", jumping):
        seen = grading.in_this_process(grading.sandbox())
    assert seen == "graded in full", seen
    assert not [path for path in lookers if path.startswith(str(ROOT / "grader"))]
    return f"{seen}; {lookers.total()} looks at the clock, none by the grader"


def starved(megabytes, _rng):
    """Give the guest too little memory to start: a fault of ours, and no result."""
    limits = dataclasses.replace(grading.assignment().sandbox, memory_mb=megabytes)
    pack = dataclasses.replace(grading.assignment(), sandbox=limits)
    try:
        result = grading.story_of(grading.sandbox(), pack)
    except HarnessError as error:
        return f"“{str(error)[:160]}”"
    raise AssertionError(f"it was graded: {result['total']}")


# --- its disk -------------------------------------------------------------------------------------


def full(kind, _rng):
    """Grade onto a disk without room: one sentence, exit 2, and the old result as it was."""
    with tempfile.TemporaryDirectory() as folder, small_disk(Path(folder)) as out:
        if kind:
            right(out)
        if kind == 2:  # other points than those of now, so that there is a history to write
            result = results.read(out, "alice")
            result["total"]["points"] = 16
            (out / "alice.json").write_text(json.dumps(result, indent=2))
            (out / "alice.history.jsonl").write_bytes(b"x" * (PAGE - 1) + b"\n")
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        if kind == 3:
            subprocess.run(["mount", "-o", "remount,ro", out], check=True)
        else:
            pages = -(-(out / "alice.json").stat().st_size // PAGE) if kind == 2 else 0
            fill(out, spare=pages)
        code, errors = Grading(out).end()
        assert code == 2, (code, errors[-500:])
        if kind == 3:
            subprocess.run(["mount", "-o", "remount,rw", out], check=True)
        (out / "filling").unlink(missing_ok=True)
        assert {path.name: path.read_bytes() for path in out.iterdir()} == before
        (out / "alice.history.jsonl").unlink(missing_ok=True)
        right(out)
    return f"exit 2: “{spoken(errors)[:160]}”"


@contextlib.contextmanager
def small_disk(folder):
    """Mount a file system of 256 kB; needs root."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder, spare):
    """Fill a disk up, but for some pages."""
    with contextlib.suppress(OSError), (folder / "filling").open("wb", buffering=0) as file:
        for _ in itertools.count():
            file.write(bytes(PAGE))
    with (folder / "filling").open("rb+") as file:
        file.truncate((folder / "filling").stat().st_size - spare * PAGE)


# --- its engine -----------------------------------------------------------------------------------


def with_engine(fault, times, once):
    """Inject a fault that needs an engine of its own."""
    with Engine() as own:
        if once is engine:
            own.load()
        return repeated(fault, times, part(once, own))


def engine(own, rng):
    """Kill and restart the engine: exit 2, or a right grade, and right when repeated."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        grader = Grading(out, own.environment)
        time.sleep(rng.uniform(0.3, grading.usual_seconds()))
        own.kill()
        time.sleep(rng.uniform(0, 1))
        own.start()
        code, errors = grader.end()
        assert code in (0, 2), code
        result = stored(out)
        if code == 0:
            assert result["total"]["points"] == grading.FULL
        elif result is None:
            spoken(errors)
        right(out, own.environment)
    withheld = "points withheld" if result else "said in a sentence"
    return "graded in full" if code == 0 else f"exit 2, {withheld}"


def no_image(own, _rng):
    """Grade where there is no image, no registry and no tool to make a base."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        code, errors = Grading(out, {**own.environment, "PATH": folder}).end()
        assert code == 2, (code, errors[-500:])
        assert stored(out) is None
    return f"exit 2: “{spoken(errors)[:300]}”"

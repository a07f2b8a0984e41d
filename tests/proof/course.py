"""Whole courses: a thousand submissions, and three hundred with graders and engines killed.

    python -m tests.proof.course 40 30 4

tries it at other sizes (of the first row; of the second, and its kills) and keeps nothing.
"""

import dataclasses
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import docker

from grader.batch import journal
from grader.sandbox.owner import PREFIX
from tests import quick
from tests.proof.engine import Engine
from tests.proof.ledger import Row
from tests.watched import Batch

TITLE = "Whole courses"
ABOUT = """
`grader batch` over copies, by turns, of the zoo's right and wrong hand-ins of 2a to 2c, in a copy
of the project in which a machine grades these alone.

**A thousand.** Held means: every one has its result; the graders together (the command and its
slots, what they share counted once) never hold more than 400 MB, and in the last tenth of the batch
not a tenth more memory or descriptors than in the second; the graders themselves compute no longer,
within a tenth, for one of the last hundred than for one of the first; and afterwards there is no
container, no temporary file and nothing among the results that does not belong there. The time from
one result to the next is told, and not judged: it is that of the machine's other work, too.

**Three hundred, disturbed.** Against an engine of its own the batch is graded once undisturbed.
Then again, with the same draw, while SIGKILL ends by turns the command, a slot or the engine, at
moments drawn over the whole batch; the engine is started again at once, and the command with
`--resume` whenever it has ended. Held means: one result for each, none of them ever replaced by
another, with the same points, criterion by criterion, as undisturbed; and no container is left.
"""

THOUSAND, HUNDRED = 1000, 100
MOST_MB, MORE = 400, 1.1
DISTURBED, KILLS = 300, 20
VICTIMS = ("command", "slot", "engine")
SEED = "course"


def rows():
    """Return the rows."""
    return [
        Row("a thousand", lambda: checked(thousand, THOUSAND)),
        Row("three hundred, disturbed", lambda: checked(disturbed, DISTURBED, KILLS)),
    ]


def checked(measure, *sizes):
    """Measure in an empty folder; what is asserted and fails is what did not hold."""
    seen = {"submissions": str(sizes[0]), "load": ""}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "project").mkdir()
        try:
            quick.project(folder / "project")
            quick.mixed(folder / "course", sizes[0])
            seen["what was seen"] = "nothing"
            measure(folder, seen, *sizes)
            held = "yes"
        except (AssertionError, OSError, RuntimeError) as error:
            held = f"no: {type(error).__name__}: {error}".replace("\n", " ")[:600]
    seen["load"] = f"{load:.1f} to {os.getloadavg()[0]:.1f}"
    return {**seen, "held": held}


# --- a thousand -----------------------------------------------------------------------------------


def thousand(folder, seen, count):
    """Grade a course; nothing grows."""
    client = docker.from_env()
    (folder / "tmp").mkdir()
    batch = Batch(folder / "project", folder / "course", folder / "out",
                  environment={**os.environ, "TMPDIR": str(folder / "tmp")})  # fmt: skip
    code = batch.end()
    left = os.listdir(folder / "tmp")
    part = min(HUNDRED, count // 4)
    first, last = seconds(batch, part), seconds(batch, count)
    own_first, own_last = own_seconds(batch, 0, part), own_seconds(batch, count - part, count)
    early, late = tenth(batch, 1), tenth(batch, 9)
    highest = max(sample.memory_mb for sample in batch.samples)
    held = own_containers(client, batch)
    size = sum(path.stat().st_size for path in (folder / "out").rglob("*"))
    seen["what was seen"] = (
        f"{batch.seconds / 60:.1f} minutes, {60 * count / batch.seconds:.1f} a minute; seconds "
        f"from one result to the next: {first:.2f} in the first {part}, {last:.2f} in the last; "
        f"the graders' own processor seconds for each: {own_first:.2f} and {own_last:.2f}; "
        f"memory at most {highest:.0f} MB, in the second tenth {early.memory_mb:.0f} and in the "
        f"last {late.memory_mb:.0f}; descriptors {early.descriptors} and {late.descriptors}; "
        f"results of {size / 1e6 / count:.3f} MB each; left behind: {len(held)} containers, "
        f"{len(left)} files"
    )
    assert code == 0, batch.lines[-3:]
    results = stored(folder / "out")
    assert len(results) == count, f"{len(results)} results"
    assert None not in [each["points"] for each in results.values()], "points were withheld"
    names = {path.name for path in (folder / "out").iterdir()} - {f"{n}.json" for n in results}
    odd = [n for n in names if n.startswith(".") or n.endswith(".jsonl")]
    assert not odd, f"among the results: {odd[:5]}"
    assert highest <= MOST_MB, f"{highest:.0f} MB"
    assert late.memory_mb <= MORE * early.memory_mb, "memory grows"
    assert late.descriptors <= MORE * early.descriptors, "descriptors are left open"
    assert (held, left) == ([], [])
    assert own_last <= MORE * own_first, "it becomes slower"


def seconds(batch, end):
    """Return the mean seconds from one result to the next in as many as ``HUNDRED`` up to one."""
    part = min(HUNDRED, len(batch.seen) // 4)
    times = batch.seen[max(0, end - part) : end]
    return (times[-1] - times[0]) / (len(times) - 1)


def own_seconds(batch, begin, end):
    """Return what the graders themselves computed for one submission, between two counts."""
    at = [max(s.cpu_seconds for s in batch.samples if s.results <= n) for n in (begin, end)]
    return (at[1] - at[0]) / (end - begin)


def tenth(batch, number):
    """Return what is usual in one tenth of the results."""
    size = max(1, len(batch.seen) // 10)
    since = [sample for sample in batch.samples if sample.results >= number * size]
    inside = [sample for sample in since if sample.results < (number + 1) * size] or since[:1]
    return dataclasses.replace(
        inside[0],
        memory_mb=statistics.median(sample.memory_mb for sample in inside),
        descriptors=statistics.median_low(sample.descriptors for sample in inside),
    )


def own_containers(client, batch):
    """Return containers of a batch's processes: of those that are gone, all are."""
    found = client.containers.list(
        all=True, filters={"label": f"{PREFIX}.pid"}, ignore_removed=True
    )
    return [each.id for each in found if int(each.labels[f"{PREFIX}.pid"]) in batch.pids]


# --- disturbed ------------------------------------------------------------------------------------


def disturbed(folder, seen, count, kills):
    """Kill whoever grades, again and again; nobody's points are others than undisturbed."""
    rng = random.Random(SEED)
    with Engine() as own:
        own.load()
        calm = Batch(folder / "project", folder / "course", folder / "calm",
                     environment=own.environment)  # fmt: skip
        assert calm.end() == 0, calm.lines[-3:]
        (folder / "out").mkdir()
        shutil.copy(folder / "calm" / journal.FILE, folder / "out")  # the same draw
        killed, starts = Disturbance(folder, own, rng, count, kills).to_the_end()
        expected, got = stored(folder / "calm"), stored(folder / "out")
        histories = list((folder / "out").glob("*.history.jsonl"))
        client = own.client()
        left = client.containers.list(all=True, filters={"label": f"{PREFIX}.pid"})
        client.close()
    differ = [name for name in expected if expected[name] != got.get(name)]
    listed = ", ".join(f"{number}× the {victim}" for victim, number in sorted(killed.items()))
    seen["what was seen"] = (
        f"killed: {listed}; the command was started {starts} times; {len(got)} results, "
        f"{len(histories)} of them replaced, {len(differ)} with other points; {len(left)} "
        "containers left"
    )
    assert killed.total() == kills, "too few kills"
    assert len(expected) == count, f"undisturbed: {len(expected)} results"
    assert sorted(got) == sorted(expected)
    assert not differ, f"other points: {differ[:5]}"
    assert not histories
    assert not left


class Disturbance:
    """A batch that is killed at moments spread over its results, and gone on with."""

    def __init__(self, folder, engine, rng, count, kills):
        self.folder, self.engine, self.rng = folder, engine, rng
        self.moments = sorted(rng.sample(range(count), kills))  # by results that are there
        victims = [VICTIMS[number % len(VICTIMS)] for number in range(kills)]
        self.victims = rng.sample(victims, kills)
        self.killed = Counter()
        self.starts = 0

    def to_the_end(self):
        """Return how often each victim was killed, and how often the command was started."""
        batch = self._start()
        most = 3 + 3 * len(self.moments)  # else it makes no headway
        while True:
            done = len(list((self.folder / "out").glob("*.json")))
            if batch.process.poll() is not None:
                if batch.end() == 0:
                    return self.killed, self.starts
                assert self.starts < most, batch.lines[-3:]
                batch = self._start()
            elif self.moments and done >= self.moments[0] and batch.slots():
                time.sleep(self.rng.uniform(0, 2))
                if self._kill(self.victims[0], batch):
                    self.killed[self.victims.pop(0)] += 1
                    self.moments.pop(0)
            time.sleep(0.05)

    def _start(self):
        self.starts += 1
        return Batch(self.folder / "project", self.folder / "course", self.folder / "out",
                     "--resume", environment=self.engine.environment)  # fmt: skip

    def _kill(self, victim, batch):
        """Kill it; return whether it was there."""
        if victim == "engine":
            self.engine.kill()
            time.sleep(self.rng.uniform(0, 1))
            self.engine.start()
            return True
        pids = [batch.process.pid] if victim == "command" else batch.slots()
        if not pids or batch.process.poll() is not None:
            return False
        try:
            os.kill(self.rng.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True


def stored(out):
    """Return points in all and by criterion, by submission."""
    return {
        path.stem: {
            "points": result["total"]["points"],
            "criteria": {each["id"]: each["points"] for each in result["criteria"]},
        }
        for path in sorted(out.glob("*.json"))
        for result in [json.loads(path.read_text())]
    }


def _try():
    """Measure at sizes from the command line."""
    many, fewer, kills = map(int, sys.argv[1:4])
    for cells in (checked(thousand, many), checked(disturbed, fewer, kills)):
        print("\n".join(f"{name}: {text}" for name, text in cells.items()), end="\n\n", flush=True)


if __name__ == "__main__":
    _try()

"""2d under load: the reference in the student's place, and caches near the limit, again and again.

    make proof PARTS=acceptance                                     200, 100 and 100 on the CPU
    python -m tests.proof acceptance --device cuda:0 --trials 40    40, 20 and 20 on a GPU

Two programs keep the processor busy meanwhile, or one the GPU.
"""

import atexit
import contextlib
import dataclasses
import functools
import os
import statistics
import subprocess
import sys
import time
from collections import Counter

from grader import pack as packs
from grader import rubric
from grader.beside import beside
from grader.checking import runner
from grader.checking.draw import Draw
from grader.checking.probing import load_vectors
from grader.devices.device import Device
from grader.grade import oracle_for
from grader.intake import SourceFile
from grader.sandbox.docker import DockerSandbox
from grader.score import score
from grader.student import Student
from tests.proof.ledger import ROOT, Row
from tests.zoo_cases import TIMED, timed

TITLE = "Latency under load"
ABOUT = """
The checks of 2d that measure time, with the machine kept busy: two programs that only compute on a
CPU, a stream of large matrix products on a GPU. Each grading measures anew; those of one row share
a container.

`the reference itself`: the reference in the student's place. All of its 4 points have to come.
`1.5 times too slow`, `1.5 times quick enough`: the reference's cache with so much work added to
each step that its speedup is the rubric's limit divided or multiplied by 1.5 (`step_latency`
alone). What is added was worked out from what the reference takes at the size of this device. A
verdict is wrong if it is the other one; none, after the one repetition, leaves it to a human.
"""
PACK, GROUP, FACTOR = "e0294-a4", 10, 1.5
BUSY_CPU = "while True: pass"
BUSY_GPU = """
import sys, torch
a = torch.randn(4096, 4096, device=sys.argv[1])
print("ready", flush=True)
while True:
    for _ in range(20):
        b = a @ a
    torch.cuda.synchronize()
"""
SLOWED = """

_Right = DecoderOnlyTransformer


class DecoderOnlyTransformer(_Right):
    def forward(self, input_ids, past_kv=None, use_cache=False):
        if past_kv is not None:
            tokens = int({share} * past_kv[0][0].size(1))
            if tokens:
                _Right.forward(self, torch.zeros((1, tokens), dtype=torch.long,
                                                 device=input_ids.device))
        return _Right.forward(self, input_ids, past_kv, use_cache)
"""


def rows(device="cpu", trials=200):
    """Return a row for each ten gradings."""
    kinds = {
        "the reference itself": (trials, None),
        "1.5 times too slow": (trials // 2, 1 / FACTOR),
        "1.5 times quick enough": (trials // 2, FACTOR),
    }
    return [
        Row(
            f"{says}, {first}-{min(first + GROUP, count + 1) - 1}",
            functools.partial(_measure, device, factor, min(GROUP, count + 1 - first)),
        )
        for says, (count, factor) in kinds.items()
        for first in range(1, count + 1, GROUP)
    ]


def summary(measured):
    """Return what all rows of a kind came to."""
    lines = []
    for kind in dict.fromkeys(key.rpartition(",")[0] for key in measured):
        cells = [each for key, each in measured.items() if key.startswith(kind)]
        sums = {what: sum(int(each[what]) for each in cells)
                for what in ("gradings", "right", "wrong", "no verdict", "repeated")}  # fmt: skip
        share = 100 * sums["no verdict"] / max(1, sums["gradings"])
        seconds = statistics.median(float(each["s, median"]) for each in cells)
        lines.append(
            f"- {kind}: {sums['gradings']} gradings, {sums['right']} right, {sums['wrong']} wrong, "
            f"{sums['no verdict']} left to a human ({share:.1f} %), {sums['repeated']} measured "
            f"twice; {seconds:.1f} s each (median)"
        )
    return f"{cells[0]['on']}\n\n" + "\n".join(lines)


class _Bench:
    """What all rows share: the pack, one sandbox, one oracle and one draw, and what keeps busy."""

    def __init__(self, device):
        self.open = contextlib.ExitStack()
        atexit.register(self.open.close)
        self.device, self.pack = device, timed(packs.load(ROOT, PACK))
        self.rules = rubric.read(self.pack.folder)
        self.sandbox = DockerSandbox(device=device, say=print)
        self.oracle = self.open.enter_context(oracle_for(self.pack, self.sandbox, device))
        self.draw = Draw.fresh()

    def student(self, factor):
        """Return the reference as a student, its steps made slower by a factor of the limit."""
        files = self.pack.reference
        if factor is not None:
            share = self._share(self.rules.limits["speedup"] * factor)
            main = self.pack.interface.expected[0]
            files = tuple(
                SourceFile(file.path, file.data + SLOWED.format(share=share).encode())
                if file.path == main
                else file
                for file in files
            )
        return Student(
            self.sandbox, files, self.pack.interface, self.limits, device=self.device,
            given=self.pack.public_files,
        )  # fmt: skip

    @property
    def limits(self):
        """Return limits for ten gradings in one container."""
        return dataclasses.replace(self.pack.sandbox, submission_seconds=GROUP * 120.0)

    def _share(self, speedup):
        """Return which share of the prompt a step has to compute anew for such a speedup."""
        size = self.size
        return max(0.0, 1 / speedup - size.step / size.full)

    @functools.cached_property
    def size(self):
        """Return the size that gradings on this device take, found before the load begins."""
        work = beside(str(self.pack.checks_folder / "x.py"), "latency")
        vectors = load_vectors(self.pack.checks_folder)
        with self.student(None) as student:
            place = Device(self.device)
            made = work.bench(self.oracle, self.draw, vectors, self.rules, place)
            assert not made.obstacle(student)
            return made.size()


@functools.cache
def bench(device):
    """Return the one bench of this run; its size is known before anything is busy."""
    made = _Bench(device)
    assert made.size
    return made


@contextlib.contextmanager
def busy(device):
    """Keep the machine busy while a row is measured."""
    if device == "cpu":
        commands = [[sys.executable, "-c", BUSY_CPU]] * 2
    else:
        commands = [[sys.executable, "-c", BUSY_GPU, device]]
    programs = [subprocess.Popen(each, stdout=subprocess.PIPE, text=True) for each in commands]
    try:
        if device != "cpu":
            assert programs[0].stdout.readline() == "ready\n", "nothing keeps the GPU busy"
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()
            program.stdout.close()


def _measure(device, factor, count):
    place = bench(device)
    checks = TIMED if factor is None else ("step_latency",)
    found, repeated, seconds = Counter(), 0, []
    with busy(device), place.student(factor) as student:
        load = os.getloadavg()[0]
        for _ in range(count):
            student.seconds = 0.0  # each grading has the time that one has
            begin = time.monotonic()
            evidence = runner.run(
                place.pack.checks_folder, checks, student, place.oracle, place.draw
            )
            seconds.append(time.monotonic() - begin)
            verdict, twice = _verdict(place.pack, evidence, checks)
            found[verdict] += 1
            repeated += twice
    right = "failed" if factor is not None and factor < 1 else "passed"
    wrong = count - found[right] - found["no verdict"]
    return {
        "gradings": str(count),
        "right": str(found[right]),
        "wrong": str(wrong),
        "no verdict": str(found["no verdict"]),
        "repeated": str(repeated),
        "s, median": f"{statistics.median(seconds):.1f}",
        "s, longest": f"{max(seconds):.1f}",
        "load": f"{load:.1f}",
        "on": f"{Device(device).identity.name}, width {place.size.width}, prompt "
              f"{place.size.length}",
        "held": "yes" if not wrong else str(dict(found)),
    }  # fmt: skip


def _verdict(pack, evidence, checks):
    """Return what the rubric makes of one grading, and whether anything was measured twice."""
    ended = {
        check.id: check.outcome
        for criterion in score(timed(pack, checks).criteria, {e.check: e for e in evidence})
        for check in criterion.checks
    }
    twice = any(e.measured.get("attempts") == 2 for e in evidence)
    outcomes = set(ended.values())
    if outcomes == {"passed"}:
        return "passed", twice
    if "inconclusive" in outcomes and outcomes <= {"passed", "inconclusive"}:
        return "no verdict", twice
    return ("failed" if outcomes <= {"passed", "failed", "inconclusive"} else str(ended)), twice

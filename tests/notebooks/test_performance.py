"""What the notebook pack times, on scripted models; and whoever leaves tensors on the CPU."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from grader.beside import by_path
from grader.errors import StudentFault
from grader.latency.bench import Bench, Subject
from tests.notebooks.samples import PACK, ROOT
from tests.unit.test_latency import LIMITS, VOCABULARY, Box, Scripted, World, prompts, read

CHECKS = ROOT / "rubrics" / PACK / "checks"


class Side(Box):
    """A submission as the bench sees it: it builds scripted models."""

    def __init__(self, world, **how):
        super().__init__()
        self.world, self.how, self.device, self.built = world, how, "cpu", 0

    def build(self, dims, weights):
        self.built += 1
        if self.how.get("fault"):
            raise StudentFault("error", "new raised")
        assert weights == dict(dims)
        return Scripted(self.world, self, **self.how)


def benched(*, oracle=True, ends=True, **how):
    """A bench, and the student who is measured on it; ``device`` counts who had it alone."""
    world, device = World(), SimpleNamespace(times=0)

    @contextlib.contextmanager
    def alone():
        device.times += 1
        yield

    device.alone = alone
    reference, student = Side(world), Side(world, **how)
    made = SimpleNamespace(timed=reference, timed_model=reference.build)
    subject = Subject(
        VOCABULARY, lambda width, room: {"width": width, "room": room}, dict, prompts()
    )
    limits = {**LIMITS, "atol": 0.01, "tie": 0.02}
    bench = Bench(
        made if oracle else object(),
        subject,
        read(),
        limits,
        device,
        ends_at_wrong_replies=ends,
        clock=world.clock,
    )
    return bench, student


def test_a_bench_measures_once_for_all_who_ask():
    """Two checks that ask for the same have the same rounds; a cache is known as one."""
    bench, student = benched()
    assert bench.obstacle(student) == ""
    assert bench.steps(student) is bench.steps(student)
    assert bench.generating(student) is bench.generating(student)
    assert student.built == 2
    found, _ = bench.steps(student)
    assert found.intervals["speedup"].low > LIMITS["speedup"]
    assert bench.pace(student) == pytest.approx(1)


@pytest.mark.parametrize(("device", "counts"), [("cpu", True), ("cuda:0", False)])
def test_cpu_time_counts_where_the_cpu_works(device, counts):
    """A process that waits for its GPU may do so busily or asleep: wall time is all there is."""
    bench, student = benched()
    student.device = bench._oracle.timed.device = device
    bench.obstacle(student)
    rounds = bench.steps(student)[0].rounds
    assert ("student_step_long_cpu" in rounds[0]) == counts
    assert bench._device.times == (0 if counts else 2), "a GPU is timed on by one at a time"
    assert bench.steps(student)[0].intervals["speedup"].low > LIMITS["speedup"]


def test_a_bench_tells_who_computes_again():
    """No cache behind the same replies."""
    bench, student = benched(recomputes=True)
    bench.obstacle(student)
    assert bench.generating(student)[0].intervals["generate_speedup"].high < 1.5
    assert bench.steps(student)[0].intervals["speedup"].high < LIMITS["speedup"]


@pytest.mark.parametrize(("ends", "end"), [(True, "wrong reply"), (False, "decided")])
def test_wrong_replies_end_a_series_only_if_told(monkeypatch, ends, end):
    """What is wrong was charged elsewhere: its speed may be asked for all the same."""
    bench, student = benched(ends=ends)
    right = Scripted._logits

    def logits(self, ids):  # the student's steps are off, and its own forward is not
        return right(self, ids) + (self.box is student) * float(len(self.pasts) % 2)

    monkeypatch.setattr(Scripted, "_logits", logits)
    bench.obstacle(student)
    found, rounds = bench.steps(student)
    assert found.end == end
    assert rounds.error == pytest.approx(1)


def test_a_fault_is_raised_by_all_who_ask():
    """The model is built once, however many checks want to time it."""
    bench, student = benched(fault=True)
    bench.obstacle(student)
    for _ in range(2):
        with pytest.raises(StudentFault, match="new raised"):
            bench.steps(student)
    assert student.built == 1


def test_nothing_is_timed_beside_recorded_answers_or_another_device():
    """The reference has to be there, on the same device."""
    bench, student = benched(oracle=False)
    assert "which is not here" in bench.obstacle(student)
    bench, student = benched()
    student.device = "cuda:0"
    assert "which is not here" in bench.obstacle(student)


class OnAGpu:
    """A submission that works on the CPU of its box, and on the GPU says what it is told."""

    device = "cuda:0"

    def __init__(self, gpu, cpu=""):
        self.says, self.flags = {True: cpu, False: gpu}, []
        self.at_home = False

    @contextlib.contextmanager
    def on_cpu(self):
        self.at_home = True
        yield
        self.at_home = False

    def build(self, *_):
        if said := self.says[self.at_home]:
            raise StudentFault(*said)
        return SimpleNamespace(
            forward=lambda *_, **__: (None, None), generate=lambda *_, **__: None
        )

    def flag(self, text):
        self.flags.append(text)


STUCK = ("error", "forward raised RuntimeError: Expected all tensors to be on the same device")


@pytest.mark.parametrize(
    ("gpu", "cpu", "found"),
    [
        (STUCK, "", STUCK[1]),
        ("", "", None),
        (STUCK, ("error", "wrong everywhere"), None),  # no matter of the device
        (("timeout", "too slow"), "", None),
    ],
)
def test_whoever_fails_on_the_gpu_alone_is_graded_on_the_cpu(gpu, cpu, found):
    """Such a fault is looked for once and said; a fault of both is no matter of the device."""
    faults = by_path(CHECKS / "conftest.py").faults_here_only
    vectors = SimpleNamespace(COLD=1e-3)
    student = OnAGpu(gpu, cpu)
    fault = faults(student, vectors, {"vocab_size": 65}, {"w": np.zeros(1)})
    assert (fault and fault.message) == found
    assert bool(student.flags) == (found is not None)

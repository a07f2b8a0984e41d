"""What the notebook pack times, and whoever leaves tensors on the CPU: a GPU alone shows it."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from grader.beside import by_path
from grader.errors import StudentFault
from tests.notebooks.samples import PACK, ROOT

CHECKS = ROOT / "rubrics" / PACK / "checks"


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


def test_the_least_work_is_that_of_the_notebooks_model():
    """A forward of T tokens takes 24TC^2 + 4T^2C flops in matrices; a step moves all weights once.

    Both are stated in closed form; what is small beside them is left some room.
    """
    cost = by_path(CHECKS / "performance.py").cost
    dims = {"vocab_size": 65, "block_size": 2000, "n_layer": 3, "n_head": 4, "n_embd": 1024}
    flops, _ = cost(dims, 1000, None, 1000)
    matrices = 3 * (24 * 1000 * 1024**2 + 4 * 1000**2 * 1024) + 2 * 1000 * 1024 * 65
    assert flops == pytest.approx(matrices, rel=0.005)
    flops, moved = cost(dims, 1000, 1, 1)
    assert flops == pytest.approx(matrices / 1000, rel=0.005)
    weights, cache = 3 * 12 * 1024**2 + 1024 * 65, 3 * 2 * 1000 * 1024
    assert moved == pytest.approx(4 * (weights + cache), rel=0.01)

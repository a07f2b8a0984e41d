"""Grading on a real GPU, in a real container. Skipped where there is none; never in a GPU job."""

import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from grader import intake
from grader import pack as packs
from grader.checking.draw import Draw
from grader.grade import family_for, grade, oracle_for
from grader.intake import SourceFile, Submission
from grader.sandbox import docker
from tests.zoo_cases import FULL, Case, latency_cases, only, outcomes, timed

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.docker,
    pytest.mark.skipif(not Path("/dev/nvidia0").exists(), reason="no NVIDIA GPU on this machine"),
]
DEVICE = "cuda:0"
ZOO = Path(__file__).parent / "zoo"
HOG = """
    def forward(self, *args, **kwargs):
        self.taken = []
        while True:
            self.taken.append(torch.empty(1 << 28, device="cuda"))
"""


@pytest.fixture(scope="module")
def sandbox():
    return docker.DockerSandbox(device=DEVICE, say=print)


@pytest.fixture(scope="module")
def graded(sandbox, pack):
    """Grade a submission on the GPU, all with one oracle."""
    draw = Draw.fresh()
    with oracle_for(pack, sandbox) as oracle, family_for(pack, sandbox, draw) as family:

        def graded(submission):
            if isinstance(submission, Path):
                submission = intake.read(submission)
            return grade(
                submission, only(pack, FULL), sandbox,
                oracle=oracle, draw=draw, family=family, device=DEVICE,
            )  # fmt: skip

        yield graded


def points(result):
    return {c["id"]: c["points"] for c in result["criteria"] if c["checks"]}


@pytest.mark.parametrize("case", sorted((ZOO / "honest").iterdir()), ids=lambda path: path.name)
def test_honest_work_keeps_its_points_on_the_gpu(graded, case):
    """What is right on the CPU is right on the GPU."""
    result = graded(case / "submission")
    lost = [k for c in result["criteria"] for k in c["checks"] if k["outcome"] != "passed"]
    assert not lost
    assert points(result) == {"2a": 5, "2b": 5, "2c": 7}


@pytest.mark.parametrize(
    "name", ["mask-not-shifted", "positions-restart", "bfloat16-inside", "recomputes-everything"]
)
def test_mistakes_lose_the_same_points_on_the_gpu(graded, name):
    """A wrong cache is found on the GPU too, and named."""
    expected = tomllib.loads((ZOO / "mistakes" / name / "expect.toml").read_text())["points"]
    result = graded(ZOO / "mistakes" / name / "submission")
    assert name in [entry["mistake"] for entry in result["diagnosis"]]
    for criterion, got in points(result).items():
        allowed = expected[criterion]
        assert got in (allowed if isinstance(allowed, list) else [allowed])


def test_a_memory_hog_is_stopped_and_leaves_the_gpu_free(graded, root):
    """Whoever takes all memory of the GPU earns nothing, and the next submission is unharmed."""
    text = (root / "submissions" / "alice" / "transformer_skeleton.py").read_text()
    start = text.index("    def forward(self, input_ids")
    end = text.index("    def generate(", start)
    hog = text[:start] + HOG.lstrip("\n") + "\n" + text[end:]
    data = hog.encode()
    submission = Submission("hog", (SourceFile("hog.py", data),), "sha256:" + "0" * 64, ())
    result = graded(submission)
    outcomes = {k["outcome"] for c in result["criteria"] for k in c["checks"]}
    assert outcomes <= {"out_of_memory", "error", "timeout"}
    assert sum(points(result).values()) == 0
    assert points(graded(root / "submissions" / "alice")) == {"2a": 5, "2b": 5, "2c": 7}


def test_no_process_is_left_on_the_gpu(graded, root):
    """After a grading the GPU has no compute process but the oracle's, which uses none."""
    graded(root / "submissions" / "alice")
    query = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader"]
    assert subprocess.run(query, check=True, capture_output=True, text=True).stdout.strip() == ""


# --- latency: pytest tests/test_gpu.py -k latency -------------------------------------------------

CACHES = (
    "new-tokens-only", "one-entry-per-token", "one-tensor-cache", "preallocated-cache",
    "sdpa-is-causal", "ticket-cache", "time-first", "tuple-of-tuples",
)  # fmt: skip
HONEST = [
    Case(folder)
    for folder in sorted((ZOO / "honest").iterdir())
    if folder.name in CACHES or os.environ.get("GRADER_ALL")
]


@pytest.fixture(scope="module")
def timed_on_the_gpu(sandbox, root):
    """Grade what is about time, against the reference on the same GPU; all with one oracle."""
    pack, draw = timed(packs.load(root, "e0294-a4")), Draw.fresh()
    with oracle_for(pack, sandbox, DEVICE) as oracle:

        def graded(submission, attach=lambda _: None):
            return grade(
                submission, pack, sandbox, oracle=oracle, draw=draw, device=DEVICE, attach=attach
            )

        yield graded


def said(result):
    """Return all that was measured, for whoever reads why a test failed."""
    return [(c["id"], c["outcome"], c["staff_message"], c["measured"])
            for c in result["criteria"][0]["checks"]]  # fmt: skip


def test_latency_of_alice_on_the_gpu(timed_on_the_gpu, root):
    """Alice's cache earns all its points; which GPU it was and how it fared is kept with them."""
    kept = []
    result = timed_on_the_gpu(intake.read(root / "submissions" / "alice"), kept.extend)
    assert result["total"]["points"] == 4, said(result)
    first = json.loads(next(each.data for each in kept if each.name.startswith("step_latency")))
    assert first["device"]["key"].startswith(("GPU-", "MIG-", "cuda-"))
    assert first["device"]["note"] or first["device"]["clock_mhz"]
    assert not any(name.endswith("_cpu") for name in first["rounds"][0])
    print(json.dumps(first["device"]), result["criteria"][0]["checks"][0]["staff_message"])


@pytest.mark.parametrize("case", HONEST, ids=lambda case: case.name)
def test_latency_of_honest_caches_on_the_gpu(timed_on_the_gpu, case, tmp_path):
    """Every right cache keeps its points, or is a human's where it is too slow to be measured."""
    result = timed_on_the_gpu(case.submission(tmp_path))
    assert set(outcomes(result).values()) <= {"passed", "inconclusive"}, said(result)
    if case.name in CACHES:
        assert result["total"]["points"] == 4, said(result)


@pytest.mark.parametrize("case", latency_cases(), ids=lambda case: case.name)
def test_latency_of_tricks_on_the_gpu(timed_on_the_gpu, case, tmp_path):
    """Tricks and mistakes about time earn on a GPU what they earn on a CPU."""
    result = timed_on_the_gpu(case.submission(tmp_path))
    expected = case.expected["checks"]
    trick = case.expected["kind"] == "attack"  # some of them only break on a GPU
    allowed = {name: found if isinstance(found, list) else [found]
               for name, found in expected.items()}  # fmt: skip
    odd = {
        name: found
        for name, found in outcomes(result).items()
        if found == "harness_error" or (found == "passed" if trick else found not in allowed[name])
    }
    assert not odd, said(result)
    assert result["total"]["points"] == case.expected["earned"], said(result)

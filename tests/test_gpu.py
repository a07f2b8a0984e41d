"""Grading on a real GPU, in a real container. Skipped where there is none; never in a GPU job."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from grader import intake
from grader.checking.draw import Draw
from grader.grade import family_for, grade, oracle_for
from grader.intake import SourceFile, Submission
from grader.sandbox import docker
from tests.zoo_cases import FULL, only

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

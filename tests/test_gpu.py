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
from tests import packs as shown
from tests.decoding import samples as decoding
from tests.notebooks import samples
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


# --- decoding: `pytest tests/test_gpu.py -k decoding` ---------------------------------------------


@pytest.mark.parametrize("file", [decoding.REFERENCE / decoding.FILE, decoding.STATEFUL],
                         ids=["reference", "another"])  # fmt: skip
def test_decoding_is_right_and_quick_on_the_gpu(sandbox, file):
    """Both solutions pass all checks of parts 3 and 4 there, the timed one too."""
    pack, draw = decoding.optional(timed=True), Draw.fresh()
    with oracle_for(pack, sandbox, DEVICE) as oracle:
        result = grade(decoding.handed_in(file.read_text()), pack, sandbox, oracle=oracle,
                       draw=draw, device=DEVICE)  # fmt: skip
    assert decoding.wrong(result) == set(), result["criteria"]


# --- packs with samples: `pytest tests/test_gpu.py -k packs` --------------------------------------


@pytest.mark.parametrize("name", shown.IDS)
def test_honest_samples_of_packs_keep_their_points_on_the_gpu(sandbox, name):
    """Each right one passes all checks there that a machine judges, far below the tolerance."""
    pack, draw = packs.load(shown.ROOT, name), Draw.fresh()
    by_a_human = {check.id for check in pack.checks if check.manual}
    (file,) = pack.interface.expected
    with oracle_for(pack, sandbox, DEVICE) as oracle:
        for sample in shown.honest(name):
            files = (SourceFile(file, sample.source.encode()),)
            submission = Submission(sample.id, files, "sha256:0", ())
            result = grade(submission, pack, sandbox, oracle=oracle, draw=draw, device=DEVICE)
            assert not list(sample.surprises(result, by_a_human)), sample.id
            assert max(shown.miss(result, ("passed",), pack.atol)) < shown.LITTLE, sample.id


# --- the notebook pack: `pytest tests/test_gpu.py -k nanogpt` -------------------------------------

BUILT_ON_THE_CPU = """        P = 0 if past_kv is None else past_kv[0].size(2)
        keys = torch.zeros(B, self.n_head, P + T, C // self.n_head)
        values = torch.zeros(B, self.n_head, P + T, C // self.n_head)
        if P:
            keys[:, :, :P], values[:, :, :P] = past_kv
        keys[:, :, P:], values[:, :, P:] = k, v
        k, v = keys, values
        present_kv = (k, v)"""
KEPT_ON_THE_CPU = """        if past_kv is not None:
            k = torch.cat((past_kv[0].to(x.device), k), dim=2)
            v = torch.cat((past_kv[1].to(x.device), v), dim=2)
        present_kv = (k.cpu(), v.cpu())"""


@pytest.fixture(scope="module")
def graded_notebook(sandbox):
    """Grade a notebook with other texts in its blocks on the GPU, all with one oracle."""
    kv = packs.load(samples.ROOT, samples.PACK)
    notebook = json.loads(samples.REFERENCE.read_text())
    draw = Draw.fresh()
    with oracle_for(kv, sandbox, DEVICE) as oracle:

        def graded(attach=lambda _: None, **texts):
            book = samples.filled(notebook, {k.replace("_", "-"): v for k, v in texts.items()})
            result = grade(
                samples.handed_in(book), kv, sandbox, oracle=oracle, draw=draw, device=DEVICE,
                attach=attach,
            )  # fmt: skip
            checks = {k["id"]: k for c in result["criteria"] for k in c["checks"]}
            return result, checks

        yield graded


def by_outcome(checks, outcome):
    return {name for name, check in checks.items() if check["outcome"] == outcome}


BY_A_HUMAN = {"trends", "explanations", "interpretation"}


def test_nanogpt_reference_has_every_automatic_point_on_the_gpu(graded_notebook):
    """Blocks, private part and performance: nothing but what a human reads is open.

    Which GPU it was timed on, and how that fared, is kept with the rounds.
    """
    kept = []
    result, checks = graded_notebook(attach=kept.extend)
    odd = {name: check["staff_message"] for name, check in checks.items()
           if check["outcome"] != "passed" and name not in BY_A_HUMAN}  # fmt: skip
    assert not odd
    assert result["total"]["points"] == 100 - 8 - 4 - 5
    for check in ("step_time", "generate_time"):
        first_of(kept, check)


def first_of(kept, check):
    """Return the first attempt of a timing, as it is kept: by wall time, on a GPU that is known."""
    first = json.loads(next(each.data for each in kept if each.name == f"{check}-1.json"))
    assert first["device"]["key"].startswith(("GPU-", "MIG-", "cuda-"))
    assert first["device"]["note"] or first["device"]["clock_mhz"]
    assert not any(name.endswith("_cpu") for name in first["rounds"][0])
    return first


def test_nanogpt_tensors_built_on_the_cpu_are_named_and_charged_once(graded_notebook):
    """It fails on the GPU alone: one check says so, and the others are graded on the CPU."""
    result, checks = graded_notebook(SA_1=BUILT_ON_THE_CPU)
    assert by_outcome(checks, "failed") == {"on_the_device"}
    assert "a tensor has stayed on the CPU" in checks["on_the_device"]["message"]
    drawn = {"graph_with_cache"}  # its cells are run on the GPU
    assert by_outcome(checks, "inconclusive") - drawn == BY_A_HUMAN | set(samples.TIMED)
    assert not by_outcome(checks, "error") | by_outcome(checks, "harness_error")
    assert any("was graded there" in flag for flag in result["flags"])


def test_nanogpt_a_cache_that_is_kept_on_the_cpu_is_seen(graded_notebook):
    """It works, and its cache lies elsewhere: that is charged, with whatever time it takes."""
    _, checks = graded_notebook(SA_1=KEPT_ON_THE_CPU)
    assert checks["on_the_device"]["outcome"] == "failed"
    assert checks["on_the_device"]["measured"]["cached_elsewhere"] > 0
    assert by_outcome(checks, "failed") <= {"on_the_device", *samples.TIMED}


@pytest.mark.parametrize("name", ["full-forward-each-step", "no-caching"])
def test_nanogpt_no_cache_earns_nothing_for_calls_of_generate(graded_notebook, name):
    """Whoever computes everything again is not quick on a GPU either."""
    (sample,) = (each for each in samples.samples() if each.name == name)
    texts = {path.stem: path.read_text().rstrip("\n") for path in sample.folder.glob("*.py")}
    _, checks = graded_notebook(**texts)
    assert checks["generate_time"]["outcome"] == "failed"
    assert checks["work_counts"]["outcome"] == "failed"


# --- the other pack -------------------------------------------------------------------------------


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
ODD = (
    "devices-left-to-torch", "loops-over-everything", "mask-buffer", "mask-of-the-first-model",
)  # fmt: skip
HONEST = [
    Case(folder)
    for folder in sorted((ZOO / "honest").iterdir())
    if folder.name in (*CACHES, *ODD) or os.environ.get("GRADER_ALL")
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
    first = first_of(kept, "step_latency")
    print(json.dumps(first["device"]), result["criteria"][0]["checks"][0]["staff_message"])


@pytest.mark.parametrize("name", ODD)
def test_odd_honest_work_is_right_on_the_gpu(graded, name, tmp_path):
    """What leans on where it was written, a CPU and a process of its own, keeps its points."""
    case = Case(ZOO / "honest" / name)
    result = graded(case.submission(tmp_path))
    points = {each["id"]: each["points"] for each in result["criteria"]}
    assert points == case.expected["points"], (result["flags"], result["criteria"])


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

"""Taking over a course's own weights and test cases, through the command line and real Docker."""

import json
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.docker

MAKE = """
import json, sys, torch
sys.path.insert(0, sys.argv[1])
from transformer_skeleton import DecoderOnlyTransformer
torch.manual_seed(0)
model = DecoderOnlyTransformer(1000, 50, 100, 2, 128).eval()
with torch.no_grad():
    for name, parameter in model.named_parameters():
        if "norm" not in name:
            parameter.copy_(torch.randn_like(parameter))
    torch.save(model.state_dict(), "weights.pt")
    cases = []
    for _ in range(3):
        ids = torch.randint(0, 1000, (1, 11))
        logits = model(ids)[0].tolist()
        names = ("no_cache", "with_cache", "sequential")
        cases.append({"input_ids": ids.tolist()} | {f"expected_logits_{n}": logits for n in names})
with open("cases.json", "w") as file:
    json.dump(cases, file)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory, quick_project):
    """A copy of what the commands read, so that no pack of others is touched."""
    folder = shutil.copytree(quick_project, tmp_path_factory.mktemp("course") / "project")
    reference = folder / "reference" / "e0294_a4"
    subprocess.run([sys.executable, "-c", MAKE, str(reference)], cwd=folder, check=True)
    return folder


def grader(project, *arguments):
    command = [sys.executable, "-m", "grader", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_a_course_s_own_cases_are_taken_over_and_used(project, docker_sandbox):
    """After the conversion, the course's verdict is the one on its own cases, here three."""
    done = grader(
        project, "convert", "--pack", "e0294-a4", "--weights", "weights.pt", "--cases", "cases.json"
    )
    assert done.returncode == 0, done.stderr
    done = grader(project, "grade", "submissions/alice")
    assert done.returncode == 0, done.stderr
    result = json.loads((project / "results" / "alice.json").read_text())
    assert result["course_verdict"] == {"evaluate": "3/3", "kv_evaluate": "3/3"}


@pytest.mark.parametrize("what", ["cases", "both"])
def test_files_that_do_not_fit_change_nothing(project, docker_sandbox, what):
    """Wrong files are refused with one sentence, and what was in use before stays in use."""
    folder = project / "rubrics" / "e0294-a4" / "course"
    folder.mkdir(exist_ok=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (project / "bad.pt").write_bytes(b"not a state dict")
    (project / "bad.json").write_text('[{"input_ids": [[1, 2]]}]')
    weights = "weights.pt" if what == "cases" else "bad.pt"
    cases = "cases.json" if what == "weights" else "bad.json"
    done = grader(project, "convert", "--pack", "e0294-a4", "--weights", weights, "--cases", cases)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

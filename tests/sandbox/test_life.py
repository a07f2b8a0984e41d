"""Stopping and killing real graders while their containers run: what is left, what is said.

Each test starts `grader grade` as a process of its own and finds its containers by their label.
"""

import json
import signal
import subprocess
import sys
import threading
import time

import docker
import pytest

from grader import intake
from grader.errors import StudentFault
from grader.grade import grade, oracle_for
from grader.intake import SourceFile
from grader.records import Limits
from grader.sandbox.owner import PREFIX
from grader.student import Student
from tests.long import LONG
from tests.zoo_cases import FULL, only

pytestmark = pytest.mark.docker

STOPPED = "grader: stopped; nothing was left running\n"
ENDLESS = """
import torch
class DecoderOnlyTransformer(torch.nn.Module):
    def __init__(self, *_, **__):
        super().__init__()
        while True:
            pass
"""


@pytest.fixture(scope="module")
def client(docker_sandbox):
    client = docker.from_env()
    yield client
    client.close()


class Grading:
    """One `grader grade` in a process of its own."""

    def __init__(self, client, root, submission, out):
        self._client = client
        self.out = out
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grader", "grade", str(submission), "--out", str(out)],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def containers(self):
        """Return the containers that carry this process's label."""
        label = f"{PREFIX}.pid={self.process.pid}"
        return self._client.containers.list(all=True, filters={"label": label}, ignore_removed=True)

    def wait_until(self, moment):
        """Wait for a moment of the grading; fail if it is over before."""
        while not MOMENTS[moment](self):
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.005)

    def end(self, number=None, seconds=30):
        """Send a signal; return the exit code, the output and the errors."""
        if number is not None:
            self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, errors


def _workers_run(grading):
    """Whether a container of it runs more than the agent: a submission is being graded."""
    for container in grading.containers():
        try:
            if len(container.top()["Processes"]) > 1:
                return True
        except docker.errors.APIError:
            pass  # not yet running
    return False


MOMENTS = {
    "first container": lambda grading: len(grading.containers()) >= 1,
    "both boot": lambda grading: [c.status for c in grading.containers()] == ["running"] * 2,
    "checks run": _workers_run,
}


@pytest.fixture
def start(client, quick_project, tmp_path):
    """Start gradings; whatever is still there in the end is removed."""
    started = []

    def start(submission=quick_project / "submissions" / "alice"):
        started.append(Grading(client, quick_project, submission, tmp_path / "out"))
        return started[-1]

    yield start
    for grading in started:
        grading.process.kill()
        grading.process.communicate()
        for container in grading.containers():
            container.remove(force=True)


@pytest.fixture
def endless(tmp_path):
    folder = tmp_path / "endless"
    folder.mkdir()
    (folder / "transformer_skeleton.py").write_text(ENDLESS)
    return folder


def next_grader():
    """Start another grader process as far as its sandbox, which removes what dead ones left."""
    subprocess.run(
        [sys.executable, "-c", "from grader.sandbox.docker import *; DockerSandbox()"], check=True
    )


def within(seconds, condition):
    """Wait until the condition holds; return whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# --- stopped ------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_stopped_grader_leaves_nothing(start, moment):
    """After Ctrl-C: exit 130, one sentence, no container and no file, at any moment."""
    grading = start()
    grading.wait_until(moment)
    assert grading.end(signal.SIGINT) == (130, "", STOPPED)
    assert grading.containers() == []
    assert not grading.out.exists() or list(grading.out.iterdir()) == []


@LONG
def test_a_terminated_grader_keeps_the_old_result(start):
    """After TERM the same, and a result that was there before is whole and unchanged."""
    first = start()
    assert first.process.wait(60) == 0
    before = (first.out / "alice.json").read_bytes()
    grading = start()
    grading.out.mkdir(exist_ok=True)
    (grading.out / "alice.json").write_bytes(before)
    grading.wait_until("checks run")
    assert grading.end(signal.SIGTERM) == (130, "", STOPPED)
    assert grading.containers() == []
    left = {path.name.partition("-")[0] for path in grading.out.iterdir()}
    assert left == {"alice.json", "alice.files"}, "the old result and what lies beside it"
    assert (grading.out / "alice.json").read_bytes() == before


def test_a_grader_can_be_stopped_during_an_endless_call(start, endless):
    """Ctrl-C does not wait for student code that never returns."""
    grading = start(endless)
    grading.wait_until("checks run")
    time.sleep(0.3)
    begin = time.monotonic()
    code, out, errors = grading.end(signal.SIGINT)
    assert (code, out, errors) == (130, "", STOPPED)
    assert grading.containers() == []
    assert time.monotonic() - begin < 4, "well before the call's own limit"


def test_an_impatient_ctrl_c_leaves_nothing_running(start, client):
    """A second Ctrl-C during the cleaning up may be quick, but leaves no container running."""
    grading = start()
    grading.wait_until("checks run")
    for _ in range(20):
        if grading.process.poll() is not None:
            break
        grading.process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    code, _, errors = grading.end()
    assert code in (130, -signal.SIGINT)
    assert within(5, lambda: not [c for c in grading.containers() if c.status == "running"])
    assert "Traceback" not in errors
    next_grader()
    assert grading.containers() == []


# --- killed -------------------------------------------------------------------------------------


def test_a_killed_grader_s_containers_end_and_are_removed(start, endless, pack, docker_sandbox):
    """After KILL the containers end by themselves, even in an endless loop, and the next grader
    removes them, but not those of a grader that lives."""
    killed = start(endless)
    killed.wait_until("checks run")
    with Student(docker_sandbox, [], pack.interface, Limits()) as living:  # of this process
        living.start()
        ours = living._box._container.id
        killed.end(signal.SIGKILL)
        ended = within(5, lambda: not [c for c in killed.containers() if c.status == "running"])
        assert ended, "the agent notices that nobody is there"
        next_grader()
        assert killed.containers() == []
        living.fresh_worker()
        assert living._box._container.id == ours


def test_a_killed_grader_s_frozen_container_is_removed(start):
    """A container that cannot end by itself, frozen from outside, is removed by the next grader."""
    grading = start()
    grading.wait_until("both boot")
    frozen = grading.containers()[0]
    frozen.pause()
    grading.end(signal.SIGKILL)
    next_grader()
    assert grading.containers() == []


# --- the engine fails ---------------------------------------------------------------------------


class Sabotaged:
    """A sandbox whose latest container can be removed behind the grader's back."""

    name, isolation = "docker", "container"

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self.facts = sandbox.facts
        self.boxes = []
        self.doomed = False  # whether every further container is lost as well

    def start(self, limits, *, device):
        self.boxes.append(self._sandbox.start(limits, device=device))
        if self.doomed:
            self.remove()
        return self.boxes[-1]

    def remove(self):
        """Remove the latest container, from another thread."""
        command = ["docker", "rm", "-f", self.boxes[-1]._container.id]
        quiet = {"check": False, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        threading.Thread(target=subprocess.run, args=[command], kwargs=quiet).start()


@pytest.mark.parametrize("times", ["once", pytest.param("for good", marks=LONG)])
def test_a_container_lost_in_the_middle_costs_no_points(
    times, root, pack, draw, docker_sandbox, docker_oracle
):
    """If the engine loses the student's container, checks are repeated; if it goes on like that,
    their points are withheld. They are never zero."""
    sandbox = Sabotaged(docker_sandbox)
    said = []

    def say(check):
        said.append(check)
        if check == "incremental_decode" and said.count(check) == 1:
            sandbox.doomed = times == "for good"
            sandbox.remove()

    alice = intake.read(root / "submissions" / "alice")
    result = grade(alice, only(pack, FULL), sandbox, oracle=docker_oracle, draw=draw, say=say)
    checks = {check["id"]: check for c in result["criteria"] for check in c["checks"]}
    lost = [check for check in checks.values() if check["outcome"] != "passed"]
    assert [(c["id"], c["outcome"]) for c in lost if c["points"] is not None] == []
    assert said.count("incremental_decode") == 2, "it was run again"
    if times == "once":
        assert lost == []
        assert result["total"]["points"] == 17
    else:
        assert "incremental_decode" in {check["id"] for check in lost}
        assert {check["outcome"] for check in lost} == {"harness_error"}
        assert result["status"] == "withheld"
        assert result["total"]["points"] is None


@pytest.mark.parametrize("times", ["once", pytest.param("for good", marks=LONG)])
def test_an_oracle_lost_in_the_middle_costs_no_points(times, root, pack, draw, docker_sandbox):
    """If the oracle's container is lost, checks are repeated; if it goes on like that, their
    points are withheld. They are never zero."""
    reference, student = Sabotaged(docker_sandbox), Sabotaged(docker_sandbox)
    said = []

    def say(check):
        said.append(check)
        if check == "incremental_decode" and said.count(check) == 1:
            reference.doomed = times == "for good"
            reference.boxes[-1]._container.kill()

    alice = intake.read(root / "submissions" / "alice")
    with oracle_for(pack, reference) as oracle:
        result = grade(alice, only(pack, FULL), student, oracle=oracle, draw=draw, say=say)
    checks = [check for criterion in result["criteria"] for check in criterion["checks"]]
    assert {c["outcome"] for c in checks} <= {"passed", "harness_error"}
    if times == "once":
        assert len(reference.boxes) > 1, "it was started again"
        assert result["total"]["points"] == 17
    else:
        assert result["status"] == "withheld"
        assert result["total"]["points"] is None


def test_losing_every_container_is_exit_2(start):
    """A grader whose containers are all removed says that it failed, with 2, and gives no zero."""
    grading = start()
    while grading.process.poll() is None:
        for container in grading.containers():
            if container.status == "running":
                subprocess.run(
                    ["docker", "rm", "-f", container.id], check=False, capture_output=True
                )
        time.sleep(0.02)
    code, _, errors = grading.end()
    assert code == 2, errors
    assert "Traceback" not in errors
    for path in grading.out.glob("*.json"):
        checks = [c for criterion in json.loads(path.read_text())["criteria"]
                  for c in criterion["checks"]]  # fmt: skip
        assert {c["points"] for c in checks} == {None}


def test_a_submission_without_files_needs_no_container(docker_sandbox, pack):
    """Nothing is started for a submission that holds no Python file."""
    student = Student(docker_sandbox, [SourceFile("a.txt", b"")], pack.interface, Limits())
    with pytest.raises(StudentFault, match="No Python file"):
        student.load()
    assert student._box is None

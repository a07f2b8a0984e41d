"""Several gradings on one GPU: none computes where one times, none pays for its neighbour."""

import contextlib
from unittest.mock import Mock

import pytest

from grader import grade as grading
from grader import pack as packs
from grader import session
from grader.checking.draw import Draw
from grader.devices import lease
from grader.devices.device import Device
from grader.errors import HarnessError
from grader.intake import SourceFile, Submission
from grader.sandbox.process import ProcessSandbox
from tests.zoo_cases import only

GPU = "cuda:7"  # of which nobody here knows anything but its number
SUBMISSION = Submission("alice", (), "sha256:" + "0" * 64, ())


class Waits(Exception):  # noqa: N818 - it is no error
    """Raised instead of waiting."""


def waits(_text):
    """Say that somebody would have to wait."""
    raise Waits


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Keep the locks here."""
    monkeypatch.setenv(lease.ENVIRONMENT, str(tmp_path / "leases"))


def is_free(device, how):
    """Whether a device can be had in this way at once."""
    with contextlib.suppress(Waits), getattr(device, how)():
        return True
    return False


def test_nobody_times_while_a_check_runs_and_no_check_begins_while_somebody_times():
    """Checks run side by side; a timing is alone, also where the check itself asks for it."""
    one, other = Device(GPU), Device(GPU, waits)
    one.enter()
    other.enter()
    other.leave()
    assert not is_free(other, "alone")
    with one.alone(), pytest.raises(Waits):
        other.enter()
    assert not is_free(other, "alone"), "its check goes on after what it timed"
    one.leave()
    assert is_free(other, "alone")
    assert is_free(Device(GPU, waits), "alone"), "a timing outside of a check leaves nothing held"


def test_checks_follow_one_another_until_it_was_long(monkeypatch):
    """A grading keeps the device from check to check, and makes way between two after a while."""
    one, other = Device(GPU), Device(GPU, waits)
    one.enter()
    one.make_way()
    one.enter()
    assert not is_free(other, "alone")
    monkeypatch.setattr("grader.devices.device.LONG_SECONDS", 0.0)
    one.make_way()
    assert is_free(other, "alone")
    one.make_way()
    one.enter()
    assert not is_free(other, "alone")
    one.leave()


@pytest.fixture
def gradings(monkeypatch, root):
    """A session whose gradings end as told, on a GPU; returns what was free during each."""
    free = []

    def run(outcomes, device=GPU):
        ends = iter(outcomes)

        def grade(*_, **__):
            free.append(is_free(Device(device, waits), "beside_others"))
            return {"criteria": [{"checks": [{"outcome": "passed"}, {"outcome": next(ends)}]}]}

        monkeypatch.setattr(session, "grade", grade)
        one = session.Session(None, ProcessSandbox(), Draw("seed"), device, root / "nowhere")
        one._oracle = one._family = None
        result, _ = one.graded(SUBMISSION)
        return result["criteria"][0]["checks"][1]["outcome"], free

    return run


@pytest.mark.parametrize("outcome", ["out_of_memory", "timeout"])
def test_what_ran_out_beside_others_is_graded_again_without_them(gradings, outcome):
    """A neighbour may have taken the memory or the time: only what happens alone counts."""
    assert gradings([outcome, "passed"]) == ("passed", [True, False])


def test_what_runs_out_alone_has_run_out(gradings):
    """There is no third time."""
    assert gradings(["out_of_memory", "out_of_memory"]) == ("out_of_memory", [True, False])


def test_other_faults_are_graded_once(gradings):
    """What a neighbour cannot cause is not repeated, nor is anything where nothing is shared."""
    assert gradings(["failed"]) == ("failed", [True])
    assert gradings(["timeout"], device="cpu") == ("timeout", [True, True])


def test_memory_that_somebody_else_has_taken_is_no_fault_of_the_student(gradings, monkeypatch):
    """Where it runs out while strangers hold most of the GPU, points are withheld."""
    monkeypatch.setattr(Device, "memory", (3 << 30, 80 << 30))
    with pytest.raises(HarnessError, match="others than graders hold more than half"):
        gradings(["out_of_memory", "out_of_memory"])


def test_strangers_excuse_nothing_but_memory(gradings, monkeypatch):
    """An endless loop is one, whoever holds the memory; and what fits beside them is graded."""
    monkeypatch.setattr(Device, "memory", (3 << 30, 80 << 30))
    assert gradings(["timeout", "timeout"])[0] == "timeout"
    assert gradings(["out_of_memory", "passed"])[0] == "passed"


def test_a_diagnosis_keeps_others_from_timing(monkeypatch, root):
    """It asks the submission's model on the GPU, outside of any check."""
    pack = only(packs.load(root, "batched-cache"), ["1"])
    wrong = Submission("mine", (SourceFile("cached_gpt.py", b"x = 1"),), "sha256:" + "0" * 64, ())
    free = []

    def asked(*_):
        free.append(is_free(Device(GPU, waits), "alone"))
        return []

    monkeypatch.setattr(grading, "_diagnosis", asked)
    monkeypatch.setattr(grading, "Device", lambda _, say: Device(GPU, say))
    draw = Draw("seed")
    with grading.oracle_for(pack, ProcessSandbox()) as oracle:
        grading.grade(wrong, pack, ProcessSandbox(), oracle=oracle, draw=draw, family=Mock())
    assert free == [False]
    assert is_free(Device(GPU, waits), "alone")

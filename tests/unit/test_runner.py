"""Checks of several packs in one process."""

import contextlib
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from grader.checking import runner
from grader.checking.draw import Draw
from grader.devices import lease

CHECKS = """
import pytest
from grader.beside import beside

@pytest.mark.public
def test_who(answer, record):
    record.set(answer=answer, sized=beside(__file__, "sizes").SIZE)
"""
CONFTEST = """
import pytest

@pytest.fixture
def answer():
    return {answer}
"""


class Nobody:
    """A student whom the checks ask nothing."""

    handed_in = ()
    shares_worker = False

    def fresh(self):
        """Nothing to begin."""


@pytest.fixture
def folders(tmp_path):
    """Two packs' checks, whose files have the same names."""
    for answer in (1, 2):
        folder = tmp_path / f"pack-{answer}" / "checks"
        folder.mkdir(parents=True)
        (folder / "test_all.py").write_text(CHECKS)
        (folder / "conftest.py").write_text(CONFTEST.format(answer=answer))
        (folder / "sizes.py").write_text(f"SIZE = {answer}")
    return sorted(tmp_path.glob("*/checks"))


WAITS = """
import pytest

@pytest.mark.hidden
def test_waits(student, device, record):
    with device.alone() as waited:
        record.set(waited=waited)
"""


@pytest.mark.parametrize(("device", "key"), [("cpu", "cpu"), ("cuda:77", "cuda-77")])
def test_waiting_for_another_grader_is_no_hanging(tmp_path, monkeypatch, root, device, key):
    """The backstop's clock stands still while a device is somebody else's, and then runs on.

    On a GPU a check that computes there waits before it begins, elsewhere when it times.
    """
    (tmp_path / "test_waits.py").write_text(WAITS)
    monkeypatch.setattr(runner, "CHECK_SECONDS", 1)
    monkeypatch.setenv("GRADER_LEASES", str(tmp_path / "leases"))
    held = f"import time\nfrom grader.devices import lease\nwith lease.held({key!r}, print):\n"
    code = held + "    print('held', flush=True)\n    time.sleep(1.8)\n"
    told = []
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        student = Nobody()
        student.device = device
        begin = time.monotonic()
        (evidence,) = runner.run(tmp_path, ["waits"], student, Nobody(), Draw("seed"), told.append)
    assert evidence.outcome == "measured", evidence.staff_message
    assert time.monotonic() - begin > 1
    assert (evidence.measured["waited"] > 1) == (device == "cpu")
    waiting = [text for text in told if text.startswith(f"waiting for {key}")]
    assert len(waiting) == 1
    assert str(holder.pid) in waiting[0]


def test_a_check_that_only_reads_waits_for_nobody(tmp_path, monkeypatch):
    """Answers are compared while somebody times on the GPU; nothing of theirs computes there."""
    (tmp_path / "test_reads.py").write_text(
        "import pytest\n\n@pytest.mark.hidden\ndef test_reads(record):\n    record.set(read=1)\n"
    )
    monkeypatch.setenv("GRADER_LEASES", str(tmp_path / "leases"))
    told, student = [], Nobody()
    student.device = "cuda:77"
    with lease.held("cuda-77", print):
        (evidence,) = runner.run(tmp_path, ["reads"], student, Nobody(), Draw("seed"), told.append)
    assert evidence.measured == {"read": 1}
    assert told == ["reads"]


def test_packs_do_not_share_modules_of_one_name(folders):
    """Each pack's checks, fixtures and own modules are its own, in whatever order they run."""
    for index in (0, 1, 0):
        student = Nobody()
        student.device = "cpu"
        (evidence,) = runner.run(folders[index], ["who"], student, Nobody(), Draw("seed"))
        assert evidence.outcome == "measured", evidence.staff_message
        assert evidence.measured == {"answer": index + 1, "sized": index + 1}


REMEMBERS = """
import pytest
from grader.errors import StudentFault

@pytest.mark.hidden
def test_first(student, record):
    student.kept.append("small")
    record.set(kept=len(student.kept))

@pytest.mark.hidden
def test_second(student, record):
    if student.kept:
        raise StudentFault("error", "the mask is too small")
    record.set(kept=0)

@pytest.mark.hidden
def test_third(student, record):
    raise StudentFault("error", "always")

@pytest.mark.hidden
def test_slow(student, record):
    if not student.cpu:
        raise StudentFault("timeout", "a loop over numbers")
    record.set(kept=0)

@pytest.mark.hidden
def test_timed(student, record):
    fault = StudentFault("timeout", "a step takes long")
    fault.while_timed = True
    if not student.cpu:
        raise fault
"""


class Remembers(Nobody):
    """A student whose module keeps something from check to check."""

    def __init__(self, *, shares_worker):
        self.device, self.shares_worker = "cuda:0", shares_worker
        self.interface = SimpleNamespace(devices_asked=False)
        self.kept, self.said, self.alone, self.cpu = [], [], False, False
        self.flag = self.said.append

    def fresh(self):
        if self.alone or not self.shares_worker:
            self.kept = []

    @contextlib.contextmanager
    def separated(self):
        self.alone = True
        yield
        self.alone = False

    @contextlib.contextmanager
    def on_cpu(self):
        self.cpu = True
        yield
        self.cpu = False


@pytest.mark.parametrize("shares_worker", [True, False])
def test_what_only_a_gpu_breaks_or_slows_down_costs_nothing(tmp_path, monkeypatch, shares_worker):
    """Where checks share a process, what breaks is tried again in one of its own, and what takes
    too long on the CPU, but for what was timed; that is said. What breaks again is broken."""
    (tmp_path / "test_all.py").write_text(REMEMBERS)
    monkeypatch.setenv("GRADER_LEASES", str(tmp_path / "leases"))
    student = Remembers(shares_worker=shares_worker)
    checks = ["first", "second", "third", "slow", "timed"]
    found = runner.run(tmp_path, checks, student, Nobody(), Draw("seed"))
    slow = "measured" if shares_worker else "timeout"
    assert [each.outcome for each in found] == ["measured", "measured", "error", slow, "timeout"]
    assert found[2].message == "always"
    said = [text.partition(":")[0] for text in student.said]
    assert said == (["second", "slow"] if shares_worker else [])


def test_checks_that_cannot_be_read_are_our_fault_and_no_ctrl_c(tmp_path):
    """A folder whose checks do not import withholds the points, and seems stopped by nobody."""
    (tmp_path / "test_broken.py").write_text("raise ValueError('not today')\n")
    nobody = SimpleNamespace(device="cpu", shares_worker=False, close=lambda: None)
    (evidence,) = runner.run(tmp_path, ["broken"], nobody, nobody, Draw("00"))
    assert evidence.outcome == "harness_error"
    assert "not today" in evidence.staff_message

"""Who owns a sandbox: whose leftovers may be removed, and whose may not."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.sandbox.owner import Owner

HAS_PROC = Path("/proc/self/stat").exists()
needs_proc = pytest.mark.skipif(not HAS_PROC, reason="start times need /proc")
ASK = """
import json, sys
from grader.sandbox.owner import Owner
print(json.dumps(Owner.current().labels()), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other():
    """A live process that says who it is, and ends when its input does."""
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", ASK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    with process:
        yield process
        if process.poll() is None:
            process.kill()


def owner_of(process):
    """Read the labels that a process writes of itself."""
    owner = Owner.of(json.loads(process.stdout.readline()))
    assert owner is not None
    return owner


def kernels_start_time(pid):
    """Read proc(5): the state is field 3, after the name, and the start time is field 22."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[22 - 3]


@pytest.mark.parametrize("one_machine", [True, False])
def test_a_live_process_is_not_gone(other, one_machine):
    """What belongs to a grader that runs is spared, our own and another's."""
    assert not Owner.current().is_gone(one_machine=one_machine)
    assert not owner_of(other).is_gone(one_machine=one_machine)


@pytest.mark.parametrize("one_machine", [True, False])
def test_a_dead_process_is_gone(other, one_machine):
    """What belongs to a grader that was killed may be removed."""
    owner = owner_of(other)
    other.kill()
    other.wait()
    assert owner.is_gone(one_machine=one_machine)


@needs_proc
def test_a_reused_pid_is_another_process(other):
    """A process with the same id that started at another time is not the owner."""
    owner = owner_of(other)
    assert owner.started.isdigit()
    for started in (str(int(owner.started) - 1), str(int(owner.started) + 1), "", "gone"):
        assert dataclasses.replace(owner, started=started).is_gone(one_machine=True)


@needs_proc
def test_the_start_time_is_the_kernels_and_does_not_change(other):
    """Asked twice, and by another process, the start time is the same: clock ticks after boot."""
    owner = owner_of(other)
    assert owner.started == kernels_start_time(other.pid)
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert 0 <= uptime - int(owner.started) / os.sysconf("SC_CLK_TCK") < 60


@needs_proc
def test_a_name_with_parentheses_does_not_confuse(tmp_path):
    """A process may be named anything, brackets and blanks included."""
    program = tmp_path / "a) R (1 2"
    program.symlink_to(sys.executable)
    process = subprocess.Popen(
        [str(program), "-c", ASK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    with process:
        owner = owner_of(process)
        assert ") R (" in Path(f"/proc/{process.pid}/stat").read_text()
        assert owner.started == kernels_start_time(process.pid)
        assert not owner.is_gone(one_machine=True)
        process.kill()


def test_labels_round_trip():
    """What is written on a sandbox names the same process again, as text."""
    owner = Owner.current()
    labels = owner.labels()
    assert all(isinstance(word, str) for pair in labels.items() for word in pair)
    assert Owner.of(labels) == owner
    assert Owner.of({**labels, "maintainer": "somebody else"}) == owner
    assert owner.pid == os.getpid()


@pytest.mark.parametrize("key", sorted(Owner(1, "2", "3", "4").labels()))
def test_labels_of_somebody_else_name_nobody(key):
    """Without all three labels, or with a pid that is no number, there is no owner to ask for."""
    labels = Owner.current().labels()
    assert Owner.of({k: v for k, v in labels.items() if k != key}) is None
    assert Owner.of({}) is None
    if key.endswith("pid"):
        assert Owner.of({**labels, key: "init"}) is None
        assert Owner.of({**labels, key: ""}) is None


def test_another_boot_counts_only_where_no_other_machine_can_be():
    """After a reboot leftovers go; on an engine that machines share, strangers' stay."""
    before = dataclasses.replace(Owner.current(), boot="00000000-0000-0000-0000-000000000000")
    assert before.is_gone(one_machine=True)
    assert not before.is_gone(one_machine=False)


@pytest.mark.parametrize("pid", [0, -1, 2**31 - 1, 2**40])
def test_a_pid_that_nobody_has_is_gone(pid):
    """Ids that no process can have are gone and harm nobody."""
    assert dataclasses.replace(Owner.current(), pid=pid).is_gone(one_machine=True)

"""The lease of a device, with real processes: one at a time, and free when its holder dies."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from grader.devices import lease
from grader.errors import HarnessError

KEY = "GPU-11111111-2222-3333-4444-555555555555"
HOLD = """
import sys, time
from grader.devices import lease
with getattr(lease, sys.argv[2])(sys.argv[1], lambda text: print(text, flush=True)):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path, monkeypatch, root):
    """Start processes that hold a device; each is ready when it has it, or says who has."""
    monkeypatch.setenv(lease.ENVIRONMENT, str(tmp_path / "leases"))
    started = []

    def start(key=KEY, how="held"):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, key, how], stdout=subprocess.PIPE, text=True, cwd=root
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_who_comes_second_waits_until_the_first_is_killed(holder):
    """It is said once who is waited for; a holder that is killed lets go at once."""
    first, said = holder()
    assert said == "held"
    second, said = holder()
    assert said.startswith(f"waiting for {KEY}: process {first.pid} ")
    first.kill()
    begin = time.monotonic()
    assert second.stdout.readline().strip() == "held"
    assert time.monotonic() - begin < 5


def test_a_stopped_holder_keeps_it_and_ctrl_c_ends_the_waiting(holder):
    """Whoever waits can be stopped by Ctrl-C, and has then taken nothing."""
    first, _ = holder()
    first.send_signal(signal.SIGSTOP)
    second, said = holder()
    assert said.startswith("waiting")
    second.send_signal(signal.SIGINT)
    assert second.wait(5) != 0
    assert first.poll() is None
    first.kill()
    told = []
    with lease.held(KEY, told.append):
        pass


def test_those_who_share_wait_for_nobody_but_who_is_alone(holder):
    """Two share at once; one who wants it alone waits for both, and keeps out who comes later."""
    sharing = [holder(how="shared") for _ in range(2)]
    assert [said for _, said in sharing] == ["held", "held"]
    alone, said = holder()
    assert said == f"waiting for {KEY}: others are at work on it"
    later, said = holder(how="shared")
    assert said.startswith("waiting")
    for process, _ in sharing:
        process.kill()
    assert alone.stdout.readline().strip() == "held"
    assert not select.select([later.stdout], [], [], 0.5)[0]
    alone.kill()
    assert later.stdout.readline().strip() == "held"


def test_devices_do_not_wait_for_each_other(holder):
    """Two GPUs are two leases."""
    assert [holder(key)[1] for key in (KEY, KEY.replace("1", "9"))] == ["held", "held"]


def test_it_is_free_again_after_use_and_after_an_exception(holder):
    """Leaving the block, however that happens, frees the device; nobody had to wait."""
    told = []
    for _ in range(2):
        with contextlib.suppress(ZeroDivisionError), lease.held(KEY, told.append) as waited:
            assert waited < 0.05
            raise ZeroDivisionError
    assert not told
    assert holder()[1] == "held"


def test_a_folder_that_cannot_be_used_is_our_fault_and_named(monkeypatch, tmp_path):
    """The sentence names the file and how to choose another folder."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(lease.ENVIRONMENT, str(tmp_path / "file" / "below"))
    with pytest.raises(HarnessError, match=lease.ENVIRONMENT), lease.held(KEY, print):
        pass


def test_a_link_in_place_of_the_lock_is_not_followed(monkeypatch, tmp_path):
    """Nobody can have another file opened for writing in the common folder."""
    monkeypatch.setenv(lease.ENVIRONMENT, str(tmp_path))
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / f"{KEY}.lock").symlink_to(victim)
    with pytest.raises(HarnessError), lease.held(KEY, print):
        pass
    assert victim.read_text() == "mine"


def test_all_users_may_lock(monkeypatch, tmp_path):
    """The folder is as /tmp is, and a lock may be opened by anybody."""
    monkeypatch.setenv(lease.ENVIRONMENT, str(tmp_path / "leases"))
    before = os.umask(0o077)
    try:
        with lease.held(KEY, print):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "leases").stat().st_mode & 0o7777 == 0o1777
    assert (tmp_path / "leases" / f"{KEY}.lock").stat().st_mode & 0o777 == 0o666

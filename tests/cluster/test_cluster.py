"""A batch by a real scheduler and a real worker, over TLS: as on one machine, and nothing stays."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from grader.cluster import private, tls
from tests.cluster.samples import NET, WRONG, hand_ins, project, within

pytestmark = pytest.mark.bubblewrap


@pytest.fixture(scope="module")
def small(tmp_path_factory, bubblewrap_sandbox):
    """A project with one small pack."""
    return project(tmp_path_factory.mktemp("small"))


@pytest.fixture
def started(small):
    """Start programs in the project; none outlives the test."""
    running = []

    def start(*words):
        running.append(
            subprocess.Popen([sys.executable, "-m", *words], cwd=small, stderr=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
        )  # fmt: skip
        return running[-1]

    yield start
    for each in reversed(running):
        each.terminate()
        try:
            each.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            each.kill()
            each.communicate()


def scheduler(started, folder):
    """Start a scheduler as the docs do; return its address."""
    pem = tls.written(tls.temporary(), folder)
    process = started(
        "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--protocol", "tls",
        "--no-dashboard", "--tls-ca-file", pem["ca"], "--tls-cert", pem["cert"],
        "--tls-key", pem["key"], "--scheduler-file", str(folder / "scheduler.json"),
    )  # fmt: skip
    file = folder / "scheduler.json"
    assert within(20, file.exists), process.communicate()
    return json.loads(file.read_text())["address"].replace("tls://", "dask://")


def test_a_batch_elsewhere_is_a_batch_here(started, small, tmp_path):
    """Results, files, progress and summary are those of one machine; of the pack nothing stays.

    Ctrl-C twice ends the gradings on the worker, and --resume has each result once.
    """
    (tmp_path / "tls").mkdir()
    address = scheduler(started, tmp_path / "tls")
    subs = hand_ins(tmp_path / "subs", alice=NET, bob=WRONG)
    worker = started("grader", "worker", address, "--tls", str(tmp_path / "tls"), "--name", "gpu1",
                     "--jobs", "2")  # fmt: skip
    options = (str(subs), "--sandbox", "bubblewrap", "--engine", address,
               "--tls", str(tmp_path / "tls"), "--out", str(tmp_path / "out"))  # fmt: skip
    out, errors = started("grader", "batch", *options).communicate(timeout=60)
    assert "2 graded; 2 of them wait for a human: 2 2 times" in out, errors
    first, *lines = errors.splitlines()
    assert first.startswith("small: 2 submissions; bubblewrap on cpu with torch ")
    assert first.endswith(" on 1 machine, 2 at a time")
    assert sorted(line.split()[1] for line in lines) == ["alice:", "bob:"]
    stored = {name: json.loads((tmp_path / "out" / f"{name}.json").read_text())
              for name in ("alice", "bob")}  # fmt: skip
    assert [stored[name]["total"]["points"] for name in stored] == [2, 0]
    assert (tmp_path / "out" / stored["bob"]["attachments"]).is_dir()
    assert left_by(worker) == []

    hand_ins(subs, carol=NET.replace("return self", "time.sleep(60)\n        return self"))
    again = started("grader", "batch", *options, "--resume")
    assert within(30, lambda: left_by(worker))
    again.send_signal(signal.SIGINT)
    assert not within(0.5, lambda: again.poll() is not None)
    again.send_signal(signal.SIGINT)
    _, errors = again.communicate(timeout=30)
    assert again.returncode == 130, errors
    assert "3 submissions, 2 of them graded before" in errors
    assert left_by(worker) == []
    assert not (tmp_path / "out" / "carol.json").exists()


def left_by(worker):
    """Return the slots of a worker and the folders of packs that are of them."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
        except OSError:
            continue
    slots = [pid for pid, parent in parents.items() if parent == worker.pid]
    folders = Path("/dev/shm").glob(f"{private.PREFIX}*")
    return slots + [path.name for path in folders if os.stat(path).st_uid == os.getuid()]

"""A batch by a real scheduler and a real worker, over TLS: as on one machine, and nothing stays."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from distributed import Scheduler, Worker

from grader.batch import story
from grader.batch.story import Order
from grader.cluster import engine, loop, private, tls
from grader.cluster.bench import SILENT_SECONDS
from tests.cluster.samples import NET, WRONG, hand_ins, project, within
from tests.long import LONG

pytestmark = pytest.mark.bubblewrap


@pytest.fixture(scope="module")
def small(tmp_path_factory, bubblewrap_sandbox):
    """A project with one small pack."""
    return project(tmp_path_factory.mktemp("small"))


# --- a scheduler and a worker in this process: quick ----------------------------------------------


@contextlib.asynccontextmanager
async def cluster(pem):
    """Start a scheduler and a worker that speak TLS; yields the scheduler's address."""
    more = {"host": "127.0.0.1", "security": tls.security(pem), "dashboard_address": ":0"}
    async with (
        Scheduler(port=0, protocol="tls://", **more) as scheduler,
        Worker(scheduler.address, nthreads=8, name="gpu1", memory_limit=0, **more),
    ):
        yield scheduler.address.replace("tls://", "dask://")


@pytest.fixture
def address(tmp_path):
    """Return the address of a scheduler with a worker; its certificates are in the folder tls."""
    (tmp_path / "tls").mkdir()
    pem = tls.temporary()
    tls.written(pem, tmp_path / "tls")
    beside, running = loop.Loop(), contextlib.AsyncExitStack()
    yield beside.call(running.enter_async_context(cluster(pem)))
    beside.call(running.aclose())
    beside.close()


def test_a_batch_elsewhere_is_a_batch_here(address, small, tmp_path, capfd):
    """Results, files, progress and summary are those of one machine; of the pack nothing stays."""
    subs = hand_ins(tmp_path / "subs", alice=NET, bob=WRONG)
    order = Order(small, subs, tmp_path / "out", "small", "bubblewrap", ("auto",), 1, resume=False)
    said = []
    done = story.run(order, said.append, engine.at(address, tmp_path / "tls"))
    assert done.code == 0, done.summary
    assert "2 graded; 2 of them wait for a human: 2 2 times" in done.summary
    (first,) = said
    assert first.startswith("small: 2 submissions; bubblewrap on cpu with torch ")
    assert first.endswith(" on 1 machine, 1 at a time")
    lines = capfd.readouterr().err.splitlines()
    assert [line.split()[:2] for line in lines] == [["1/2", "alice:"], ["2/2", "bob:"]]
    stored = {name: json.loads((tmp_path / "out" / f"{name}.json").read_text())
              for name in ("alice", "bob")}  # fmt: skip
    assert [stored[name]["total"]["points"] for name in stored] == [2, 0]
    assert (tmp_path / "out" / stored["bob"]["attachments"]).is_dir()
    assert (slots(), packs()) == ([], [])


# --- programs, as in the docs ---------------------------------------------------------------------


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


@pytest.fixture
def elsewhere(started, tmp_path):
    """Return what a batch on a worker is called with, once the worker is started."""
    (tmp_path / "tls").mkdir()
    address = scheduler(started, tmp_path / "tls")
    certificates = ("--tls", str(tmp_path / "tls"))
    started("grader", "worker", address, *certificates, "--name", "gpu1", "--jobs", "2")
    return ("grader", "batch", str(tmp_path / "subs"), "--pack", "small", "--out",
            str(tmp_path / "out"), "--sandbox", "bubblewrap", "--engine", address,
            *certificates)  # fmt: skip


@pytest.fixture
def at_work(started, elsewhere, tmp_path):
    """Return a batch that has graded bob, and grades alice for ever."""
    endless = NET.replace("return self", "time.sleep(600)\n        return self")
    hand_ins(tmp_path / "subs", alice=endless, bob=NET)
    batch = started(*elsewhere)
    assert within(60, (tmp_path / "out" / "bob.json").exists)
    return batch


@LONG
def test_ctrl_c_twice_ends_what_others_grade(started, elsewhere, at_work, tmp_path):
    """The gradings on the worker are ended with their sandboxes; --resume grades them."""
    assert slots()
    at_work.send_signal(signal.SIGINT)
    assert not within(0.5, lambda: at_work.poll() is not None)
    at_work.send_signal(signal.SIGINT)
    out, errors = at_work.communicate(timeout=30)
    assert at_work.returncode == 130, errors
    assert "stopped: 1 left to grade; --resume goes on with them" in out
    assert (slots(), packs()) == ([], [])
    shutil.rmtree(tmp_path / "subs" / "alice")
    hand_ins(tmp_path / "subs", alice=NET)
    out, errors = started(*elsewhere, "--resume").communicate(timeout=60)
    assert "2 submissions, 1 of them graded before" in errors
    assert (tmp_path / "out" / "alice.json").exists()


@LONG
def test_a_batch_that_is_killed_leaves_nothing_on_its_machines(at_work):
    """What is graded ends at once; a slot that waits ends when it has heard nothing for a while."""
    assert len(slots()) == 2
    at_work.kill()
    assert within(15, lambda: len(slots()) < 2)
    assert within(SILENT_SECONDS + 15, lambda: (slots(), packs()) == ([], []))


def slots():
    """Return the processes that grade for a worker."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"grader.cluster.slot" in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(folder.name)
    return found


def packs():
    """Return the folders of packs that slots have laid out."""
    return [path.name for path in Path("/dev/shm").glob(f"{private.PREFIX}*")]

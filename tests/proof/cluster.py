"""A course on two machines: the results of one machine, once each, whatever is killed meanwhile."""

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from grader.batch import journal
from grader.cluster import private, tls
from grader.cluster.bench import SILENT_SECONDS
from grader.cluster.queue import FILE, Queue
from tests import quick
from tests.proof.hosts import NAMES, Hosts
from tests.proof.ledger import ROOT, Row, state_of
from tests.proof.slurm import PARTITION, Slurm
from tests.watched import RESULT, Batch

TITLE = "Several machines"
ABOUT = """
`grader batch` over copies of the zoo's right and wrong submissions, of which 2a to 2c are graded,
in bubblewrap: first on this machine with one slot, and then, with the same draw, by workers of one
slot each that a scheduler has (`dask://`), that ssh starts (`ssh://`: two network namespaces, each
with a real sshd) or that are jobs of Slurm (`slurm://`: a slurmctld, two slurmd).

A row holds where every hand-in has its result, was told once, has criterion by criterion the points
and outcomes of one machine, nothing is left in the queue, and after the end there is no slot and no
folder with a pack. "Given again" counts hand-ins that were taken from a machine that was lost.

All of these machines are this one, of two cores. The second row beside the first is what Dask
costs. Where there are two workers each has one core, so that the third row beside the fourth is
what a second machine of one core gives; more of them, and of more cores, could not be tried.
"""
COUNT = 10
FROZEN = 40.0  # seconds for which a worker is stopped: twice the time after which it is given up
SANDBOX = ("--sandbox", "bubblewrap", "--jobs", "1")
LOST = re.compile(r"gives no sign of life; (\d+) to be graded")
NICE = ("nice", "-n", "15")


def rows():
    """Return the rows; the first is what the others are compared with."""
    course = functools.cache(Course)
    measured = {
        "one machine": lambda c: c.here(),
        "dask, one worker": lambda c: c.by_dask("dask-1", 1),
        "dask, one worker of one core": lambda c: c.by_dask("dask-core", 1, apart=True),
        "dask, two workers": lambda c: c.by_dask("dask-2", 2, apart=True),
        "dask, a worker killed": lambda c: c.by_dask("dask-killed", 2, kill_first),
        "dask, the scheduler killed": lambda c: c.by_dask("dask-scheduler", 2, kill_scheduler),
        "dask, the batch killed": lambda c: c.by_dask("dask-batch", 2, kill_batch, again=True),
        "dask, Ctrl-C twice": lambda c: c.by_dask("dask-ended", 2, interrupt, again=True),
        "ssh, two machines": lambda c: c.by_ssh("ssh-2"),
        "ssh, one killed": lambda c: c.by_ssh("ssh-killed", kill_one),
        "ssh, one frozen": lambda c: c.by_ssh("ssh-frozen", freeze_one),
        "ssh, one killed, one frozen": lambda c: c.by_ssh("ssh-both", kill_and_freeze),
        "ssh, the batch killed": lambda c: c.by_ssh("ssh-batch", kill_batch, again=True),
        "Slurm, two jobs": lambda c: c.by_slurm("slurm-2"),
        "Slurm, one killed": lambda c: c.by_slurm("slurm-killed", kill_job),
        "Slurm, one frozen": lambda c: c.by_slurm("slurm-frozen", freeze_job),
        "Slurm, the batch killed": lambda c: c.by_slurm("slurm-batch", kill_batch, again=True),
    }
    return [Row(key, lambda run=run: run(course())) for key, run in measured.items()]


class Course:
    """The hand-ins, and what one machine makes of them."""

    def __init__(self):
        self.folder = ROOT / ".proof" / f"cluster-{state_of()}"
        if not self.folder.exists():
            making = self.folder.with_suffix(".new")
            shutil.rmtree(making, ignore_errors=True)
            (making / "project").mkdir(parents=True)
            quick.project(making / "project")
            quick.mixed(making / "hand-ins", COUNT)
            making.rename(self.folder)

    def here(self):
        """Grade on this machine."""
        shutil.rmtree(self.folder / "here", ignore_errors=True)
        batch = self._batch("here")
        code = batch.end()
        wrong = [] if code == 0 else [f"exit code {code}"]
        wrong += self._wrong("here", batch)
        return self._cells("here", [batch], wrong)

    def by_dask(self, out, workers, meanwhile=None, *, again=False, apart=False):
        """Grade by a scheduler and workers that run already, each on its own core or on all."""
        with Served(self.folder / "project", workers, apart=apart or workers > 1) as served:
            options = ("--engine", served.address, "--tls", str(served.folder))
            return self._elsewhere(out, options, served, meanwhile, again=again)

    def by_ssh(self, out, meanwhile=None, *, again=False):
        """Grade on two machines that ssh reaches."""
        with Hosts(self.folder / "project") as hosts:
            return self._elsewhere(out, ("--engine", hosts.engine), hosts, meanwhile, again=again)

    def by_slurm(self, out, meanwhile=None, *, again=False):
        """Grade in two jobs of Slurm."""
        with Slurm() as slurm:
            engine = f"slurm://{PARTITION}?jobs=2&cores=1&memory=4GB&listen=127.0.0.1"
            environment = slurm.environment
            return self._elsewhere(out, ("--engine", engine), slurm, meanwhile, again=again,
                                   environment=environment)  # fmt: skip

    def _elsewhere(self, out, options, machines, meanwhile, *, again, environment=None):
        shutil.rmtree(self.folder / out, ignore_errors=True)
        (self.folder / out).mkdir()
        shutil.copy(self.folder / "here" / journal.FILE, self.folder / out)  # the same draw
        batches = [self._batch(out, *options, environment=environment)]
        if meanwhile is not None:
            meanwhile(machines, batches[0])
        wrong = []
        code = batches[-1].end()
        if again:
            wrong += _left(within=SILENT_SECONDS + 15)
            batches.append(self._batch(out, *options, environment=environment))
            code = batches[-1].end()
        wrong += [] if code == 0 else [f"exit code {code}: {batches[-1].lines[-3:]}"]
        wrong += self._wrong(out, *batches)
        return self._cells(out, batches, wrong)

    def _batch(self, out, *options, environment=None):
        return Batch(self.folder / "project", self.folder / "hand-ins", self.folder / out,
                     "--resume", *SANDBOX, *options, environment=environment)  # fmt: skip

    def _wrong(self, out, *batches):
        """Return what is not as it has to be."""
        told = Counter(name for batch in batches for name in names(batch))
        wrong = [f"{name} told {n} times" for name, n in told.items() if n > 1]
        got, expected = stored(self.folder / out), stored(self.folder / "here")
        if differ := [name for name in expected if got.get(name) != expected[name]]:
            wrong.append(f"other points: {', '.join(differ[:5])}")
        if len(got) != COUNT:
            wrong.append(f"{len(got)} results")
        if (self.folder / out / FILE).exists():
            with contextlib.closing(Queue(self.folder / out, _run(self.folder / out))) as queue:
                states = Counter(state for state, _ in queue.states().values())
            wrong += [f"queue: {dict(states)}"] if set(states) != {"done"} else []
        return wrong + _left(within=SILENT_SECONDS + 15)

    def _cells(self, out, batches, wrong):
        times = [at for batch in batches for at in batch.seen]
        seconds = [
            json.loads(path.read_text())["timing"]["seconds_total"]
            for path in (self.folder / out).glob("*.json")
        ]
        given = sum(int(n) for batch in batches for n in LOST.findall("\n".join(batch.lines)))
        spent = times[-1] - times[0] if len(times) > 1 else 0
        return {
            "results": str(len(stored(self.folder / out))),
            "given again": str(given) if given else "",
            "seconds of all": f"{sum(batch.seconds for batch in batches):.0f}",
            "seconds from one to the next": f"{spent / (len(times) - 1):.2f}" if spent else "",
            "seconds of a grading": f"{sum(seconds) / len(seconds):.2f}" if seconds else "",
            "load": f"{os.getloadavg()[0]:.1f}",
            "held": "no: " + "; ".join(wrong) if wrong else "yes",
        }


class Served:
    """A scheduler and workers on this machine, over TLS."""

    def __init__(self, project, count, *, apart=False):
        self.project, self.count, self.apart = project, count, apart
        self.folder = project.parent / "tls"

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        self.pem = tls.written(tls.temporary(), self.folder)
        self.port = 0
        self.scheduler = self.start_scheduler()
        command = [*NICE, sys.executable, "-m", "grader", "worker", self.address, "--tls",
                   str(self.folder), "--name"]  # fmt: skip
        self.workers = [
            subprocess.Popen(
                [*self._pinned(n), *command, f"worker-{n}"],
                cwd=self.project,
                stderr=subprocess.DEVNULL,
            )
            for n in range(self.count)
        ]
        time.sleep(4)  # for all of them to be there: a batch begins with those that are
        return self

    def __exit__(self, *_):
        for process in (*self.workers, self.scheduler):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in (*self.workers, self.scheduler):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _pinned(self, number):
        return ["taskset", "-c", str(number % os.cpu_count())] if self.apart else []

    def start_scheduler(self):
        """Start it, on the port that it had."""
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        process = subprocess.Popen(
            [*NICE, sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
             "--port", str(self.port), "--protocol", "tls", "--no-dashboard", "--tls-ca-file",
             self.pem["ca"], "--tls-cert", self.pem["cert"], "--tls-key", self.pem["key"],
             "--scheduler-file", str(file)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while not file.exists() or not file.read_text().strip():
            assert process.poll() is None
            time.sleep(0.1)
        self.address = json.loads(file.read_text())["address"].replace("tls://", "dask://")
        self.port = int(self.address.rpartition(":")[2])
        return process


# --- what happens meanwhile -----------------------------------------------------------------------


def after(batch, results):
    """Wait until so many results were told."""
    while len(batch.seen) < results and batch.process.poll() is None:
        time.sleep(0.05)


def kill_first(served, batch):
    """Kill a worker at work."""
    after(batch, 3)
    served.workers[0].kill()


def kill_scheduler(served, batch):
    """Kill the scheduler, and start another one at its place after a while."""
    after(batch, 3)
    served.scheduler.kill()
    served.scheduler.wait()
    time.sleep(5)
    served.scheduler = served.start_scheduler()


def kill_batch(_machines, batch):
    """Kill the command itself; it leaves all to `--resume`."""
    after(batch, 3)
    batch.process.kill()


def interrupt(_machines, batch):
    """Press Ctrl-C, and a second time."""
    after(batch, 3)
    batch.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    batch.process.send_signal(signal.SIGINT)


def kill_one(hosts, batch):
    """Kill the worker of a machine; ssh starts another one there."""
    after(batch, 3)
    os.kill(hosts.worker(NAMES[0]), signal.SIGKILL)


def freeze_one(hosts, batch):
    """Stop a worker in the middle, and let it go on when it was given up."""
    after(batch, 3)
    _freeze(hosts.worker(NAMES[1]))


def kill_and_freeze(hosts, batch):
    """Kill one worker and stop the other one, so that for a while there is none."""
    after(batch, 3)
    os.kill(hosts.worker(NAMES[0]), signal.SIGKILL)
    _freeze(hosts.worker(NAMES[1]))


def kill_job(slurm, batch):
    """Kill the worker of a job; Slurm starts another one."""
    after(batch, 3)
    os.kill(slurm.workers()[0], signal.SIGKILL)


def freeze_job(slurm, batch):
    """Stop the worker of a job, and let it go on when it was given up."""
    after(batch, 3)
    _freeze(slurm.workers()[-1])


def _freeze(pid):
    os.kill(pid, signal.SIGSTOP)
    time.sleep(FROZEN)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


# --- what there is to see -------------------------------------------------------------------------


def names(batch):
    """Return whose result a batch has told."""
    return [found[2].rstrip(":") for line in batch.lines if (found := RESULT.match(line))]


def stored(folder):
    """Return of each result what may not differ."""
    return {
        path.stem: [
            (each["id"], each["points"], [(c["id"], c["outcome"]) for c in each["checks"]])
            for each in json.loads(path.read_text())["criteria"]
        ]
        for path in sorted(folder.glob("*.json"))
    }


def _run(folder):
    import sqlite3  # noqa: PLC0415 - the queue's own answer needs to know which run it is of

    with contextlib.closing(sqlite3.connect(folder / FILE)) as base:
        return base.execute("SELECT run FROM gradings LIMIT 1").fetchone()[0]


def _left(within):
    """Return what is left of slots and packs when a batch has ended; slots are given a moment."""
    deadline = time.monotonic() + within
    while (left := _slots_and_folders()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [f"left: {', '.join(left[:5])}"] if left else []


def _slots_and_folders():
    slots = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"grader.cluster.slot" in words:
                slots.append(f"slot {folder.name}")
    return slots + [path.name for path in Path("/dev/shm").glob(f"{private.PREFIX}*")]

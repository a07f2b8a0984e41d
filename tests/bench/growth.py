"""How long courses of 100, 1,000 and 100,000 submissions take, and what stops them first.

    python tests/bench/growth.py [--plot docs/growth.png]
    python tests/bench/growth.py --measure marks      the host's costs, on this machine

The costs are in growth_costs.json, each with where it was seen. From them follow machines and
minutes, by plain arithmetic; beside that the grader's own scheduler is run with slots that sleep
what a grading took, many times shortened. `--measure` takes a folder of results of whole sheets.
"""

import argparse
import contextlib
import itertools
import json
import math
import os
import platform
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from unittest import mock

from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from grader import pack as packs  # noqa: E402
from grader import results  # noqa: E402
from grader.batch import running, story  # noqa: E402
from grader.batch.handins import HandIns  # noqa: E402
from grader.batch.slot import Settings, summary  # noqa: E402
from grader.batch.tally import tally  # noqa: E402
from grader.course import changes, gathering, page  # noqa: E402
from grader.downloads.taking import take  # noqa: E402
from grader.gradebook.book import Book  # noqa: E402
from grader.records import Attachment, Limits  # noqa: E402

COSTS = Path(__file__).with_name("growth_costs.json")
SIZES = (100, 1_000, 100_000)
NIGHT_HOURS = 8.0
SHORTEST = 0.002  # seconds that a sleep is shortened to, on average: below, it is no longer exact
MOST_REAL_SECONDS = 30.0
HOST = 300  # submissions that the host's costs are measured with


@dataclass(frozen=True)
class Machine:
    """One of the machines that a course may have."""

    name: str
    cores: int
    memory_gb: int
    gpus: int = 0
    gpu_gb: int = 80

    @property
    def devices(self):
        """Return what its slots grade on."""
        return tuple(f"cuda:{n}" for n in range(self.gpus)) or ("cpu",)

    def slots(self, limits):
        """Return how many slots a batch opens there: by the batch's own rule."""
        kb = self.memory_gb * 1_000_000
        gpu = mock.Mock(memory=(0, self.gpu_gb << 30))
        with (
            mock.patch.object(story.os, "sched_getaffinity", return_value=range(self.cores)),
            mock.patch.object(story, "_memory", return_value=f"MemAvailable: {kb} kB\n"),
            mock.patch.object(story, "Device", return_value=gpu),
        ):
            return story.fitting(limits.on(self.devices[0]), self.devices)


MACHINES = (
    Machine("2 cores", 2, 24),
    Machine("16 cores", 16, 64),
    Machine("16 cores, 1 GPU", 16, 128, 1),
    Machine("64 cores, 4 GPUs", 64, 512, 4),
)


@dataclass(frozen=True)
class Grading:
    """What one grading takes: all its seconds, and those of them that have a GPU to themselves."""

    seconds: float
    alone: float


# --- on paper -------------------------------------------------------------------------------------


def gradings(costs, machine):
    """Return what gradings take on a machine; on a GPU what is timed takes what it took on one."""
    seen = [Grading(each["seconds"], each["timed"]) for each in costs["gradings"]["seen"]]
    if not machine.gpus:
        return [Grading(each.seconds, 0.0) for each in seen]
    gpu = costs["gpu"]
    return [
        Grading(each.seconds - each.alone + gpu["timed_seconds"], gpu["alone_seconds"])
        for each in seen
    ]


def paper(costs, machine, count, limits):
    """Return the hours of one machine by what each of its parts would take alone; 0 where free."""
    each = gradings(costs, machine)
    slots = machine.slots(limits)
    host = costs["host"]
    mean = statistics.mean(one.seconds for one in each)
    alone = statistics.mean(one.alone for one in each)
    hours = {
        "slots": count * mean / slots,
        "GPUs": count * alone / machine.gpus if machine.gpus else 0.0,
        "results": count * host["write_ms"] / 1000,
    }
    return {name: seconds / 3600 for name, seconds in hours.items()}


def what_limits(machine, slots, limits):
    """Return which part of a machine keeps it from more slots."""
    limits = limits.on(machine.devices[0])
    by_memory = machine.memory_gb * 1_000_000 // 1024 // (limits.memory_mb + story.MB_BESIDE)
    by = {"cores": machine.cores // limits.cpus, "memory": by_memory}
    if machine.gpus:
        by["slots of a GPU"] = machine.gpus * story.SHARING
    return " and ".join(name for name, most in by.items() if most <= slots) or "cores"


def on_paper(costs, limits):
    """Yield the rows of the table."""
    host = costs["host"]
    for count, machine in itertools.product(SIZES, MACHINES):
        parts = paper(costs, machine, count, limits)
        first = max(parts, key=lambda name: parts[name])
        slots = machine.slots(limits)
        told = {"slots": what_limits(machine, slots, limits), "GPUs": "timings, one at a time"}
        beside = (host["read_ms"] + host["tally_ms"]) * count / 60_000
        pages = (host["gradebook_ms"] + host["course_page_ms"]) * count / 60_000
        yield {
            "submissions": f"{count:,}",
            "machine": machine.name,
            "slots": slots,
            "hours": _hours(parts[first]),
            f"machines for {NIGHT_HOURS:g} h": math.ceil(parts[first] / NIGHT_HOURS),
            "stops at": told.get(first, first),
            "before and after, min": f"{beside:.1f}",
            "gradebook and page, min": f"{pages:.1f}",
            "disk, GB": f"{count * host['result_kb'] / 1e6:.1f}",
        }


def _hours(hours):
    return f"{hours:.2f}" if hours < 10 else f"{hours:,.0f}"


# --- by the scheduler itself ----------------------------------------------------------------------


class Sleeping:
    """A slot that sleeps what a grading took; what is timed holds its GPU."""

    scale = 1.0
    locks = MappingProxyType({})  # by device

    def __init__(self, settings):
        self._lock = self.locks.get(settings.device, contextlib.nullcontext())

    def grade(self, hand_in, at):
        """Sleep; return a grade."""
        time.sleep((hand_in.cost.seconds - hand_in.cost.alone) * self.scale)
        with self._lock:
            time.sleep(hand_in.cost.alone * self.scale)
        return {"graded": {}}

    def notes(self):
        """Return what it has printed: nothing."""
        return ""

    def close(self):
        """End it."""


@dataclass(frozen=True)
class HandIn:
    """A submission that is nothing but what it costs."""

    id: str
    cost: Grading


class Screen:
    """Counts."""

    def __init__(self):
        self.ended = 0

    def begins(self, slot, hand_in):
        """Do nothing."""

    def at(self, slot, check):
        """Do nothing."""

    def ends(self, slot, hand_in, answer):
        """Count; by several threads, as a batch's does."""
        self.ended += "graded" in answer


def simulated(costs, machine, count, limits):
    """Run the scheduler over so many; return the hours that it would take, and its real seconds."""
    each = gradings(costs, machine)
    slots = machine.slots(limits)
    mean = statistics.mean(one.seconds for one in each)
    scale = min(SHORTEST * 10 / mean, MOST_REAL_SECONDS * slots / (count * mean))
    scale = max(scale, SHORTEST / mean)
    Sleeping.scale = scale
    Sleeping.locks = {device: threading.Lock() for device in machine.devices if device != "cpu"}
    settings = [
        Settings("", "", "", machine.devices[n % len(machine.devices)], "", "", 0)
        for n in range(slots)
    ]
    hand_ins = [HandIn(str(n), one) for n, one in zip(range(count), itertools.cycle(each))]
    screen = Screen()
    with mock.patch.object(running, "Slot", Sleeping):
        batch = running.Running(settings, screen)
        begin = time.perf_counter()
        batch.start(hand_ins)
        batch.wait()
        spent = time.perf_counter() - begin
    assert screen.ended == count, (screen.ended, count)
    return spent / scale / 3600, spent


def overhead(count=20_000, slots=8):
    """Return the microseconds that the scheduler itself spends on a submission."""
    Sleeping.scale, Sleeping.locks = 0.0, {}
    nothing = Grading(0.0, 0.0)
    settings = [Settings("", "", "", "cpu", "", "", 0)] * slots
    with mock.patch.object(running, "Slot", Sleeping), mock.patch.object(time, "sleep"):
        batch = running.Running(settings, Screen())
        begin = time.perf_counter()
        batch.start([HandIn(str(n), nothing) for n in range(count)])
        batch.wait()
    return 1e6 * (time.perf_counter() - begin) / count


def by_the_scheduler(costs, limits):
    """Yield the rows of the table, and what is to be drawn."""
    for count, machine in itertools.product(SIZES, MACHINES):
        hours, spent = simulated(costs, machine, count, limits)
        on = max(paper(costs, machine, count, limits).values())
        yield {
            "submissions": f"{count:,}", "machine": machine.name, "on paper, h": _hours(on),
            "scheduler, h": _hours(hours), "ratio": f"{hours / on:.2f}", "took, s": f"{spent:.1f}",
        }, (machine, count, hours)  # fmt: skip


# --- the host's costs -----------------------------------------------------------------------------


def measure(folder):
    """Return what reading, storing and telling cost on this machine, in ms for one of many."""
    known = [(each, _attachments(folder, each)) for each in results.stored(folder)]
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        for n in range(HOST):
            shutil.copytree(ROOT / "submissions" / "alice", here / "hand-ins" / f"s{n:04}")
        wanted = packs.file_names(ROOT, None)
        with timed(found, "read_ms"):
            hand_ins = HandIns(take(here / "hand-ins", None, wanted, None))
            fitting = packs.fitting(ROOT)
            for each in hand_ins.submissions():
                fitting(each.files)
        with timed(found, "write_ms"):
            for n in range(HOST):
                result, beside = known[n % len(known)]
                named = {**result["submission"], "id": f"s{n:04}"}
                results.write(here / "marks", {**result, "submission": named}, beside)
        stored = results.stored(here / "marks")
        answers = {each["submission"]["id"]: {"graded": summary(each)} for each in stored}
        with timed(found, "tally_ms"):
            tally(here / "marks", hand_ins, answers, stopped=False)
        with timed(found, "gradebook_ms"), Book(here / "marks"):
            pass
        with timed(found, "course_page_ms"):
            gathered = gathering.gather(here / "marks")
            kept = changes.kept(gathered.entries, None)
            page.files(page.course("marks", gathered, kept, here / "staff"), kept)
        size = sum(os.lstat(path).st_blocks * 512 for path in (here / "marks").rglob("*"))
        found["result_kb"] = round(size / HOST / 1000, 1)
    return found


def _processor():
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _attachments(folder, result):
    return [Attachment(name, data) for name, data in results.attached(folder, result).items()]


@contextlib.contextmanager
def timed(found, name):
    """Keep how many ms one of many takes."""
    begin = time.perf_counter()
    yield
    found[name] = round(1000 * (time.perf_counter() - begin) / HOST, 2)


# --- telling --------------------------------------------------------------------------------------


def plot(costs, limits, seen, path):
    """Draw hours by submissions: lines on paper, marks by the scheduler."""
    import matplotlib as mpl  # noqa: PLC0415 - only for the plot

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    counts = [round(10 ** (exponent / 4)) for exponent in range(8, 21)]
    for machine in MACHINES:
        hours = [max(paper(costs, machine, count, limits).values()) for count in counts]
        (line,) = axes.loglog(counts, hours, label=f"{machine.name}: {machine.slots(limits)} slots")
        mine = [(count, at) for one, count, at in seen if one is machine]
        axes.loglog(*zip(*mine, strict=True), "o", color=line.get_color())
    axes.axhline(NIGHT_HOURS, color="0.5", linestyle=":")
    axes.text(counts[0], NIGHT_HOURS * 1.1, "a night of 8 hours", color="0.4", fontsize=9)
    axes.set(xlabel="submissions", ylabel="hours of one machine")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend(title="lines: on paper; marks: the scheduler", fontsize=9, title_fontsize=9)
    figure.savefig(path, dpi=120)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", type=Path, metavar="MARKS")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    costs = json.loads(COSTS.read_text(encoding="utf-8"))
    load = f"load {os.getloadavg()[0]:.1f}"
    if arguments.measure:
        where = f"{_processor()}, {os.cpu_count()} cores, {load}, {HOST} submissions"
        costs["host"] = {"where": where, **measure(arguments.measure)}
        COSTS.write_text(json.dumps(costs, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(costs["host"], indent=1))
        return
    limits = packs.load(ROOT, costs["gradings"]["pack"]).sandbox
    assert isinstance(limits, Limits)
    print(tabulate(list(on_paper(costs, limits)), headers="keys", tablefmt="github"))
    rows, seen = zip(*by_the_scheduler(costs, limits), strict=True)
    print(f"\nThe scheduler with slots that sleep, {load}:\n")
    print(tabulate(rows, headers="keys", tablefmt="github"))
    print(f"\nIts own work on a submission: {overhead():.0f} µs")
    if arguments.plot:
        plot(costs, limits, seen, arguments.plot)


if __name__ == "__main__":
    main()

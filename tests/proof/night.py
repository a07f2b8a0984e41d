"""A night on one device: many submissions with timing, several at a time, beside one by one.

    make proof PARTS=night                                     on the CPU
    python -m tests.proof night --device cuda:0 --trials 60    on a GPU

What was graded is kept below .proof/, so that a night that was stopped goes on.
"""

import functools
import json
import os
import shutil
import statistics
import threading
import time
from collections import Counter

from grader.batch import journal
from grader.devices import nvml
from grader.devices.device import Device
from grader.devices.identity import number
from tests import quick
from tests.proof.ledger import ROOT, Row, state_of
from tests.watched import Batch
from tests.zoo_cases import ZOO, Case

TITLE = "A night"
ABOUT = """
`grader batch` over problem 2 of right caches, wrong ones and tricks about time, as many slots as it
chooses by itself: correctness side by side, timings one at a time. First each different hand-in
with one slot; then copies of them by turns, with the same draw. Held means: every copy has its
result, and points, lost points and what waits for a human are, criterion by criterion, those of
one by one.

"A minute" counts from the first results of all slots to the last. "GPU idle" is the share of
samples, ten a second, in which the driver said that nothing had run on it.
"""
HAND_INS = (
    "honest/new-tokens-only", "mistakes/mask-not-shifted", "latency/generate-without-it",
    "honest/one-tensor-cache", "latency/holds-ids", "mistakes/positions-restart",
    "honest/preallocated-cache", "latency/gelu-with-a-cache", "honest/sdpa-is-causal",
    "latency/memoised",
)  # fmt: skip
SAMPLE_SECONDS = 0.1


def rows(device="cpu", trials=20):
    """Return the rows: one by one, and as many at once."""
    night = functools.cache(lambda: Night(device, trials))
    return [
        Row("one by one", lambda: night().one_by_one()),
        Row(f"{trials}, side by side", lambda: night().side_by_side()),
    ]


def summary(cells):
    """Say on what."""
    return "\n".join(sorted({each.pop("on") for each in cells.values()}))


class Night:
    """Two batches of one draw."""

    def __init__(self, device, count):
        self.device, self.count = device, count
        self.folder = ROOT / ".proof" / f"night-{device.replace(':', '-')}-{state_of()}"
        if not self.folder.exists():
            making = self.folder.with_suffix(".new")
            shutil.rmtree(making, ignore_errors=True)
            (making / "project").mkdir(parents=True)
            quick.project(making / "project", quick.PROBLEM_1)
            _lay_out(making / "each", len(HAND_INS))
            _lay_out(making / "course", count)
            making.rename(self.folder)

    def one_by_one(self):
        """Grade each different hand-in with one slot."""
        cells = self._graded("each", "alone", "--jobs", "1")
        return {**cells, "held": "yes" if len(self.stored("alone")) == len(HAND_INS) else "no"}

    def side_by_side(self):
        """Grade the copies; the points are the same."""
        out = self.folder / "beside"
        if not out.exists():
            out.mkdir()
            shutil.copy(self.folder / "alone" / journal.FILE, out)  # the same draw
        cells = self._graded("course", "beside")
        alone = {name.partition("-")[2]: found for name, found in self.stored("alone").items()}
        got = self.stored("beside")
        differ = [name for name, found in got.items() if found != alone[name.partition("-")[2]]]
        cells["other points"] = str(len(differ))
        wrong = [f"other points: {', '.join(differ[:5])}"] if differ else []
        wrong += [f"{len(got)} results"] if len(got) != self.count else []
        return {**cells, "held": "no: " + "; ".join(wrong) if wrong else "yes"}

    def _graded(self, hand_ins, out, *options):
        with GpuUse(self.device) as use:
            batch = Batch(self.folder / "project", self.folder / hand_ins, self.folder / out,
                          "--resume", "--device", self.device, *options)  # fmt: skip
            code = batch.end()
        assert code == 0, batch.lines[-5:]
        slots = int(batch.lines[0].rpartition(", ")[2].split()[0])
        times = batch.seen[min(slots, len(batch.seen) - 1) :]
        spent = times[-1] - times[0] if len(times) > 1 else 0.0
        seconds = [each["seconds"] for each in self.stored(out, seconds=True).values()]
        return {
            "slots": str(slots),
            "submissions": str(len(batch.seen)),
            "a minute": f"{60 * (len(times) - 1) / spent:.1f}" if spent else "",
            "seconds of one, median": f"{statistics.median(seconds):.0f}",
            "GPU idle": use.idle,
            "load": f"{os.getloadavg()[0]:.1f}",
            "on": Device(self.device).identity.name,
        }

    def stored(self, out, *, seconds=False):
        """Return what each has got: points and how its checks of a criterion ended."""
        found = {}
        for path in sorted((self.folder / out).glob("*.json")):
            result = json.loads(path.read_text())
            found[path.stem] = {
                each["id"]: (
                    each["points"],
                    Counter(check["outcome"] for check in each["checks"]),
                )
                for each in result["criteria"]
            }
            if seconds:
                found[path.stem] = {"seconds": result["timing"]["seconds_total"]}
        return found


class GpuUse:
    """Looks ten times a second whether anything runs on a GPU; ``idle`` is the share of noes."""

    def __init__(self, device):
        index = number(device)
        gpu = "there is none" if index is None else nvml.gpu(index)
        self._gpu = None if isinstance(gpu, str) else gpu
        self._seen = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    @property
    def idle(self):
        """Return the share in words."""
        if not self._seen:
            return ""
        return f"{100 * self._seen.count(0) / len(self._seen):.0f} %"

    def _look(self):
        while self._gpu is not None and not self._done.is_set():
            rates = self._gpu._library.nvmlDeviceGetUtilizationRates(self._gpu._handle)
            self._seen.append(int(rates.gpu))  # per cent of its last moment
            time.sleep(SAMPLE_SECONDS)


def _lay_out(folder, count):
    """Lay out as many hand-ins, by turns."""
    folder.mkdir()
    for at in range(count):
        case = Case(ZOO / HAND_INS[at % len(HAND_INS)])
        scratch = folder / ".scratch"
        scratch.mkdir()
        case.lay_out(scratch).rename(folder / f"{at:03}-{case.name}")
        shutil.rmtree(scratch)

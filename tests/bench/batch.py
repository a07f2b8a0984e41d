"""How many submissions a minute a batch grades, and what other graders take beside it.

    python tests/bench/batch.py [--count 40] [--rounds 3] [--no-peers]

Three tables. Sustained: `grader batch` over as many right hand-ins of 2a to 2c alone, and over as
many of the zoo's, right and wrong by turns; counted from the first results of all slots to the
last one, and over the whole command. Split: one slot, from claiming a sandbox that waits, booted,
to the stored result; what the submission itself computes, what the reference and the known
mistakes do, and what is left for us, of which the fresh worker of each check is a part. Peers:
other graders on one trivial submission, installed into a temporary folder. Batches and peers come
by turns. The load is said, and nothing is asserted.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from grader import intake, pack  # noqa: E402
from grader.checking.draw import Draw  # noqa: E402
from grader.conversation import Conversation  # noqa: E402
from grader.grade import REFERENCE_LIMITS  # noqa: E402
from grader.sandbox import choosing  # noqa: E402
from grader.sandbox.warm import WarmSandbox  # noqa: E402
from grader.session import Session  # noqa: E402
from tests import quick  # noqa: E402
from tests.bench.peers import Peers  # noqa: E402
from tests.bench.startup import load, machine  # noqa: E402
from tests.watched import Batch  # noqa: E402

PACK = "e0294-a4"
AGENT_VERBS = {"worker", "submission", "preload"}
SPLIT = 12  # submissions of the split, after two to warm up


def sustained(project, submissions, out):
    """Grade a course; return its row."""
    batch = Batch(project, submissions, out)
    if batch.end():
        sys.exit("\n".join(batch.lines[-20:]))
    first = min(4, len(batch.seen) // 2)  # by then every slot has begun
    spent = batch.seen[-1] - batch.seen[first]
    rate = 60 * (len(batch.seen) - 1 - first) / spent
    student = [json.loads(path.read_text())["timing"]["seconds_student"]
               for path in sorted(out.glob("*.json"))]  # fmt: skip
    return [
        len(batch.seen),
        f"{rate:.1f}",
        f"{60 / rate:.2f}",
        f"{60 * len(batch.seen) / batch.seconds:.1f}",
        f"{statistics.median(student):.2f}",
        f"{max(sample.memory_mb for sample in batch.samples):.0f}",
        load(),
    ]


class Split:
    """Where the time of one slot goes: seconds by who computes, of each submission."""

    def __init__(self):
        self.spent = Counter()
        self.rows = []

    @contextlib.contextmanager
    def watching(self):
        """Time every exchange with a sandbox."""
        plain = Conversation._exchange
        reference = REFERENCE_LIMITS.on("cpu")

        def timed(conversation, verb, header, body, **more):
            begin = time.perf_counter()
            try:
                return plain(conversation, verb, header, body, **more)
            finally:
                theirs = "oracle" if conversation.limits == reference else "student"
                who = "workers" if theirs == "student" and verb in AGENT_VERBS else theirs
                self.spent[who] += time.perf_counter() - begin

        Conversation._exchange = timed
        try:
            yield
        finally:
            Conversation._exchange = plain

    def measure(self, project, submissions, out):
        """Grade one after the other, each with a box that is ready before its turn."""
        assignment = pack.load(project, PACK)
        cold = choosing.best("cpu", print)
        limits, draw = assignment.sandbox.on("cpu"), Draw.fresh()
        with (
            self.watching(),
            WarmSandbox(cold, limits, "cpu") as warm,
            Session(assignment, warm, draw, "cpu", out) as session,
        ):
            for path in sorted(submissions.iterdir()):
                warm._ahead.result()
                self.spent.clear()
                begin = time.perf_counter()
                session.grade(intake.read(path))
                total = time.perf_counter() - begin
                ours = total - self.spent["student"] - self.spent["oracle"]
                self.rows.append({"total": total, "ours": ours, **self.spent})
        del self.rows[:2]  # the reference boots, and is asked, with the first

    def table(self):
        """Return medians and spreads."""
        words = {
            "total": "from a waiting sandbox to the stored result",
            "student": "computed by the submission",
            "oracle": "computed by the reference",
            "ours": "the rest",
            "workers": "of which fresh workers",
        }
        rows = []
        for key, text in words.items():
            values = [row.get(key, 0.0) for row in self.rows]
            spread = f"{min(values):.2f} - {max(values):.2f}"
            rows.append([text, f"{statistics.median(values):.2f}", spread, len(values)])
        return tabulate(rows, ["seconds", "median", "min - max", "n"], disable_numparse=True)


def peers_table(times, rates):
    """Return what the peers take, and how many times as many submissions a batch grades."""
    rows = []
    for name, values in times.items():
        middle = statistics.median(values)
        ratio = rates / (60 / middle)
        rows.append([name, f"{middle:.2f}", f"{min(values):.2f} - {max(values):.2f}",
                     f"{60 / middle:.1f}", f"{ratio:.1f}", len(values)])  # fmt: skip
    headers = ["one trivial submission, seconds", "median", "min - max", "a minute", "ours/it", "n"]
    return tabulate(rows, headers, disable_numparse=True)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Submissions a minute, beside other graders.")
    parser.add_argument("--count", type=int, default=40, help="hand-ins of one batch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    before, rows, times = load(), [], {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as open_:
        folder = Path(name)
        (folder / "project").mkdir()
        project = quick.project(folder / "project")
        right = quick.right(folder / "right", options.count)
        mixed = quick.mixed(folder / "mixed", options.count)
        peers = None
        if not options.no_peers:
            (folder / "peers").mkdir()
            peers = Peers(folder / "peers")
            open_.callback(peers.close)
            for grade in peers.rows.values():
                grade()  # to warm up
        for number in range(options.rounds):
            rows.append(["right", *sustained(project, right, folder / f"right-{number}")])
            for row, grade in peers.rows.items() if peers else ():
                times.setdefault(row, []).append(grade())
        rows.append(["right and wrong", *sustained(project, mixed, folder / "of-mixed")])
        split = Split()
        split.measure(project, quick.right(folder / "some", SPLIT + 2), folder / "split")
    print(f"{machine()}; load before {before}, after {load()}\n")
    headers = ["hand-ins", "count", "a minute, sustained", "seconds each", "a minute, in all",
               "submission's own seconds, median", "memory of all graders, MB", "load"]  # fmt: skip
    print(tabulate(rows, headers, disable_numparse=True))
    print(f"\n{split.table()}")
    if peers:
        print(f"\n{peers_table(times, statistics.median(float(row[2]) for row in rows[:-1]))}")
        for package, why in peers.absent.items():
            print(f"not here: {package}: {why}")


if __name__ == "__main__":
    main()

"""What storing results and keeping the gradebook costs.

    python tests/bench/gradebook.py [--results 500]

Results of the size of a real one are written by one process and by four at the same time, and taken
into the gradebook; each row is the time of all of them. It asserts nothing.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from grader import results  # noqa: E402
from grader.gradebook import entries  # noqa: E402
from grader.gradebook.book import Book  # noqa: E402
from grader.records import Evidence  # noqa: E402
from grader.rubric import Criterion  # noqa: E402
from tests.unit.test_gradebook import check, graded  # noqa: E402

CHECKS = 40
WRITERS = 4


def result(name, gap):
    """Return a result with as many checks as a whole sheet has."""
    checks = tuple(check(f"check_{n}", 1, manual=n % 10 == 0) for n in range(CHECKS))
    found = {
        each.id: Evidence(each.id, "inconclusive" if each.manual else "measured", {"gap": gap},
                          staff_message="x" * 100)
        for each in checks
    }  # fmt: skip
    return graded(name, criteria=(Criterion("1", "All", CHECKS, "sum", checks),), **found)


def write(folder, first, count, gap):
    """Write so many results."""
    for n in range(first, first + count):
        results.write(folder, result(f"student{n:04}", gap))


WRITE = """
import sys
from pathlib import Path
from tests.bench import gradebook
gradebook.write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), 0.0)
"""


def side_by_side(folder, count):
    """Write them by several processes."""
    share = count // WRITERS
    command = [sys.executable, "-c", WRITE, folder]
    started = [
        subprocess.Popen([*command, str(n * share), str(share)], cwd=ROOT) for n in range(WRITERS)
    ]
    for each in started:
        assert each.wait() == 0


def take_in(folder, **options):
    """Take in what has changed."""
    with Book(folder, **options):
        pass


def publish(folder):
    """Publish everybody."""
    with Book(folder) as book:
        for name in book.names():
            book.record(name, entries.state("published", "", "bench"))


def main():
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--results", type=int, default=500)
    count = options.parse_args().results
    rows = []

    def timed(what, work, *arguments, **named):
        began = time.perf_counter()
        work(*arguments, **named)
        seconds = time.perf_counter() - began
        rows.append([what, f"{seconds:.2f}", f"{seconds / count * 1000:.1f}"])

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        timed("written", write, folder, 0, count, 0.0)
        timed("written again with other points", write, folder, 0, count, 2.0)
        timed(
            f"written again by {WRITERS} processes, with their start", side_by_side, folder, count
        )
        timed("taken into a new gradebook", take_in, folder)
        timed("nothing has changed", take_in, folder)
        timed("rebuilt", take_in, folder, anew=True)
        timed("published, an event and a page each", publish, folder)
    print(f"{count} results of {CHECKS} checks; Python {platform.python_version()}, "
          f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(tabulate(rows, ["", "s", "ms each"], disable_numparse=True))


if __name__ == "__main__":
    main()

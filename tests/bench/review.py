"""How long a human needs for what only a human can score: minutes per submission.

    python tests/bench/review.py [--samples 150] [--folder RESULTS]

Results of a cohort of samples, or those of a folder, are decided to the end through the app's own
pages, once for each group of equal answers. What the server takes is measured. What the human takes
is a model, and no measurement of people:

    reading     238 words a minute (Brysbaert, Journal of Memory and Language 109, 2019); the levels
                of a question once, each answer that differs once, a picture as long as 50 words
    deciding    two mental acts of 1.35 s and two keys of 0.28 s (Card, Moran and Newell,
                Communications of the ACM 23, 1980), and --think seconds more for each group

It asserts nothing, and changes nothing in the folder: it works on a copy.
"""

import argparse
import os
import platform
import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from grader.review import app as reviewing  # noqa: E402
from grader.review import likeness  # noqa: E402
from grader.review.shelf import Shelf  # noqa: E402
from tests.review_samples import cohort  # noqa: E402
from tests.unit.test_review import Browser  # noqa: E402

WORDS_A_MINUTE = 238
PICTURE_WORDS = 50
ACTS, KEYS = 2 * 1.35, 2 * 0.28  # s


def words(item):
    """Return how many words there are to read of an answer."""
    told = " ".join(item.told)
    return len(item.words.split()) + len(told.split()) + PICTURE_WORDS * len(item.pictures)


def seconds(rooms, groups, think, *, grouped):
    """Return what the model says a human takes for all of these questions."""
    total = 0.0
    for key, room in rooms.items():
        total += len(room.question.says.split()) / WORDS_A_MINUTE * 60
        answers = [same[0] for same in groups[key]] if grouped else room.items.values()
        for item in answers:
            total += words(item) / WORDS_A_MINUTE * 60 + ACTS + KEYS + think
    return total


def clicks(folder):
    """Decide everything through the pages; return the seconds of each click."""
    browser = Browser(*reviewing.make(folder, ROOT, 8000))
    given = []
    while rows := re.findall(r'<tr><td><a class="row" href="([^"]+)"', browser.get("/").text):
        browser.page = browser.get(rows[0]).text
        while 'id="give"' in browser.page:
            began = time.perf_counter()
            assert browser.give(0).status_code == 200, browser.page
            given.append(time.perf_counter() - began)
    return given


def main():
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--samples", type=int, default=150)
    options.add_argument("--folder", type=Path)
    options.add_argument("--think", type=float, default=5.0)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "results"
        if chosen.folder:
            shutil.copytree(chosen.folder, folder)
        else:
            folder.mkdir()
            cohort(folder, chosen.samples)
        began = time.perf_counter()
        shelf = Shelf(folder, ROOT)
        rooms = shelf.rooms()
        groups = {key: likeness.equal(list(room.items.values())) for key, room in rooms.items()}
        opened = time.perf_counter() - began
        count = len(shelf.kept())
        model = {
            what: seconds(rooms, groups, chosen.think, grouped=grouped) / 60 / count
            for what, grouped in (("answer by answer", False), ("equal answers at once", True))
        }
        given = clicks(folder)
    answers = sum(len(room.items) for room in rooms.values())
    rows = [
        ["submissions", count],
        ["answers that wait", answers],
        ["groups of equal answers", sum(map(len, groups.values()))],
        ["clicks that it took", len(given)],
        ["folder read and grouped, s", f"{opened:.2f}"],
        ["a click until the next page, median and worst, ms",
         f"{statistics.median(given) * 1000:.0f}, {max(given) * 1000:.0f}"],
        *([f"model, minutes per submission, {what}", f"{found:.2f}"]
          for what, found in model.items()),
    ]  # fmt: skip
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load "
          f"{os.getloadavg()[0]:.1f}; thinking {chosen.think:g} s a group")  # fmt: skip
    print(tabulate(rows, disable_numparse=True))


if __name__ == "__main__":
    main()

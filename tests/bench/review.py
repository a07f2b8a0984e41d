"""How long a human needs for what only a human can score: minutes per submission.

    python tests/bench/review.py [--samples 150] [--folder RESULTS]

Results of a cohort of samples are decided to the end through the app's own pages, once for each
group of equal answers. With a folder its results are multiplied up to the cohort: each copy has
words of its own in what a human reads each time, as many as there were, and numbers of its own in
what the checks say. What the server takes is measured. What the human takes is a model, and no
measurement of people:

    reading     238 words a minute (Brysbaert, Journal of Memory and Language 109, 2019); the levels
                of a question once, each answer that differs once; a picture, or code beside words,
                as long as 50 words
    deciding    two mental acts of 1.35 s and two keys of 0.28 s (Card, Moran and Newell,
                Communications of the ACM 23, 1980), and --think seconds more for each group
    similar     what differs is read, and one more act says whether it is decided alike

It asserts nothing, and changes nothing in the folder: it works on a copy.
"""

import argparse
import json
import os
import platform
import random
import re
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
LOOKED_AT_WORDS = 50
ACT, KEY = 1.35, 0.28  # s


def words(item):
    """Return how many words there are to read of an answer."""
    looked_at = len(item.pictures) + sum(not _is_raw(text) for text in item.beside)
    told = " ".join(item.told)
    return len(item.words.split()) + len(told.split()) + LOOKED_AT_WORDS * looked_at


def _is_raw(text):
    return text.lines[:1] and text.lines[0].startswith("{")  # figures that are told beside it


def reading(count):
    """Return the seconds in which so many words are read."""
    return count / WORDS_A_MINUTE * 60


def deciding(item, think):
    """Return the seconds for an answer that is read, thought about and decided."""
    return reading(words(item)) + 2 * ACT + 2 * KEY + think


def alike(group, think):
    """Return the seconds for a group: the first is read, and of the others what differs."""
    total = deciding(group.equal[0], think)
    for same in likeness.equal(group.similar):
        texts = likeness.told(same[0]), likeness.told(group.equal[0])
        differing = [piece for piece, differs in likeness.differing(*texts) if differs]
        total += reading(len(" ".join(differing).split())) + ACT
    return total


def models(shelf, rooms, think):
    """Return the model's seconds for all of these questions, by how they are gone through."""
    found = dict.fromkeys(("answer by answer", "equal answers at once",
                           "and of similar ones what differs"), 0.0)  # fmt: skip
    for room in rooms.values():
        says = reading(len(room.question.says.split()))
        items = list(room.items.values())
        equal = [same[0] for same in likeness.equal(items)]
        for name, seconds in zip(found, (
            sum(deciding(item, think) for item in items),
            sum(deciding(item, think) for item in equal),
            sum(alike(group, think) for group in shelf.groups(room)),
        ), strict=True):  # fmt: skip
            found[name] += says + seconds
    return found


def multiplied(source, folder, count):
    """Copy results up to a count: prose in words of its own, what checks say in other numbers."""
    originals = [json.loads(path.read_bytes()) for path in sorted(source.glob("*.json"))]
    for n in range(max(count, len(originals))):
        rng, one = random.Random(n), originals[n % len(originals)]
        beside = {p.name: p.read_bytes() for p in (source / one["attachments"]).iterdir()}
        name = f"{one['submission']['id']}-{n:03}"
        new = json.loads(json.dumps(one))
        new["submission"]["id"], new["attachments"] = name, f"{name}.files-0"
        for check in (each for c in new["criteria"] for each in c["checks"]):
            if n < len(originals) or check["outcome"] != "inconclusive":
                continue
            for part in ("message", "staff_message"):
                drawn = f"{rng.uniform(0, 9):.3g}"
                check[part] = re.sub(r"\d+\.\d+", drawn, check[part])
            if not check["variant"]:  # no reader has looked at it: it is a human's each time
                for file in check["attachments"]:
                    if file.endswith(".own.txt"):
                        beside[file] = b" ".join(b"%s%d" % (w, n) for w in beside[file].split())
        (folder / f"{name}.json").write_text(json.dumps(new))
        (folder / new["attachments"]).mkdir()
        for file, data in beside.items():
            (folder / new["attachments"] / file).write_bytes(data)


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
        folder.mkdir()
        if chosen.folder:
            multiplied(chosen.folder, folder, chosen.samples)
        else:
            cohort(folder, chosen.samples)
        began = time.perf_counter()
        shelf = Shelf(folder, ROOT)
        rooms = shelf.rooms()
        groups = {key: likeness.equal(list(room.items.values())) for key, room in rooms.items()}
        together = [group for room in rooms.values() for group in shelf.groups(room)]
        opened = time.perf_counter() - began
        count = len(shelf.kept())
        model = models(shelf, rooms, chosen.think)
        given = clicks(folder)
    answers = sum(len(room.items) for room in rooms.values())
    rows = [
        ["submissions", count],
        ["answers that wait", answers],
        ["groups of equal answers", sum(map(len, groups.values()))],
        ["groups of similar ones", len(together)],
        ["clicks that it took", len(given)],
        ["folder read and grouped, s", f"{opened:.2f}"],
        ["a click until the next page, median and worst, ms",
         f"{statistics.median(given) * 1000:.0f}, {max(given) * 1000:.0f}"],
        *([f"model, minutes per submission, {what}", f"{found / 60 / count:.2f}"]
          for what, found in model.items()),
    ]  # fmt: skip
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load "
          f"{os.getloadavg()[0]:.1f}; thinking {chosen.think:g} s a group")  # fmt: skip
    print(tabulate(rows, disable_numparse=True))


if __name__ == "__main__":
    main()

"""How well detectors tell copies from independent work, and what they cost.

    pip install -e ".[compare]" && python tests/bench/similarity.py
    DOLOS=folder python tests/bench/similarity.py    # where `npm install @dodona/dolos-lib` ran

Copies are made of nine solutions of one skeleton by disguises (tests/similar/disguises.py). The
nine were written apart from each other; most others of the zoo are variants of one of them, and
would be copies. Pairs of different solutions, each as it is or in any disguise, are those that
ought not to be found. It prints tables and asserts nothing.
"""

import io
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from grader.similarity import comparing, story  # noqa: E402
from grader.similarity.comparing import Batch  # noqa: E402
from grader.similarity.reading import Piece  # noqa: E402
from grader.similarity.tokens import Words  # noqa: E402
from tests.similar.disguises import DISGUISES  # noqa: E402

FILE = "transformer_skeleton.py"
FOLDERS = ("submissions/alice", "submissions/bob", "tests/family/solutions/functional",
           "tests/family/solutions/plain", "tests/family/solutions/sdpa_preallocated",
           "tests/zoo/honest/recursive-generate/submission",
           "tests/zoo/honest/other-names/submission", "tests/zoo/honest/typed-config/submission",
           "tests/zoo/honest/preallocated-cache/submission")  # fmt: skip
SOLUTIONS = [(ROOT / folder / FILE).read_text() for folder in FOLDERS]
TEMPLATE = (ROOT / "rubrics" / "e0294-a4" / "template" / FILE).read_text()
COURSE = 300
LENGTHS = (6, 8, 10, 12, 14, 16, 20)
LEASTS = (0.4, 0.5, 0.6, 0.7)

DOLOS = """
import { Dolos } from "@dodona/dolos-lib";
import fs from "fs";
const [folder, template] = process.argv.slice(2);
const files = fs.readdirSync(folder).sort().map(name => folder + "/" + name);
const report = await new Dolos({ language: "python" }).analyzePaths(files, template || undefined);
console.log(JSON.stringify(report.allPairs().map(
    pair => [pair.leftFile.path, pair.rightFile.path, pair.similarity])));
"""


def main():
    """Print the tables."""
    warnings.simplefilter("ignore")  # copydetect warns of what it does not find
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores\n")
    detectors = {
        "here": here,
        "copydetect 25/30": winnowed,
        "copydetect 25/25": lambda texts, template: winnowed(texts, template, 1),
    }
    if "DOLOS" in os.environ:
        detectors["dolos 23/17"] = dolos
    told(detectors)
    lengths()
    skeletons(detectors)
    course(detectors)


# --- detectors: texts and a template -> the larger share of each pair -----------------------------


def here(texts, template):
    """Compare as `grader similar` does."""
    words = Words()
    of = lambda text: words.numbers([Piece("", 0, text)])  # noqa: E731
    batch = Batch([of(text) for text in texts], of(template))
    shares = batch.shares()
    return np.maximum(shares, shares.T)


def winnowed(texts, template, window=6):
    """Compare by copydetect: by default with its own noise of 25 and guarantee of 30."""
    from copydetect import CodeFingerprint, compare_files  # noqa: PLC0415 - 1 s

    given = CodeFingerprint("t.py", 25, 1, fp=io.StringIO(template)).hashes
    given = np.unique(np.array(list(given))) if given else None
    prints = [CodeFingerprint("x.py", 25, window, given, fp=io.StringIO(text)) for text in texts]
    return by_pairs(len(texts), lambda i, j: max(compare_files(prints[i], prints[j])[1]))


def dolos(texts, template):
    """Compare by dolos-lib with its own defaults; its one similarity of a pair."""
    root = Path(os.environ["DOLOS"])
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            Path(folder, f"{number:04}.py").write_text(text)
        with tempfile.TemporaryDirectory() as other:
            given = Path(other, "template.py")
            given.write_text(template)
            script = root / "bench-of-similarity.mjs"
            script.write_text(DOLOS)
            line = ["node", str(script), folder, *([str(given)] if template else [])]
            done = subprocess.run(line, cwd=root, capture_output=True, text=True, check=True)
            script.unlink()
    found = np.zeros((len(texts), len(texts)))
    for left, right, share in json.loads(done.stdout):
        i, j = int(Path(left).stem), int(Path(right).stem)
        found[i, j] = found[j, i] = share
    return found


def by_pairs(count, share):
    """Return a table of all pairs."""
    found = np.zeros((count, count))
    for i, j in itertools.combinations(range(count), 2):
        found[i, j] = found[j, i] = share(i, j)
    return found


# --- what they find -------------------------------------------------------------------------------


def both(compare):
    """Return the shares of copies by disguise, and those of all other pairs."""
    texts, names = list(SOLUTIONS), [(i, "") for i in range(len(SOLUTIONS))]
    for disguise, change in DISGUISES.items():
        texts += [change(text) for text in SOLUTIONS]
        names += [(i, disguise) for i in range(len(SOLUTIONS))]
    found = compare(texts, TEMPLATE)
    copies = {disguise: [] for disguise in DISGUISES}
    others = []
    for i, j in itertools.combinations(range(len(texts)), 2):
        if names[i][0] != names[j][0]:
            others.append(found[i, j])
        elif not names[i][1]:
            copies[names[j][1]].append(found[i, j])
    return copies, others


def told(detectors):
    """Print how copies stand to independent pairs, and precision and recall at thresholds."""
    spread, rates = [], []
    for detector, compare in detectors.items():
        copies, others = both(compare)
        spread.append([detector, f"{max(others):.2f}", f"{np.quantile(others, 0.99):.2f}",
                       *(f"{min(each):.2f}" for each in copies.values())])  # fmt: skip
        every = list(itertools.chain(*copies.values()))
        for least in LEASTS:
            right, wrong = sum(x >= least for x in every), sum(x >= least for x in others)
            precision = f"{right / max(1, right + wrong):.3f}"
            rates.append([detector, least, f"{right} of {len(every)}",
                          f"{wrong} of {len(others)}", precision])  # fmt: skip
    heads = ["detector", "others, most", "99%", *(f"{name}, least" for name in DISGUISES)]
    print(tabulate(spread, headers=heads, disable_numparse=True), "\n")
    heads = ["detector", "share from", "copies found", "others found", "precision"]
    print(tabulate(rates, headers=heads, disable_numparse=True), "\n")


def lengths():
    """Print how the length of a k-gram matters: the least of all copies and the most of others."""
    kept = comparing.K
    rows = []
    for comparing.K in LENGTHS:
        copies, others = both(here)
        every = list(itertools.chain(*copies.values()))
        rows.append([comparing.K, f"{min(every):.2f}", f"{max(others):.2f}",
                     f"{np.quantile(others, 0.99):.2f}"])  # fmt: skip
    comparing.K = kept
    heads = ["tokens in a k-gram", "copies, least", "others, most", "99%"]
    print(tabulate(rows, headers=heads, disable_numparse=True), "\n")


def skeletons(detectors):
    """Print what independent solutions share that stand in a skeleton larger than they are."""
    head = (ROOT / "rubrics" / "optimizing-transformers" / "template" / "train.py").read_text()
    bodies = [text.split("class FeedForward")[0] for text in SOLUTIONS]
    texts = [f"{head}\n{TEMPLATE}\n{body}" for body in bodies]
    rows = []
    for detector, compare in detectors.items():
        row = [detector]
        for given in ("", f"{head}\n{TEMPLATE}"):
            found = compare(texts, given)[np.triu_indices(len(texts), 1)]
            row.append(f"{statistics.median(found):.2f}, at most {max(found):.2f}")
        rows.append(row)
    heads = ["independent, in a large skeleton", "skeleton not left out", "skeleton left out"]
    print(tabulate(rows, headers=heads, disable_numparse=True), "\n")


# --- what they cost -------------------------------------------------------------------------------


def course(detectors):
    """Print the time for a course of whole submissions: solutions and scripts, disguised."""
    scripts = sorted((ROOT / "submissions").glob("*/*.py"))
    scripts = [path.read_text() for path in scripts if path.name != FILE]
    ways = list(DISGUISES.values())
    texts = []
    for number in range(COURSE):
        text = f"{SOLUTIONS[number % len(SOLUTIONS)]}\n{scripts[number % len(scripts)]}"
        texts.append(ways[number % len(ways)](text))
    lines = statistics.median(text.count("\n") for text in texts)
    rows = []
    for detector, compare in detectors.items():
        if detector == "copydetect 25/25":
            continue  # some minutes: it takes 5 ms and more for a pair
        begin = time.perf_counter()
        compare(texts, TEMPLATE)
        rows.append([f"{detector}: comparing", f"{time.perf_counter() - begin:.1f} s"])
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            path = Path(folder, "hand-ins", f"student-{number:03}", FILE)
            path.parent.mkdir(parents=True)
            path.write_text(text)
        begin = time.perf_counter()
        order = story.Order(ROOT, Path(folder, "hand-ins"), None, Path(folder, "out"), 0.5)
        story.run(order, lambda _: None)
        rows.append(["the whole command, pages too", f"{time.perf_counter() - begin:.1f} s"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    rows.append(["memory of this bench, most", f"{peak} MB"])
    print(tabulate(rows, headers=[f"{COURSE} submissions of {lines:g} lines", ""]))


if __name__ == "__main__":
    main()

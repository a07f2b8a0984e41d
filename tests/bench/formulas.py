"""What reading formulas costs, and how well it tells right from wrong.

    python tests/bench/formulas.py

Prints: a sheet of 100 formulas through the child process; the slowest attack; all one-token mutants
of all formulas of a pack; all rewrites; what is left of formulas in a PDF. It asserts nothing.
"""

import random
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from grader.formulas.examine import examine  # noqa: E402
from grader.formulas.judging import NONE, Judge  # noqa: E402
from grader.formulas.reading import read  # noqa: E402
from grader.formulas.scanning import scan  # noqa: E402
from grader.formulas.spelling import Unreadable  # noqa: E402
from tests.formulas.attacks import ATTACKS  # noqa: E402
from tests.formulas.generating import (  # noqa: E402
    FORMULAS,
    QUESTIONS,
    Accepted,
    all_mutants,
    rewrites,
    written,
)

SHEETS = ROOT / "tests" / "formulas" / "sheets"
ROUNDS = 7
ALL = tuple(QUESTIONS.values())


def main():
    """Print a table of figures."""
    rows = [*sheets(), *attacks(), *mutants(), *rewritten(), *pdfs()]
    print(tabulate(rows, headers=["what", "figure"], disable_numparse=True))


def seconds(files, asked=ALL):
    """Return the median time of an examination, the child's start included."""
    taken = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        examine(files, asked)
        taken.append(time.perf_counter() - begin)
    return f"{statistics.median(taken):.2f} s (slowest {max(taken):.2f} s)"


def sheets():
    """Time sheets."""
    hundred = [
        replace(question, id=f"{question.id}.{i}") for i in range(17) for question in FORMULAS
    ][:100]
    marks = [
        rf"\answer{{{q.id}}}{{{i + 7}N^2 + 4N^2 d = N^2({i + 7} + 4d)}}"
        for i, q in enumerate(hundred)
    ]
    words = "\n\n".join(
        f"The {phase} flops are in total $4N^2 d + {i + 7}N^3 = N^2(4d + {i + 7}N)$."
        for i in range(50)
        for phase in ("prefill", "decode")
    )
    yield "empty sheet", seconds({"a.tex": b""})
    yield (
        "100 questions, all answered wrong",
        seconds({"a.tex": "\n".join(marks).encode()}, hundred),
    )
    yield "100 formulas that words may point to", seconds({"a.md": words.encode()})
    yield "typeset sheet as PDF", seconds({"a.pdf": (SHEETS / "typeset.pdf").read_bytes()})


def attacks():
    """Time every attack."""
    table = QUESTIONS["1c.prefill_bytes"].table
    taken, returned = [], 0
    for text, _ in ATTACKS.values():
        begin = time.perf_counter()
        try:
            read(scan(text, table))
            returned += 1
        except Unreadable:
            pass
        taken.append(time.perf_counter() - begin)
    yield f"{len(ATTACKS)} attacks", f"{returned} accepted, slowest {max(taken) * 1000:.1f} ms"


def mutants():
    """Judge every mutant, and compare with Python's own arithmetic."""
    judges = {question.id: Judge(question, {}) for question in FORMULAS}
    accepted = {question.id: Accepted(question) for question in FORMULAS}
    found = all_mutants()
    wrong = equal = 0
    taken = 0.0
    for question, _, mutant in found:
        begin = time.perf_counter()
        tree = read(scan(mutant, question.table))[0].tree
        matched = judges[question.id].match(tree).name != NONE
        taken += time.perf_counter() - begin
        same = mutant in accepted[question.id]
        equal += same
        wrong += matched != same
    yield (
        f"{len(found)} one-token mutants, {equal} of which mean an accepted formula",
        f"{wrong} misjudged, {taken / len(found) * 1000:.2f} ms each",
    )


def rewritten():
    """Judge rewrites of every formula."""
    draw = random.Random(1)
    count = refused = 0
    for question in FORMULAS:
        judge = Judge(question, {})
        for text in written(question):
            for rewrite in rewrites(text, draw):
                readings = read(scan(rewrite, question.table))
                count += 1
                refused += all(judge.match(r.tree).name == NONE for r in readings)
    yield f"{count} rewrites", f"{refused} refused"


def pdfs():
    """Compare what is found in a typeset sheet with what is found in its source."""
    questions = list(QUESTIONS.values())
    for name in ("typeset.tex", "typeset.pdf"):
        sheet = examine({name: (SHEETS / name).read_bytes()}, questions)
        right = sum(reading.verdict == "reference" for reading in sheet.answers.values())
        people = sum(bool(reading.review) for reading in sheet.answers.values())
        yield f"{name}, {len(questions)} right answers", f"{right} read, {people} for a person"


if __name__ == "__main__":
    main()

"""The graphs of Q5 and Q8: what the notebook has stored, and the same drawn again as data.

A stored picture shows that the graph was handed in; what it shows is known only where its cells are
run again. That is done in the sandbox, cell by cell and each within its own exception, with lines
for the shell taken out: the notebook as it is, since the graph is the student's. Times are those of
the machine that grades, and are not compared with the stored ones.
"""

import json
import re
import statistics
from dataclasses import dataclass, field

from grader.notebook import python

POINTS = 4  # fewer make no trend
FLAT, STEEP = 1.2, 2.0
"""On a CPU, where work shows: without a cache a graph that grows less is looked at by a human, and
with one a graph that grows more and ends above half of the other one."""

WITHOUT = re.compile(r"without|w/o|\bno\b|no[-_ ]?(?:kv|cach)|uncached|non[-_]|\boff\b|false|naive")
WITH = re.compile(r"cach|\bkv\b|\bwith\b|\bon\b|true")
DEVICES = ("T4", "V100", "A100", "H100", "H200", "L4", "P100", "RTX", "MPS", "cuda", "cpu")
WANTED = "T4"

CELLS = "cells_of_the_notebook.json"
PROGRAM = "draw_the_graphs.py"
DRAW = f"""
import json
import matplotlib.figure

number = 0
made = matplotlib.figure.Figure.__init__

def noted(self, *arguments, **keywords):
    made(self, *arguments, **keywords)
    self.set_label(f"cell {{number}}")

matplotlib.figure.Figure.__init__ = noted
space = {{"__name__": "__main__"}}
for number, text in json.load(open("{CELLS}")):
    try:
        exec(compile(text, f"cell {{number}}", "exec"), space)
    except BaseException as error:
        print(f"cell {{number}}: {{type(error).__name__}}: {{error}}"[:300])
"""


@dataclass(frozen=True)
class Graph:
    """What a graph shows: the rubric's name for it, what there is to say, and numbers."""

    variant: str
    says: str
    slips: tuple = ()
    measured: dict = field(default_factory=dict)


def drawn_again(scripts, book):
    """Run all code of a notebook; return its figures by the number of their cell, and trouble."""
    cells = [(cell.number, python.without_magics(cell.text)) for cell in book.code]
    (run,) = scripts.draw([PROGRAM], beside={PROGRAM: DRAW, CELLS: json.dumps(cells)})
    figures = {}
    for figure in run.figures:
        found = re.fullmatch(r"cell (\d{1,6})", figure.label)
        if found:
            figures.setdefault(int(found[1]), []).append(figure)
    said = [line for line in run.printed.splitlines() if re.match(r"cell \d+: ", line)]
    return figures, run.trouble or "; ".join(said[:3])[:300]


def judge(figure, *, cached, is_cpu):
    """Judge a figure that was drawn again; ``cached`` is whether it shows the cache (Q8)."""
    lines = [(axes, line) for axes in figure.axes for line in axes.series if len(line.x) >= POINTS]
    if not lines:
        return Graph("no_graph", f"no line has {POINTS} points or more")
    labelled = any(axes.x_label.strip() and axes.y_label.strip() for axes, _ in lines)
    slips = () if labelled else ("no_axis_labels",)
    named = {way: line for axes, line in lines if (way := _way(axes, line, len(lines)))}
    if not cached:
        grown = growth(named.get("without", lines[0][1]))
        says = f"time grows {grown:.3g} times from its first third to its last"
        odd = is_cpu and grown < FLAT
        return Graph("flat" if odd else "graph", says, slips, {"growth": grown})
    own = named.get("with", lines[0][1] if len(lines) == 1 else None)
    if own is None:
        return Graph("unnamed", "no line is named as the one with the cache", slips)
    grown, other = growth(own), named.get("without")
    says = f"with the cache time grows {grown:.3g} times from its first third to its last"
    if other is not None:
        says += f", without it {growth(other):.3g} times"
    above = other is None or 2 * ends(own)[1] > ends(other)[1]
    odd = is_cpu and grown > STEEP and above
    return Graph("steep" if odd else "graph", says, slips, {"growth_with_cache": grown})


def growth(line):
    """Return how many times as high a line ends as it begins."""
    first, last = ends(line)
    return last / first if first > 0 else 0.0


def ends(line):
    """Return the medians of a line's first third and of its last."""
    values = [y for _, y in sorted(zip(line.x, line.y, strict=True))]
    third = -(-len(values) // 3)  # rounded up
    return statistics.median(values[:third]), statistics.median(values[-third:])


def _way(axes, line, count):
    label = "" if line.label.startswith("_") else line.label
    words = (label if count > 1 else f"{label} {axes.title}").lower()
    return "without" if WITHOUT.search(words) else "with" if WITH.search(words) else ""


def claimed(work):
    """Return the devices that outputs and answers name."""
    printed = " ".join(cell.printed for cell in work.book.cells) if work.book else ""
    told = " ".join(answer.text for answer in work.answers.values())
    return [name for name in DEVICES if re.search(rf"\b{name}\b", f"{printed} {told}")]

"""Samples for packs with a notebook: the reference's notebook with other texts in some blocks.

A sample is a folder in tests/zoo/notebooks/honest or mistakes, with ``expect.toml`` beside one
``<block>.py`` for each block that it writes otherwise; ``extra-cell.py`` is code in a cell of its
own.

expect.toml:
    says        one sentence: what the sample does
    ci          whether CI grades it; `make proof PARTS=notebooks` grades them all
    diagnosis   of a mistake: the name it is given, by default the folder's
    flags       texts that the remarks must hold
    performance points and pending points of what is timed: by default all of the points of honest
                samples, and of mistakes nothing yet, for Q7 has charged them
    [checks]    by check of the blocks: an outcome; ``default`` is "passed"
"""

import copy
import dataclasses
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from grader.intake import SourceFile, Submission
from grader.intake.submission import digest
from grader.notebook import markers

ROOT = Path(__file__).parents[2]
ZOO = ROOT / "tests" / "zoo" / "notebooks"
PACK = "nanogpt-kv"
FILE = "kv_caching.ipynb"
REFERENCE = ROOT / "reference" / "nanogpt_kv" / FILE
TEMPLATE = ROOT / "rubrics" / PACK / "template" / FILE
WORDS = "Solution Block"
BLOCKS = 36  # points of Q7 that a machine gives
TIMED = ("work_counts", "step_time", "time_growth", "generate_time")


@dataclass(frozen=True)
class Sample:
    """One folder of samples."""

    folder: Path

    @property
    def name(self):
        """Return what it is called."""
        return self.folder.name

    @property
    def kind(self):
        """Return honest or mistakes."""
        return self.folder.parent.name

    @property
    def expected(self):
        """Return what expect.toml says."""
        return tomllib.loads((self.folder / "expect.toml").read_text())

    @property
    def performance(self):
        """Return points and pending points of what is timed."""
        return self.expected.get("performance", [20, 0] if self.kind == "honest" else [0, 20])

    def submission(self):
        """Return what a student with these blocks hands in."""
        texts = {path.stem: path.read_text().rstrip("\n") for path in self.folder.glob("*.py")}
        extra = texts.pop("extra-cell", "")
        notebook = filled(json.loads(REFERENCE.read_text()), texts)
        if extra:
            cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": extra}
            notebook["cells"].append(cell)
        return handed_in(notebook, self.name)


def samples():
    """Return all samples."""
    return [Sample(path.parent) for path in sorted(ZOO.glob("*/*/expect.toml"))]


def filled(notebook, texts):
    """Return a notebook with these texts in its blocks; each block has to be there."""
    notebook, left = copy.deepcopy(notebook), dict(texts)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            lines = "".join(cell["source"]).split("\n")
            for block in reversed(markers.blocks_in("\n".join(lines), WORDS)):
                if block.id in left:
                    lines[block.begin + 1 : block.end] = [left.pop(block.id)]
            cell["source"] = "\n".join(lines)
    assert not left, f"the notebook has no block {left}"
    return notebook


def handed_in(notebook, name="sample"):
    """Return a notebook as a submission."""
    files = (SourceFile(FILE, json.dumps(notebook).encode()),)
    return Submission(name, files, digest(files), ())


def untimed(pack):
    """Return the pack without what is timed, which takes 10 s of each grading."""
    return dataclasses.replace(
        pack, criteria=tuple(c for c in pack.criteria if c.id != "private-performance")
    )


def timed(pack):
    """Return the pack with nothing but what is timed."""
    return dataclasses.replace(
        pack, criteria=tuple(c for c in pack.criteria if c.id == "private-performance")
    )


def outcomes(result):
    """Return how each check of the blocks ended, that for a human aside."""
    (criterion,) = (each for each in result["criteria"] if each["id"] == "Q7")
    return {c["id"]: c["outcome"] for c in criterion["checks"] if c["id"] != "explanations"}


def surprises(sample, result):
    """Return what is not as expected of a sample: outcomes, points, the name of its mistake."""
    expected = sample.expected.get("checks", {})
    found = [
        f"{check}: {outcome}"
        for check, outcome in outcomes(result).items()
        if outcome != expected.get(check, expected.get("default", "passed"))
    ]
    said = [entry["mistake"] for entry in result["diagnosis"]]
    if sample.kind == "mistakes":
        named = sample.expected.get("diagnosis", sample.name) in said
        found += [] if named else [f"diagnosis: {result['diagnosis']}"]
    else:
        found += [f"diagnosis: {said}"] if said else []
        (points,) = (each["points"] for each in result["criteria"] if each["id"] == "Q7")
        found += [f"{points} points"] if points != BLOCKS else []
    for text in sample.expected.get("flags", ()):
        if not any(text in flag for flag in result["flags"]):
            found.append(f"no remark says {text!r}: {result['flags']}")
    return found

"""A course that is graded in seconds: 2a to 2c of the sheet alone, and the zoo's quick cases.

For what asks nothing of the programs of problem 1, nor of time: these are most of what grading a
whole sheet takes. Problem 2 alone, with what is timed, for what asks that.
"""

import re
import shutil
from pathlib import Path

from tests.zoo_cases import cases

ROOT = Path(__file__).parent.parent
PROBLEM_1 = ("1a", "1b", "1c", "1d")
BY_HAND = (*PROBLEM_1, "2d")
RIGHT = "submissions/alice/transformer_skeleton.py"
STRIDE = 31  # so that right and wrong ones come by turns
SLOW = {
    "loops-over-everything", "compiled", "recomputes-everything",
    "noisy",  # 3 s or 18: its import takes about as long as one that is done without
}  # fmt: skip


def project(folder, by_hand=BY_HAND):
    """Make a copy of the project in which a machine grades 2a to 2c alone, or all but ``by_hand``.

    ``python -m grader`` in this folder is the copy's.
    """
    for name in ("grader", "rubrics", "reference", "submissions"):
        ignore = shutil.ignore_patterns("course", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)  # what the zip for Gradescope takes along
    pack = folder / "rubrics" / "e0294-a4"
    rubric = (pack / "rubric.toml").read_text()
    for criterion in by_hand:
        pattern = rf'(id = "{criterion}"\n.*\n.*\nrule = )"sum"(?s:.*?)(?=\[\[criteria\]\]|\Z)'
        rubric, changed = re.subn(pattern, r'\1"manual"\n\n', rubric)
        assert changed == 1, criterion
    (pack / "rubric.toml").write_text(rubric)
    for criterion in {"2d" if each == "2d" else each[0] for each in by_hand}:
        for path in pack.glob(f"checks/test_{criterion}*.py"):
            path.unlink()
    return folder


def right(folder, count):
    """Lay out as many hand-ins, each of them a right ``transformer_skeleton.py`` alone."""
    for number in range(count):
        (folder / f"right-{number:04}").mkdir(parents=True)
        shutil.copy(ROOT / RIGHT, folder / f"right-{number:04}")
    return folder


def mixed(folder, count):
    """Lay out as many hand-ins, copies in turn of the zoo's right and wrong ones of 2a to 2c."""
    folder.mkdir(parents=True)
    zoo = [case for case in cases("honest", "mistakes") if _is_quick(case)]
    for number in range(count):
        scratch = folder / ".scratch"
        scratch.mkdir()
        case = zoo[STRIDE * number % len(zoo)]
        case.lay_out(scratch).rename(folder / f"{number:04}-{case.name}")
        shutil.rmtree(scratch)
    return folder


def _is_quick(case):
    """Whether it is of this assignment, is not told by its time, and needs no trusted builder."""
    outcomes = str(case.expected.get("checks", {}))
    return (
        "2a" in case.expected["points"]
        and "timeout" not in outcomes
        and case.name not in SLOW
        and (case.folder / "submission").is_dir()
    )

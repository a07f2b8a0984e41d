"""A project whose only assignment is small, and hand-ins of it, each graded within a second."""

import shutil
import time
from pathlib import Path

from tests.system.test_batch import CHECKS, NET, RUBRIC, WRONG

ROOT = Path(__file__).parents[2]


def project(folder):
    """Copy the grader and lay out the pack ``small``; ``python -m grader`` in it is the copy's."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "grader", folder / "grader", ignore=ignore)
    checks = folder / "rubrics" / "small" / "checks"
    checks.mkdir(parents=True)
    (checks / "test_net.py").write_text(CHECKS)
    (checks.parent / "template").mkdir()
    (checks.parent / "rubric.toml").write_text(RUBRIC)
    (folder / "reference" / "small").mkdir(parents=True)
    (folder / "reference" / "small" / "net.py").write_text(NET)
    return folder


def hand_ins(folder, **sources):
    """Lay out a folder for each name."""
    for name, text in sources.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "net.py").write_text(text)
    return folder


def within(seconds, condition):
    """Wait until the condition holds; return whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


__all__ = ["NET", "WRONG", "hand_ins", "project", "within"]

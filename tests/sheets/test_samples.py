"""Sheets as students write them, with what each answer of theirs is worth.

    tests/sheets/samples/right/      other ways of writing: nothing is lost
    tests/sheets/samples/mistakes/   one error of the answer key each, and what follows from it

A case is a folder, its name the fault, with the sheet and an expect.toml:
    says      one sentence
    others    what all answers that are not named earn: 1, or "unanswered" (nothing lost or earned)
    [credit]  by check: the part of its points, "review" (a person decides) or "missing"
"""

import tomllib
from pathlib import Path

import pytest

from tests.sheets.grading import checks, credit, graded_here

SAMPLES = Path(__file__).parent / "samples"
CASES = sorted(folder for kind in SAMPLES.iterdir() for folder in kind.iterdir())


def expectation(folder):
    """Return what expect.toml says."""
    return tomllib.loads((folder / "expect.toml").read_text(encoding="utf-8"))


def said(result):
    """Return what a result is in the words of expect.toml."""
    if result.outcome == "not_submitted":
        return "missing"
    return "review" if (found := credit(result)) is None else found


def surprises(folder):
    """Yield each answer that is not worth what is expected."""
    expected = expectation(folder)
    (sheet,) = (path for path in folder.iterdir() if path.name != "expect.toml")
    named, others = expected.get("credit", {}), expected.get("others", 1)
    assert named.keys() <= checks().keys(), "no such check"
    for name, result in graded_here(sheet.read_text(encoding="utf-8"), name=sheet.name).items():
        allowed = [others] if others != "unanswered" else ["review", "missing"]
        if checks()[name].manual:
            allowed = ["review"] if others == 1 else ["review", "missing"]
        if name in named:
            allowed = [named[name]]
        if said(result) not in allowed:
            yield f"{name} is {said(result)}, not {allowed[0]}: {result.message}"


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_sample(folder):
    """Every answer of the sheet is worth what a person has written down beside it."""
    assert list(surprises(folder)) == []

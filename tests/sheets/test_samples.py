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

from grader import intake
from grader import pack as packs
from tests.long import LONG
from tests.sheets.answers import PACK
from tests.sheets.grading import checks, credit, graded_here

SAMPLES = Path(__file__).parent / "samples"
CASES = sorted(folder for kind in SAMPLES.iterdir() for folder in kind.iterdir())
HERE = ("code-blocks", "tables", "plain-text", "notebook-export", "answers-that-go-on",
        "heads-forgotten-in-the-bytes", "multiply-adds-as-one", "never-closed", "wrong-last-step",
        "empty")  # fmt: skip
"""What CI reads of them: what differs most. ``make test ALL=1`` reads them all."""
WHOLE = ("code-blocks", "inline-math", "notebook-export", "plain-text", "tables")


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


@pytest.mark.parametrize(
    "folder",
    [pytest.param(folder, marks=() if folder.name in HERE else LONG,
                  id=f"{folder.parent.name}/{folder.name}") for folder in CASES],
)  # fmt: skip
def test_sample(folder):
    """Every answer of the sheet is worth what a person has written down beside it."""
    assert list(surprises(folder)) == []


def test_right_samples_lose_nothing():
    """No right answer is expected to earn less than all, or nothing where a person decides."""
    for folder in (SAMPLES / "right").iterdir():
        assert set(expectation(folder).get("credit", {}).values()) <= {1, "review"}, folder.name


BOB = {
    "2.1.1.1": 0.5, "2.1.2.2": 0.6, "2.1.3.2.1": 0.3, "2.1.4.2": 0.4, "2.1.4.4": 0, "2.1.6.2": 0.5,
    "2.2.1.flops": 0.8, "2.3.1": 0.5, "2.3.2.flops": 0, "2.3.2.bytes": 0.7,
}  # fmt: skip
"""What bob's sheet loses: see its errors in the answer key."""


@pytest.mark.parametrize(
    ("name", "lost"), [("alice-ot", {}), pytest.param("bob-ot", BOB, marks=LONG)]
)
def test_the_shipped_samples(name, lost):
    """One sheet loses nothing, the other what a person took off."""
    text = (PACK.parents[1] / "submissions" / name / "README.md").read_text(encoding="utf-8")
    results = {asked: said(result) for asked, result in graded_here(text).items()}
    assert {k: v for k, v in results.items() if v not in (1, "review")} == lost
    by_hand = {asked for asked, check in checks().items() if check.manual}
    assert name != "alice-ot" or {k for k, v in results.items() if v == "review"} == by_hand


@pytest.mark.parametrize("name", WHOLE)
def test_a_sheet_alone_tells_its_assignment(name):
    """Whoever hands in nothing but a sheet need not be named: its headings are enough."""
    files = intake.read(SAMPLES / "right" / name).files
    assert packs.fitting(PACK.parents[1])(files) == [PACK.name]


def test_other_readmes_are_not_caught():
    """What else says attention and cache, in whatever project, is not taken for this assignment."""
    root = PACK.parents[1]
    fitting = packs.fitting(root)
    others = [path for pattern in ("*.md", "docs/*.md", "rubrics/[en]*/template/*.md")
              for path in root.glob(pattern)]  # fmt: skip
    assert len(others) > 5
    caught = [path for path in others
              if fitting([intake.SourceFile(path.name, path.read_bytes())])]  # fmt: skip
    samples = [root / "submissions" / name for name in ("alice", "bob", "carol", "alice-kv")]
    caught += [path for path in samples if PACK.name in fitting(intake.read(path).files)]
    assert caught == []

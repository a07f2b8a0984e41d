"""A sheet's credit, question by question, without running any code of a submission."""

import functools
import types

from grader import rubric
from grader.beside import by_path
from grader.checking.record import Record
from grader.formulas.examine import _reading
from grader.formulas.questions import as_json
from grader.formulas.records import Sheet
from grader.formulas.worker import serve
from grader.score import judge
from tests.sheets.answers import PACK, QUESTIONS

SHEET = by_path(PACK / "checks" / "sheet.py")


@functools.cache
def checks():
    """Return the checks of the rubric that are about the sheet."""
    found = [check for criterion in rubric.read(PACK).criteria for check in criterion.checks]
    return {c.id: c for c in found if c.id[0].isdigit()}  # questions are called by their numbers


def graded(text, *, name="README.md"):
    """Return the result of each check for a sheet of this text, read in a child process."""
    return _judged(_sheet(text, name), checks())


def graded_here(text, *, name="README.md", only=None):
    """Return the same, read in this process; with ``only`` these questions and no others."""
    sheet = _sheet(text, name)
    if only is not None:
        sheet.questions = [QUESTIONS[asked] for asked in QUESTIONS if asked in only]
    said = serve({name: text.encode()}, [as_json(q) for q in sheet.questions], sheet.given)
    readings = {q.id: _reading(said["answers"][q.id], q) for q in sheet.questions}
    sheet.__dict__["read"] = Sheet(readings, tuple(said["remarks"]))
    return _judged(sheet, [asked for asked in readings if asked in checks()])


def _sheet(text, name):
    return SHEET.Sheet(types.SimpleNamespace(files={name: text.encode()}))


def _judged(sheet, names):
    out = {}
    for asked in names:
        record = Record(asked)
        sheet.judge(asked, record)
        out[asked] = judge(checks()[asked], record.evidence)
    return out


def credit(result):
    """Return which part of its points an answer earns; None where a person decides."""
    return None if result.outcome == "inconclusive" else round(result.points / result.max_points, 4)


def small_sheet(answers):
    """Return a sheet with a few answers, by the place of their question."""
    out = []
    for place, text in answers.items():
        group = place.rsplit(".", 1)[0]
        out += [f"## Part {group}", "", f"**{place}**", "", text, ""]
    return "\n".join(out)


def credit_of(asked, answer, **before):
    """Return the credit of one answer; ``before``: answers to other questions, by their id."""
    texts = {}
    for name, text in {
        **{n.replace("_", "."): t for n, t in before.items()},
        asked: answer,
    }.items():
        texts.setdefault(QUESTIONS[name].place, []).append(text)
    sheet = small_sheet({place: "\n\n".join(t) for place, t in texts.items()})
    only = {asked, *(n.replace("_", ".") for n in before)}
    return credit(graded_here(sheet, only=only | _sources(only))[asked])


def _sources(names):
    """Return the questions whose answers some others may follow from."""
    found = set()
    for name in names:
        question = QUESTIONS[name]
        for variant in question.variants:
            found |= variant.sources
        found |= {question.bound[key] for key in ("over", "under") if question.bound}
    return found | (_sources(found - names) if found - names else set())

"""Diagnosis: which known mistake a submission's wrong answers are those of.

A mistake is named only if every answer of the submission equals that of the reference with this
mistake in it. Two mistakes at once, or one that nobody has listed, is said to be no known one; then
the first part of the model whose output differs from the reference's is named instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from grader.checking.family import RIGHT, Family
from grader.checking.probing import Answer, Probe, Questions, distance
from grader.mistakes import Mistake
from grader.records import Json
from grader.student import Student

SIZE = 3.0  # rounding of the same kind is as large within this factor
UNWRITTEN = "NotImplementedError"  # what is not written yet is no mistake
NAMED = 3  # more mistakes than these that cannot be told apart are not worth naming


@dataclass(frozen=True)
class Answers:
    """A submission's answers beside the right ones."""

    own: Mapping[str, Answer]
    wrong: tuple[Probe, ...]
    right: tuple[Probe, ...]


def diagnose(student: Student, family: Family, questions: Questions, atol: float) -> list[Json]:
    """Return what the submission's answers are those of; nothing where all are right.

    Raises StudentFault if the submission runs out of time or memory, or breaks the protocol.
    """
    answers = _ask(student, family, questions, atol)
    if not answers.wrong:
        return []
    found = _matches(answers, family, atol)
    if found:
        named = [_named(mistake, gap, answers) for gap, mistake in found[:NAMED]]
        for other in named[1:]:
            other["sentence"] = f"Or: {other['sentence']}"
        return named
    if all(isinstance(answers.own[probe.id], str) for probe in answers.wrong):
        return []  # an exception of its own, which the checks have quoted
    return [_unnamed(answers, family, _parting(student, family, questions))]


def _ask(student: Student, family: Family, questions: Questions, atol: float) -> Answers:
    """Put all probes to the submission."""
    own: dict[str, Answer] = {}
    wrong: list[Probe] = []
    right: list[Probe] = []
    student.fresh()
    for probe in questions.probes:
        own[probe.id] = answer = questions.ask(student, probe)
        if isinstance(answer, str) and UNWRITTEN in answer:
            continue
        same = _same(own[probe.id], family.answer(RIGHT, probe), probe, atol)
        if probe.decides:
            if not same:
                return Answers(own, (probe,), ())
            continue
        (right if same else wrong).append(probe)
    return Answers(own, tuple(wrong), tuple(right))


def _matches(answers: Answers, family: Family, atol: float) -> list[tuple[float, Mistake]]:
    """Return the mistakes that answer as the submission does, the nearest first."""
    exact = any(not probe.chance for probe in answers.wrong)
    # Those that rule out most come first; but sampling takes far longer than one forward, and is
    # asked of the few mistakes that are left.
    probes = [
        probe
        for probe in sorted((*answers.wrong, *answers.right), key=lambda probe: probe.chance)
        if not (exact and probe.chance)
    ]
    # Exceptions differ in their words from one way of writing to another; where numbers are equal
    # besides, that both fail is enough.
    only_faults = all(isinstance(answers.own[probe.id], str) for probe in answers.wrong)
    found = []
    for mistake in family.mistakes:
        gaps = []
        for probe in probes:
            own, theirs = answers.own[probe.id], family.answer(mistake.id, probe)
            if isinstance(own, str) and isinstance(theirs, str):
                if only_faults and own != theirs:
                    break
                continue
            right = family.answer(RIGHT, probe)
            if not _alike(mistake, probe, own, theirs, right, atol):
                break
            if probe.tolerance is None:  # else it is counted in other units
                gaps.append(distance(own, theirs))
        else:
            found.append((max(gaps, default=0.0), mistake))
    same_values = [pair for pair in found if pair[1].alike == "values"]
    return sorted(same_values or found, key=lambda pair: pair[0])


def _same(one: Answer, other: Answer, probe: Probe, atol: float) -> bool:
    return distance(one, other) <= (atol if probe.tolerance is None else probe.tolerance)


def _alike(
    mistake: Mistake, probe: Probe, own: Answer, theirs: Answer, right: Answer, atol: float
) -> bool:
    """Whether an answer is the mistake's: the same values, or off by as much."""
    if mistake.alike == "values":
        return _same(own, theirs, probe, atol)
    if isinstance(own, str) or isinstance(theirs, str) or isinstance(right, str):
        return False
    if probe.tolerance is not None:
        return True  # tokens that rounding has changed tell nothing more
    if not own.shape == theirs.shape == right.shape:
        return False
    one, other = (float(np.sqrt(np.mean((a - right) ** 2))) for a in (own, theirs))
    return max(one, other) <= max(SIZE * min(one, other), atol / 10)


def _parting(student: Student, family: Family, questions: Questions) -> str:
    """Say at which part of the model, row and position it leaves the right way first."""
    for probe in questions.partings:
        own, right = questions.ask(student, probe), family.answer(RIGHT, probe)
        if isinstance(own, str) or isinstance(right, str) or own.shape != right.shape:
            continue
        for name, one, other in zip(questions.parts, own, right, strict=True):
            gaps = np.nan_to_num(np.abs(one - other), nan=0.0)
            if gaps.max() > (probe.tolerance or 0.0):
                row, position = (
                    int(i) for i in np.argwhere(gaps > (probe.tolerance or 0.0))[0][:2]
                )
                return (
                    f"{_capital(probe.says)}, the first part whose output differs from the "
                    f"reference's is {name}, at row {row}, position {position}."
                )
    return ""


# --- words ----------------------------------------------------------------------------------------


def _named(mistake: Mistake, gap: float, answers: Answers) -> Json:
    right = _listed(answers.right)
    sentence = (
        f"{_capital(_subject(answers.wrong))} equal those of a model {mistake.says} "
        f"(largest difference {gap:.1g})"
        + (f"; {right} are right" if right else "")
        + f". {mistake.look}"
    )
    if all(isinstance(answers.own[probe.id], str) for probe in answers.wrong):
        sentence = f"Your model fails as one {mistake.says} does. {mistake.look}"
    elif mistake.alike == "size":
        sentence = (
            f"{_capital(_subject(answers.wrong))} are off by about as much as those of a model "
            f"{mistake.says}. {mistake.look}"
        )
    return {"mistake": mistake.id, "sentence": sentence, "largest_difference": gap,
            "wrong": [probe.id for probe in answers.wrong]}  # fmt: skip


def _unnamed(answers: Answers, family: Family, parting: str) -> Json:
    right = _listed(answers.right)
    sentence = (
        f"{_capital(_subject(answers.wrong))} are wrong as with none of the "
        f"{len(family.mistakes)} known mistakes alone" + (f"; {right} are right" if right else "")
    )
    return {"mistake": None, "sentence": f"{sentence}. {parting}".strip(),
            "largest_difference": None,
            "wrong": [probe.id for probe in answers.wrong]}  # fmt: skip


def _subject(wrong: Sequence[Probe]) -> str:
    return wrong[0].says


def _listed(probes: Sequence[Probe]) -> str:
    """Name at most two of the things that are right."""
    return " and ".join(dict.fromkeys(probe.says for probe in probes[:2]))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

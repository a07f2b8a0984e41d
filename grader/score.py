"""Scoring: evidence and rubric in, points out.

Pure, so that a changed rubric is rescored in milliseconds without running anybody's code.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import cast

from grader.records import (
    DEDUCTION,
    FAULTS,
    CheckResult,
    CriterionResult,
    Evidence,
    Finding,
    Json,
    Number,
    Outcome,
)
from grader.rubric import Check, Condition, Criterion, Deduction

MAX_FLOAT = sys.float_info.max
ROUNDING = 1e-6  # of sums of points
NO_ANSWER = "none"  # the variant of an answer that is none of those known
OUR_FAULT = "The grader failed here; this is not your fault. The points are open."
BY_A_PERSON = "A person reads this."


def score(
    criteria: Sequence[Criterion],
    evidence: Mapping[str, Evidence],
    manual: Sequence[Json] = (),
) -> tuple[CriterionResult, ...]:
    """Return every criterion with its points.

    ``evidence`` is by check id. ``manual`` are a human's points, which take the place of what is
    pending: see `by_hand`.
    """
    return tuple(_criterion(c, evidence, manual) for c in criteria)


def total(criteria: Sequence[CriterionResult], deductions: Sequence[Json] = ()) -> Json:
    """Return points, maximum and pending points; points are null while any are withheld.

    The points of deductions are taken off, down to nothing and never below.
    """
    points = [c.points for c in criteria]
    known = [p for p in points if p is not None]
    taken = sum(float(each["points"]) for each in deductions)
    return {
        "points": round(max(0.0, sum(known) - taken), 4) if len(known) == len(points) else None,
        "max_points": round(sum(c.max_points for c in criteria), 4),
        "pending_points": round(sum(c.pending_points for c in criteria), 4),
    }


def deducted(
    deductions: Sequence[Json],
    criteria: Sequence[CriterionResult],
    manual: Sequence[Json] = (),
) -> list[Json]:
    """Return deductions with the points that each takes: never more than there are or may come.

    One that applies says in its limits what it costs: ``points``, or a ``share_of_earned``. Any
    other costs what a human says, or nothing.
    """
    by_hand = {each["criterion"]: float(each["points"]) for each in manual}
    earned = sum(c.points or 0.0 for c in criteria)
    left = earned + sum(c.pending_points for c in criteria)
    found = []
    for each in deductions:
        if each["status"] == "applied":
            cost = each["limits"]
            wanted = cost.get("points", 0.0) + cost.get("share_of_earned", 0.0) * earned
        else:
            wanted = max(0.0, by_hand.get(f"{DEDUCTION}{each['id']}", 0.0))
        points = round(min(wanted, left), 4)
        left -= points
        found.append({**each, "points": points})
    return found


def status(criteria: Sequence[CriterionResult]) -> str:
    """Return the state of the whole: withheld over needs_review over graded."""
    states = {c.status for c in criteria}
    return next((s for s in ("withheld", "needs_review") if s in states), "graded")


def advise(deductions: Sequence[Deduction], findings: Sequence[Finding]) -> list[Json]:
    """Return what a human may want to deduct points for. No points are taken here, ever.

    Beyond the rubric's limits its points are suggested; within them, what was found is mere advice.
    """
    found = {finding.id: finding for finding in findings}
    advice = []
    for deduction in deductions:
        if (finding := found.get(deduction.id)) is None:
            continue
        fine = holds(deduction.passes, finding.measured)
        if fine and not finding.evidence:
            continue
        suggested = 0.0 if fine else deduction.points
        advice.append(
            {
                "id": deduction.id,
                "points": 0.0,
                "suggested": suggested,
                "status": "needs_confirmation" if suggested else "advice",
                "measured": dict(finding.measured),
                "limits": {**deduction.passes.at_most, **deduction.passes.at_least},
                "message": finding.message if fine else f"{deduction.says} {finding.message}",
                "evidence": list(finding.evidence),
            }
        )
    return advice


def by_hand(result: Json, manual: Sequence[Json]) -> Json:
    """Return a result with these points by hand in place of those it has; checks keep theirs.

    An entry covers the checks that it names, or all that is open in its criterion. It stands for
    what is pending of them, up to their points. What it does not cover waits on.
    """
    criteria = [_again(stored, manual) for stored in result["criteria"]]
    shells = [CriterionResult(**{**each, "checks": ()}) for each in criteria]
    deductions = deducted(result["deductions"], shells, manual)
    return {
        **result,
        "status": status(shells),
        "total": total(shells, deductions),
        "criteria": criteria,
        "deductions": deductions,
        "manual": list(manual),
    }


def _again(stored: Json, manual: Sequence[Json]) -> Json:
    # Results of earlier versions do not have it; in those nobody has given points by hand.
    checks = stored.get("by_checks") or {
        "points": stored["points"],
        "pending_points": stored["pending_points"],
    }
    found = _settled(stored["id"], checks, stored["max_points"], open_checks(stored), manual)
    return {**stored, **found, "by_checks": checks}


def open_checks(stored: Json) -> dict[str, float]:
    """Return what a human may give for each open check of a result's criterion.

    The name is "" where points can be given for the criterion as a whole only: without checks, or
    with a rule by which the open ones do not add up.
    """
    pending = (stored.get("by_checks") or stored)["pending_points"]
    return _open(
        {c["id"]: c["max_points"] for c in stored["checks"] if c["outcome"] == "inconclusive"},
        pending,
    )


def open_deductions(result: Json) -> dict[str, float]:
    """Return what a human may deduct, by how a line names it: at most what is suggested."""
    return {
        f"{DEDUCTION}{each['id']}": float(each["suggested"])
        for each in result["deductions"]
        if each["status"] == "needs_confirmation" and each["suggested"]
    }


def _open(checks: dict[str, float], pending: float) -> dict[str, float]:
    if checks and abs(sum(checks.values()) - pending) < ROUNDING:
        return checks
    return {"": pending} if pending else {}


def _criterion(
    criterion: Criterion, evidence: Mapping[str, Evidence], manual: Sequence[Json]
) -> CriterionResult:
    checks, found, open_ = judged(criterion, evidence)
    return CriterionResult(
        id=criterion.id,
        title=criterion.title,
        max_points=criterion.points,
        checks=checks,
        by_checks=found,
        **_settled(criterion.id, found, criterion.points, open_, manual),
    )


def judged(
    criterion: Criterion, evidence: Mapping[str, Evidence]
) -> tuple[tuple[CheckResult, ...], Json, dict[str, float]]:
    """Return the checks of a criterion, its points before a human's, and what is open."""
    checks = tuple(judge(check, evidence[check.id]) for check in criterion.checks)
    points, pending = _rule(criterion, checks)
    if any(check.outcome == "harness_error" for check in checks):
        points, pending = None, criterion.points
    open_ = _open({c.id: c.max_points for c in checks if c.outcome == "inconclusive"}, pending)
    return checks, {"points": points, "pending_points": pending}, open_


def _settled(
    criterion: str,
    by_checks: Json,
    most: float,
    open_: Mapping[str, float],
    manual: Sequence[Json],
) -> Json:
    """Return points, what is pending, and the state, once a human's points are in."""
    points, pending = by_checks["points"], by_checks["pending_points"]
    if points is None:  # ours to mend first
        return {"points": None, "pending_points": pending, "status": "withheld"}
    left = dict(open_)
    for entry in reversed(manual):  # the last one for a check counts
        if entry["criterion"] == criterion:
            covered = set(entry.get("checks") or left) if "" not in left else {""}
            room = sum(left.pop(name) for name in covered & left.keys())
            points += min(max(float(entry["points"]), 0.0), room)
    pending = sum(left.values())
    state = "needs_review" if pending else "graded"
    return {"points": min(points, most), "pending_points": pending, "status": state}


def _rule(criterion: Criterion, checks: Sequence[CheckResult]) -> tuple[float | None, float]:
    """Return points and pending points by the criterion's rule."""
    if criterion.rule == "manual":
        return 0.0, criterion.points
    open_ = [check for check in checks if check.outcome == "inconclusive"]
    if criterion.rule == "sum":
        return sum(check.points or 0.0 for check in checks), sum(c.max_points for c in open_)
    if criterion.rule == "best_of":
        best = max(check.points or 0.0 for check in checks)
        return best, max(0.0, max((c.max_points for c in open_), default=0.0) - best)
    failed = any(check.outcome not in ("passed", "inconclusive") for check in checks)
    if failed or open_:
        return 0.0, 0.0 if failed else criterion.points
    return criterion.points, 0.0


def judge(check: Check, evidence: Evidence) -> CheckResult:
    """Turn what a check measured into its outcome and points."""
    outcome = _outcome(check, evidence)
    return CheckResult(
        id=check.id,
        outcome=outcome,
        points=_points(check, evidence, outcome),
        max_points=check.points,
        visibility=check.visibility,
        measured=evidence.measured,
        limits={**check.passes.at_most, **check.passes.at_least},
        message=_message(check, evidence, outcome),
        staff_message=_staff_message(check, evidence),
        variant=evidence.variant,
        slips=tuple(evidence.slips),
        attachments=tuple(a.name for a in evidence.attachments),
    )


def _points(check: Check, evidence: Evidence, outcome: Outcome) -> float | None:
    if outcome == "harness_error":
        return None
    if outcome == "passed":
        return check.points
    if outcome == "failed" and evidence.outcome == "measured" and check.credit:
        return round(check.points * _fraction(check, evidence), 6)
    return 0.0


def _fraction(check: Check, evidence: Evidence) -> float:
    """Return which part of its points an answer is worth."""
    taken = sum(check.minus.get(slip, 0.0) for slip in evidence.slips)
    return max(0.0, check.credit.get(evidence.variant, 0.0) - taken)


def _message(check: Check, evidence: Evidence, outcome: Outcome) -> str:
    """Return the sentence for the student: what was asked for, and what was found instead."""
    if outcome == "passed":  # how an answer was understood, or what is shown for its own sake
        return evidence.message if check.credit or not check.points else ""
    if outcome == "harness_error":
        return OUR_FAULT
    if outcome not in ("failed", "inconclusive"):
        return evidence.message  # what their own code raised says it all
    if check.manual:
        return evidence.message or BY_A_PERSON
    of_their_own = bool(check.credit)  # it speaks of nothing but what was handed in
    if check.visibility == "hidden" and evidence.outcome != "failed" and not of_their_own:
        return check.says  # a hint; the data stay hidden
    return f"{check.says} {evidence.message}".strip()


def _staff_message(check: Check, evidence: Evidence) -> str:
    """Return what whoever judges reads: first the levels, which would give answers away."""
    levels = check.says if check.manual else ""
    return "\n".join(filter(None, (levels, evidence.staff_message)))


def _outcome(check: Check, evidence: Evidence) -> Outcome:
    if evidence.outcome in FAULTS:
        return cast("Outcome", evidence.outcome)
    if evidence.outcome != "measured":
        return "inconclusive" if evidence.outcome == "inconclusive" else "harness_error"
    if check.manual or check.credit:
        return "inconclusive" if check.manual else _outcome_of_answer(check, evidence)
    if holds(check.passes, evidence.measured):
        return "passed"
    if check.review is not None and holds(check.review, evidence.measured):
        return "inconclusive"
    return "failed"


def _outcome_of_answer(check: Check, evidence: Evidence) -> Outcome:
    """Return what an answer comes to; one that the rubric has no name for is a human's."""
    unknown = evidence.variant not in (NO_ANSWER, *check.credit)
    if unknown or not set(evidence.slips) <= check.minus.keys():
        return "inconclusive"
    return "passed" if _fraction(check, evidence) >= 1 else "failed"


def holds(condition: Condition, measured: Mapping[str, Number]) -> bool:
    """Whether every bound is met. In the accepting direction: what was not measured fails."""

    def value(name: str) -> float:
        found = measured.get(name)
        # An infinity satisfies a bound on one side, and an int may be beyond floats.
        return float(found) if found is not None and abs(found) <= MAX_FLOAT else float("nan")

    return all(value(name) <= bound for name, bound in condition.at_most.items()) and all(
        value(name) >= bound for name, bound in condition.at_least.items()
    )

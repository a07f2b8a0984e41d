"""The table in the terminal: a row for each criterion, a sentence for each lost point."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from grader.ahead import Answers
from grader.columns import WIDTH, paragraph, table
from grader.records import Json
from grader.report import ahead
from grader.report.told import covered, decided, left_out
from grader.text import shown

LONGEST = 800  # characters of one sentence
PLACES = 4  # of what is remarked on; all are in the result
STATES = {
    "graded": "",
    "needs_review": "waiting",
    "withheld": "withheld: the grader failed",
}


def render(result: Json) -> str:
    """Return the whole report on one result."""
    parts = (_lost, _deducted, _read, _diagnosis, _style, _notes)
    lines = (line for part in parts for line in part(result))
    return "\n".join([*_head(result), "", _table(result), *lines])


def render_check(
    result: Json,
    points: float,
    answers: Answers | None = None,
    programs: Sequence[str] = (),
    private: Sequence[Json] = (),
) -> str:
    """Return the report on the public checks; ``points`` is what the whole assignment is worth.

    ``answers`` is the sheet as it was read, ``programs`` what there is to say of other work, and
    ``private`` what is graded privately.
    """
    lines = (line for part in (_lost, _diagnosis, _style, _flags) for line in part(result))
    sheet = ahead.answers(answers) if answers else ()
    rest = ahead.private(private, result["total"]["max_points"], points)
    return "\n".join(
        [*_head(result), "", _checks(result), *lines, *sheet, *ahead.programs(programs), *rest]
    )


def _checks(result: Json) -> str:
    rows = [
        [criterion["id"], check["id"], check["outcome"].replace("_", " "),
         "–" if check["points"] is None else f"{check['points']:g}", f"{check['max_points']:g}"]
        for criterion in result["criteria"]
        for check in criterion["checks"]
    ]  # fmt: skip
    return table(rows, ["", "public check", "outcome", "points", "of"], "lllrr")


def _head(result: Json) -> Iterator[str]:
    environment, pack = result["environment"], result["pack"]
    yield from paragraph(
        f"{shown(result['submission']['id'])} · {pack['id']} · {environment['sandbox']} on "
        f"{environment['device']} · {result['timing']['seconds_total']:.1f} s",
        further="   ",
    )


def _table(result: Json) -> str:
    rows = []
    for criterion in result["criteria"]:
        state = STATES[criterion["status"]]
        if criterion["status"] == "needs_review":
            state = f"{criterion['pending_points']:g} {state}"
        rows.append(
            [
                criterion["id"],
                criterion["title"],
                _points(criterion),
                f"{criterion['max_points']:g}",
                state,
            ]
        )
    rows += [
        ["", entry["id"], f"{-entry['points']:g}", "", ""]
        for entry in result["deductions"]
        if entry["points"]
    ]
    total = result["total"]
    pending = f"{total['pending_points']:g} waiting" if total["pending_points"] else ""
    rows.append(["", "total", _points(total), f"{total['max_points']:g}", pending])
    return table(rows, ["", "criterion", "points", "of", ""], "llrrl")


def _points(entry: Json) -> str:
    if entry["points"] is None or (entry.get("status") == "needs_review" and not entry["checks"]):
        return "–"
    return f"{entry['points']:g}"


def _lost(result: Json) -> Iterator[str]:
    """Yield a sentence for each lost point; checks with the same sentence stand together."""
    groups: dict[tuple[str, str, str], list[Json]] = {}
    for criterion in result["criteria"]:
        by_hand = covered(result, criterion)
        for check in criterion["checks"]:
            said = check["outcome"] == "passed" or check["id"] in by_hand
            if not said and not left_out(check):
                key = (criterion["id"], check["outcome"], check["message"])
                groups.setdefault(key, []).append(check)
    if groups:
        yield from ("", "Lost or open points")
    for (criterion_id, outcome, message), checks in groups.items():
        names = ", ".join(c["id"] + "*" * (c["visibility"] == "hidden") for c in checks)
        most = sum(check["max_points"] for check in checks)
        points = sum(check["points"] or 0 for check in checks)
        got = f"{points:g}" if outcome != "harness_error" else "–"
        head = f"{criterion_id} {names}  {got}/{most:g}  {outcome.replace('_', ' ')}"
        yield from textwrap.wrap(head, WIDTH, subsequent_indent="   ")
        for text in (message, *_levels(checks)):
            yield from textwrap.wrap(
                shown(text, LONGEST), WIDTH, initial_indent="   ", subsequent_indent="   "
            )
    if any(check["visibility"] == "hidden" for checks in groups.values() for check in checks):
        yield "* hidden: what it asks for is said, its data are not"


def _levels(checks: Sequence[Json]) -> Iterator[str]:
    """Yield what the rubric says to whoever judges what a person has to judge."""
    for check in checks:
        levels = check["staff_message"].partition("\n")[0]
        if check["outcome"] == "inconclusive" and levels not in check["message"]:
            yield levels


def _deducted(result: Json) -> Iterator[str]:
    """Yield what is taken off, and what else there is to say on when it was handed in."""
    told = [each for each in result["deductions"] if not _is_style(each)]
    if told:
        yield from ("", "Deductions")
    for entry in told:
        text = f"{entry['id']}  {-entry['points'] or 0.0:g}  {entry['message']}"
        if entry["status"] == "needs_confirmation" and not decided(result, entry):
            costs = f" {entry['suggested']:g} points" if entry["suggested"] else ""
            text += f" A human decides whether this costs{costs or ' anything'}."
        yield from textwrap.wrap(shown(text, LONGEST), WIDTH, subsequent_indent="   ")


def _is_style(entry: Json) -> bool:
    """Whether an entry is advice on the files; what was taken off or is about time is not."""
    return bool(entry["id"] != "late" and entry["status"] != "applied" and not entry["points"])


def _read(result: Json) -> Iterator[str]:
    """Yield how answers with full points were understood, since the points rest on it.

    And what was measured for its own sake, which is worth none.
    """
    for head, counts in (("Read as", True), ("Measured", False)):
        told = [
            (f"{criterion['id']} {check['id']}: {check['message']}")
            for criterion in result["criteria"]
            for check in criterion["checks"]
            if check["outcome"] == "passed" and check["message"]
            if bool(check["max_points"]) == counts
        ]
        if told:
            yield from ("", head)
        for sentence in told:
            yield from textwrap.wrap(shown(sentence, LONGEST), WIDTH, subsequent_indent="   ")


def _diagnosis(result: Json) -> Iterator[str]:
    if result["diagnosis"]:
        yield from ("", "Diagnosis")
    for entry in result["diagnosis"]:
        text = shown(entry["sentence"], LONGEST)
        yield from textwrap.wrap(text, WIDTH, initial_indent="   ", subsequent_indent="   ")


def _style(result: Json) -> Iterator[str]:
    advice = [entry for entry in result["deductions"] if _is_style(entry)]
    if advice:
        yield from ("", "Style (advice, no points taken)")
    for entry in advice:
        text = f"{entry['id']}: {entry['message']}"
        if entry["evidence"]:
            first = [shown(place) for place in entry["evidence"][:PLACES]]
            more = ["and others"] * (len(entry["evidence"]) > PLACES)
            text += f" See {'; '.join(first + more)}."
        if entry["suggested"] and not decided(result, entry):
            text += f" A human decides whether this costs {entry['suggested']:g} points."
        yield from textwrap.wrap(
            shown(text, LONGEST), WIDTH, initial_indent="   ", subsequent_indent="   "
        )


def _notes(result: Json) -> Iterator[str]:
    if result["course_verdict"]:
        verdict = ", ".join(f"{mode} {said}" for mode, said in result["course_verdict"].items())
        yield from ("", f"The course's own harness would say: {verdict}")
    if result["environment"]["isolation"] == "none":
        yield from ("", "NOT ISOLATED: the submission ran as a plain process on this machine.")
    yield from _flags(result)


def _flags(result: Json) -> Iterator[str]:
    if result["flags"]:
        yield from ("", "Remarks")
        for flag in result["flags"]:
            yield from textwrap.wrap(
                shown(flag, LONGEST), WIDTH, initial_indent=" - ", subsequent_indent="   "
            )

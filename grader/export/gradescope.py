"""Gradescope: a `results.json` for each submission, as an autograder leaves it.

Gradescope hides the total from a student who has a single hidden test. So no test is marked hidden
here: a hidden check stands there with its name and the sentence that asks for it, as on the
student's page, and without data. The whole is shown once the TA publishes grades.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from grader.export.given import Given, number
from grader.records import Json
from grader.report import told
from grader.text import shown

FORM = "gradescope"
FILE = "results.json"
WAITING = "A person grades this; the points are open."


def write(given: Given) -> bytes:
    """Return the file of a submission whose points may be given."""
    assert given.points is not None
    result = given.result
    document = {
        "score": float(number(given.points)),
        "visibility": "after_published",
        "stdout_visibility": "hidden",
        "output": " ".join(_heads(result)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "tests": list(_tests(result)),
    }
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def refused(sentence: str, max_points: float) -> bytes:
    """Return the file of a submission in which there is nothing to grade: no points, and why."""
    test = _test("", "What was handed in", max_points, shown(sentence, told.LONGEST))
    document = {
        "score": 0.0,
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "output": shown(sentence, told.LONGEST),
        "tests": [{**test, "score": 0.0, "status": "failed"}],
    }
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def _heads(result: Json) -> Iterator[str]:
    total = result["total"]
    if total["pending_points"]:
        yield f"{total['pending_points']:g} points wait for a person."
    for entry in result["deductions"]:
        if entry["points"]:
            yield shown(
                f"{entry['message']} {entry['points']:g} points are taken off.", told.LONGEST
            )
    for entry in result["diagnosis"]:
        yield shown(entry["sentence"], told.LONGEST)


def _tests(result: Json) -> Iterator[dict[str, Any]]:
    public = told.messages(result)
    for criterion in result["criteria"]:
        if not criterion["checks"]:
            yield _test(criterion["id"], criterion["title"], criterion["max_points"], WAITING)
        for check in criterion["checks"]:
            if told.left_out(check):
                continue
            name = f"{criterion['title']}: {check['id']}"
            test = _test(criterion["id"], name, check["max_points"], told.sentence(check, public))
            if check["outcome"] not in ("inconclusive", "harness_error"):
                test["score"] = check["points"]
                test["status"] = "passed" if check["outcome"] == "passed" else "failed"
            elif not test["output"]:
                test["output"] = WAITING
            yield test


def _test(number_: str, name: str, most: float, output: str) -> dict[str, Any]:
    return {
        "number": shown(number_),
        "name": shown(name),
        "max_score": most,
        "output": output,
        "visibility": "visible",
    }

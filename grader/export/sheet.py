"""A spreadsheet of the course as CSV: a row for each submission, a column for each criterion.

Cells that a spreadsheet would take for a formula have an apostrophe before them, wherever one could
begin: also behind what another delimiter would make a cell of.
"""

from __future__ import annotations

import csv
import io
import re

from grader.export.given import Course, Given, number
from grader.text import shown

# Also the wide forms of = + - @, which some spreadsheets take for the narrow ones.
_FORMULA = re.compile(r"(^|[;,|])(\s*)(?=[=+\-@＝＋－＠])")
HEAD = (
    "submission",
    "people",
    "name",
    "status",
    "points",
    "max_points",
    "pending_points",
    "deducted",
)
TAIL = ("submitted_at", "late", "why_no_points")


def write(course: Course) -> bytes:
    """Return the table, in UTF-8; what has no points to give has an empty cell and never a zero."""
    criteria = list(
        dict.fromkeys(c["id"] for each in course.given for c in each.result["criteria"])
    )
    text = io.StringIO()
    out = csv.writer(text, quoting=csv.QUOTE_ALL)
    out.writerow([guarded(each) for each in (*HEAD, *criteria, *TAIL)])
    for given in course.given:
        out.writerow(_row(given, criteria))
    blank = [""] * (len(HEAD) - 4 + len(criteria) + 2)
    for names, why in ((course.ungraded, "no result"), (course.missing, "nothing handed in")):
        for name in names:
            out.writerow([guarded(name), "", "", "missing", *blank, why])
    return text.getvalue().encode("utf-8")


def guarded(text: str) -> str:
    """Return one line that a spreadsheet shows as text, whatever it begins with."""
    return _FORMULA.sub(r"\1\2'", shown(text, 500))


def _row(given: Given, criteria: list[str]) -> list[str]:
    result, handed = given.result, given.handed
    open_ = given.points is None
    by_id = {each["id"]: each for each in result["criteria"]}
    late = {True: "late", False: "on time", None: ""}[handed.late]
    return [
        guarded(given.id),
        guarded(" ".join(handed.people)),
        guarded(handed.name),
        result["status"],
        "" if given.points is None else number(given.points),
        number(result["total"]["max_points"]),
        number(result["total"]["pending_points"]),
        number(sum(each["points"] for each in result["deductions"])),
        *(_points(by_id.get(each), held=open_) for each in criteria),
        guarded(handed.submitted_at or ""),
        late,
        guarded(given.why_not),
    ]


def _points(criterion: dict[str, object] | None, *, held: bool) -> str:
    """Return a criterion's points where they are settled; of who is held nothing is given."""
    if criterion is None or held or criterion["status"] != "graded":
        return ""
    return number(float(str(criterion["points"])))

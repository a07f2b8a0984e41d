"""Moodle: the grades of an offline grading worksheet that the TA has downloaded.

Its headers are in the language of whoever downloaded it, so columns are known by where they stand
and by what is in them: an identifier first, which ends with the participant's number in this
assignment; the maximum grade, the same number in every row; and the grade right before it.
"""

from __future__ import annotations

import re

from grader.errors import UsageError
from grader.export import cells
from grader.export.cells import Table
from grader.export.filling import EMPTY, Filled, Rows, fill
from grader.export.given import Course, Given, number

FORM = "moodle"
_IDENTIFIER = re.compile(r".*?(\d+)")
LEAST = 4  # columns: the identifier, the grade, its maximum, when it was last modified
_NUMBER = re.compile(r"\d+([.,]\d+)?")
# "No" under "Grade can be changed", in some of the languages that Moodle speaks.
_NO = {
    "no",
    "nein",
    "non",
    "nee",
    "não",
    "nej",
    "nei",
    "ne",
    "nie",
    "nu",
    "нет",
    "ні",
    "いいえ",
    "否",
}


def write(data: bytes, name: str, course: Course, column: str | None = None) -> Filled:
    """Return the worksheet with the points as grades.

    ``column`` is the header of the grades, for a worksheet in which it is not clear. Raises
    UsageError where the file is no worksheet.
    """
    table = cells.read(data, name)
    people = [row for row in range(1, len(table.rows)) if any(c.text for c in table.rows[row])]
    if len(table.header) < LEAST or not people or not all(_key(table, row) for row in people):
        raise UsageError(
            f"{name} is no grading worksheet of Moodle: its first column is to hold identifiers "
            "such as Participant 123; download it anew"
        )
    grade = _grade(table, people, column)
    rows = Rows.of(table, people, _number, 0, range(1, grade))
    locks = _locks(table, people, grade)

    def refuse(row: int, given: Given) -> str:
        points, most = given.points or 0.0, _value(table.cell(row, grade + 1))
        if not _is_theirs(table, row, grade, given):
            return f"it is of {table.cell(row, 1)}, and this was handed in by {given.handed.name}"
        if locks and table.cell(row, locks).casefold() in _NO:
            return f"its grade is locked ({table.header[locks]}: {table.cell(row, locks)})"
        if most is not None and points > most:
            return f"{number(points)} is more than Moodle's maximum of {number(most)}"
        return ""

    filled = fill(table, grade, course, rows, FORM, refuse)
    return Filled(filled.data, filled.column, filled.changes, filled.same,
                  (*filled.notes, *_notes(table, people, grade, filled, course)))  # fmt: skip


def _is_theirs(table: Table, row: int, grade: int, given: Given) -> bool:
    """Whether a row names who handed in. A team's number may be that of somebody's row by chance.

    Names of files lack some of the signs that names of people have. Where marking is blind, both
    hold the same word for a participant.
    """
    if not given.handed.name:
        return True
    blind = _number(table.cell(row, 0))
    said = {_letters(table.cell(row, column)) for column in range(1, grade)}
    said.add(_letters(table.cell(row, 0).removesuffix(blind)))
    return bool(said & set(map(_letters, (given.handed.name, *given.people))))


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum()).casefold()


def _number(identifier: str) -> str:
    found = _IDENTIFIER.fullmatch(identifier)
    return found[1] if found else ""


def _key(table: Table, row: int) -> str:
    return _number(table.cell(row, 0))


def _value(text: str) -> float | None:
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def _grade(table: Table, people: list[int], wanted: str | None) -> int:
    """Return the column of grades."""
    header = table.header
    if wanted is not None:
        found = [n for n, each in enumerate(header) if each == wanted.strip() and n]
    else:
        found = [n for n in range(1, len(header) - 1) if _is_grade(table, people, n)]
    if len(found) == 1:
        return found[0]
    which = "it is not clear which column holds the grades" if wanted is None else (
        f"there is no one column called {wanted!r}"
    )  # fmt: skip
    listed = ", ".join(map(repr, header))
    raise UsageError(f"{table.name}: {which}; say it with --column: {listed}")


def _is_grade(table: Table, people: list[int], column: int) -> bool:
    """Whether every cell is empty or a grade, and the next column is one and the same maximum."""
    most = {table.cell(row, column + 1) for row in people}
    values = {table.cell(row, column) for row in people} - set(EMPTY)
    return (
        len(most) == 1 and bool(_value(*most)) and all(_value(each) is not None for each in values)
    )


def _locks(table: Table, people: list[int], grade: int) -> int:
    """Return the column that says whether a grade can be changed, or 0.

    It follows the maximum, with the state of the marking workflow in between where there is one.
    """
    for column in range(grade + 2, min(grade + 4, len(table.header))):
        if any(table.cell(row, column).casefold() in _NO for row in people):
            return column
    return 0


def _notes(
    table: Table, people: list[int], grade: int, filled: Filled, course: Course
) -> tuple[str, ...]:
    notes = []
    graded = sum(change.before not in EMPTY for change in filled.changes)
    if graded:
        notes.append(
            f"{graded} of these rows had a grade already. Moodle skips a row that was graded after "
            "this worksheet was downloaded, unless you tick that newer records may be updated"
        )
    said = table.cell(people[0], grade + 1)
    most = _value(said)
    if most is not None and most != course.max_points:
        points = number(course.max_points)
        notes.append(f"Moodle's maximum is {said}, not {points}: points are written as they are")
    return tuple(notes)

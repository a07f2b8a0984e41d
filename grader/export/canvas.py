"""Canvas: one column of the gradebook that the TA has exported.

Columns are told as Canvas's own importer tells them: those on students end with the first that is
called Section, one of an assignment is its title with its number in brackets, and those that Canvas
computes cannot be filled.
"""

from __future__ import annotations

import re

from grader.errors import UsageError
from grader.export import cells
from grader.export.cells import Table
from grader.export.filling import Filled, Rows, fill
from grader.export.given import Course, number

FORM = "canvas"
_ASSIGNMENT = re.compile(r"(?P<title>.*)\s\((?P<id>\d+)\)")
_COMPUTED = re.compile(
    r"(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)", re.IGNORECASE
)
_READ_ONLY = re.compile(r"read\s+only", re.IGNORECASE)
_LOGINS = ("SIS User ID", "SIS Login ID", "Integration ID")


def write(data: bytes, name: str, course: Course, column: str | None = None) -> Filled:
    """Return the gradebook with the points in a column.

    ``column`` is its header, title or number; without it, there has to be one assignment. Raises
    UsageError where the file is no gradebook or the column is not clear.
    """
    table = cells.read(data, name)
    key, section = _students(table)
    possible = _possible(table)
    found = _column(table, section, possible, column)
    begin = 1 if possible is None else possible + 1
    people = [row for row in range(begin, len(table.rows)) if table.cell(row, key)]
    others = [n for n, each in enumerate(table.header[: section + 1]) if each in _LOGINS]
    rows = Rows.of(table, people, str, key, others)
    filled = fill(table, found, course, rows, FORM)
    return Filled(filled.data, filled.column, filled.changes, filled.same,
                  (*filled.notes, *_notes(table, possible, found, course)))  # fmt: skip


def _students(table: Table) -> tuple[int, int]:
    """Return the columns of Canvas's own id and of the section."""
    header = table.header
    named = header[:1] == ("Student",) or header[:2] == ("LastName", "FirstName")
    if not (named and "ID" in header):
        raise UsageError(
            f"{table.name} is no gradebook of Canvas: its first columns are to be Student and ID; "
            "export it anew (Gradebook, Export)"
        )
    section = next((n for n, each in enumerate(header) if "Section" in each), None)
    return header.index("ID"), header.index("ID") if section is None else section


def _possible(table: Table) -> int | None:
    """Return the row of points possible; others may stand between it and the header."""
    rows = range(1, min(4, len(table.rows)))
    return next((r for r in rows if table.cell(r, 0).startswith("Points Possible")), None)


def _column(table: Table, section: int, possible: int | None, wanted: str | None) -> int:
    """Return the column to fill."""
    candidates = [
        (n, header)
        for n, header in enumerate(table.header)
        if n > section
        and header
        and not _COMPUTED.search(header)
        and not (possible is not None and _READ_ONLY.search(table.cell(possible, n)))
    ]
    graded = [(n, header) for n, header in candidates if _ASSIGNMENT.fullmatch(header)]
    if wanted is None:
        found = graded
    else:
        found = [(n, header) for n, header in candidates if wanted.strip() in _names(header)]
    if len(found) == 1:
        return found[0][0]
    listed = "; ".join(repr(header) for _, header in (found or graded or candidates)) or "none"
    if wanted is None:
        raise UsageError(f"{table.name}: say with --column which to fill: {listed}")
    what = "several columns are" if found else "no column that can be filled is"
    raise UsageError(f"{table.name}: {what} called {wanted!r}; there are: {listed}")


def _names(header: str) -> tuple[str, ...]:
    """Return what a column may be called: its header, its title or its number."""
    found = _ASSIGNMENT.fullmatch(header)
    return (header, *(found.group("title", "id") if found else ()))


def _notes(table: Table, possible: int | None, column: int, course: Course) -> tuple[str, ...]:
    if possible is None:
        return ()
    said = table.cell(possible, column)
    try:
        same = float(said.replace(",", ".")) == course.max_points
    except ValueError:
        return ()
    if same:
        return ()
    most = number(course.max_points)
    return (f"Canvas has {said} points possible here, not {most}: points are written as they are",)

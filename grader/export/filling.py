"""One column of the TA's own file, filled: whose row is whose, and what changes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from grader.export.cells import Table
from grader.export.given import Course, Given, number

_NUMBER = re.compile(r"-?\d+([.,]\d+)?")
EMPTY = ("", "-")


@dataclass(frozen=True)
class Change:
    """A cell that gets another value."""

    line: int  # of the table, counted from 1, its header being 1
    who: str
    before: str
    now: str


@dataclass(frozen=True)
class Filled:
    """The TA's file with points in it."""

    data: bytes
    column: str
    changes: tuple[Change, ...]
    same: int  # rows that have these points already
    notes: tuple[str, ...]  # what was left as it is, and why; what the platform will do


@dataclass(frozen=True)
class Rows:
    """The rows of people in a file, by their ids."""

    by_key: Mapping[str, list[int]]  # the platform's own id, which downloads name
    by_person: Mapping[str, list[int]]  # logins, numbers and addresses, which a roster may name

    @classmethod
    def of(cls, table: Table, rows: Iterable[int], key: Callable[[str], str], column: int,
           others: Iterable[int]) -> Rows:  # fmt: skip
        """Return rows by the key in ``column`` and by what stands in ``others``."""
        others = tuple(others)
        by_key: dict[str, list[int]] = defaultdict(list)
        by_person: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            by_key[key(table.cell(row, column))].append(row)
            for said in {table.cell(row, each).casefold() for each in others} - set(EMPTY):
                by_person[said].append(row)
        return cls(by_key, by_person)


def fill(
    table: Table,
    column: int,
    course: Course,
    rows: Rows,
    form: str,
    refuse: Callable[[int, Given], str] = lambda _row, _given: "",
) -> Filled:
    """Return the table with the course's points in a column.

    ``refuse`` says why a row is to be left as it is, given whose points it would get. A cell that
    holds a word, such as EX, stays.
    """
    placed, notes = _placed(course, rows, form)
    changes, values, same = [], {}, 0
    comma = table.decimal_comma
    for row, given in sorted(placed.items()):
        assert given.points is not None  # others are not placed
        before, who = table.cell(row, column), f"{table.cell(row, 0)} {table.cell(row, 1)}"
        now = number(given.points, comma=comma)
        if column >= len(table.rows[row]):
            notes.append(f"{given.id}: row {row + 1} ends before the column: left as it is")
        elif before not in EMPTY and not _NUMBER.fullmatch(before):
            notes.append(f"{given.id}: row {row + 1} says {before}: left as it is")
        elif why := refuse(row, given):
            notes.append(f"{given.id}: row {row + 1}: {why}: left as it is")
        elif _same(before, now):
            same += 1
        else:
            values[row, column] = now
            changes.append(Change(row + 1, who, before, now))
    data = table.filled(values)
    return Filled(data, table.header[column], tuple(changes), same, tuple(notes))


def _same(before: str, now: str) -> bool:
    if before in EMPTY:
        return False
    return number(float(before.replace(",", "."))) == now.replace(",", ".")


def _placed(course: Course, rows: Rows, form: str) -> tuple[dict[int, Given], list[str]]:
    """Return the rows that get points, each with whose, and what could not be placed."""
    claims: dict[int, list[Given]] = defaultdict(list)
    notes = list(course.left_out())
    for given in course.given:
        if given.points is None:
            continue
        found, troubles = _rows_of(given, rows, form)
        notes += [f"{given.id}: {trouble}" for trouble in troubles]
        for row in found:
            claims[row].append(given)
    for row, several in sorted(claims.items()):
        if len(several) > 1:
            names = " and ".join(each.id for each in several)
            notes.append(f"{names}: both are for row {row + 1}: left as it is")
    return {row: several[0] for row, several in claims.items() if len(several) == 1}, notes


def _rows_of(given: Given, rows: Rows, form: str) -> tuple[set[int], list[str]]:
    """Return the rows of a submission, one for each of its people, and what is unclear."""
    found: set[int] = set()
    troubles = []
    key = given.handed.keys.get(form, "")
    wanted = [(key, rows.by_key.get(key, []))] if key else []
    # By its own id a platform names one of a group; a roster names the others, too.
    if given.handed.people or not (key and wanted[0][1]):
        wanted += [(person, rows.by_person.get(person.casefold(), [])) for person in given.people]
    by_key = bool(key and wanted[0][1])
    for said, those in wanted:
        if len(those) > 1:
            listed = " and ".join(str(row + 1) for row in those)
            troubles.append(f"{said} is in rows {listed}: left as they are")
        elif those:
            found.update(those)
        elif not (by_key and len(given.people) == 1) and said != key:
            troubles.append(f"{said} is in no row")
    if not found and not troubles:
        troubles.append(f"{key or given.id} is in no row")
    return found, troubles

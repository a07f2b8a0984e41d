"""Tables of numbers: in full as JSON, to six digits and with units for the eye."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.columns import paragraph, table

Format = Callable[[Any], str]
Row = Mapping[str, Any]
GIB = 2**30


@dataclass(frozen=True)
class Column:
    """A column: the key in each row, what stands above it, and how a value is written."""

    key: str
    heading: str
    written: Format = str


@dataclass(frozen=True)
class Sheet:
    """A table. ``rows`` hold plain numbers in base units: bytes, flops, seconds."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    notes: tuple[str, ...] = field(default=())
    keys: int = 1  # so many columns name a row


def render(sheet: Sheet) -> str:
    """Return a sheet as text, numbers to the right."""
    cells = [
        ["" if row.get(c.key) is None else c.written(row[c.key]) for c in sheet.columns]
        for row in sheet.rows
    ]
    sides = "".join("l" if column.written is str else "r" for column in sheet.columns)
    shown = table(cells, [column.heading for column in sheet.columns], sides, sheet.keys)
    return "\n".join([*paragraph(sheet.title), "", shown, *_lines(sheet.notes)])


def _lines(notes: Iterable[str]) -> list[str]:
    lines = [line for note in notes for line in paragraph(note, further="   ")]
    return ["", *lines] if lines else []


def digits(number: float) -> str:
    """Write a number to six significant digits: 56.8889, 7.07123e+13."""
    return f"{number:.6g}"


def whole(number: float) -> str:
    """Write a count in full, with separators: 8,030,261,248."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.2f}"


def gigabytes(number: float) -> str:
    """Write bytes in GB, to six digits: 16.0605."""
    return digits(number / 1e9)


def gibibytes(number: float) -> str:
    """Write bytes in GiB, to six digits: 14.9575."""
    return digits(number / GIB)


def mebibytes(number: float) -> str:
    """Write bytes in MiB, to six digits."""
    return digits(number / 2**20)


def seconds(number: float) -> str:
    """Write a time in the unit that suits it: 10.2426 ms."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if number >= size:
            return f"{digits(number / size)} {unit}"
    return f"{digits(number / 1e-9)} ns" if number else "0"

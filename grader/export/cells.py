"""A table as a platform wrote it: cells are read, some are filled, every other byte stays.

The standard library's reader loses where a cell stood and how it was quoted; here each cell keeps
its place in the file. What counts as a cell is as there: quotes mean something at a cell's
beginning only, a doubled one within quotes is one, and lines end with CR, LF or both.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass

from grader.errors import UsageError

DELIMITERS = ",;\t"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_QUOTED = re.compile(r'"[^"]*(?:""[^"]*)*"')
_NUMBER = re.compile(r"-?\d+(?P<point>[.,]\d{1,2})?")  # "1,000" is a thousand


@dataclass(frozen=True)
class Cell:
    """What a cell says, and where in the text it stands with its quotes."""

    text: str
    begin: int
    end: int


@dataclass(frozen=True)
class Table:
    """The cells of a file, and all that is needed to write it again."""

    name: str
    bom: bytes
    encoding: str
    text: str
    delimiter: str
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def header(self) -> tuple[str, ...]:
        """Return the first row."""
        return tuple(cell.text.strip() for cell in self.rows[0])

    def cell(self, row: int, column: int) -> str:
        """Return what a cell says without spaces around it, nothing where there is none."""
        cells = self.rows[row]
        return cells[column].text.strip() if column < len(cells) else ""

    @property
    def decimal_comma(self) -> bool:
        """Whether numbers of this file have a comma before their decimals, and none a point."""
        points = {
            found["point"][0]
            for row in self.rows
            for cell in row
            if (found := _NUMBER.fullmatch(cell.text.strip())) and found["point"]
        }
        return points == {","}

    def filled(self, values: Mapping[tuple[int, int], str]) -> bytes:
        """Return the file with other cells by (row, column); raises UsageError for one not there.

        A cell that was quoted stays so, and one that needs quotes gets them.
        """
        parts, position = [], 0
        for (row, column), value in sorted(values.items()):
            if column >= len(self.rows[row]):
                raise UsageError(f"{self.name}, row {row + 1} has no cell {column + 1}")
            cell = self.rows[row][column]
            parts += [self.text[position : cell.begin], self._written(cell, value)]
            position = cell.end
        return self.bom + "".join([*parts, self.text[position:]]).encode(self.encoding)

    def _written(self, cell: Cell, value: str) -> str:
        quoted = self.text[cell.begin : cell.begin + 1] == '"'
        if quoted or any(char in value for char in f'{self.delimiter}"\r\n'):
            return '"' + value.replace('"', '""') + '"'
        return value


def read(data: bytes, name: str) -> Table:
    """Return the cells of a file in UTF-8, UTF-16 with its mark, or else Latin-1.

    Of comma, semicolon and tab the delimiter is what makes most cells of the first row. Raises
    UsageError for what cannot be read and written again without a loss.
    """
    bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", "utf-8"))
    body = data[len(bom) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        if bom:
            raise UsageError(f"{name} is not valid {encoding}: export it again") from None
        # Any bytes are Latin-1, and come back as they were.
        text, encoding = body.decode("latin-1"), "latin-1"
    if not text.strip() or "\x00" in text:
        raise UsageError(f"{name} is no table: give the CSV file as the platform exports it")
    delimiter = max(DELIMITERS, key=lambda each: len(_row(text, 0, each, name)[0]))
    rows, position = [], 0
    while position < len(text):
        row, position = _row(text, position, delimiter, name)
        rows.append(row)
    return Table(name, bom, encoding, text, delimiter, tuple(rows))


def _row(text: str, position: int, delimiter: str, name: str) -> tuple[tuple[Cell, ...], int]:
    """Return the cells of a line and where the next one begins."""
    rest = re.compile(rf"[^{delimiter}\r\n]*")
    cells = []
    while True:
        begin, said = position, ""
        if text.startswith('"', position):
            quoted = _QUOTED.match(text, position)
            if quoted is None:
                line = text.count("\n", 0, position) + 1
                raise UsageError(f"{name}, line {line}: a quote is never closed: export it again")
            said, position = quoted[0][1:-1].replace('""', '"'), quoted.end()
        tail = rest.match(text, position)
        assert tail is not None  # it matches nothing, too
        position = tail.end()
        cells.append(Cell(said + tail[0], begin, position))
        if not text.startswith(delimiter, position):
            break
        position += 1
    position += 2 if text.startswith("\r\n", position) else 1
    return tuple(cells), position

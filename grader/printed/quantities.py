"""Lines → quantities: every number that was printed, with all the words that say what it is of.

The reader does not decide what a label is. A number in a table stands in a row and in a column, and
either may be the label: `rows.assign` asks both. In a sentence the words before a number come
first, then those after it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from grader.printed import lines as rooms
from grader.printed.lines import Line
from grader.printed.numbers import Number, is_unit, joined, numbers

MAX_QUANTITIES = 1000
MAX_LABEL = 120
SMALL = 4096  # numbers over columns are counts of something, not results
ENDS = (" and ", ", ", "; ", ". ", " which ", " so ", " with ", " but ", " while ", "(", ")")
OPENERS = {"is", "are", "of", "to", "about", "needs", "takes", "has", "have", "only", "requires",
           "most", "uses", "be", "equals", "approximately", "roughly", "fits", "fit"}  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """A number as it was printed.

    ``value`` is in ``unit`` (as printed there, "" if none was), shown to ``digits`` significant
    digits of which the last is worth ``step``. ``operand`` says that it stands in a calculation
    and is not its result.
    """

    label: str  # the words of its row, or before it
    value: Fraction
    digits: int
    unit: str
    line: int
    text: str
    step: Fraction
    column: str = ""  # the words over it
    row: str = ""  # of a table whose rows begin with numbers: the first column and its number
    after: str = ""  # of a sentence: the words that follow it
    before: str = ""  # of a sentence: all of the line that comes before it
    heading: str = ""  # the last line before it that was words alone
    block: int = 0
    operand: bool = False

    def shows(self, exact: Fraction, scale: Fraction = Fraction(1)) -> bool:
        """Whether this is ``exact``, in units of ``scale``, rounded or truncated to its digits.

        A number of a single digit shows nothing, unless it is a whole number without a scale.
        """
        off = exact / scale - self.value
        if self.digits < 2 and not (scale == 1 and off == 0):  # noqa: PLR2004
            return False
        return -self.step / 2 <= off < self.step


def read(text: str) -> tuple[Quantity, ...]:
    """Return all quantities of a printed text in the order in which they stand there."""
    found: list[Quantity] = []
    reader = _Reader()
    for line in rooms.lines(text):
        heading = reader.heading
        found.extend(replace(one, heading=heading) for one in reader.quantities(line))
        if len(found) >= MAX_QUANTITIES:
            break
    return tuple(found[:MAX_QUANTITIES])


class _Reader:
    """What the lines before have said: the words over columns, and a label without its number."""

    def __init__(self) -> None:
        self.block = -1
        self.header: tuple[str, ...] = ()
        self.pending = ""
        self.heading = ""
        self.last = ""  # the label of the number before

    def quantities(self, line: Line) -> Iterator[Quantity]:
        """Yield the quantities of one line."""
        if line.block != self.block:
            first_of_block, self.block, self.header = True, line.block, ()
        else:
            first_of_block = False
        if len(line.cells) == 1:
            yield from self._sentence(line)
            return
        cells = _without_index(line.cells)
        values = [_is_value(cell) for cell in cells]
        if not any(values):
            if any(_numbers(cell) for cell in cells) and not _heads(cells):
                yield from self._sentence(line)  # pairs in cells: "Layers: 32 | Heads: 32"
            else:
                self.header = cells
                self.pending = ""
            return
        yield from self._row(line, cells, values)
        if first_of_block and _counts_up(cells):
            self.header = (cells[0], *(f"{cells[0]} {cell}" for cell in cells[1:]))

    # --- tables ---

    def _row(self, line: Line, cells: tuple[str, ...], values: list[bool]) -> Iterator[Quantity]:
        label, fresh = "", True
        row = f"{self._over(0, len(cells))} {cells[0]}" if values[0] else cells[0]
        for at, cell in enumerate(cells):
            if not values[at]:
                label = cell if fresh or not label else f"{label} {cell}"
                fresh = False
                # A formula, or a result with words before it, beside a label.
                if at and _numbers(cell) and not self.header:
                    yield from _of_sentence(line, cell, prefix=cells[0])
                elif at and _numbers(cell):
                    column = self._over(at, len(cells))
                    yield from _of_sentence(line, cell, prefix=cells[0], column=column)
                continue
            column = self._over(at, len(cells))
            near = cells[at + 1] if at + 1 < len(cells) else ""
            for number in _numbers(cell):
                yield Quantity(
                    label=label[:MAX_LABEL],
                    value=number.value,
                    digits=number.digits,
                    unit=number.unit or (near if is_unit(near) else ""),
                    line=line.number,
                    text=cell[number.start : number.end],
                    step=number.step,
                    column=column[:MAX_LABEL],
                    row=row[:MAX_LABEL],
                    before=line.text[:MAX_LABEL],
                    block=line.block,
                    operand=_is_operand(cell, number),
                )
            fresh = True

    def _over(self, at: int, width: int) -> str:
        """Return the words over a cell; a header without its first cells is aligned right."""
        place = at - (width - len(self.header))
        return self.header[place] if 0 <= place < len(self.header) else ""

    # --- sentences ---

    def _sentence(self, line: Line) -> Iterator[Quantity]:
        goes_on = line.text.startswith("=")  # a calculation over several lines
        pending = self.last if goes_on else self.pending
        found = list(_of_sentence(line, line.text, pending=pending))
        yield from found
        self.last = found[-1].label if found else "" if line.text[:1].isalnum() else self.last
        self.pending = "" if found else line.text[:MAX_LABEL]
        self.heading = self.heading if found else self.pending


def _of_sentence(
    line: Line, text: str, *, pending: str = "", prefix: str = "", column: str = ""
) -> Iterator[Quantity]:
    """Yield the results of a sentence; numbers in brackets of its label are part of the label."""
    zone = _label_zone(text)
    label = prefix or pending
    last = 0
    found = [n for n in _numbers(text) if not (n.start < zone and _in_brackets(text, n.start))]
    for index, number in enumerate(found):
        stop = found[index + 1].start if index + 1 < len(found) else len(text)
        between = text[last : number.start]
        if any(char.isalpha() for char in between):
            label = f"{prefix} {between}" if prefix else between
        after, used = _following(text[number.end : stop], final=stop == len(text))
        last = number.end + used
        yield Quantity(
            label=label.strip(" :=-~.,#*>\t")[-MAX_LABEL:],
            value=number.value,
            digits=number.digits,
            unit=number.unit,
            line=line.number,
            text=text[number.start : number.end],
            step=number.step,
            column=column[:MAX_LABEL],
            after=after.strip()[:MAX_LABEL],
            before=text[max(0, number.start - MAX_LABEL) : number.start],
            block=line.block,
            operand=_is_operand(text, number),
        )


def _following(between: str, *, final: bool) -> tuple[str, int]:
    """Return the words after a number that speak of it, and how many characters they take.

    Words that lead up to the next number ("needs", "=") are that number's label.
    """
    ends = [at for mark in ENDS if (at := between.find(mark)) >= 0]
    if ends:
        return between[: min(ends)], min(ends)
    if final:
        return between, len(between)
    tail = between.rstrip()
    leads = tail.endswith((":", "=", "~")) or tail.rpartition(" ")[2].lower() in OPENERS
    if not leads:
        return between, len(between)
    first = between.split(maxsplit=1)
    return (first[0], 0) if first and first[0].isalpha() else ("", 0)


def _label_zone(text: str) -> int:
    """Return where a line's label ends: at its first colon or equals sign outside brackets."""
    depth = 0
    for at, char in enumerate(text):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth = max(0, depth - 1)
        elif char in ":=" and depth == 0:
            return at
    return 0


def _in_brackets(text: str, at: int) -> bool:
    start = max(0, at - MAX_LABEL)
    return text.rfind("(", start, at) > text.rfind(")", start, at) or (
        text.rfind("[", start, at) > text.rfind("]", start, at)
    )


# --- cells ----------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=128)
def _numbers(text: str) -> tuple[Number, ...]:
    return tuple(joined(list(numbers(text)), text))


def _is_value(cell: str) -> bool:
    """Whether a cell holds a value: it begins with a number, maybe after a sign."""
    head = cell.lstrip(" ~=<>$+-(").lstrip()
    return head[:1].isdigit() or (head[:1] == "." and head[1:2].isdigit())


def _heads(cells: Sequence[str]) -> bool:
    """Whether cells with numbers in them are words over columns: X=1, TP = 2, 80 GB (A100)."""
    return all(len(_numbers(cell)) <= 1 for cell in cells) and not any(
        not _numbers(cell) and is_unit(cell) for cell in cells
    ) and (not _numbers(cells[0]) or len({_letters(c) for c in cells}) == 1)  # fmt: skip


def _letters(cell: str) -> str:
    return "".join(char for char in cell if char.isalpha()).lower()


def _counts_up(cells: Sequence[str]) -> bool:
    """Whether these are a label and increasing small whole numbers: TP size | 1 | 2 | 4."""
    if len(cells) < 3 or _is_value(cells[0]):  # noqa: PLR2004 - a label and two columns
        return False
    firsts = [_numbers(cell)[:1] for cell in cells[1:]]
    values = [number[0].value for number in firsts if number and number[0].step == 1]
    return (
        len(values) == len(cells) - 1
        and values == sorted(set(values))
        and values[-1] <= SMALL
        and len({_letters(cell) for cell in cells[1:]}) == 1
    )


def _without_index(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Drop the row number that a data frame prints before a label."""
    indexed = len(cells) > 2 and cells[0].isdigit() and not _is_value(cells[1])  # noqa: PLR2004
    return cells[1:] if indexed and not is_unit(cells[1]) else cells


def _is_operand(text: str, number: Number) -> bool:
    """Whether a number stands in a calculation: beside an operator, or as a function's argument."""
    left = text[max(0, number.start - 8) : number.start].rstrip()
    right = text[number.end : number.end + 40].lstrip()
    if right.startswith("("):  # 2 (K and V) * layers
        right = right.partition(")")[2].lstrip()
    if left[-1:] in tuple("*/^+") or right[:1] in tuple("*/^+"):
        return True
    if left.endswith("x") and left[:-1].rstrip()[-1:].isdigit():
        return True
    if right.startswith("x ") and right[2:3].isdigit():
        return True
    if right[:1] == "-" and (right[1:].lstrip()[:1].isalnum() or right[1:].lstrip()[:1] == "("):
        return right[:2] != "->" and not right[1:].lstrip()[:1].isalpha()
    if left.endswith("-") and (left[:-1].rstrip()[-1:].isdigit() or left[:-1].endswith(")")):
        return True
    return _in_calculation(text, number.start)


def _in_calculation(text: str, at: int) -> bool:
    """Whether the bracket that is open here is a function's, or holds an operator before here."""
    start = max(0, at - MAX_LABEL)
    opened = text.rfind("(", start, at)
    if opened < text.rfind(")", start, at) + 1:
        return False
    inside = text[opened + 1 : at]
    return text[opened - 1 : opened].isalpha() or any(sign in inside for sign in "*/^+")

"""Tables for a terminal of 80 columns: what is too wide is wrapped, and nothing is cut off.

A table of so many numbers that they do not fit side by side becomes several, one below the other,
each with the columns that name a row.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from tabulate import tabulate

WIDTH = 80
NARROWEST = 12  # that a column of words is made
_GAP = 2  # between columns
_PAD = 2  # what tabulate puts beside a heading


def table(
    rows: Sequence[Sequence[object]],
    headers: Sequence[str],
    align: str = "",
    keys: int = 1,
    width: int = WIDTH,
) -> str:
    """Return a table of at most ``width`` columns.

    ``align`` has a letter for each column: l to the left (default, and wrapped where the table is
    too wide, the widest column first), r to the right, of numbers, which are never broken. The
    first ``keys`` columns name a row.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    align = align or "l" * len(headers)
    widths = _fitted(cells, headers, align, width)
    if _sum(widths) > width and len(headers) > keys + 1:
        return "\n\n".join(
            table([[row[at] for at in some] for row in cells], [headers[at] for at in some],
                  "".join(align[at] for at in some), keys, width)
            for some in _parts(widths, keys, width)
        )  # fmt: skip
    return tabulate(
        [[_wrapped(cell, at, side) for cell, at, side in zip(row, widths, align, strict=True)]
         for row in cells],
        headers=[_wrapped(head, at - _PAD, "l") for head, at in zip(headers, widths, strict=True)],
        colalign=["right" if side == "r" else "left" for side in align] if cells else None,
        disable_numparse=True,
        preserve_whitespace=False,
    )  # fmt: skip


def paragraph(text: str, first: str = "", further: str = "", width: int = WIDTH) -> list[str]:
    """Return the lines of a text, indented by ``first`` and then by ``further``."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=further, break_on_hyphens=False
    )


def _fitted(
    cells: Sequence[Sequence[str]], headers: Sequence[str], align: str, width: int
) -> list[int]:
    """Return the widths of columns: what they need, less where all of them are too wide."""
    columns = list(zip(*cells, strict=True)) or [()] * len(headers)
    inside = [max(map(_width, column), default=0) for column in columns]
    widths = [max(at, len(head) + _PAD) for at, head in zip(inside, headers, strict=True)]
    least = [
        max([at if side == "r" else min(at, NARROWEST), *(len(w) + _PAD for w in head.split())])
        for at, head, side in zip(inside, headers, align, strict=True)
    ]
    while _sum(widths) > width:
        free = [at for at, size in enumerate(widths) if size > least[at]]
        if not free:
            break
        widest = max(free, key=lambda at: widths[at])
        widths[widest] -= 1
    return widths


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _parts(widths: Sequence[int], keys: int, width: int) -> Iterator[list[int]]:
    """Yield the columns of each of the tables that one too wide becomes."""
    named = list(range(keys))
    some = [*named]
    for at in range(keys, len(widths)):
        if len(some) > keys and _sum([widths[each] for each in (*some, at)]) > width:
            yield some
            some = [*named]
        some.append(at)
    yield some


def _width(cell: str) -> int:
    return max(map(len, cell.splitlines()), default=0)


def _wrapped(cell: str, width: int, side: str) -> str:
    if side == "r" or _width(cell) <= width:
        return cell
    return "\n".join(_broken(cell, width))


def _broken(cell: str, width: int) -> Iterator[str]:
    """Yield the lines of a cell; a word that is too long is broken, best behind a mark in it."""
    for line in cell.splitlines():
        for piece in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False):
            while len(piece) > width:
                at = 1 + max(piece.rfind(mark, 0, width) for mark in "_-/.,:")
                at = at if at > width // 2 else width
                yield piece[:at]
                piece = piece[at:]  # noqa: PLW2901 - what is left of it
            yield piece

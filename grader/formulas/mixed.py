"""Text with formulas in it: prose and formulas apart, whatever marks are missing."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from grader.formulas.outline import BLANK, MAX_LAYER, Outline
from grader.formulas.statements import statements

_OPEN = re.compile(
    r"(?<!\\)(?P<double>\$\$)|(?<!\\)(?P<single>\$)|(?P<square>\\\[)|(?P<round>\\\()"
    r"|\\begin\s*\{(?P<env>equation|align|alignat|gather|multline|displaymath|math|eqnarray|flalign)"
    r"(?P<star>\*?)\}(?:\{\d\})?"
)
_MAX_FORMULA = 8_000


@dataclass(frozen=True)
class Piece:
    """Part of a text: prose or a formula."""

    kind: str  # "prose", "display", "inline"
    text: str
    at: int  # where in the text it begins
    closed: bool = True


def pieces(text: str) -> Iterator[Piece]:
    """Split a text into prose and formulas.

    A formula ends at its mark or, where that is missing, at a blank line: a ``$$`` that is never
    closed costs the formulas after it nothing. A single ``$`` that is never closed is prose.
    """
    start = at = 0
    while found := _OPEN.search(text, at):
        begin = found.end()
        blank = BLANK.search(text, begin, begin + _MAX_FORMULA)
        limit = blank.start() if blank else min(len(text), begin + _MAX_FORMULA)
        closer, end = _closer(found, text, begin, limit)
        if end < 0 and (found["single"] or found["round"]):
            at = begin
            continue
        if found.start() > start:
            yield Piece("prose", text[start : found.start()], start)
        inside = text[begin : end if end >= 0 else limit]
        yield Piece("inline" if found["single"] or found["round"] else "display",
                    inside, found.start(), closed=end >= 0)  # fmt: skip
        start = at = (end + len(closer)) if end >= 0 else limit
    if start < len(text):
        yield Piece("prose", text[start:], start)


def _closer(found: re.Match[str], text: str, begin: int, limit: int) -> tuple[str, int]:
    if found["env"]:
        closer = f"\\end{{{found['env']}{found['star']}}}"
        limit = begin + _MAX_FORMULA  # blank lines do no harm inside
    else:
        closer = {"$$": "$$", "$": "$", "\\[": "\\]", "\\(": "\\)"}[found[0]]
    end = text.find(closer, begin, limit)
    while end > 0 and closer[0] == "$" and text[end - 1] == "\\":
        end = text.find(closer, end + 1, limit)
    return closer, end


_CLAUSE = re.compile(
    r"((?:,|;|\band\b|\bwhile\b|\bwhich\b|\bvs\b\.?)\s+|(?<=\w)[.!]\s+(?=[A-Z])|(?<=\d)\s+(?=[A-Za-z]{3,}\s*=))"
)
_ASSIGNED = re.compile(r"[=:≈]|\b(?:is|takes?)\b.*\d")
_QUANTITY = re.compile(
    r"\s*(?:about|around|roughly|approx\.?|approximately|~)?\s*[\d.,]*\d(?:[eE][-+]?\d{1,2})?\s*"
    r"(?:[kKMGTP]i?)?(?:B|[bB]ytes?|[fF][lL][oO][pP][sS]?|ms|µs|μs|us|s|x|×|times)\b[^\d=]{0,30}"
)


def lines_of(outline: Outline, prose: str, line: int) -> None:
    """Take prose: a clause with ``=``, ``:`` or "is" in it may hold a formula as plain text."""
    rows = prose.split("\n")
    for offset, row in enumerate(rows):
        outline.line = line + offset
        for clause in _CLAUSE.split(row):
            if (_ASSIGNED.search(clause) or _QUANTITY.fullmatch(clause)) and len(
                clause
            ) < MAX_LAYER:
                outline.formula(clause.strip(), line + offset, "text")
            outline.prose(clause)
        outline.prose("\n", ends=offset + 1 == len(rows))


_NUMBER = re.compile(r"(?:[\d.,\s{}^+~-]|\\(?:times|cdot|approx|sim|[,;:! ])|[=≈×·])*\d[\d.,\s{}]*")
_UNIT = re.compile(
    r"\s{0,2}((?:(?:[kKMGTP]i?)?(?:B|[bB]ytes?|[fF][lL][oO][pP][sS]?)|(?:ms|µs|μs|us|ns|s|seconds|"
    r"milliseconds|microseconds))(?![\w/])|(?:x|×|times)(?:\s+(?:as\s+fast|faster|quicker|speed-?up))?"
    r"(?=\s|[.,;)]|$))"
)


_TIMES = re.compile(r"(?<=\d)\s*(?:\\times|×|x)\s*$")  # at the end it multiplies nothing


def unit_behind(piece: Piece, after: str) -> str:
    r"""Return the unit that stands behind a number and outside of its marks: ``$3.1$ GB``."""
    last = piece.text.rpartition("=")[2]
    if piece.kind == "inline" and _NUMBER.fullmatch(last) and (unit := _UNIT.match(after)):
        return f"\\ \\text{{{unit[1].replace('×', 'x')}}}"
    return ""


def line_ends(text: str) -> list[int]:
    """Return where lines end; how many lie before a position is then found by bisection."""
    return [found.start() for found in re.finditer("\n", text)]


def mixed(outline: Outline, text: str, line: int) -> None:
    """Take a text with formulas between marks; ``line`` is the number of its first line."""
    lines = line_ends(text)
    found = list(pieces(text))
    for number, piece in enumerate(found):
        at = line + bisect.bisect_left(lines, piece.at)
        if piece.kind == "prose":
            start, inner = 0, line_ends(piece.text)
            for blank in [*BLANK.finditer(piece.text), None]:
                end = blank.start() if blank else len(piece.text)
                lines_of(outline, piece.text[start:end], at + bisect.bisect_left(inner, start))
                if blank:
                    outline.paragraph()
                    start = blank.end()
        else:
            after = found[number + 1].text if number + 1 < len(found) else ""
            inside = _TIMES.sub("", piece.text)
            behind = after if inside == piece.text else f"x{after}"
            unit = unit_behind(replace(piece, text=inside), behind)
            outline.formula(inside.replace("\n", " ") + unit, at, piece.kind)
            for offset, row in statements(piece.text) if piece.kind == "display" else ():
                outline.formula(row.replace("\n", " "), at + offset, piece.kind)
            if not piece.closed:
                outline.paragraph()


_SYMBOL = re.compile(r"[A-Za-z]\w?")
_NUMBERED = re.compile(r"[\s*_]*(?:question|q)?\s*(\d{1,2})[.):]+(?=[\s*_]|$)", re.IGNORECASE)
_EXPLAINS = re.compile(
    r"\W*(?:explanation|why|reason(?:ing)?|notes?|comments?|remarks?)\W*", re.IGNORECASE
)


def table_row(outline: Outline, header: Sequence[str], cells: Sequence[str], line: int) -> None:
    """Report the cells of a table's row, each with what its column and its row are called.

    A row whose first cell begins with a number answers the question of that number.
    """
    if number := _NUMBERED.match(cells[0]) if cells and len(cells) > 1 else None:
        outline.question(f"Q{number[1]}")
    for i, cell in enumerate(cells[1:], 1):
        near = (header[i] if i < len(header) else "", _row(header, cells[:i]))
        parts = list(pieces(cell))
        inner = [
            piece.text + unit_behind(piece, after.text if after else "")
            for piece, after in zip(parts, [*parts[1:], None], strict=True)
            if piece.kind != "prose"
        ]
        kind = "inline" if _EXPLAINS.fullmatch(near[0]) else "display"
        for text in inner or [cell.strip("` ")]:
            outline.formula(text, line, kind, near)
    if number:
        outline.question("")


def _row(header: Sequence[str], before: Sequence[str]) -> str:
    """Return what the cells before one say of it: "B = 1, N = 32", or the first with its header."""
    named = [
        f"{name} = {cell}"
        for name, cell in zip(header, before, strict=False)
        if _SYMBOL.fullmatch(name.strip("$ *`"))
    ]
    return ", ".join(named) if named else f"{before[0]}. {header[0]}"

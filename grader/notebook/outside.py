"""What was changed outside the blocks: the cells of a notebook beside those of its template.

Cells are matched by what they hold, wherever they stand. Cells that the template marks as free, and
words, may be changed; everything else is told, cell by cell, as a difference.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grader.notebook import markers
from grader.notebook.books import Book, Cell
from grader.notebook.clean import FREE

ALIKE = 0.5  # share of lines in common from which on two cells are the same one, changed
MAX_LINES = 2_000  # of each cell
MAX_COMPARED = 300  # cells of each side, and lines of each difference
_ENVIRONMENT = ("!", "%", "from google.colab", "import google.colab", "drive.mount", "files.upload",
                "files.download", "get_ipython(")  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One cell that is not as it was given out.

    ``kind`` is changed, added or removed; ``cell`` is the notebook's number, 0 for removed ones.
    A harmless change sets up a machine, or lies in words and free cells.
    """

    kind: str
    cell: int
    of: int  # number of the template's cell, 0 for added ones
    is_harmless: bool
    diff: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Return what was done, in words."""
        if self.kind == "removed":
            return f"cell {self.of} of what was given out is missing"
        more = sum(line.startswith("+") for line in self.diff)
        less = sum(line.startswith("-") for line in self.diff)
        what = "was added" if self.kind == "added" else "was changed outside the blocks"
        return f"cell {self.cell} {what} ({more} lines added, {less} removed)"


def changes(book: Book, template: Book, words: str) -> tuple[Change, ...]:
    """Return what is not as it was given out, in the order of the notebook."""
    if book.is_export:
        found = list(_whole(book, template, words))
    else:
        found = list(_by_cells(book, template, words))
    return tuple(sorted(found, key=lambda change: (change.cell or change.of, change.kind)))


def _whole(book: Book, template: Book, words: str) -> Iterator[Change]:
    """Compare all code of an export with all of the template's: its cells may run together."""
    own = [line for cell in book.code for line in _lines(cell, words)]
    theirs = [line for cell in template.code for line in _lines(cell, words)]
    free = {line for cell in template.code if FREE in cell.tags for line in _lines(cell, words)}
    extra, less = Counter(own) - Counter(theirs), Counter(theirs) - Counter(own)
    diff = [f"+{line}" for line in extra] + [f"-{line}" for line in less if line not in free]
    if diff:
        yield Change("changed", 1, 1, _is_harmless(diff), tuple(diff[:MAX_COMPARED]))


def _by_cells(book: Book, template: Book, words: str) -> Iterator[Change]:
    own = [(cell, _lines(cell, words)) for cell in book.code][:MAX_COMPARED]
    theirs = [(cell, _lines(cell, words)) for cell in template.code]
    pairs: dict[int, int] = {}  # index of own cells -> index of the template's
    for rank in _ranks(own, theirs):
        _, mine, its = rank
        if mine not in pairs and its not in pairs.values():
            pairs[mine] = its
    for index, (cell, lines) in enumerate(own):
        given, given_lines = theirs[pairs[index]] if index in pairs else (None, [])
        if lines == given_lines or not any(lines):
            continue
        diff = _diff(given_lines, lines)
        free = given is not None and FREE in given.tags
        kind = "changed" if given else "added"
        number = given.number if given else 0
        yield Change(kind, cell.number, number, free or _is_harmless(diff), diff)
    for its, (given, lines) in enumerate(theirs):
        if its not in pairs.values() and any(lines):
            diff = tuple(f"-{line}" for line in lines)
            yield Change("removed", 0, given.number, FREE in given.tags, diff)


def _ranks(
    own: Sequence[tuple[Cell, list[str]]], theirs: Sequence[tuple[Cell, list[str]]]
) -> list[tuple[float, int, int]]:
    """Return pairs of cells that may be one, the likeliest first; equal ones by their order."""
    counted = [(Counter(lines), len(lines)) for _, lines in theirs]
    found = []
    for mine, (_, lines) in enumerate(own):
        bag = Counter(lines)
        for its, (other, length) in enumerate(counted):
            alike = 2 * (bag & other).total() / max(1, len(lines) + length)
            if alike >= ALIKE:
                found.append((-alike, mine, its))
    return sorted(found)


def _lines(cell: Cell, words: str) -> list[str]:
    """Return a cell's lines without its blocks, comments at its ends and blank lines."""
    lines = [line.rstrip() for line in markers.without_blocks(cell.text, words)]
    return [line for line in lines if line][:MAX_LINES]


def _diff(theirs: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    before, after = theirs[:MAX_COMPARED], own[:MAX_COMPARED]
    found = list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]
    return tuple(line[:300] for line in found if not line.startswith("@@"))


def _is_harmless(diff: Sequence[str]) -> bool:
    """Whether all that was added sets up a machine, or says something: nothing is computed."""
    changed = [line for line in diff if line[:1] in "+-"]
    added = [line[1:].strip() for line in changed if line.startswith("+")]
    return len(added) == len(changed) and all(
        line.startswith((*_ENVIRONMENT, "#", "pip ")) for line in added
    )

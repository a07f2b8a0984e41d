"""The solution blocks of a notebook, matched with those of the template.

A block is known by its identifier, else by what stands before it, else by its order. What is odd
about one is said in a sentence; what is found of it is graded all the same.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from grader.notebook import markers
from grader.notebook.books import Book
from grader.notebook.markers import Found
from grader.text import shown

CONTEXT = 3  # lines of code before a block that tell where it belongs
REACH = 60  # lines of any kind that are looked through for them
_NOTHING = re.compile(r"(?:pass|\.\.\.|;|\s)*")


@dataclass(frozen=True)
class Slot:
    """A block of the template: where a student's text goes."""

    id: str
    cell: int  # number of its cell
    indent: int
    text: str  # what students find there
    before: tuple[str, ...]  # the code before it, the nearest line last
    after: str  # the code after it


@dataclass(frozen=True)
class Block:
    """What was handed in for one block.

    ``state`` is filled, unfilled (as it was given out), empty, or lost; ``cell`` is 0 if lost.
    """

    id: str
    state: str
    text: str = ""
    cell: int = 0


@dataclass(frozen=True)
class _Candidate:
    """A block in a notebook with what stands around it."""

    cell: int
    before: tuple[str, ...]
    found: Found
    text: str

    @property
    def name(self) -> str:
        return markers.key(self.found.id)


def slots(template: Book, words: str) -> tuple[Slot, ...]:
    """Return the blocks of a template, whose markers are as they should be."""
    made = []
    for cell in template.code:
        lines = cell.text.split("\n")
        for found in markers.blocks_in(cell.text, words):
            line = lines[found.begin]
            after = [each.strip() for each in lines[found.end + 1 :] if _is_code(each)]
            made.append(
                Slot(
                    id=found.id,
                    cell=cell.number,
                    indent=len(line) - len(line.lstrip()),
                    text=found.text,
                    before=_before(lines, found.begin, words),
                    after=after[0] if after else "",
                )
            )
    return tuple(made)


def match(book: Book, template: Sequence[Slot], words: str) -> tuple[list[Block], list[str]]:
    """Return a block for each slot in the template's order, and what there is to say."""
    remarks: list[str] = []
    candidates = list(_candidates(book, template, words, remarks))
    chosen: dict[str, list[_Candidate]] = {slot.id: [] for slot in template}
    names = {markers.key(slot.id): slot.id for slot in template}
    strays = []
    for candidate in candidates:
        if candidate.name in names:
            chosen[names[candidate.name]].append(candidate)
        else:
            strays.append(candidate)
    _assign(strays, chosen, template, remarks)
    blocks = []
    for slot in template:
        if (best := _best(slot, chosen[slot.id], remarks)) is None:
            blocks.append(_recovered(book, slot, words, remarks))
        else:
            blocks.append(Block(slot.id, _state(best.text, slot), best.text, best.cell))
    return blocks, remarks


def _candidates(
    book: Book, template: Sequence[Slot], words: str, remarks: list[str]
) -> Iterable[_Candidate]:
    after = {markers.key(slot.id): slot.after for slot in template}
    for cell in book.code:
        lines = cell.text.split("\n")
        for found in markers.blocks_in(cell.text, words):
            text = found.text
            name = f"the block {shown(found.id) or 'without an identifier'} in cell {cell.number}"
            if not found.is_closed:
                text = _up_to(text, after.get(markers.key(found.id), ""))
                remarks.append(f"{name} has no end marker: it was read up to where it should end")
            if found.is_nested:
                remarks.append(f"{name} stands inside another block: they were taken apart")
            if found.end_id and markers.key(found.end_id) != markers.key(found.id):
                remarks.append(f"{name} is ended by a marker of {shown(found.end_id)}")
            yield _Candidate(cell.number, _before(lines, found.begin, words), found, text)


def _assign(
    strays: list[_Candidate],
    chosen: dict[str, list[_Candidate]],
    template: Sequence[Slot],
    remarks: list[str],
) -> None:
    """Give blocks without a known name to slots: by the code before them, else by their order."""
    left = []
    for stray in strays:
        agreed = [(_agreement(slot.before, stray.before), slot) for slot in template]
        most = max((count for count, _ in agreed), default=0)
        same = [slot for count, slot in agreed if count == most]
        if most and len(same) == 1 and not chosen[same[0].id]:
            chosen[same[0].id].append(stray)
            _say_taken(stray, same[0], remarks)
        else:
            left.append(stray)
    free = [slot for slot in template if not chosen[slot.id]]
    if len(left) == len(free):
        for stray, slot in zip(left, free, strict=True):
            chosen[slot.id].append(stray)
            _say_taken(stray, slot, remarks)
        return
    for stray in left:
        what = shown(stray.found.id) or "without an identifier"
        remarks.append(
            f"the block {what} in cell {stray.cell} is none that was asked for: left out"
        )


def _say_taken(stray: _Candidate, slot: Slot, remarks: list[str]) -> None:
    what = f"the block {shown(stray.found.id)}" if stray.found.id else "a block without identifier"
    remarks.append(f"{what} in cell {stray.cell} was taken for {slot.id}, by its place")


def _best(slot: Slot, candidates: Sequence[_Candidate], remarks: list[str]) -> _Candidate | None:
    """Return the one that counts: as when the notebook runs, the last that is filled in."""
    if not candidates:
        return None
    filled = [c for c in candidates if _state(c.text, slot) == "filled"]
    best = (filled or candidates)[-1]
    if len({plain(c.text) for c in filled}) > 1:
        cells = ", ".join(str(c.cell) for c in filled)
        remarks.append(
            f"the block {slot.id} is there {len(filled)} times, filled in differently (cells "
            f"{cells}): the last one counts"
        )
    return best


def _recovered(book: Book, slot: Slot, words: str, remarks: list[str]) -> Block:
    """Find a block that has lost its markers, by the code that stands around it."""
    places = list(itertools.islice(_places(book, slot, words), 2))  # two are one too many
    if len(places) == 1:
        ((cell, lines),) = places
        ends = (i for i, line in enumerate(lines) if markers.marker(line, words))
        text = _up_to("\n".join(lines[: next(ends, len(lines))]), slot.after)
        if _state(text, slot) == "filled":
            remarks.append(
                f"the block {slot.id} has lost its markers: what stands in its place in cell "
                f"{cell} was taken"
            )
            return Block(slot.id, "filled", text, cell)
    remarks.append(f"the block {slot.id} is nowhere to be found")
    return Block(slot.id, "lost")


def _places(book: Book, slot: Slot, words: str) -> Iterator[tuple[int, list[str]]]:
    """Yield cells, and their lines from where a block's context ends."""
    for cell in book.code:
        lines = cell.text.split("\n")
        for index, line in enumerate(lines, 1):
            if not slot.before or line.strip() != slot.before[-1]:
                continue
            if _agreement(slot.before, _before(lines, index, words)) == len(slot.before):
                yield cell.number, lines[index:]


def _state(text: str, slot: Slot) -> str:
    code = plain(text)
    if _NOTHING.fullmatch(code):
        return "empty"
    return "unfilled" if code == plain(slot.text) else "filled"


def plain(text: str) -> str:
    """Return code without comments of their own line, blank lines and indentation."""
    return "\n".join(line.strip() for line in text.split("\n") if _is_code(line))


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _before(lines: Sequence[str], index: int, words: str) -> tuple[str, ...]:
    """Return the code before a line and after the marker before that: `CONTEXT` lines at most."""
    found: list[str] = []
    for line in reversed(lines[max(0, index - REACH) : index]):
        if len(found) == CONTEXT or markers.marker(line, words):
            break
        if _is_code(line):
            found.insert(0, line.strip())
    return tuple(found)


def _agreement(wanted: Sequence[str], got: Sequence[str]) -> int:
    """Return how many lines agree, counted from the nearest one."""
    count = 0
    for one, other in zip(reversed(wanted), reversed(got), strict=False):
        if one != other:
            break
        count += 1
    return count


def _up_to(text: str, line: str) -> str:
    """Return a text up to a line of code, or all of it."""
    lines = text.split("\n")
    at = next((i for i, each in enumerate(lines) if line and each.strip() == line), len(lines))
    return "\n".join(lines[:at])

"""Text -> solution blocks, by their markers, whatever has become of those.

A marker is a comment of its own line: a run of ``#`` of any length at any indentation, the pack's
words for it ("Solution Block"), and an identifier, which may be missing. "End" before or after the
words makes it the end of a block.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_EDGE = re.compile(r"^[#=*~_\-\s]+|[#=*~_\-\s]+$")
_SIDES = {"end": True, "ends": True, "stop": True, "begin": False, "begins": False, "start": False,
          "starts": False}  # fmt: skip
_FILLING = {"of", "here", "the", "your"}
_WORDS = 2  # more of them after the marker's own, and it is a sentence about a block
MAX_LINE = 200
MAX_BLOCKS = 200  # of one cell


@dataclass(frozen=True)
class Marker:
    """One line that begins or ends a block."""

    id: str  # as written, or nothing
    is_end: bool


@dataclass
class Found:
    """A block as it stands in a text: the lines between its markers, without blocks within it."""

    id: str  # as its marker says, or nothing
    begin: int  # index of the marker's line
    end: int = -1  # index of the line after its last; -1 until it is known
    is_closed: bool = False
    is_nested: bool = False
    lines: list[str] = field(default_factory=list)
    before_inner: int = -1  # how many of the lines stand before the first block within it
    end_id: str = ""

    @property
    def text(self) -> str:
        """Return the block's text; of one that never ends, what stands before the next one."""
        cut = self.before_inner if not self.is_closed and self.before_inner >= 0 else None
        return "\n".join(self.lines[:cut])


def key(identifier: str) -> str:
    """Return what identifiers are compared by: SA-1, sa_1 and SA1 are one."""
    return re.sub(r"[^0-9a-z]", "", identifier.lower())


def marker(line: str, words: str) -> Marker | None:
    """Return the marker that a line is, or None. ``words`` are the pack's: "Solution Block"."""
    line = line.strip()
    if not line.startswith("#") or len(line) > MAX_LINE:
        return None
    said = _EDGE.sub("", line).replace(":", " ").lower().split()
    wanted = words.lower().split()
    at = next((i for i in range(len(said)) if said[i : i + len(wanted)] == wanted), None)
    if at is None:
        return None
    is_end, rest = False, []
    for word in (*said[:at], *said[at + len(wanted) :]):
        if word in _SIDES:
            is_end = is_end or _SIDES[word]
        elif word not in _FILLING and key(word):
            rest.append(word)
    if len(rest) > _WORDS or (at and rest and said[0] not in _SIDES):
        return None
    return Marker("".join(rest).upper(), is_end)


def blocks_in(text: str, words: str) -> list[Found]:
    """Return the blocks of a text in the order of their beginnings."""
    found: list[Found] = []
    open_: list[Found] = []
    lines = text.split("\n")
    for index, line in enumerate(lines):
        mark = marker(line, words)
        if mark is None:
            if open_:
                open_[-1].lines.append(line)
        elif not mark.is_end and len(found) < MAX_BLOCKS:
            if open_ and open_[-1].before_inner < 0:
                open_[-1].before_inner = len(open_[-1].lines)
            block = Found(mark.id, index, is_nested=bool(open_))
            open_.append(block)
            found.append(block)
        elif mark.is_end and open_:
            _close(open_, mark, index)
    for block in open_:
        later = [other.begin for other in found if other.begin > block.begin]
        block.end = min(later, default=len(lines))
    return found


def _close(open_: list[Found], mark: Marker, index: int) -> None:
    """End the block that an end marker names, or the innermost one."""
    names = [key(block.id) for block in open_]
    at = len(open_) - 1
    if mark.id and key(mark.id) in names:
        at = len(names) - 1 - names[::-1].index(key(mark.id))
    block = open_[at]
    block.end, block.is_closed, block.end_id = index, True, mark.id
    for left in open_[at + 1 :]:  # they were begun later, and never ended
        left.end = left.begin + 1 + len(left.lines)
    del open_[at:]


def without_blocks(text: str, words: str) -> list[str]:
    """Return the lines of a text that belong to no block; one line stands for each block."""
    kept: list[str] = []
    lines, at = text.split("\n"), 0
    for block in blocks_in(text, words):
        if block.begin < at:
            continue
        kept += [*lines[at : block.begin], f"<{key(block.id)}>"]
        at = block.end + 1 if block.is_closed else block.end
    kept += lines[at:]
    return [line for line in kept if marker(line, words) is None]

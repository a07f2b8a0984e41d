"""The clean copy: the template's own code with a student's blocks in it, as one Python module.

Only cells that the template tags `GRADED` go into it, so that benchmarks and plots do not run, and
nothing that was changed outside the blocks counts. A block that is missing, empty or no Python is
replaced by an exception that says so: the others are graded.
"""

from __future__ import annotations

from collections.abc import Mapping

from grader.notebook import helpers, markers, python
from grader.notebook.blocks import Block, Slot
from grader.notebook.books import Book

GRADED = "graded"  # the tag of a template's cell that goes into the module
FREE = "free"  # the tag of one that students may change as they like


def module(template: Book, texts: Mapping[str, str], words: str, *tail: str) -> str:
    """Return the module; ``texts`` go into the blocks as they are, the others stay unfilled."""
    pieces = []
    by_key = {markers.key(name): text for name, text in texts.items()}
    for cell in template.code:
        if GRADED not in cell.tags:
            continue
        lines = cell.text.split("\n")
        for found in reversed(markers.blocks_in(cell.text, words)):
            if (text := by_key.get(markers.key(found.id))) is not None:
                lines[found.begin + 1 : found.end] = text.split("\n")
        pieces.append("\n".join(lines).rstrip())
    return "\n\n\n".join([*pieces, *filter(None, tail)]) + "\n"


def place(source: str, line: int, words: str) -> str:
    """Return where a line of a module stands in its blocks; nothing where it is in none."""
    for found in markers.blocks_in(source, words):
        if found.begin + 1 < line <= found.end:  # of the marker, from 0; the line counts from 1
            return f"line {line - found.begin - 1} of the block {found.id}"
    return ""


def fitted(block: Block, slot: Slot, template: Book, words: str) -> tuple[str, str]:
    """Return a block's text as it goes into the module, and what there is to say about it."""
    if block.state == "unfilled":
        return slot.text, ""
    if block.state != "filled":
        return _stand_in(slot, f"is {block.state}"), ""
    for text, said in _spellings(block.text, slot):
        if python.trouble(module(template, {slot.id: text}, words)) is None:
            return text, f"{said} in the block {slot.id}" if said else ""
    line, why = python.trouble(helpers.dedented(block.text.split("\n"))) or (0, "it does not fit")
    where = f"is not valid Python, line {line} of it: {why}" if line else "ends within its code"
    return _stand_in(slot, where), f"the block {slot.id} {where}"


def _spellings(text: str, slot: Slot) -> list[tuple[str, str]]:
    """Return how a block may be read, the likeliest way first, with what each way changes."""
    shifted = _indented(helpers.dedented(text.split("\n")), slot.indent)
    plain = _indented(helpers.dedented(python.without_magics(text).split("\n")), slot.indent)
    taken_out = "lines for the shell or for the notebook were taken out"
    if _indent_of(text) == slot.indent:
        return [(text, ""), (shifted, ""), (plain, taken_out)]
    return [(shifted, "the indentation was put right"), (plain, taken_out)]


def _indent_of(text: str) -> int:
    lines = text.expandtabs().split("\n")
    code = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return min((len(line) - len(line.lstrip()) for line in code), default=-1)


def _indented(text: str, width: int) -> str:
    return "\n".join(" " * width + line if line.strip() else "" for line in text.split("\n"))


def _stand_in(slot: Slot, what: str) -> str:
    message = f"the solution block {slot.id} {what}"
    return " " * slot.indent + f"raise NotImplementedError({message!r})"

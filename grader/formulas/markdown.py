"""Markdown sheets, read with markdown-it: headings, lists, tables, paragraphs with formulas.

A rule of ours takes a ``$$`` at the start of a line before Markdown sees what is inside, where a
line that begins with ``+`` or ``-`` would be a list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from grader.formulas import html
from grader.formulas.mixed import lines_of, mixed, table_row
from grader.formulas.outline import Outline


def _dollars(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001 - imposed
    """Take lines from ``$$`` to ``$$``, or to a blank line where that is missing."""
    if not state.src.startswith("$$", state.bMarks[start] + state.tShift[start]):
        return False
    line = start
    rest = state.getLines(start, start + 1, state.tShift[start], False).strip()[2:]
    while "$$" not in rest and line + 1 < end and not state.isEmpty(line + 1):
        if _BEGINS.match(state.getLines(line + 1, line + 2, 0, False)):
            break  # the closing one is missing
        line += 1
        rest += "\n" + state.getLines(line, line + 1, 0, False)
    if silent:
        return True
    token = state.push("formula", "", 0)
    token.content = "$$" + rest
    token.map = [start, line + 1]
    state.line = line + 1
    return True


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table").disable("inline")
    parser.block.ruler.before(
        "code", "formula", _dollars, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )
    return parser


def read(text: str, outline: Outline, first_line: int = 1) -> None:
    """Report what a Markdown text holds to its outline."""
    tokens = _parser().parse(text)
    at = 0
    while at < len(tokens):
        token = tokens[at]
        line = first_line + (token.map[0] if token.map else 0)
        if token.type == "table_open":
            end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
            _table(tokens[at:end], outline, first_line)
            at = end
        elif token.type == "heading_open":
            outline.heading(int(token.tag[1:]), tokens[at + 1].content)
            at += 1
        elif token.type in {"ordered_list_open", "bullet_list_open"}:
            first = int(token.attrs.get("start", 1))
            outline.open_list(ordered=token.type.startswith("ordered"), first=first)
        elif token.type in {"ordered_list_close", "bullet_list_close"}:
            outline.close_list()
        elif token.type == "list_item_open":
            outline.item(number=int(token.info[:4]) if token.info.isdecimal() else 0)
        elif token.type == "paragraph_close":
            outline.paragraph()
        elif token.type in _TEXTS:
            _TEXTS[token.type](token.content, outline, line)
        at += 1


_BEGINS = re.compile(r"\s*(?:\d+[.)]\s|#{1,6}\s)")  # an item or a heading
_CODE = re.compile(r"(?<!`)(`+)(?!`)([^\n]{1,400}?)(?<!`)\1(?!`)")


def _paragraph(text: str, outline: Outline, line: int) -> None:
    """Report a paragraph; code in it may be a formula, and is no place for a ``$``."""
    start = 0
    for found in _CODE.finditer(text):
        mixed(outline, text[start : found.start()], line + text.count("\n", 0, start))
        outline.formula(found[2], line + text.count("\n", 0, found.start()), "code")
        start = found.end()
    mixed(outline, text[start:], line + text.count("\n", 0, start))


def _table(tokens: Sequence[Token], outline: Outline, first_line: int) -> None:
    header: list[str] = []
    cells: list[str] = []
    line = first_line
    for token in tokens:
        if token.type == "tr_open":
            cells, line = [], first_line + (token.map[0] if token.map else 0)
        elif token.type == "inline":
            cells.append(token.content)
        elif token.type == "tr_close":
            if not header:
                header = cells or [""]
                continue
            table_row(outline, header, cells, line)


def _formula(text: str, outline: Outline, line: int) -> None:
    mixed(outline, text, line)


_PROMPT = re.compile(r"^\s*(?:>>>|\.\.\.|In \[\d*\]:|Out\[\d*\]:|\$ )\s?")
_COMMENT = re.compile(r"\s#(?:\s.*)?$|^#\s.*$")
_GOES_ON = re.compile(r"\s*(?:[-+*/=≈]|\\approx)")
_BARE = re.compile(r"\s*[\w(].*[-+*/^²].*|\s*[\d.,]+(?:e[-+]?\d+)?\s*")


def _fence(text: str, outline: Outline, line: int) -> None:
    """Report a block of code: a formula a line; one that begins with a sign goes on with the last.

    What was typed at a prompt says what is printed below it.
    """
    rows: list[tuple[int, str]] = []
    for offset, whole in enumerate(text.rstrip().split("\n"), 1):
        row = _COMMENT.sub("", _PROMPT.sub("", whole)).rstrip()
        if rows and rows[-1][1] and _GOES_ON.match(row) and not _PROMPT.match(whole):
            rows[-1] = rows[-1][0], f"{rows[-1][1]} {row.strip()}"
        else:
            rows.append((line + offset, row))
    for at, row in rows:
        if _BARE.fullmatch(row) and not re.search(r"[=:≈]", row):
            outline.formula(row, at, "code")
            outline.prose(row + "\n")
        elif row.strip():
            lines_of(outline, row, at)
            outline.prose("\n")
        else:
            outline.paragraph()
    outline.paragraph()


_TEXTS: dict[str, Callable[[str, Outline, int], None]] = {
    "html_block": html.read,
    "formula": _formula,
    "inline": _paragraph,
    "fence": _fence,
    "code_block": _fence,
}

r"""LaTeX documents: sections, enumerations, tables, formulas and ``\answer{id}{...}``.

No package or macro is run. What is inside verbatim and comments is not read.
"""

from __future__ import annotations

import bisect
import re

from grader.formulas.mixed import line_ends, mixed, pieces
from grader.formulas.outline import Outline

_COMMENT = re.compile(r"(?<!\\)%[^\n]*")
_VERBATIM = re.compile(
    r"\\begin\{(verbatim|lstlisting|minted|comment|Verbatim)\*?\}.{0,100000}?\\end\{\1\*?\}",
    re.DOTALL,
)
_STRUCTURE = re.compile(
    r"\\(?P<level>chapter|section|subsection|subsubsection|paragraph|subparagraph)\*?\s*"
    r"(?:\[[^\]]{0,200}\])?\s*\{"
    r"|\\begin\s*\{(?P<open>enumerate|itemize|description)\}(?:\[[^\]]{0,200}\])?"
    r"|\\end\s*\{(?P<close>enumerate|itemize|description)\}"
    r"|\\item(?![A-Za-z])\s*(?:\[(?P<label>[^\]]{0,80})\])?"
    r"|\\answer\s*\{(?P<mark>[^{}]{0,80})\}\s*\{"
    r"|\\begin\s*\{(?P<table>tabular|tabularx|longtable|array)\*?\}"
    r"|(?P<blank>\n[ \t]*\n)"
)
_LEVELS = {"chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5,
           "subparagraph": 6}  # fmt: skip
_SETTING = re.compile(
    r"\\(?:toprule|midrule|bottomrule|hline|cline\{[^}]*\}|cmidrule(?:\([^)]*\))?\{[^}]*\}"
    r"|centering|small|footnotesize|noindent|textbf|textit|emph|text|mathbf|bfseries)"
)
_MAX_ARGUMENT = 20_000


def read(text: str, outline: Outline) -> None:
    """Report what a LaTeX document holds to its outline."""
    text = _VERBATIM.sub(lambda m: "\n" * m[0].count("\n"), _COMMENT.sub("", text))
    begin = text.find(r"\begin{document}")
    at, ends = max(begin, 0), line_ends(text)
    while found := _STRUCTURE.search(text, at):
        mixed(outline, text[at : found.start()], bisect.bisect_left(ends, at) + 1)
        at = _one(text, found, outline, bisect.bisect_left(ends, found.start()) + 1)
    mixed(outline, text[at:], bisect.bisect_left(ends, at) + 1)


def _one(text: str, found: re.Match[str], outline: Outline, line: int) -> int:
    """Report one piece of structure, which begins on ``line``; return where to read on."""
    at = found.end()
    if found["blank"]:
        outline.paragraph()
        return found.end() - 1  # its last newline may begin the next blank line
    if found["level"]:
        title, at = _argument(text, at)
        outline.heading(_LEVELS[found["level"]], words(title))
    elif found["open"]:
        outline.open_list(ordered=found["open"] == "enumerate")
    elif found["close"]:
        outline.close_list()
    elif found["mark"] is not None:
        content, at = _argument(text, at)
        outline.answer(found["mark"], content.replace("\n", " "), line)
    elif found["table"]:
        end = text.find(f"\\end{{{found['table']}", at, at + _MAX_ARGUMENT)
        end = end if end >= 0 else at
        _table(text[at:end], outline, line)
        at = end
    else:
        outline.item(words(found["label"] or ""))
    return at


def _argument(text: str, at: int) -> tuple[str, int]:
    """Return what stands before the brace that closes the one before ``at``, and where it ends."""
    depth = 1
    for found in re.compile(r"(?<!\\)[{}]").finditer(text, at, at + _MAX_ARGUMENT):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return text[at : found.start()], found.end()
    end = text.find("\n", at)
    return text[at : end if end >= 0 else len(text)], end if end >= 0 else len(text)


def words(text: str) -> str:
    """Return a title without its commands."""
    return re.sub(r"\s+", " ", re.sub(r"\\[A-Za-z]+\*?|[{}$]", " ", text)).strip()


def _table(text: str, outline: Outline, line: int) -> None:
    """Report the cells of a table, each with its row's and its column's header before it."""
    columns = re.compile(r"\s*(?:\[[^\]]*\]\s*)?\{(?:[^{}]|\{[^{}]*\})*\}").match(text)
    rows = text[columns.end() if columns else 0 :]
    header: list[str] = []
    for row in re.split(r"\\\\(?:\[[^\]]*\])?", rows):
        cells = re.split(r"(?<!\\)&", row)
        cells[0] = _SETTING.sub(" ", cells[0])
        first = words(cells[0])
        near_row = f"{first}. {words(header[0])}" if header else first
        for i, cell in enumerate(cells[1:], 1):
            near = (words(header[i]) if i < len(header) else "", near_row)
            if marked := re.search(r"\\answer\s*\{([^{}]{0,80})\}\s*\{", cell):
                content, _ = _argument(cell, marked.end())
                outline.answer(marked[1], content.replace("\n", " "), line)
                continue
            inner = [piece for piece in pieces(cell) if piece.kind != "prose"]
            for text_of in [piece.text for piece in inner] or [cell]:
                outline.formula(text_of.replace("\n", " "), line, "display", near)
        if not header and any(cell.strip() for cell in cells):
            header = cells
        line += row.count("\n")

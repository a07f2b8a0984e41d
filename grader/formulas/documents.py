"""Files of a submission -> spans. Chosen by name; a file that cannot be read costs one sentence.

answers.toml            declared: a table of ids, each with its formula as text
*.tex                   marks and structure
*.md, *.markdown, *.txt, *.ipynb (its Markdown cells)
*.html                  as notebooks are exported
*.pdf                   in `pdf`, last
"""

from __future__ import annotations

import codecs
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from grader.formulas import html, latex, markdown
from grader.formulas.mixed import mixed
from grader.formulas.outline import CannotRead, Outline, Span

DECLARED = "answers.toml"
MAX_BYTES = 4_000_000  # of one text
_MAX_CELLS = 5_000
_HEADING = re.compile(  # of a text without any marks
    r"^[ ]{0,3}((?:part|section|problem|question|exercise)[ ]+\d+(?:\.\d+)*\b[^\n=]{0,80})$",
    re.IGNORECASE | re.MULTILINE,
)
TEXTS = (".tex", ".md", ".markdown", ".txt", ".ipynb", ".html", ".htm")


def is_text(path: str) -> bool:
    """Whether a file is read as a sheet, other than a PDF."""
    name = PurePosixPath(path).name.lower()
    return name == DECLARED or name.endswith(TEXTS)


def order(path: str) -> tuple[int, int, str]:
    """Return what sorts files: declared answers first, then sheets named so, READMEs last."""
    name = PurePosixPath(path).name.lower()
    kinds = [name == DECLARED, name.endswith(".tex"), not name.endswith(".pdf"), True]
    likely = 0 if any(w in name for w in ("answer", "solution", "report", "assignment")) else 1
    likely += 2 * name.startswith(("readme", "sheet"))
    return kinds.index(True), likely, path


def decoded(data: bytes) -> str:
    """Return the text of a file: UTF-8 or UTF-16 with or without its mark, else Latin-1."""
    if len(data) > MAX_BYTES:
        size = len(data) / 1_000_000
        raise CannotRead(f"it is {size:.1f} MB, and a sheet may have {MAX_BYTES // 1_000_000} MB")
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
                           (codecs.BOM_UTF16_BE, "utf-16")):  # fmt: skip
        if data.startswith(mark):
            return _lines(data.decode(encoding, errors="replace"))
    if b"\0" in data[:2000]:
        zeros = data[:2000:2].count(0), data[1:2000:2].count(0)
        encoding = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
        if max(zeros) < len(data[:2000]) // 4:
            raise CannotRead("it is not text")
        return _lines(data.decode(encoding, errors="replace"))
    try:
        return _lines(data.decode("utf-8"))
    except UnicodeDecodeError:
        return _lines(data.decode("latin-1"))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def spans(path: str, data: bytes) -> list[Span]:
    """Return what a file holds; raises `CannotRead`."""
    outline = Outline(path)
    text = decoded(data)
    name = PurePosixPath(path).name.lower()
    if name == DECLARED:
        _declared(text, outline)
    elif name.endswith(".tex"):
        latex.read(text, outline)
    elif name.endswith(".ipynb"):
        _notebook(text, outline)
    elif name.endswith((".html", ".htm")):
        html.read(text, outline)
    elif name.endswith(".txt") and not _HEADING.search(text):
        mixed(outline, text, 1)
    elif name.endswith(".txt"):
        markdown.read(_HEADING.sub(r"## \1", text), outline)
    else:
        markdown.read(text, outline)
    return outline.spans


def _declared(text: str, outline: Outline) -> None:
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CannotRead(f"it is not TOML: {error}") from error

    def walk(table: Mapping[str, Any], path: str) -> None:
        for key, value in table.items():
            name = f"{path}.{key}" if path else key
            if isinstance(value, dict):
                walk(value, name)
            elif isinstance(value, str | int | float) and not isinstance(value, bool):
                line = next(
                    (i for i, row in enumerate(text.split("\n"), 1) if row.strip().startswith(key)),
                    0,
                )
                outline.answer(name, str(value), line)

    walk(table, "")


def _notebook(text: str, outline: Outline) -> None:
    """Read the Markdown cells of a notebook: formats 4 and 3, checked as far as they are used."""
    try:
        book = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CannotRead(f"it is not a notebook: {error}") from error
    cells = book.get("cells") if isinstance(book, dict) else None
    if cells is None and isinstance(book, dict):
        sheets = book.get("worksheets")
        first = sheets[0] if isinstance(sheets, list) and sheets else None
        cells = first.get("cells") if isinstance(first, dict) else None
    if not isinstance(cells, list):
        raise CannotRead("it is not a notebook: it has no list of cells")
    outline.unit = "cell"
    for number, cell in enumerate(cells[:_MAX_CELLS], 1):
        if not isinstance(cell, dict) or cell.get("cell_type") not in {"markdown", "heading"}:
            continue
        source = cell.get("source", "")
        if isinstance(source, list) and all(isinstance(row, str) for row in source):
            source = "".join(source)
        if isinstance(source, str):
            outline.fixed = number
            markdown.read(_lines(source), outline)

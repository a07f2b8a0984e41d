"""Bytes -> cells: notebooks of any format from 1 to 4, and what tools make of them as Python.

JSON is the only thing that is parsed, and no more of it than `MAX_BRACKETS` allows. What is not as
the format says costs that cell, not the notebook.
"""

from __future__ import annotations

import ast
import base64
import binascii
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grader.notebook import python

MAX_BRACKETS = 300_000  # of lists and objects, each of which costs 64 bytes or more
MAX_CELLS = 2_000
MAX_TEXT = 400_000  # characters of one cell
MAX_PICTURES, MAX_PICTURE = 40, 4_000_000  # of one book; bytes
MAX_PRINTED = 20_000  # characters kept of what a cell printed
PNG = b"\x89PNG\r\n\x1a\n"
_NEWEST = 4  # what nbformat brings older formats up to

# Where an export begins a cell: `# In[3]:`, `# %%`, `# %% [markdown]`, `# <codecell>`.
_MARK = re.compile(r"# (?:In\s?\[[\d ]*\]:|%%.*|<codecell>|<markdowncell>)[ \t]*")
_NUMBERED = re.compile(r"(?m)^# In\s?\[[\d ]*\]:")  # by a tool that makes words plain comments
_IS_WORDS = re.compile(r"markdown|<md>")


class CannotRead(Exception):  # noqa: N818 - says what is the case
    """A file cannot be read; the message completes "kv.ipynb ..."."""


@dataclass(frozen=True)
class Cell:
    """One cell; what it printed and drew is what the notebook has stored, and nobody's evidence."""

    number: int  # from 1, as one counts down the page
    kind: str  # code | markdown
    text: str
    tags: tuple[str, ...] = ()
    printed: str = ""
    pictures: tuple[bytes, ...] = ()  # PNG


@dataclass(frozen=True)
class Book:
    """A notebook, or the Python that it was exported as."""

    path: str
    cells: tuple[Cell, ...]
    is_export: bool = False

    @property
    def code(self) -> Iterator[Cell]:
        """Yield the cells with code."""
        return (cell for cell in self.cells if cell.kind == "code")


def read(path: str, data: bytes) -> Book:
    """Return the cells of an .ipynb or a .py file; raises `CannotRead`."""
    if path.lower().endswith(".py"):
        return Book(path, tuple(_exported(_text(data))), is_export=True)
    return Book(path, tuple(_cells(_parsed(data))))


# --- notebooks ------------------------------------------------------------------------------------


def _parsed(data: bytes) -> dict[str, Any]:
    if data.count(b"[") + data.count(b"{") > MAX_BRACKETS:
        raise CannotRead("holds too much data to be read: clear its outputs and save it again")
    text = data.decode(json.detect_encoding(data), errors="replace")
    try:
        found: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise CannotRead(
            f"is no notebook: its JSON ends or breaks in line {error.lineno}; download it again"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CannotRead("is no notebook: its JSON cannot be read; download it again") from error
    if not isinstance(found, dict):
        raise CannotRead("is no notebook: it is JSON of something else")
    if "cells" not in found:
        found = _upgraded(text)
    if not isinstance(found.get("cells"), list):
        raise CannotRead("is no notebook: it has no list of cells")
    return dict(found)


def _upgraded(text: str) -> dict[str, Any]:
    """Bring formats 1 to 3 up to 4; nothing where that fails."""
    import nbformat  # noqa: PLC0415 - 0.2 s that a notebook of today need not cost

    reads: Any = nbformat.reads  # it has no types
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dict(reads(text, as_version=_NEWEST))
    except Exception:  # noqa: BLE001 - a damaged notebook can raise anything in there
        return {}


def _cells(book: dict[str, Any]) -> Iterator[Cell]:
    pictures = 0
    for number, cell in enumerate(book["cells"][:MAX_CELLS], 1):
        if not isinstance(cell, dict):
            continue
        kind = "code" if cell.get("cell_type") == "code" else "markdown"
        printed, shown = _outputs(cell.get("outputs"), MAX_PICTURES - pictures)
        pictures += len(shown)
        metadata = cell.get("metadata")
        tags = metadata.get("tags") if isinstance(metadata, dict) else None
        yield Cell(
            number,
            kind,
            _joined(cell.get("source", cell.get("input")))[:MAX_TEXT],
            tuple(str(tag) for tag in tags[:20]) if isinstance(tags, list) else (),
            printed,
            shown,
        )


def _outputs(outputs: object, left: int) -> tuple[str, tuple[bytes, ...]]:
    """Return what a cell has stored as printed, and its pictures: at most ``left`` of them."""
    printed, pictures = "", list[bytes]()
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, dict):
            continue
        data = output.get("data")
        data = data if isinstance(data, dict) else {}
        said = _joined(output.get("text")) or _joined(data.get("text/plain"))
        printed += said[: max(0, MAX_PRINTED - len(printed))]
        picture = _joined(data.get("image/png"))
        if picture and len(pictures) < left and len(picture) < 2 * MAX_PICTURE:
            pictures += [png for png in [_decoded(picture)] if png.startswith(PNG)]
    return printed, tuple(pictures)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()))[:MAX_PICTURE]
    except (binascii.Error, ValueError):
        return b""


def _joined(value: object) -> str:
    """Return a text that may be kept as a list of lines; half a character becomes a mark."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    if not isinstance(value, str):
        return ""
    return _lines(value.encode(errors="replace").decode())


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


# --- exports --------------------------------------------------------------------------------------


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return _lines(text)[: 10 * MAX_TEXT]


def _exported(text: str) -> Iterator[Cell]:
    """Cut an export into cells: at its marks, or at the texts that stand between its code."""
    pieces: list[tuple[str, str]] = []
    kind, lines = "code", list[str]()
    marked = False
    for line in text.split("\n"):
        if _MARK.fullmatch(line):
            marked = True
            pieces.append((kind, "\n".join(lines)))
            kind = "markdown" if _IS_WORDS.search(line) else "code"
            lines = []
        else:
            lines.append(line)
    pieces.append((kind, "\n".join(lines)))
    if not marked:
        pieces = list(_between_texts(text))
    elif _NUMBERED.search(text):
        pieces = [part for kind, piece in pieces for part in _between_comments(kind, piece)]
    cells = [(kind, piece.strip("\n")) for kind, piece in pieces if piece.strip()]
    for number, (kind, piece) in enumerate(cells[:MAX_CELLS], 1):
        words = re.sub(r"(?m)^# ?", "", piece) if kind == "markdown" else piece
        yield Cell(number, kind, words[:MAX_TEXT])


def _between_comments(kind: str, piece: str) -> Iterator[tuple[str, str]]:
    """Cut at paragraphs that are nothing but comments: words, where only code has a mark."""
    code: list[str] = []
    for paragraph in piece.split("\n\n") if kind == "code" else ():
        lines = [line for line in paragraph.split("\n") if line.strip()]
        if lines and all(line == "#" or line.startswith("# ") for line in lines):
            yield "code", "\n\n".join(code)
            yield "markdown", "\n".join(lines)
            code = []
        else:
            code.append(paragraph)
    yield kind, "\n\n".join(code) if kind == "code" else piece


def _between_texts(text: str) -> Iterator[tuple[str, str]]:
    """Cut at expressions that are nothing but a text: what some exports make of words."""
    lines, at = text.split("\n"), 0
    tree = python.parsed(text)
    for node in tree.body if tree else ():
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield "code", "\n".join(lines[at : node.lineno - 1])
            yield "markdown", node.value.value
            at = node.end_lineno or node.lineno
    yield "code", "\n".join(lines[at:])

"""Cells as Python: lines for the shell and magics are taken out where they keep it from parsing."""

from __future__ import annotations

import ast
import re
import warnings

_LINE = re.compile(r"(?P<indent>[ \t]*)(?:[!%]|\?|\w[\w.]*\?{1,2}\s*$|get_ipython\(\))")
_ASSIGNED = re.compile(r"(?P<indent>[ \t]*)[\w, ]+=\s*[!%]")
_CELL = re.compile(r"\s*%%(?P<name>\w+)")
_STILL_PYTHON = {"time", "timeit", "capture", "prun", "debug"}
MAX_PARSED = 200_000  # characters; a MB can cost seconds and hundreds of MB of memory


def without_magics(text: str) -> str:
    """Return code with ``!pip``, ``%time`` and their like replaced; line numbers stay."""
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if found := _CELL.match(lines[first]):
        lines[first] = ""
        if found["name"] not in _STILL_PYTHON:
            return "\n" * (len(lines) - 1)
    return "\n".join(_replaced(line) for line in lines)


def _replaced(line: str) -> str:
    found = _LINE.match(line) or _ASSIGNED.match(line)
    return f"{found['indent']}pass" if found else line


def parsed(text: str) -> ast.Module | None:
    """Return the tree of a piece of code, without its magics if need be; None if it has none."""
    if len(text) > MAX_PARSED:
        return None
    for spelling in (text, without_magics(text)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(spelling)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def trouble(text: str) -> tuple[int, str] | None:
    """Return the line and the words of what keeps code from being Python; None if nothing does."""
    if len(text) > MAX_PARSED:
        return 1, "it is too long"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        return 1, f"it cannot be parsed ({type(error).__name__})"
    return None

"""Text of students made harmless: shown as text, whatever it contains."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MARKS = 4  # accents on one letter; more of them are drawn over other lines


def shown(text: str, limit: int = 160) -> str:
    """Return one line without anything that a terminal acts on or an eye misses, and not too long.

    Controls, bidirectional overrides, invisible characters, lone surrogates and towers of accents
    become escapes.
    """
    text = text[: limit + 1]
    if not text.isascii() or not text.isprintable():
        text = "".join(_harmless(text))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _harmless(text: str) -> Iterator[str]:
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        yield char if char.isprintable() and marks <= MARKS else ascii(char)[1:-1]


def last_line(printed: str) -> str:
    """Return the last line with something in it; a bar that moves on writes over its line."""
    lines = re.split(r"[\r\n]+", printed)
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def raw(path: str) -> bytes:
    """Return a path's bytes, as the file system has them."""
    return path.encode(errors="surrogateescape")

"""Text of students made harmless: shown as text, whatever it contains."""

from __future__ import annotations

import re


def shown(text: str, limit: int = 160) -> str:
    """Return one line without anything that a terminal acts on or an eye misses, and not too long.

    Controls, bidirectional overrides, invisible characters and lone surrogates become escapes.
    """
    text = text[: limit + 1]
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def last_line(printed: str) -> str:
    """Return the last line with something in it; a bar that moves on writes over its line."""
    lines = re.split(r"[\r\n]+", printed)
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def raw(path: str) -> bytes:
    """Return a path's bytes, as the file system has them."""
    return path.encode(errors="surrogateescape")

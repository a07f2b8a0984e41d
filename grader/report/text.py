"""Text of students made harmless: shown as text, whatever it contains."""

from __future__ import annotations

import unicodedata

# Controls, formats (bidirectional overrides, zero-width), surrogates, private and unassigned.
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def plain(text: str, limit: int = 600) -> str:
    """Return one line without anything a terminal would act on; cut at ``limit`` characters."""
    shown = "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in HIDDEN else char
        for char in text[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"

"""A display of several rows -> its statements: each may answer another question."""

from __future__ import annotations

import re

_WRAPPER = re.compile(r"\\(?:begin|end)\s*\{(?:aligned|split|gathered|alignedat)\}(?:\{\d\})?")
_BREAK = re.compile(
    r"(?P<row>\\\\\*?(?:\[[^\]]{0,20}\])?)|(?P<open>\\begin\b|\\left\b|(?<!\\)\{|\()"
    r"|(?P<close>\\end\b|\\right\b|(?<!\\)\}|\))"
)
_GOES_ON = re.compile(
    r"(?:[\s&{}]|\\(?:q?quad|[,;:! ]))*(?:[-+*/=<>≈·×]|\\(?:approx|cdot|times|to|[Rr]ightarrow)\b)"
)
_SAYS = re.compile(r"=|≈|\\approx|:")


def statements(text: str) -> list[tuple[int, str]]:
    """Split a display into its statements: (lines before it, text); none where it is one alone.

    A row that begins with a sign, is inside brackets or states nothing belongs to the one before.
    """
    text = _WRAPPER.sub(" ", text)
    cuts, depth = [0], 0
    for found in _BREAK.finditer(text):
        depth += bool(found["open"]) - bool(found["close"])
        if found["row"] and depth <= 0:
            cuts.append(found.end())
    parts: list[tuple[int, str]] = []
    for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True):
        row = text[start:end]
        if parts and (_GOES_ON.match(row) or not _SAYS.search(row)):
            parts[-1] = parts[-1][0], parts[-1][1] + row
        else:
            begin = start + len(row) - len(row.lstrip())
            parts.append((text.count("\n", 0, begin), row))
    return parts if len(parts) > 1 else []

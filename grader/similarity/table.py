"""Pairs -> a table in the terminal, and data for a program."""

from __future__ import annotations

from pathlib import Path

from grader.columns import paragraph, table
from grader.records import Json
from grader.similarity.page import NOTE, percent
from grader.similarity.pairs import Found
from grader.text import shown

MAX_ROWS = 20
LONGEST = 400  # characters of what is said of one submission


def render(found: Found) -> str:
    """Return the most similar pairs, what was not compared, and what it means."""
    count = len(found.works)
    lines = [
        f"{found.pack}: {count} submissions compared, without what the assignment gave out",
        "",
    ]
    rows = [
        (
            shown(pair.first.id, 40),
            shown(pair.second.id, 40),
            percent(pair.share),
            percent(pair.share_back),
            pair.common[0].first.place,
            pair.common[0].second.place,
            str(pair.common[0].first.lines),
        )
        for pair in found.pairs[:MAX_ROWS]
    ]
    if rows:
        heads = ("of", "is in", "share", "back", "longest passage", "", "lines")
        lines.append(table(rows, heads, "llrrllr"))
    else:
        lines.append(f"No pair has {percent(found.least)} of its code in common.")
    if more := len(found.pairs) + found.beyond - len(rows):
        lines.append(f"and {more} more pairs")
    if found.too_little:
        named = ", ".join(shown(each, 40) for each in found.too_little)
        lines += ["", *paragraph(f"Hardly any code of their own: {named}", further="   ")]
    said = [
        f"{shown(name)} was not compared: {shown(why, LONGEST)}"
        for name, why in found.refused.items()
    ]
    said += [
        f"{shown(work.id)}: {shown(each, LONGEST)}" for work in found.works for each in work.said
    ]
    for line in said:
        lines += paragraph(line, further="   ")
    return "\n".join([*lines, "", *paragraph(NOTE)])


def data(found: Found, page: Path) -> Json:
    """Return all pairs for a program; `grader similar --help` has its form."""
    return {
        "schema": "grader.similar/1",
        "pack": found.pack,
        "page": str(page),
        "compared": len(found.works),
        "pairs": [
            {
                "first": pair.first.id,
                "second": pair.second.id,
                "share": pair.share,
                "share_back": pair.share_back,
                "lines": pair.common[0].first.lines,
                "places": [pair.common[0].first.place, pair.common[0].second.place],
            }
            for pair in found.pairs
        ],
        "beyond": found.beyond,
        "too_little": found.too_little,
        "refused": found.refused,
    }

"""Pairs -> a table in the terminal."""

from __future__ import annotations

from tabulate import tabulate

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
            pair.common[0].first.lines,
        )
        for pair in found.pairs[:MAX_ROWS]
    ]
    if rows:
        heads = ("of", "is in", "share", "back", "longest passage", "", "lines")
        lines.append(tabulate(rows, headers=heads, disable_numparse=True))
    else:
        lines.append(f"No pair has {percent(found.least)} of its code in common.")
    if more := len(found.pairs) + found.beyond - len(rows):
        lines.append(f"and {more} more pairs")
    if found.too_little:
        named = ", ".join(shown(each, 40) for each in found.too_little)
        lines += ["", f"Hardly any code of their own: {named}"]
    lines += [
        f"{shown(name)} was not compared: {shown(why, LONGEST)}"
        for name, why in found.refused.items()
    ]
    lines += [
        f"{shown(work.id)}: {shown(said, LONGEST)}" for work in found.works for said in work.said
    ]
    return "\n".join([*lines, "", NOTE])

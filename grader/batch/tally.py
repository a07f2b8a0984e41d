"""The summary of a batch: a line for each submission, and what is to be done now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from grader.batch.handins import HandIns
from grader.batch.screen import sentence
from grader.columns import paragraph, table
from grader.records import Json
from grader.text import shown

LONGEST = 400  # characters of what is said of one submission


def tally(
    out: Path,
    hand_ins: HandIns,
    answers: dict[str, Json],
    told: Sequence[str] = (),
    *,
    stopped: bool,
) -> tuple[str, int, Json]:
    """Return the summary, the exit code (2 where a fault of ours left something open), and data.

    ``told`` is what there is to say of the download.
    """
    graded = {name: a["graded"] for name, a in answers.items() if "graded" in a}
    withheld = [name for name, each in graded.items() if each["status"] == "withheld"]
    troubles = {name: a for name, a in answers.items() if "trouble" in a}
    missing = [name for name in hand_ins.taken if name not in answers]
    refused = hand_ins.refused | {n: a["refused"] for n, a in answers.items() if "refused" in a}
    lines = [_table(graded)] if graded else []
    lines.append(_waiting(graded))
    said = [f"not graded: {shown(name)}: {shown(why, LONGEST)}" for name, why in refused.items()]
    said += [
        f"trouble of ours: {shown(n)}: {shown(sentence(a), LONGEST)}" for n, a in troubles.items()
    ]
    for line in (*told, *said):
        lines += paragraph(line, further="   ")
    if left := len(withheld) + len(troubles) + len(missing):
        why = "stopped: " if stopped else ""
        lines.append(f"{why}{left} left to grade; --resume goes on with them")
    lines.append(f"results in {out}")
    code = 130 if stopped and missing else 2 if withheld or troubles or missing else 0
    data = {
        "schema": "grader.batch/1",
        "folder": str(out),
        "stopped": stopped,
        "graded": graded,
        "refused": refused,
        "troubles": {name: sentence(each) for name, each in troubles.items()},
        "left": sorted({*withheld, *troubles, *missing}),
        "remarks": list(told),
    }
    return "\n".join(filter(None, lines)), code, data


def _table(graded: dict[str, Json]) -> str:
    deducted = any(each.get("deducted") for each in graded.values())
    rows = [
        [
            shown(name),
            "" if each["points"] is None else f"{each['points']:g}",
            f"{each['max_points']:g}",
            f"{each['pending_points']:g}" if each["pending_points"] else "",
            " ".join(each["open"]),
            *([f"{-each['deducted'] or 0.0:g}"] if deducted else []),
        ]
        for name, each in sorted(graded.items())
    ]
    headers = [
        "submission",
        "points",
        "of",
        "waiting",
        "for a human",
        *(["deducted"] if deducted else []),
    ]
    return table(rows, headers, "lrrrlr"[: len(headers)]) + "\n"


def _waiting(graded: dict[str, Json]) -> str:
    """Say how much waits for humans, criterion by criterion."""
    by_criterion = Counter(name for each in graded.values() for name in each["open"])
    people = sum(1 for each in graded.values() if each["open"])
    if not people:
        return f"{len(graded)} graded; nothing waits for a human" if graded else ""
    listed = ", ".join(f"{name} {count} times" for name, count in sorted(by_criterion.items()))
    return f"{len(graded)} graded; {people} of them wait for a human: {listed}"

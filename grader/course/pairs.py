"""Pairs of submissions with code in common, as `grader similar` has left them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.course.gathering import Entry, Link, address
from grader.errors import UsageError
from grader.records import Json
from grader.similarity.page import FILE, NOTE, SCHEMA, percent
from grader.text import shown


@dataclass(frozen=True)
class Pair:
    """Two submissions with much in common."""

    number: int
    href: str  # of both side by side; nothing where that lies outside of the pages' folder
    first: Link
    second: Link
    share: str  # of the first one's own code that the second one has
    share_back: str
    passage: str  # where the longest one is


@dataclass(frozen=True)
class Pairs:
    """A comparison, as far as these submissions are in it."""

    where: str
    note: str
    listed: tuple[Pair, ...]
    others: int  # pairs of which neither has a result here
    beyond: int  # pairs that the comparison has only counted


def find(given: Path | None, out: Path, folder: Path) -> Path | None:
    """Return the folder of a comparison: the one that is given, or beside pages or results.

    Raises UsageError if the one that is given holds none.
    """
    if given is not None:
        given = given.parent if given.name == FILE else given
        if _read(given) is None:
            raise UsageError(
                f"{given} holds no comparison: give the folder that `grader similar` wrote"
            )
        return given
    places = (out / "similar", folder / "similar", folder.absolute().parent / "similar")
    return next((each for each in places if _read(each) is not None), None)


def pairs(found: Path | None, out: Path, pack: str, entries: Sequence[Entry]) -> Pairs | None:
    """Return the pairs of these submissions, or None where nothing compares this assignment's."""
    kept = _read(found) if found else None
    if found is None or kept is None or kept["pack"] != pack:
        return None
    who = {entry.id: entry.link for entry in entries}
    inside = found.resolve().is_relative_to(out.resolve())
    base = Path(os.path.relpath(found.resolve(), out.resolve())).parts if inside else None
    listed = tuple(
        _pair(number, each, who, base)
        for number, each in enumerate(kept["pairs"], 1)
        if each["first"] in who or each["second"] in who
    )
    others = len(kept["pairs"]) - len(listed)
    return Pairs(shown(str(found / "index.html")), NOTE, listed, others, int(kept["beyond"]))


def _pair(number: int, each: Json, who: Mapping[str, Link], base: Sequence[str] | None) -> Pair:
    longest = each["common"][0] if each["common"] else None
    sides = [longest[side] for side in ("first", "second")] if longest else []
    passage = [f"{side['path']}, lines {side['first_line']}-{side['last_line']}" for side in sides]
    first, second = (
        who.get(each[side], Link(shown(each[side]), "")) for side in ("first", "second")
    )
    return Pair(
        number,
        "" if base is None else address(*base, "pairs", f"{number}.html"),
        first,
        second,
        percent(each["share"]),
        percent(each["share_back"]),
        " and ".join(map(shown, passage)),
    )


def _read(folder: Path) -> Json | None:
    try:
        kept = json.loads((folder / FILE).read_bytes())
        return dict(kept) if kept["schema"] == SCHEMA else None
    except (OSError, ValueError, TypeError, KeyError):
        return None

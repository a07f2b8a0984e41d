"""Who handed in what: kept beside the results, so that points find their way back.

A download of a learning platform names files and people in its own way. Whoever takes one apart
writes here what it found; whoever makes a file for the platform reads it.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import HarnessError, UsageError

FILE = "handins.index"  # no .json: those are results
FORMS = ("folder", "canvas", "moodle", "gradescope", "classroom")


@dataclass(frozen=True)
class Handed:
    """One submission: the attempt that counts."""

    names: tuple[str, ...]  # the entries of the download that it was made of, as they stand there
    people: tuple[str, ...] = ()  # ids of the roster: several for a group, none without a roster
    name: str = ""  # as the platform gives it, for people to read
    keys: Mapping[str, str] = field(default_factory=dict)  # by form: the platform's own id
    submitted_at: str | None = None  # ISO 8601 with its zone; None where nothing says it
    due_at: str | None = None  # with the extension of whoever has one, when this was written
    due_own: str | None = None  # a date that comes before the rubric's: of the command, the roster
    extension_hours: float = 0.0  # on top of either
    late: bool | None = None  # the platform's word; None where it says nothing
    attempt: int | None = None  # counted from 1


@dataclass(frozen=True)
class Index:
    """All submissions of a batch, by the id of their results."""

    form: str  # one of FORMS
    handed: Mapping[str, Handed]
    missing: tuple[str, ...] = ()  # ids of the roster who have handed in nothing
    unclaimed: tuple[str, ...] = ()  # entries of the download that belong to nobody


def write(folder: Path, index: Index) -> None:
    """Keep it beside the results, whole or not at all."""
    path = folder / FILE
    text = json.dumps(dataclasses.asdict(index), indent=1, sort_keys=True) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{FILE}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise HarnessError(f"{path} could not be written: {error}") from error


def of(folder: Path, submission_id: str) -> Handed | None:
    """Return what is kept of one submission, or None; UsageError where the index is none."""
    index = read(folder)
    return index.handed.get(submission_id) if index else None


def read(folder: Path) -> Index | None:
    """Return what was kept, or None where the results were not made by a batch."""
    path = folder / FILE
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        handed = {
            name: Handed(**{**each, "names": tuple(each["names"]), "people": tuple(each["people"])})
            for name, each in kept["handed"].items()
        }
        return Index(kept["form"], handed, tuple(kept["missing"]), tuple(kept["unclaimed"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} is no index of hand-ins: {error!r}; move it away") from error

"""The course's page: an index of all pages for staff that works as a folder, from a disk as well.

The page is whole without its script, which adds sorting and filters to what is there. It fetches
nothing else, and its policy forbids that. Text of students is escaped by the template engine.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from grader.course import changes, figures, mistakes, pairs, rows, waiting
from grader.course.gathering import Entry, Gathered
from grader.records import Json
from grader.report.page import TEMPLATES as SHARED
from grader.text import shown

TEMPLATES = Path(__file__).with_name("templates")
NAME, SCRIPT = "index.html", "index.js"


@dataclass(frozen=True)
class Assignment:
    """All that the page shows of one assignment."""

    pack: str
    notes: tuple[str, ...]
    distribution: figures.Distribution
    criteria: tuple[figures.CriterionFigures, ...]
    hardest: tuple[figures.CriterionFigures, ...]
    mistakes: mistakes.Mistakes
    outcomes: tuple[figures.OutcomeFigures, ...]
    time: figures.Time
    waiting: waiting.Waiting
    changes: changes.Changes
    pairs: pairs.Pairs | None
    rows: tuple[rows.Row, ...]
    filters: Mapping[str, str]


@dataclass(frozen=True)
class Course:
    """A folder of results, as far as it is shown."""

    title: str
    assignments: tuple[Assignment, ...]
    nameless: Mapping[str, tuple[str, ...]]
    gone: tuple[str, ...]
    troubles: tuple[str, ...]


def course(
    title: str, gathered: Gathered, index: Json, out: Path, compared: Path | None = None
) -> Course:
    """Return what there is to show.

    ``index`` is that of `changes.kept`, ``out`` the folder of the pages, ``compared`` that of
    `pairs.find`.
    """
    return Course(
        shown(title),
        tuple(
            _assignment(pack, entries, index, pairs.pairs(compared, out, pack, entries))
            for pack, entries in gathered.assignments().items()
        ),
        gathered.nameless(),
        changes.gone(index),
        tuple(shown(told, 300) for told in gathered.troubles.values()),
    )


def files(shown_: Course, index: Json) -> dict[str, bytes]:
    """Return the page and what lies beside it, by their names."""
    html = _engine().get_template("course.html").render(course=shown_)
    return {
        changes.FILE: (json.dumps(index, ensure_ascii=True, sort_keys=True) + "\n").encode(),
        SCRIPT: (TEMPLATES / SCRIPT).read_bytes(),
        NAME: html.encode(),
    }


def _assignment(
    pack: str, entries: Sequence[Entry], index: Json, found: pairs.Pairs | None
) -> Assignment:
    wrong = mistakes.mistakes(entries)
    criteria = figures.criteria(entries)
    changed = changes.changes(entries, index)
    listed = rows.rows(entries, wrong, changed.listed)
    return Assignment(
        pack=shown(pack),
        notes=tuple(_notes(entries)),
        distribution=figures.distribution(entries),
        criteria=criteria,
        hardest=figures.hardest(criteria),
        mistakes=wrong,
        outcomes=figures.outcomes(entries),
        time=figures.time(entries),
        waiting=waiting.waiting(entries),
        changes=changed,
        pairs=found,
        rows=listed,
        filters=rows.used(listed),
    )


def _notes(entries: Sequence[Entry]) -> list[str]:
    notes = []
    rubrics = {each.result["pack"]["digest"] for each in entries}
    if len(rubrics) > 1:
        notes.append(
            f"These results are by {len(rubrics)} different rubrics: `grader rescore` brings them "
            "to one."
        )
    bare = sum(each.result["environment"]["isolation"] == "none" for each in entries)
    if bare:
        notes.append(f"{bare:,} ran as a plain process, not isolated.")
    return notes


@functools.cache
def _engine() -> Environment:
    return Environment(
        loader=FileSystemLoader([TEMPLATES, SHARED]),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )

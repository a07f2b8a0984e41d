"""Feedback files: a page for each submission, zipped under the names that a platform takes back."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from grader.export.given import Course, Given
from grader.text import shown

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same pages are the same bytes
_PLAIN = {".py", ".md", ".txt", ".tex", ".json", ".toml", ".csv", ".sh", ".yaml", ".yml"}


@dataclass(frozen=True)
class Pages:
    """The page of one submission in both of its forms."""

    html: str
    markdown: str


@dataclass(frozen=True)
class Zipped:
    """A zip of feedback files, with who is not in it and why."""

    data: bytes
    count: int
    left: tuple[str, ...]


def canvas(course: Course, pages: Callable[[Given], Pages]) -> Zipped:
    """Return a zip that Canvas takes under "upload submissions".

    Canvas knows whose a file is by the two numbers in the name it was downloaded with, and shows it
    to the student under the name of what they had handed in. So the page has the form of that:
    a zip with the page, a page, a notebook, or the page as Markdown, which reads well as text.
    """
    left = list(course.left_out())
    files: dict[str, bytes] = {}
    for given in _given(course):
        name = _name_on_canvas(given)
        if name is None:
            left.append(
                f"{given.id}: of what was downloaded no file can be given back with a page in it"
            )
        else:
            files[_plain(name)] = _in_the_form_of(name, pages(given))
    return Zipped(_zip(files), len(files), tuple(left))


def moodle(course: Course, pages: Callable[[Given], Pages]) -> Zipped:
    """Return a zip that Moodle takes under "upload multiple feedback files in a zip"."""
    left = list(course.left_out())
    files: dict[str, bytes] = {}
    for given in _given(course):
        number = given.handed.keys.get("moodle", "")
        if not number.isdecimal():
            left.append(f"{given.id}: Moodle's participant number is not known")
            continue
        # The first _ ends the name for Moodle, and what a path means something by has no place.
        name = re.sub(r'[_/\\:*?"<>|]+', " ", shown(given.handed.name or given.id)).strip(" .")
        files[f"{name or 'Participant'}_{number}_assignsubmission_file_/feedback.html"] = pages(
            given
        ).html.encode()
    return Zipped(_zip(files), len(files), tuple(left))


def _given(course: Course) -> Iterator[Given]:
    return (given for given in course.given if given.points is not None)


def _name_on_canvas(given: Given) -> str | None:
    """Return the downloaded name that is best given back; None where there is none."""
    names = [PurePosixPath(name).name for name in given.handed.names]
    known = [name for name in names if _is_of_canvas(name)]
    ranked = sorted((rank, name) for name in known if (rank := _rank(name)) is not None)
    return ranked[0][1] if ranked else None


def _plain(name: str) -> str:
    """Return a name without what acts on whoever lists or unpacks the zip; its numbers stay."""
    return "".join(char if char.isprintable() and char not in '\\:*?"<>|' else "-" for char in name)


def _is_of_canvas(name: str) -> bool:
    """Whether Canvas finds a user and an attachment in the name: its first two numbers."""
    numbers = [field for field in name.split("_") if field.isdecimal()]
    return len(numbers[:2]) == len(("user", "attachment"))


def _rank(name: str) -> int | None:
    """Return how well a page goes under a name, the least being the best."""
    kind = PurePosixPath(name).suffix.lower()
    ranks = {".html": 0, ".zip": 1, ".ipynb": 2} | dict.fromkeys(_PLAIN, 3)
    return ranks.get(kind)


def _in_the_form_of(name: str, pages: Pages) -> bytes:
    kind = PurePosixPath(name).suffix.lower()
    if kind == ".html":
        return pages.html.encode()
    if kind == ".zip":
        return _zip({"feedback.html": pages.html.encode(), "feedback.md": pages.markdown.encode()})
    if kind == ".ipynb":
        cell = {"cell_type": "markdown", "metadata": {}, "source": pages.markdown}
        book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        return json.dumps(book).encode()
    return pages.markdown.encode()


def _zip(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, _LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return stream.getvalue()

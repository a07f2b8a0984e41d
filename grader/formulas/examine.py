"""The one call of the host: a submission's files and a pack's questions -> a `Sheet`.

All of a student's bytes are handled in a child process that is killed when its time is over. A
child that dies costs no points: its answers are "unreadable", which a human reads. PDFs are read in
a second child, and only for what the other files leave open, so that a PDF that kills the reader
costs nothing that was read before.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from grader.formulas import questions as packs
from grader.formulas.questions import Question
from grader.formulas.records import READ, SEEN, Reading, Sheet

TEXT_SECONDS = 10  # of wall clock; CPU time is limited to the same
PDF_SECONDS = 30
MAX_TEXT = 4_000_000  # bytes
MAX_PDF = 32_000_000
_MAX_FILES = 40
_LAST_WORDS = 2_000  # characters
_ROOT = Path(__file__).parents[2]
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); import grader.formulas.worker as w; w.main()"
_TEXTS = (".tex", ".md", ".markdown", ".txt", ".ipynb", ".html", ".htm", ".toml", ".pdf")


@dataclass(frozen=True)
class _Ended:
    """A child that gave no answer."""

    why: str
    last_words: str = ""


def examine(files: Mapping[str, bytes], questions: Sequence[Question], sheet: str = "") -> Sheet:
    """Find and judge the answers to ``questions`` in a submission's files (path -> bytes).

    ``sheet`` is the Markdown that students were given, with all questions in it, where there is
    one: answers are then found by their places in it.

    Never raises for what a student handed in. Takes tenths of a second; at most 40.
    """
    chosen, remarks = _chosen(files)
    texts = {path: data for path, data in chosen.items() if not _is_pdf(path)}
    found = _examined(texts, questions, sheet, TEXT_SECONDS)
    if len(chosen) > len(texts) and any(_open(reading) for reading in found.answers.values()):
        again = _run(chosen, questions, sheet, PDF_SECONDS)
        if isinstance(again, Sheet):
            found = again
        else:
            names = ", ".join(path for path in chosen if _is_pdf(path))
            remarks.append(f"{names} could not be read ({again.why}): a person reads it")
            found = replace(found, staff=again.last_words)
    said = (*remarks, *found.remarks)
    answers = {name: _for_human(reading, said) for name, reading in found.answers.items()}
    return replace(found, answers=answers, remarks=said)


def is_sheet(path: str) -> bool:
    """Whether a file is one that answers are looked for in, by its name."""
    name = path.rpartition("/")[2].lower()
    return name.endswith(_TEXTS) and (not name.endswith(".toml") or name == "answers.toml")


def _is_pdf(path: str) -> bool:
    return path.lower().endswith(".pdf")


def _open(reading: Reading) -> bool:
    return reading.verdict in (*READ, "none") or bool(reading.review)


def _for_human(reading: Reading, remarks: Sequence[str]) -> Reading:
    """Return a missing answer as one to look for, if it may stand in what was not read."""
    if reading.verdict != "missing" or reading.review or not remarks:
        return reading
    return replace(reading, review=f"it may stand in what was not read: {remarks[0]}")


def _chosen(files: Mapping[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
    """Return the files that may hold answers, and a sentence for each that is too large."""
    remarks: list[str] = []
    chosen: dict[str, bytes] = {}
    for path, data in files.items():
        if not is_sheet(path):
            continue
        limit = MAX_PDF if _is_pdf(path) else MAX_TEXT
        if len(data) > limit:
            remarks.append(
                f"{path} was not read: it is {len(data) / 1e6:.1f} MB, and at most "
                f"{limit // 10**6} MB are"
            )
        elif len(chosen) == _MAX_FILES:
            remarks.append(f"{path} was not read: only {_MAX_FILES} sheets are")
        else:
            chosen[path] = data
    return chosen, remarks


def _examined(
    files: Mapping[str, bytes], questions: Sequence[Question], sheet: str, seconds: int
) -> Sheet:
    if not files:
        return Sheet({q.id: Reading(q.id, "missing") for q in questions})
    found = _run(files, questions, sheet, seconds)
    if isinstance(found, Sheet):
        return found
    stop, review = f"the whole sheet ({found.why})", f"it could not be read: {found.why}"
    return Sheet(
        {q.id: Reading(q.id, "unreadable", stopped_by=stop, review=review) for q in questions},
        (f"the sheet could not be read ({found.why}): a person reads it",),
        staff=found.last_words,
    )


def _run(
    files: Mapping[str, bytes], questions: Sequence[Question], sheet: str, seconds: int
) -> Sheet | _Ended:
    """Run one child; return its sheet, or how it came to its end."""
    request = {
        "files": {path: base64.b64encode(data).decode() for path, data in files.items()},
        "questions": [packs.as_json(question) for question in questions],
        "sheet": sheet,
    }
    command = [sys.executable, "-I", "-c", _BOOT, str(_ROOT), str(seconds)]
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as taken,
        tempfile.TemporaryFile() as said,
    ):
        given.write(json.dumps(request).encode())
        given.seek(0)
        needed = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
        try:
            done = subprocess.run(  # noqa: S603 - our own module, no shell
                command, stdin=given, stdout=taken, stderr=said, env=needed, cwd="/",
                timeout=seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return _Ended(f"the reader was stopped after {seconds} s")
        taken.seek(0)
        said.seek(0)
        if done.returncode:
            last_words = said.read().decode(errors="replace")[-_LAST_WORDS:]
            return _Ended(f"the reader {_ending(done.returncode)}", last_words)
        text = taken.read()
    try:
        return _sheet(json.loads(text), questions)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _Ended("what the reader said makes no sense")


def _ending(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with {code}"


def _sheet(data: Mapping[str, Any], questions: Sequence[Question]) -> Sheet:
    """Return what a child said, every field checked: it has handled a student's bytes."""
    answers = {
        question.id: _reading(data["answers"][question.id], question) for question in questions
    }
    pictures = {str(name): base64.b64decode(png) for name, png in data["pictures"].items()}
    if not all(png.startswith(b"\x89PNG\r\n\x1a\n") for png in pictures.values()):
        raise ValueError
    return Sheet(answers, tuple(map(str, data["remarks"])), pictures)


def _reading(data: Mapping[str, Any], question: Question) -> Reading:
    values: dict[str, Any] = {field.name: data[field.name] for field in fields(Reading)}
    values["remarks"] = tuple(str(remark) for remark in values["remarks"])
    named = {variant.name for variant in question.variants} | {"reference", "none"}
    named |= {*question.stances, "follows", *(("prose",) if question.prose else ())}
    if not question.graded:  # nothing is known here that it could be
        named = {SEEN, "none", *(("prose",) if question.prose else ())}
    sound = (
        values["question"] == question.id
        and values["verdict"] in named | set(READ)
        and values["number"] in named | {"follows", "missing"}
        and all(isinstance(v, str) for name, v in values.items() if name != "remarks")
    )
    if not sound:
        raise ValueError
    return Reading(**values)

"""Known mistakes: a pack's `mistakes.toml`, read, and applied to the reference's source.

A mistake is a few exact replacements in the reference. Edited so, the reference answers as a
student does who has made that mistake.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.intake import SourceFile
from grader.tables import BadPack, Table, hint

FILE = "mistakes.toml"
WITNESSES = ("logits", "load", "count", "distribution", "work")
ALIKE = ("values", "size")


@dataclass(frozen=True)
class Mistake:
    """One known mistake."""

    id: str
    says: str  # completes "... equal those of a model ..."
    look: str  # where to look, one sentence
    witness: str  # where it shows
    alike: str = "values"  # "size": rounding, which is as large but never the same
    edits: tuple[tuple[str, str], ...] = ()  # (old, new); old stands exactly once in the source


def read(path: Path) -> tuple[Mistake, ...]:
    """Read a family of mistakes; none where the file is missing. Raises BadPack."""
    if not path.exists():
        return ()
    try:
        table = Table(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadPack(f"{path}: {error}") from error
    table.only("mistakes")
    found = tuple(_mistake(entry) for entry in table.tables("mistakes"))
    ids = [mistake.id for mistake in found]
    if twice := [name for name in ids if ids.count(name) > 1]:
        raise BadPack(f"{path}: the mistake {twice[0]!r} is listed twice")
    return found


def _mistake(table: Table) -> Mistake:
    table.only("id", "says", "look", "witness", "alike", "edits")
    witness = table.text("witness")
    alike = table.text("alike") if "alike" in table.values else "values"
    for word, known in ((witness, WITNESSES), (alike, ALIKE)):
        if word not in known:
            raise BadPack(
                f"{table.where}: {word!r} is none of {', '.join(known)}{hint(word, known)}"
            )
    edits = tuple((edit.text("old"), edit.text("new")) for edit in table.tables("edits"))
    return Mistake(table.text("id"), table.text("says"), table.text("look"), witness, alike, edits)


def apply(mistake: Mistake, source: str, where: str) -> str:
    """Return the source with the mistake in it; raises BadPack if an edit does not fit."""
    for old, new in mistake.edits:
        if (times := source.count(old)) != 1:
            raise BadPack(f"{where}: {mistake.id!r} replaces {old!r}, which is there {times} times")
        source = source.replace(old, new)
    return source


def edited_file(reference: Sequence[SourceFile], expected: Sequence[str], where: str) -> SourceFile:
    """Return the file of a reference that has the class: the one with an expected name."""
    named = [file for file in reference if file.path in expected]
    if len(named) != 1:
        raise BadPack(f"{where}: known mistakes need one file named {' or '.join(expected)}")
    return named[0]


def variants(mistakes: Sequence[Mistake], right: SourceFile, where: str) -> tuple[SourceFile, ...]:
    """Return the right file with each of the mistakes, a file each, named by `file_of`."""
    source = right.data.decode()
    return tuple(
        SourceFile(file_of(mistake.id), apply(mistake, source, where).encode())
        for mistake in mistakes
    )


def parse(files: Sequence[SourceFile], where: str) -> None:
    """Read variants as Python; raises BadPack naming the first that is none.

    Not done whenever a pack is loaded: a hundred of them take a third of a second.
    """
    for file in files:
        try:
            ast.parse(file.data)
        except SyntaxError as error:
            raise BadPack(
                f"{where}: {file.path.removesuffix('.py')!r} makes no Python of the reference: "
                f"line {error.lineno}: {error.msg}"
            ) from error


def file_of(mistake: str) -> str:
    """Return the path of a mistake's file."""
    return f"{mistake}.py"

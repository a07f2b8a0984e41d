"""`grader clean`: says what courses have kept for long enough, and removes it if that is wanted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.batch.story import Done
from grader.columns import paragraph, table
from grader.server import courses, lock, old
from grader.server.courses import Course
from grader.server.old import Old


def run(files: Sequence[Path], root: Path, say: Callable[[str], None], *, yes: bool) -> Done:
    """Return what is old, and with ``yes`` remove it; raises UsageError for a file that is none.

    Nothing is removed while a night is at work: HarnessError says so.
    """
    read = [courses.read(file, root) for file in courses.files(files)]
    if not yes:
        return _done(*_found(read), [], yes=False)
    with lock.held("cleaning", say, wait=False):
        found, notes = _found(read)
        troubles = old.remove([each for _, each in found if each.kind != "result"])
        for course in read:
            troubles += old.remove_results(course, [each for _, each in found])
        return _done(found, notes, troubles, yes=True)


def _found(read: Sequence[Course]) -> tuple[list[tuple[str, Old]], list[str]]:
    """Return what is old by whose it is; an image is everybody's and goes when all let it go."""
    found: list[tuple[str, Old]] = []
    notes: list[str] = []
    for course in read:
        stored, stay = old.stored(course)
        found += [(course.name, each) for each in (*old.logs(course), *stored)]
        notes += [f"{course.name}: {stay}"] if stay else []
    images, trouble = old.images(max(read, key=lambda course: course.keep_images))
    found += [("", each) for each in images]
    return found, notes + ([trouble] if trouble else [])


def _done(
    found: Sequence[tuple[str, Old]], notes: Sequence[str], troubles: Sequence[str], *, yes: bool
) -> Done:
    rows = [[name, each.kind, each.name, f"{1000 * each.gb:.1f}"] for name, each in found]
    lines = [table(rows, ["course", "", "", "MB"], "lllr"), ""] if rows else []
    for line in (*notes, *troubles):
        lines += paragraph(line, further="   ")
    size = 1000 * sum(each.gb for _, each in found)
    if not found:
        lines.append("nothing is old")
    elif yes:
        lines.append(f"{len(found) - len(troubles)} of {len(found)} removed, {size:.1f} MB in all")
    else:
        lines.append(f"{len(found)} are old, {size:.1f} MB in all; nothing is removed: --yes does")
    data = {
        "schema": "grader.clean/1",
        "removed": yes,
        "found": [
            {"course": name, **{key: value for key, value in dataclasses.asdict(each).items()
                                if key in ("kind", "name", "gb")}}
            for name, each in found
        ],
        "notes": [*notes, *troubles],
    }  # fmt: skip
    return Done("\n".join(lines), 2 if troubles else 0, data)

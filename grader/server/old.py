"""What a course has kept for long enough: logs, results that nobody needs, images of ours.

Never old are results of a folder of which anything has been published, and results that a human
has given points for or that somebody has asked about. Images are those with our label and our name,
and the current ones are never among them.
"""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader import history, results
from grader.errors import GraderError, HarnessError, UsageError
from grader.sandbox import docker as engine
from grader.sandbox import image
from grader.server.budget import used
from grader.server.courses import GB, Course

BY_HUMANS = {"points", "request", "answer", "state"}


@dataclass(frozen=True)
class Old:
    """One thing that may go."""

    kind: str  # logs, result or image
    name: str
    gb: float
    paths: tuple[Path, ...] = ()
    image: str = ""


def logs(course: Course) -> list[Old]:
    """Return the folders of nights that are too long ago, by their names."""
    oldest = (history.now() - dt.timedelta(days=course.keep_logs)).date()
    try:
        nights = sorted(path for path in course.logs.iterdir() if path.is_dir())
    except OSError:
        return []
    return [
        Old("logs", path.name, used(path), (path,))
        for path in nights
        if (day := _day(path.name)) is not None and day < oldest
    ]


def stored(course: Course) -> tuple[list[Old], str]:
    """Return the results that are too old, and a sentence on those that stay all the same."""
    if course.keep_results is None or not course.out.is_dir():
        return [], ""
    oldest = (history.now() - dt.timedelta(days=course.keep_results)).timestamp()
    aged = [path for path in sorted(course.out.glob("*.json")) if path.stat().st_mtime < oldest]
    names = [path.stem for path in aged if _is_result(path)]
    if not names:
        return [], ""
    try:
        if any(_events(course.out, each) & {"published"} for each in _all(course.out)):
            return [], f"{len(names)} old results stay: some of {course.out} are published"
        touched = {name for name in names if _is_touched(course.out, name)}
    except UsageError as error:
        return [], f"{len(names)} old results stay: {error}"
    found = [_result(course.out, name) for name in names if name not in touched]
    stay = f"{len(touched)} old results stay: humans have worked on them" if touched else ""
    return found, stay


def images(course: Course) -> tuple[list[Old], str]:
    """Return images of ours that newer ones have replaced, and why they could not be looked at."""
    oldest = history.now() - dt.timedelta(days=course.keep_images)
    try:
        found = image.replaced(engine.connect())
    except HarnessError as error:
        return [], f"images were not looked at: {error}"
    return [
        Old("image", f"{each.id[:19]} {' '.join(each.tags) or 'without a name'}, "
            f"made {each.made.date()}", each.bytes / GB, image=each.id)
        for each in found if each.made < oldest
    ], ""  # fmt: skip


def remove_results(course: Course, found: Sequence[Old]) -> list[str]:
    """Remove those of a course that are still old, while nobody else writes there."""
    own = [each for each in found if each.kind == "result" and each.paths[0].parent == course.out]
    if not own:
        return []
    with results.alone(course.out):
        still = {each.name for each in stored(course)[0]}
        kept = [f"result {each.name} stays: it has changed meanwhile"
                for each in own if each.name not in still]  # fmt: skip
        return kept + remove([each for each in own if each.name in still])


def remove(found: Sequence[Old]) -> list[str]:
    """Remove what was found; return a sentence for each that could not be."""
    troubles = []
    for each in found:
        try:
            if each.image:
                image.remove(engine.connect(), each.image)
            for path in each.paths:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        except (OSError, GraderError) as error:
            troubles.append(f"{each.kind} {each.name}: {error}")
    return troubles


def _day(name: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(name) if re.fullmatch(r"\d{4}-\d\d-\d\d", name) else None
    except ValueError:
        return None


def _is_result(path: Path) -> bool:
    try:
        return results.found(path.parent, path.stem) is not None
    except UsageError:
        return False


def _is_touched(folder: Path, name: str) -> bool:
    """Whether a human has worked on a result."""
    result = results.read(folder, name)
    return bool(result and result["manual"]) or bool(_events(folder, name) & BY_HUMANS)


def _all(folder: Path) -> Iterator[str]:
    """Yield whoever has a history, whether the result is there or not."""
    yield from (path.name.removesuffix(history.END) for path in folder.glob(f"*{history.END}"))


def _events(folder: Path, name: str) -> set[str]:
    """Return the kinds of what has happened to a result, and the states that it has been in."""
    events = history.read(folder, name)
    return {each["event"] for each in events} | {each.get("state", "") for each in events}


def _result(folder: Path, name: str) -> Old:
    """Return a result with the files beside it and its history: the result itself goes first."""
    beside = results.beside(folder, name)
    paths = (folder / f"{name}.json", *beside, folder / f"{name}{history.END}")
    size = sum(used(each) if each.is_dir() else each.stat().st_size / GB
               for each in paths if each.exists())  # fmt: skip
    return Old("result", name, size, paths)

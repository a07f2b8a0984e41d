"""The night: each course in turn, as its file says, whatever becomes of the one before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grader import history
from grader.batch import story
from grader.columns import paragraph, table
from grader.errors import HarnessError, UsageError
from grader.records import Json
from grader.server import courses, lock, old
from grader.server.budget import Watch
from grader.server.courses import GB, Course

MB: Final = 1 << 20
STOPPED: Final = 130
SUMMARY: Final = "summary.txt"  # beside the logs of a night
Device = Callable[[str], str]  # "auto" to a device's full name


@dataclass(frozen=True)
class Ended:
    """How a course's night ended. ``said`` is a sentence, or nothing."""

    course: str
    code: int  # as an exit code
    said: str = ""
    batch: Json | None = None  # what `grader batch --json` prints

    @property
    def stopped(self) -> bool:
        """Whether somebody has stopped it."""
        return self.code == STOPPED or bool(self.batch and self.batch["stopped"])


def run(
    files: Sequence[Path], root: Path, device: Device, say: Callable[[str], None], *, wait: bool
) -> story.Done:
    """Grade the courses of these files; raises HarnessError where another night is at work."""
    files = courses.files(files)
    ended: list[Ended] = []
    taken: dict[Path, Path] = {}  # folders of results, by whose they are
    with lock.held(f"{len(files)} courses", say, wait=wait):
        for file in files:
            say(f"== {file.stem}")
            ended.append(_course(file, root, device, say, taken))
            if ended[-1].said:
                say(ended[-1].said)
            if ended[-1].stopped:
                break
    left = [file.stem for file in files[len(ended) :]]
    return _done(ended, left)


def _course(
    file: Path, root: Path, device: Device, say: Callable[[str], None], taken: dict[Path, Path]
) -> Ended:
    """Grade one course; whatever goes wrong is how it ended."""
    name = file.stem
    try:
        course = courses.read(file, root)
        other = taken.setdefault(course.out.resolve(), file)
        if other != file:
            raise UsageError(f"{file}: its folder of results, {course.out}, is that of {other}")  # noqa: TRY301 - all ends below
        if why := _not_today(course):
            return Ended(name, 0, why)
        for trouble in old.remove(old.logs(course)):
            say(trouble)
        return _graded(course, root, device, say)
    except UsageError as error:
        return Ended(name, 1, str(error))
    except HarnessError as error:
        return Ended(name, 2, str(error))
    except KeyboardInterrupt:
        return Ended(name, STOPPED, "stopped; what was graded is stored")
    except Exception as error:  # noqa: BLE001 - the other courses are graded all the same
        return Ended(name, 2, f"a fault of the grader itself ({type(error).__name__}: {error})")


def _not_today(course: Course) -> str:
    now = history.now()
    if course.begins is not None and now < course.begins:
        return f"not graded before {course.begins.isoformat(sep=' ', timespec='minutes')}"
    if course.ends is not None and now > course.ends:
        return f"not graded after {course.ends.isoformat(sep=' ', timespec='minutes')}"
    return ""


def _graded(course: Course, root: Path, device: Device, say: Callable[[str], None]) -> Ended:
    watch = Watch(course)
    if why := watch():
        raise HarnessError(f"nothing was begun: {why}")
    if not course.hand_ins.exists():
        raise UsageError(f"{course.file}: there are no hand-ins at {course.hand_ins}")
    logs = course.logs / history.now().date().isoformat()
    done = story.run(
        story.Order(
            root=root,
            path=course.hand_ins,
            out=course.out,
            pack=course.pack,
            sandbox=course.sandbox,
            devices=tuple(device(each) for each in course.devices or ("auto",)),
            jobs=course.jobs,
            resume=True,
            form=course.form,
            roster=course.roster,
            due=course.due,
            logs=logs,
            memory_mb=None if course.memory is None else int(course.memory * GB / MB),
            enough=watch,
        ),
        say,
    )
    try:
        logs.mkdir(parents=True, exist_ok=True)
        (logs / SUMMARY).write_text(f"{done.summary}\n", encoding="utf-8")
    except OSError as error:
        say(f"{logs / SUMMARY} could not be written: {error}")
    said = watch.why or (f"{logs / SUMMARY} says what is left" if done.code else "")
    return Ended(course.name, done.code, said, done.data)


def _done(ended: Sequence[Ended], left: Sequence[str]) -> story.Done:
    """Return the table, the exit code and the data of a night."""
    rows = [[each.course, *_counts(each), _word(each)] for each in ended]
    rows += [[name, "", "", "", "not begun"] for name in left]
    headers = ["course", "graded", "for a human", "left", ""]
    lines = [table(rows, headers, "lrrrl"), ""]
    for each in ended:
        if each.said:
            lines += paragraph(f"{each.course}: {each.said}", further="   ")
    codes = {STOPPED if each.stopped else each.code for each in ended}
    code = next((one for one in (STOPPED, 2, 1) if one in codes), 0)
    data = {
        "schema": "grader.night/1",
        "courses": [dataclasses.asdict(each) for each in ended],
        "not_begun": list(left),
    }
    return story.Done("\n".join(lines).rstrip(), code, data)


def _counts(ended: Ended) -> list[str]:
    if ended.batch is None:
        return ["", "", ""]
    graded = ended.batch["graded"].values()
    waiting = sum(bool(each["open"]) for each in graded)
    return [str(len(graded)), str(waiting), str(len(ended.batch["left"]))]


def _word(ended: Ended) -> str:
    if ended.stopped:
        return "stopped"
    if ended.batch is None:
        return "not today" if ended.code == 0 else "not graded"
    return {0: "done", 1: "not graded"}.get(ended.code, "not finished")

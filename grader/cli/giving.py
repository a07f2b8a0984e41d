"""Commands that give results on: pages for people, files for platforms."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.cli import choices
from grader.errors import UsageError
from grader.text import shown

if TYPE_CHECKING:
    from grader.export.feedback import Pages, Zipped
    from grader.export.filling import Filled
    from grader.export.given import Course, Given, Rule
    from grader.records import Json
    from grader.report.seen import Audience

TARGETS = ("csv", "canvas", "moodle", "gradescope", "junit")


def report(arguments: argparse.Namespace) -> int:
    """Write a page for each submission, as HTML and as Markdown; for staff the course's as well."""
    from grader import results
    from grader.course import changes
    from grader.tables import hint

    if arguments.staff and not arguments.ids:
        return _course(arguments)
    if arguments.similar:
        raise UsageError("--similar is for the course's page: give it with --staff, and no ID")
    stored = {str(each["submission"]["id"]): each for each in results.stored(arguments.folder)}
    unknown = [name for name in arguments.ids if name not in stored]
    if unknown or not stored:
        listed = ", ".join(map(shown, unknown)) or "any submission"
        meant = hint(unknown[0], stored) if unknown else ""
        raise UsageError(f"{arguments.folder} holds no result of {listed}{meant}")
    if not arguments.staff and (arguments.out / changes.FILE).exists():
        raise UsageError(
            f"{arguments.out} holds the course's page for staff: give students' pages another --out"
        )
    pages = _write_pages(arguments, [stored[name] for name in arguments.ids or stored])
    choices.document(arguments, _pages_data(arguments, pages, None))
    return 0


def _pages_data(arguments: argparse.Namespace, pages: list[str], index: str | None) -> Json:
    return {"schema": "grader.pages/1", "folder": str(arguments.out), "pages": pages,
            "index": index}  # fmt: skip


def _course(arguments: argparse.Namespace) -> int:
    """Write all pages for staff, and the course's page that leads to them."""
    from grader.course import changes, gathering, page, pairs, telling
    from grader.export import files

    gathered = gathering.gather(arguments.folder)
    index = changes.kept(gathered.entries, changes.read(arguments.out))
    compared = pairs.find(arguments.similar, arguments.out, arguments.folder)
    title = arguments.folder.absolute().name
    course = page.course(title, gathered, index, arguments.out, compared)
    made = page.files(course, index)
    results = [each.result for each in gathered.entries]
    pages = _write_pages(arguments, results) if results else []
    for name, data in made.items():
        files.write(arguments.out / name, data)
    choices.document(arguments, _pages_data(arguments, pages, page.NAME))
    print(f"\n{telling.told(course)}\n\n{arguments.out / page.NAME}")
    return 0


def _write_pages(arguments: argparse.Namespace, stored: Sequence[Json]) -> list[str]:
    """Write each page in both forms; return the names of the files."""
    from grader import results
    from grader.export import files
    from grader.report import page

    audience: Audience = "staff" if arguments.staff else "student"
    written = []
    for result in stored:
        name = str(result["submission"]["id"])
        beside = results.attached(arguments.folder, result)
        for kind, make in (("html", page.html), ("md", page.markdown)):
            written.append(page.file_name(name, kind))
            files.write(arguments.out / written[-1], make(result, beside, audience).encode())
    readers = "staff, with hidden data," if arguments.staff else "students"
    what = "page" if len(stored) == 1 else "pages"
    print(f"{len(stored)} {what} for {readers} in {arguments.out}, as HTML and Markdown")
    return written


def export(arguments: argparse.Namespace) -> int:
    """Make a platform's file of the results; without --out say what it would hold."""
    from grader import handed, results
    from grader.export import given

    stored = results.stored(arguments.folder)
    course = given.course(
        stored,
        handed.read(arguments.folder),
        _rule(arguments, stored),
        where=str(arguments.folder),
    )
    into_own_file = arguments.to in ("canvas", "moodle")
    if not into_own_file and (arguments.into or arguments.column or arguments.feedback):
        raise UsageError("--into, --column and --feedback are for --to canvas and --to moodle")
    if into_own_file and not (arguments.into or arguments.feedback):
        what = "gradebook" if arguments.to == "canvas" else "grading worksheet"
        raise UsageError(f"give the {what} that you downloaded with --into, or --feedback")
    if arguments.feedback and arguments.feedback in (arguments.into, arguments.out):
        raise UsageError(f"{arguments.feedback} cannot be both the feedback and the points")
    about: Json = _into_own_file(arguments, course) if into_own_file else {}
    if not into_own_file:
        _new_file(arguments, course)
    paths = (arguments.out, arguments.feedback)
    choices.document(arguments, {
        "schema": "grader.export/1",
        "to": arguments.to,
        "column": None,
        "changes": [],
        "same": 0,
        "notes": [],
        **about,
        "points": {each.id: each.points for each in course.given if each.points is not None},
        "left_out": list(course.left_out()),
        "written": [str(path) for path in paths if path is not None],
    })  # fmt: skip
    return 0


def _rule(arguments: argparse.Namespace, stored: Sequence[Json]) -> Rule:
    """Return what may be given: what is held in the gradebook is not, whatever its points."""
    from grader import history
    from grader.export import given
    from grader.gradebook import entries

    names = [str(each["submission"]["id"]) for each in stored]
    held = entries.held_back({name: history.read(arguments.folder, name) for name in names})
    rule = given.so_far if arguments.with_pending else given.settled
    return lambda result: held.get(str(result["submission"]["id"])) or rule(result)


def _into_own_file(arguments: argparse.Namespace, course: Course) -> Json:
    """Say, and write, what changes in the TA's file; return it as data."""
    from grader.export import canvas, feedback, files, moodle

    about: Json = {}
    if arguments.into:
        try:
            data = arguments.into.read_bytes()
        except OSError as error:
            raise UsageError(f"{arguments.into} cannot be read: {error.strerror}") from error
        write = canvas.write if arguments.to == "canvas" else moodle.write
        filled = write(data, str(arguments.into), course, arguments.column)
        _say_changes(filled)
        about = {"column": filled.column, "changes": [vars(each) for each in filled.changes],
                 "same": filled.same, "notes": list(filled.notes)}  # fmt: skip
        _written(arguments, filled.data)
    if arguments.feedback:
        zipped = (feedback.canvas if arguments.to == "canvas" else feedback.moodle)(
            course, lambda given: _pages(arguments.folder, given)
        )
        files.write(arguments.feedback, zipped.data)
        _say_zipped(arguments.feedback, zipped, said=bool(arguments.into), course=course)
    return about


def _new_file(arguments: argparse.Namespace, course: Course) -> None:
    from grader.export import files, gradescope, junit, sheet

    for line in course.left_out():
        _say(f"no points: {shown(line, 300)}")
    count = sum(given.points is not None for given in course.given)
    print(f"{count} of {len(course.given)} results have points to give")
    if arguments.to != "gradescope":
        _written(arguments, {"csv": sheet.write, "junit": junit.write}[arguments.to](course))
    elif arguments.out is None:
        print("nothing is written: --out FOLDER writes it")
    else:
        made = {
            f"{given.id}/{gradescope.FILE}": gradescope.write(given)
            for given in course.given
            if given.points is not None
        }
        files.write_folder(arguments.out, made)
        print(f"{len(made)} files in {arguments.out}")


def _written(arguments: argparse.Namespace, data: bytes) -> None:
    from grader.export import files

    if arguments.out is None:
        what = f"{arguments.into} stays as it is" if arguments.into else "nothing is written"
        print(f"{what}: --out FILE writes the points")
    else:
        files.write(arguments.out, data)
        print(arguments.out)


def _say_changes(filled: Filled) -> None:
    from grader.columns import table

    rows = [
        [str(change.line), shown(change.who, 60), shown(change.before, 20), change.now]
        for change in filled.changes
    ]
    if rows:
        print(f"column {shown(filled.column)}")
        print(table(rows, ["row", "who", "before", "now"], "rlrr"))
        print()
    for note in filled.notes:
        _say(f"note: {shown(note, 300)}")
    print(f"{len(rows)} cells change; {filled.same} hold these points already")


def _say(text: str) -> None:
    from grader.columns import paragraph

    print("\n".join(paragraph(text, further="   ")))


def _say_zipped(path: Path, zipped: Zipped, *, said: bool, course: Course) -> None:
    known = set(course.left_out()) if said else set()
    for line in zipped.left:
        if line not in known:
            _say(f"no feedback: {shown(line, 300)}")
    print(f"{zipped.count} feedback files in {path}")


def _pages(folder: Path, given: Given) -> Pages:
    from grader import results
    from grader.export.feedback import Pages
    from grader.report import page

    beside = results.attached(folder, given.result)
    return Pages(
        page.html(given.result, beside, "student"), page.markdown(given.result, beside, "student")
    )

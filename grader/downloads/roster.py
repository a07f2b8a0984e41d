"""Who should have handed in: a CSV file of whatever form a course has.

Read are a gradebook as Canvas exports it, a roster or grades of Gradescope, participants or a
grading worksheet of Moodle, a roster of GitHub Classroom, and a table of one's own with columns
such as

    id,name,email,github,group,extension,due,submitted

of which one that names people is enough. `extension` is a length (2d, 36 h) or a new date; `due`
and `submitted` are dates with their time.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from grader import times
from grader.errors import UsageError
from grader.text import shown

_MAX_BYTES = 20_000_000
_COLUMNS = {
    "id": ("id", "student id", "sid", "sis login id", "username", "user name", "login",
           "roster identifier", "identifier", "id number", "email", "email address"),
    "name": ("name", "full name", "student", "student name"),
    "first": ("first name", "firstname", "given name"),
    "last": ("last name", "lastname", "surname", "family name"),
    "email": ("email", "email address", "e-mail", "mail"),
    "login": ("login", "username", "user name", "sis login id", "login id"),
    "number": ("sid", "id number", "sis user id", "student id", "integration id"),
    "canvas": ("canvas id", "canvas user id"),
    "moodle": ("participant id", "participant"),
    "github": ("github username", "github login", "github"),
    "repository": ("student repository name", "repository"),
    "group": ("group", "team", "group name", "team name"),
    "extension": ("extension",),
    "due": ("due", "due date", "extended until"),
    "submitted": ("submitted", "submitted at", "submission time", "submission timestamp",
                  "last modified (submission)"),
    "role": ("role",),
}  # fmt: skip
_STAFF = {"instructor", "ta", "teacher", "teaching assistant", "manager", "reader", "observer"}
_CANVAS = {"student", "id", "section"}
_PARTICIPANT = re.compile(r"participant\s*([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Person:
    """One who should have handed in."""

    id: str
    name: str = ""
    others: tuple[str, ...] = ()  # what else names them: email, login, numbers
    keys: Mapping[str, str] = field(default_factory=dict)  # by form: the platform's own id
    group: str = ""
    extension_hours: float = 0.0
    due: str = ""  # of their own, as written
    submitted: str = ""  # as written


def read(path: Path) -> tuple[Person, ...]:
    """Return the people of a roster, by their lines; raises UsageError."""
    where = shown(str(path))
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UsageError(f"{where} is too large for a roster: give the CSV file")
        text = decoded(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{where} cannot be read: {error.strerror}") from error
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)))
    except csv.Error as error:
        raise UsageError(f"{where} is no CSV file: {error}") from error
    heads = [_plain(cell) for cell in lines[0]] if lines else []
    columns = {name: [heads.index(each) for each in known if each in heads]
               for name, known in _COLUMNS.items()}  # fmt: skip
    if set(heads) >= _CANVAS:  # its ID is Canvas's own, and better ones are beside it
        columns["canvas"] = [heads.index("id")]
        columns["id"] = [*columns["login"], *columns["number"], *columns["canvas"]]
    if not (columns["id"] or columns["name"] or columns["last"]):
        raise UsageError(
            f"{where} has no column that names people: call one of them id, name or email; it "
            f"has {', '.join(shown(head, 30) for head in lines[0][:12]) if lines else 'nothing'}"
        )
    people = tuple(_people(lines, columns, where))
    _look_for_twins(people, where)
    return people


def decoded(data: bytes) -> str:
    """Return the text of a CSV file as spreadsheets write them: UTF-8, UTF-16 or Windows's own."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _delimiter(text: str) -> str:
    """Return what separates the columns of the first line."""
    line = re.sub(r'"[^"]*"', "", text.partition("\n")[0])
    return max(",;\t", key=line.count)


def _plain(head: str) -> str:
    return re.sub(r"[\s_]+", " ", head).strip().lower()


def _people(
    lines: Sequence[Sequence[str]], columns: Mapping[str, Sequence[int]], where: str
) -> Iterator[Person]:
    for number, cells in enumerate(lines[1:], 2):

        def cell(name: str, cells: Sequence[str] = cells) -> str:
            """Return the first of a field's cells that holds something."""
            found = (cells[at].strip() for at in columns[name] if at < len(cells))
            return next((each.removeprefix('="').rstrip('"') if each.startswith('="') else each
                         for each in found if each), "")  # fmt: skip

        name = cell("name") or " ".join(filter(None, (cell("first"), cell("last"))))
        participant = _PARTICIPANT.fullmatch(cell("id"))  # a worksheet of Moodle
        own = cell("id")
        if participant:
            own = cell("number") or cell("email") or own
        nobody = name in {"Points Possible", "Student, Test"} or cell("role").lower() in _STAFF
        if nobody or not (own or name):
            continue
        extension, due = _extension(cell("extension"), cell("due"), f"{where}, line {number}")
        keys = {
            "canvas": cell("canvas"),
            "moodle": participant[1] if participant else cell("moodle"),
            "classroom": cell("github"),
        }
        others = (cell("email"), cell("login"), cell("number"), cell("github"), cell("repository"))
        yield Person(
            id=own or name,
            name=name,
            others=tuple(each for each in others if each),
            keys={form: key for form, key in keys.items() if key},
            group=cell("group"),
            extension_hours=extension,
            due=due,
            submitted=cell("submitted"),
        )


def _extension(extension: str, due: str, where: str) -> tuple[float, str]:
    """Return hours and a date of one's own; raises UsageError for what is neither."""
    hours = 0.0
    if extension and (length := times.seconds(extension)) is not None:
        hours = length / 3600
    elif extension:
        due = extension
    if due and times.moment(due, ZoneInfo("UTC")) is None:
        raise UsageError(
            f"{where}: {shown(due, 40)!r} is neither a length such as 2d or 36 h nor a date with "
            "its time such as 2026-11-22 23:59"
        )
    return hours, due


def _look_for_twins(people: Sequence[Person], where: str) -> None:
    count = Counter(person.id for person in people)
    if twice := [each for each, times_ in count.items() if times_ > 1]:
        raise UsageError(f"{where} lists {shown(twice[0], 60)} twice: leave one line of each")
    if not people:
        raise UsageError(f"{where} lists nobody below its first line")

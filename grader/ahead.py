"""What students can know ahead of the grading, beside what the public checks say.

    public/questions.json   how each answer of a sheet is found and read; nothing of what is right
    public/private.json     what is graded privately: criteria, points, and what a human reads
    public/checks/ahead.py  what the pack itself tells of other work: told(scripts, known), with the
                            modules that it NEEDS; `known` is what ahead_known.py has recorded

`write` makes both from a pack; `answers` reads a sheet by the first before it is handed in, or what
is written in a notebook below the names of its questions.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.beside import beside, by_path
from grader.conversation import Conversation
from grader.errors import StudentFault, UsageError
from grader.formulas import questions
from grader.formulas.examine import examine, is_sheet
from grader.formulas.questions import Question
from grader.formulas.records import SEEN, Reading
from grader.intake import SourceFile, Submission
from grader.notebook import answers as notebooks
from grader.pack import TEMPLATE, Pack
from grader.records import Json
from grader.sandbox import Sandbox
from grader.scripts import Scripts

QUESTIONS, PRIVATE, KNOWN = "questions.json", "private.json", "known.json"
QUESTIONS_SCHEMA, PRIVATE_SCHEMA = "grader.questions/1", "grader.private/1"
KNOWN_SCHEMA = "grader.known/1"
OWN, RECORDS = "ahead.py", "ahead_known"


@dataclass(frozen=True)
class Answer:
    """An answer as it was found.

    ``state``: "read" as a formula, number or verdict; "uncertain", where that may be another's;
    "written", text that a program reads; "prose", text for a person; "unreadable" or "missing".
    """

    question: str
    says: str  # what is asked for
    state: str
    where: str = ""
    read_as: str = ""  # or what is written, where a person reads it
    why: str = ""  # it was not read
    symbols: tuple[str, ...] = ()  # that a formula may have


@dataclass(frozen=True)
class Answers:
    """A sheet as it was read."""

    all: tuple[Answer, ...]
    files: tuple[str, ...]  # that were read; none where nothing was written yet
    fill_in: tuple[str, ...]  # the files that are there to be filled in
    remarks: tuple[str, ...]

    def of(self, *states: str) -> list[Answer]:
        """Return the answers in these states."""
        return [answer for answer in self.all if answer.state in states]


def write(pack: Pack, public: Path) -> None:
    """Write both files of a pack into the public part of its handout."""
    asked = questions.load(pack.folder / questions.FILE)
    if asked:
        template = pack.folder / TEMPLATE
        sheet = questions.sheet_of(pack.folder / questions.FILE)
        given = {path.name: path.read_bytes() for path in sorted(template.iterdir())}
        _put(public / QUESTIONS, {
            "schema": QUESTIONS_SCHEMA,
            "words": asked[0].words,  # the same for all questions
            "questions": [_plain(each) for each in asked],
            "sheet": given[sheet].decode() if sheet else "",
            "given": sorted(_digest(data) for data in given.values()),
            "fill_in": [sheet] if sheet else [name for name, data in given.items()
                                              if any(_mark(each) in data for each in asked)],
        })  # fmt: skip
    _own(pack, public)
    _put(public / PRIVATE, {"schema": PRIVATE_SCHEMA, "criteria": list(_private(pack))})


def _own(pack: Pack, public: Path) -> None:
    """Hand out what the pack itself tells ahead, and what was recorded for it."""
    own = pack.checks_folder / OWN
    if not own.exists():
        return
    (public / "checks").mkdir(exist_ok=True)
    for name in (own.stem, *by_path(own).NEEDS):
        shutil.copyfile(own.with_name(f"{name}.py"), public / "checks" / f"{name}.py")
    _put(public / KNOWN, {"schema": KNOWN_SCHEMA, "known": beside(str(own), RECORDS).known()})


def programs(public: Path, pack: Pack, submission: Submission, sandbox: Sandbox) -> list[str]:
    """Return what the pack tells of a student's programs, which run in the sandbox; often none.

    What was given out is nobody's program.
    """
    own, found = public / "checks" / OWN, _get(public / KNOWN, KNOWN_SCHEMA)
    if found is None or not own.exists():
        return []
    given = {file.data for file in pack.given}
    files = [file for file in submission.files if file.data not in given]
    try:
        with Conversation(sandbox, submission.files, pack.sandbox) as box:
            said = by_path(own).told(Scripts(box, files), found["known"])
    except StudentFault as fault:
        return [fault.message]
    except Exception as error:  # noqa: BLE001 - whatever it is, the checks stand
        return [f"Nothing can be said of them: the grader failed here ({type(error).__name__})."]
    return [str(each) for each in said]


def _plain(question: Question) -> Json:
    return {**questions.as_json(questions.unanswered(question)), "words": {}}


def _mark(question: Question) -> bytes:
    return rf"\answer{{{question.id}}}".encode()


def _private(pack: Pack) -> Iterator[Json]:
    """Yield what of each criterion is not public, where that is worth any points."""
    for criterion in pack.criteria:
        hidden = [check for check in criterion.checks if check.visibility != "public"]
        public = sum(check.points for check in criterion.checks if check not in hidden)
        if (points := criterion.points - public) > 0:
            yield {
                "id": criterion.id,
                "title": criterion.title,
                "points": round(points, 6),
                "max_points": criterion.points,
                "human": points if not criterion.checks
                else round(sum(check.points for check in hidden if check.manual), 6),
                "checks": [{"id": check.id, "points": round(check.points, 6),
                            "by": "human" if check.manual else "program"} for check in hidden],
            }  # fmt: skip


def private(public: Path) -> list[Json]:
    """Return what is graded privately; none where the handout does not say."""
    found = _get(public / PRIVATE, PRIVATE_SCHEMA)
    return list(found["criteria"]) if found else []


def answers(public: Path, pack: Pack, files: Sequence[SourceFile]) -> Answers | None:
    """Read the answer sheets of a student's files; None where the assignment has no such sheet.

    What is right is not known here. Files that are as they were given hold no answer.
    """
    found = _get(public / QUESTIONS, QUESTIONS_SCHEMA)
    if found is None:
        return _written(public, pack, files)
    asked = [questions.from_json(each | {"words": found["words"]}) for each in found["questions"]]
    own = {f.path: f.data for f in files if is_sheet(f.path) and _digest(f.data) not in
           found["given"]}  # fmt: skip
    read = examine(own, asked, found["sheet"])
    asked.sort(key=_place)
    return Answers(
        tuple(_answer(each, read.answers[each.id]) for each in asked),
        tuple(own),
        tuple(found["fill_in"]),
        read.remarks,
    )


def _written(public: Path, pack: Pack, files: Sequence[SourceFile]) -> Answers | None:
    """Return what is written below the questions of a notebook; its code is not among it."""
    asked = [each for each in private(public) if re.fullmatch(r"[A-Za-z]+\d+", each["id"])]
    if pack.form is None or not asked:
        return None
    names = [each["id"] for each in asked]
    form, book = pack.form, pack.form.fill(files).book
    found = notebooks.find(files, book, form.book, form.words, names)
    drawn = {each.before: each for each in notebooks.pictures(book, names)} if book else {}
    said = []
    for name, each in zip(names, asked, strict=True):
        text, where, state = found[name].text, found[name].where, "written"
        if each["human"]:
            state = "prose"
        if name in drawn and not text:
            text, where, state = "a picture", f"cell {drawn[name].cell}", "read"
        said.append(Answer(name, "", state if text else "missing", where, text))
    read = dict.fromkeys(each.where.rpartition(", ")[0] for each in found.values() if each.text)
    return Answers(tuple(said), tuple(read), (form.template.path,), ())


def _answer(question: Question, reading: Reading) -> Answer:
    state = reading.verdict
    read_as, why = reading.read_as, ""
    if state == SEEN:
        state = "uncertain" if reading.review else "read"
        if reading.number_text and not question.number_only:
            read_as += f"; as a number {reading.number_text}"
    elif state == "prose":
        read_as = reading.text
    elif state == "unreadable":
        why = reading.stopped_by
        read_as = reading.text
    elif reading.review:  # perhaps in a picture, or under another heading
        why = reading.review
    return Answer(question.id, question.says, state, reading.found_in, read_as, why,
                  () if question.number_only else tuple(question.symbols))  # fmt: skip


def _place(question: Question) -> list[int]:
    """Return what sorts questions as the sheet has them: the numbers at the head of their ids."""
    first = re.split(r"[^\d.]", question.id)[0]
    return [int(number) for number in first.split(".") if number]


def data(
    result: Json, read: Answers | None, programs: Sequence[str], private: Sequence[Json]
) -> Json:
    """Return all that a check says, for a program; `grader check --help` has its form."""
    return {
        "schema": "grader.check/1",
        "result": result,
        "answers": [
            {name: getattr(each, name)
             for name in ("question", "says", "state", "where", "read_as", "why")}
            for each in (read.all if read else ())
        ],
        "remarks": list(read.remarks) if read else [],
        "programs": list(programs),
        "private": list(private),
    }  # fmt: skip


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _put(path: Path, data: Json) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def _get(path: Path, schema: str) -> Json | None:
    """Return a file of the handout; None where it has none. Raises UsageError."""
    try:
        found: Json = json.loads(path.read_text(encoding="utf-8"))
        if found["schema"] != schema:
            raise ValueError("it is of another form")  # noqa: TRY301 - said as the others are
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be read ({error}): take it from the handout again") from (
            error
        )
    return found

"""A result and its history → what of it is a human's, with what was handed in for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from grader import history
from grader.records import ACCEPTED, DEDUCTION, OWN, Json
from grader.report import exhibits, seen
from grader.report.told import LONGEST
from grader.review.levels import Level, levels, number
from grader.rubric import Check
from grader.score import NO_ANSWER, open_checks, open_deductions
from grader.text import shown

WIDTH = 20_000  # characters of a line of an answer: a paragraph can be one line
TEXT_BYTES = 1_000_000  # of a text that is read
UNREAD = ("unread", "unreadable", "missing", "unsure")  # what readers call what they cannot read
Events = Sequence[Json]


@dataclass(frozen=True)
class Question:
    """What is asked of everybody."""

    pack: str
    criterion: str
    check: str  # "" where the points are for the criterion as a whole
    title: str
    most: float
    says: str  # the rubric's levels in its own words; empty where the rubric is not here
    levels: tuple[Level, ...]
    credit: tuple[str, ...] = ()  # the answers that the rubric has a name for
    read: bool = False  # whether answers are a reader's, and a human's where it cannot tell

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what tells it from others."""
        return self.pack, self.criterion, self.check

    def unnamed(self, check: Json) -> str:
        """Return the name of an answer that was read, and that the rubric does not know; or ""."""
        name = str(check.get("variant", ""))
        return name if self.credit and name not in ("", NO_ANSWER, *UNREAD, *self.credit) else ""

    @property
    def about(self) -> Json:
        """Return what of a result its points are for, as the history has it."""
        return {"criterion": self.criterion, "checks": [self.check] if self.check else []}


@dataclass(frozen=True)
class Item:
    """One student's answer to one question."""

    name: str  # of the submission
    question: Question
    told: tuple[str, ...]  # what the checks have to say to staff, a line each
    texts: tuple[exhibits.Text, ...]
    beside: tuple[exhibits.Text, ...]  # what is seldom looked at: figures, and code beside words
    pictures: tuple[str, ...]  # names of files beside the result
    words: str  # what the student wrote, as far as it is known by itself
    look: str  # digest of the pictures
    own: bool  # whether something was kept that is the student's own: it can be known again
    given: Json | None  # the points by hand that stand
    decision: str  # the decision that they are of; "" where they are of none of these
    version: str  # changes with whatever a decision on it is based on

    @property
    def points(self) -> str:
        """Return the points given, as text."""
        return "" if self.given is None else number(float(self.given["points"]))

    @property
    def for_everybody(self) -> bool:
        """Whether these points are those of all who have given this answer."""
        return bool(self.given and self.given.get(ACCEPTED))


def items(
    folder: Path, result: Json, events: Events, rubric: Mapping[tuple[str, str], Check]
) -> Iterator[Item]:
    """Yield what a human judges of a result, given points included, in the sheet's order.

    ``result`` has the points by hand of its history. ``rubric`` is by pack and check.
    """
    pack = str(result["pack"]["id"])
    for criterion in result["criteria"]:
        if (criterion.get("by_checks") or criterion)["points"] is None:
            continue  # ours to mend first
        checks = {str(each["id"]): each for each in criterion["checks"]}
        for name, most in open_checks(criterion).items():
            asked = _question(pack, criterion, name, most, rubric)
            concerned = [checks[name]] if name else list(checks.values())
            yield _item(folder, result, events, asked, concerned)
    told = {f"{DEDUCTION}{each['id']}": each for each in result["deductions"]}
    for line, most in open_deductions(result).items():
        asked = Question(pack, line, "", "Points to take off", most, "", levels("", most, {}))
        said = [told[line]["message"], *told[line]["evidence"]]
        yield _item(folder, result, events, asked, [{"message": each} for each in said])


def version(result: Json, question: Question) -> str:
    """Return what a decision on this question is based on: the grading, and points by hand."""
    about = question.about
    given = [each for each in result["manual"] if history.overlap(each, about)]
    basis = [result["submission"]["digest"], result["pack"], result["draw"], question.most, given]
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()[:16]


def decided(events: Events, about: Json) -> list[Json]:
    """Return the points by hand on something, oldest first, without those that were undone."""
    stack: list[Json] = []
    for each in events:
        if each["event"] == "points" and history.overlap(each, about):
            if each.get("undoes") and stack:
                stack.pop()
            else:
                stack.append(each)
    return stack


def _question(
    pack: str, criterion: Json, name: str, most: float, rubric: Mapping[tuple[str, str], Check]
) -> Question:
    check = rubric.get((pack, name))
    says = check.says if check else ""
    credit = check.credit if check and not check.manual else {}
    offered = levels(says, most, credit)
    title = criterion["title"]
    read = check is not None and not check.manual
    return Question(pack, criterion["id"], name, title, most, says, offered, tuple(credit), read)


def _item(
    folder: Path, result: Json, events: Events, question: Question, checks: Sequence[Json]
) -> Item:
    files = dict(_files(folder, result, checks))
    pictures = tuple(name for name, data in files.items() if exhibits.bearable(data))
    texts = {
        name: data.decode(errors="replace")
        for name, data in files.items()
        if not name.endswith(".png")
    }
    own = [text for name, text in texts.items() if _is_own(name)]
    first = {
        name: text
        for name, text in texts.items()
        if _is_own(name) or not (own or name.endswith(".json"))
    }
    beside = {name: text for name, text in texts.items() if name not in first}
    given = [each for each in result["manual"] if history.overlap(each, question.about)]
    stack = decided(events, question.about)
    standing = stack[-1].get("decision", "") if given and stack else ""
    return Item(
        name=result["submission"]["id"],
        question=question,
        told=tuple(_told(question, checks)),
        texts=_as_lines(first),
        beside=_as_lines(beside),
        pictures=pictures,
        words="\n".join(first.values()),
        look=hashlib.sha256(b"".join(files[name] for name in pictures)).hexdigest()
        if pictures
        else "",
        own=any(text.strip() for text in own) or any(map(_is_own, pictures)),
        given=given[-1] if given else None,
        decision=str(standing),
        version=version(result, question),
    )


def _as_lines(texts: Mapping[str, str]) -> tuple[exhibits.Text, ...]:
    return tuple(
        exhibits.Text(exhibits.title(name), tuple(exhibits.lines(text, WIDTH)))
        for name, text in texts.items()
    )


def _is_own(name: str) -> bool:
    return PurePosixPath(name).stem.endswith(OWN)


def _told(question: Question, checks: Sequence[Json]) -> Iterator[str]:
    """Yield what staff is told and what was measured; the rubric's words stand beside it."""
    for check in checks:
        if unknown := question.unnamed(check):
            yield (
                f"This answer is known as {shown(unknown)}, which the rubric gives no credit for: "
                "put it into this check's credit, and `grader rescore` gives it to everybody."
            )
        told = (check.get("staff_message") or check["message"]).splitlines()
        for line in told:
            if own := line.removeprefix(question.says).strip():
                yield shown(own, LONGEST)
    yield from seen.measured([check for check in checks if "measured" in check])


def _files(folder: Path, result: Json, checks: Sequence[Json]) -> Iterator[tuple[str, bytes]]:
    """Yield the files beside a result that these checks refer to, as far as they can be read."""
    beside = result.get("attachments")
    for check in checks:
        for name in check.get("attachments", ()) if beside else ():
            if (data := read_file(folder, result, name)) is not None:
                yield name, data


def read_file(folder: Path, result: Json, name: str) -> bytes | None:
    """Return a file beside a result, or None where it cannot be shown."""
    beside = str(result.get("attachments", ""))
    if not beside or {Path(beside).name, Path(name).name} != {beside, name}:
        return None
    path = folder / beside / name
    try:
        with path.open("rb") as file:
            most = exhibits.PICTURE_BYTES if name.endswith(".png") else TEXT_BYTES
            return file.read(most + 1)
    except OSError:
        return None

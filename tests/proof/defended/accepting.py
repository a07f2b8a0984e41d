"""Answers accepted for everybody: whose they are, and what stays as it was."""

import shutil
import tempfile
from pathlib import Path

from grader import accepted, accepting, results
from grader import pack as packs
from grader.gradebook import entries
from grader.gradebook.book import Book
from grader.rescore import apply, rescore
from tests.proof import broken
from tests.proof.ledger import ROOT
from tests.proof.trials import Defence, Seen
from tests.unit.test_accepting import CHECK, unread

READ_EACH_TIME = "explanation"


def accepting_for(work, expected):
    """Return a trial: the points of bob, once an answer of alice is accepted for everybody."""

    def trial():
        with tempfile.TemporaryDirectory(prefix="grader-proof-") as scratch:
            project, marks = Path(scratch, "project"), Path(scratch, "marks")
            for name in ("rubrics/e0294-a4", "reference/e0294_a4"):
                shutil.copytree(ROOT / name, project / name)
            before, after = work(project, marks, packs.load(project, "e0294-a4"))
        return Seen(f"{after - before:g}", round(after - before, 6) == expected)

    return trial


def of_bob(folder):
    """Return bob's points."""
    return results.read(folder, "bob")["total"]["points"]


def exception(project, marks, pack):
    """Give bob points by hand, and accept the same answer of alice with more."""
    for name in ("alice", "bob"):
        unread(marks, pack, name, "2 N d + 4 N")
    before = of_bob(marks)
    with Book(marks) as book:
        book.record("bob", entries.points(CHECK, 0.25, "copied", "erin"))
    new = accepting.ruling(pack, marks, "alice", CHECK, 1.5, "", "carol")
    accepting.keep(project, marks, pack, new)
    return before, of_bob(marks)


def other_symbol(project, marks, pack):
    """Accept 4 N² d, where bob has written 4 N2 D."""
    for name, text in (("alice", "4 N² d"), ("bob", "4 N2 D")):
        unread(marks, pack, name, text)
    before = of_bob(marks)
    new = accepting.ruling(pack, marks, "alice", CHECK, 1.5, "", "carol")
    accepting.keep(project, marks, pack, new)
    return before, of_bob(marks)


def copied_words(project, marks, pack):
    """Write an explanation into the file of accepted answers by hand; bob has the same words."""
    stored = unread(marks, pack, "bob", "it is all read again", check=READ_EACH_TIME)
    before = of_bob(marks)
    check = next(each for c in stored["criteria"] for each in c["checks"]
                 if each["id"] == READ_EACH_TIME)  # fmt: skip
    answer = accepting.answer_of(marks, stored, check)
    accepted.add(pack.folder, accepted.Ruling(READ_EACH_TIME, answer.digest, 1.0, "", "", "", ""))
    apply(marks, rescore(marks, packs.load(project, pack.id)))
    return before, of_bob(marks)


DEFENCES = [
    Defence("points by hand come before an accepted answer", "behind it",
            lambda: broken.host("grader.history.merged", (
                "return mine + [each for each in theirs "
                "if not any(overlap(each, entry) for entry in mine)]", "return mine + theirs")),
            "one whose points are an exception", accepting_for(exception, 0.25)),
    Defence("an accepted answer is known by its signs", "by its letters",
            lambda: broken.host("grader.accepted.plain",
                                ('normalize("NFC", words)', 'normalize("NFKC", words).casefold()')),
            "4 N2 D for 4 N² d", accepting_for(other_symbol, 0)),
    Defence("what a human reads each time is not accepted", "it is",
            lambda: broken.host("grader.granted._granted", (" and not check.manual", "")),
            "an explanation in the file of accepted answers", accepting_for(copied_words, 0)),
]  # fmt: skip

"""What an examination hands out. Plain data: it crosses from the worker to the host as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

READ = ("unreadable", "missing")  # verdicts that are not about a formula
SEEN = "read"  # the verdict on an answer that is only read


@dataclass(frozen=True)
class Reading:
    """One answer, as it was found and read.

    ``verdict``: "reference", a variant's name, "none" (read, and none of them), "unreadable" or
    "missing"; "read" where what is right is not known here. ``number``: "reference", "follows"
    (from the student's own formula), a variant's name, "none" or "missing". ``review``: why a human
    should look before points are taken, or empty.
    """

    question: str
    verdict: str
    found_in: str = ""  # "answers.tex, line 31"
    text: str = ""
    read_as: str = ""
    says: str = ""  # of the variant
    stopped_by: str = ""
    number: str = "missing"
    number_text: str = ""
    remarks: tuple[str, ...] = ()
    review: str = ""
    reference: str = ""  # for staff: what is asked for
    line: str = ""  # for staff: how the comparison went
    seen_as: str = ""  # the answer's name in pictures of pages

    @property
    def sentence(self) -> str:
        """Return what the student is told; it names no right answer."""
        if self.verdict == "missing":
            said = "No answer was found."
        elif self.verdict == "unreadable":
            said = f"Not understood at {self.stopped_by}: a person reads it."
        else:
            said = f"Read as {self.read_as}; {self._judged()}."
        return " ".join([said, *(f"{r[0].upper()}{r[1:]}." for r in self.remarks)])

    def _judged(self) -> str:
        if self.verdict == SEEN:
            return "this is how it was read"
        if self.verdict == "reference":
            return "this is what is asked for"
        if self.verdict == "none":
            return "a person looks at it" if self.review else "this is not what is asked for"
        return self.says or f"accepted as {self.verdict!r}"


@dataclass(frozen=True)
class Sheet:
    """All readings of a submission's sheets, by question."""

    answers: Mapping[str, Reading]
    remarks: tuple[str, ...] = ()  # on files that could not be read, or only in part
    pictures: Mapping[str, bytes] = field(default_factory=dict)  # "answers.pdf, page 3" -> PNG
    staff: str = ""  # the last of what a reader that ended said, as text of a student

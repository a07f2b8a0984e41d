"""The family: how the reference, and the reference with each known mistake, answer the probes.

Asked once for each draw. Live, in a sandbox of its own; or recorded, for students who have the
answers and not the solution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from grader.checking.probing import Answer, Probe, Questions
from grader.errors import HarnessError, StudentFault
from grader.mistakes import Mistake, file_of
from grader.student import Student

RIGHT = ""  # the id of no mistake: the reference itself
RIGHT_FILE = "right"  # its name among the variants


class Family(Protocol):
    """Answers to probes, by mistake."""

    @property
    def mistakes(self) -> Sequence[Mistake]:
        """Return the known mistakes."""
        ...

    def answer(self, mistake: str, probe: Probe) -> Answer:
        """Return what the reference answers with this mistake in it, or RIGHT."""
        ...

    def of(self, model: str) -> Family | None:
        """Return the family of a further model of the assignment; None where there is none."""
        ...


class LiveFamily:
    """Runs the mistakes when they are asked for; every answer is computed once."""

    def __init__(
        self,
        host: Student,
        mistakes: Sequence[Mistake],
        questions: Questions,
        also: Mapping[str, LiveFamily | None] = MappingProxyType({}),
    ) -> None:
        self.host = host  # its files are the variants, and the reference as `file_of(RIGHT_FILE)`
        self.mistakes = mistakes
        self.questions = questions
        self._also = also
        self._answers: dict[tuple[str, str], Answer] = {}

    def of(self, model: str) -> LiveFamily | None:
        """Return the family of a further model."""
        return self._also.get(model)

    def answer(self, mistake: str, probe: Probe) -> Answer:
        """Return the answer of one variant to one probe."""
        key = (mistake, probe.id)
        if key not in self._answers:
            try:
                self.host.choose(file_of(mistake or RIGHT_FILE))
                self._answers[key] = self.questions.ask(self.host, probe)
            except StudentFault as fault:
                raise HarnessError(f"the mistake {mistake!r} failed: {fault.message}") from fault
        return self._answers[key]

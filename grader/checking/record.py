"""What a check writes down: numbers, one sentence for the student, one for staff."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from grader.checking.compare import difference
from grader.records import OWN, Attachment, Evidence, Number


class Record:
    """The evidence of one check in the making (the fixture ``record``)."""

    def __init__(self, check: str) -> None:
        self.evidence = Evidence(check)

    def compare(
        self,
        got: NDArray[Any],
        expected: NDArray[Any],
        place: str,
        *,
        name: str = "max_abs_error",
    ) -> float:
        """Keep the largest difference under ``name``; ``place`` says which case this was.

        Axes are (row, position, id). Returns this case's difference (infinite for NaN).
        """
        found = difference(got, expected)
        axes = zip(("row", "position", "id"), found.where, strict=False)
        where = ", ".join(f"{axis} {index}" for axis, index in axes)
        if found.max_abs is None:
            sentence = f"{place}: {found.not_finite} of {got.size} values are not finite"
        else:
            sentence = (
                f"{place}: largest difference {found.max_abs:.3g} at {where} "
                f"(got {found.got:.4g}, expected {found.expected:.4g})"
            )
        self.worst(name, found.max_abs, sentence)
        return float("inf") if found.max_abs is None else found.max_abs

    def worst(self, name: str, value: Number, sentence: str = "") -> None:
        """Keep the largest value under ``name``, and the sentence that goes with it.

        None is worse than any number: it satisfies no limit.
        """
        if value is not None and not abs(value) < float("inf"):
            value = None
        measured = self.evidence.measured
        if name in measured and measured[name] is None:
            return
        old = measured.get(name)
        if value is None or old is None or value > old:
            measured[name] = value
            if sentence:
                self.say(sentence)

    def set(self, **measured: Number) -> None:
        """Write numbers down as they are."""
        self.evidence.measured.update(measured)

    def say(self, sentence: str, staff: str = "") -> None:
        """Set the sentence for the student, and one for staff if it may say more."""
        self.evidence.message = sentence
        self.evidence.staff_message = staff or sentence

    def inconclusive(self, sentence: str) -> None:
        """Leave the check to a human; the sentence says why it could not be measured."""
        self.evidence.outcome = "inconclusive"
        self.say(sentence)

    def answer(self, variant: str, sentence: str, *, slips: Iterable[str] = ()) -> None:
        """Say which answer was given, by the rubric's name for it, and how it was understood."""
        self.evidence.variant = variant
        self.evidence.slips = sorted(set(slips))
        self.say(sentence)

    def not_submitted(self, sentence: str) -> None:
        """There is nothing to check; the sentence says what was looked for."""
        self.evidence.outcome = "not_submitted"
        self.say(sentence)

    def attach(self, kind: str, data: bytes, *, own: bool = False) -> None:
        """Keep something for the human who looks at this check: a "png", a "txt".

        ``own`` is what holds nothing but the student's own work: their page shows it to them.
        """
        number = len(self.evidence.attachments) + 1
        name = f"{self.evidence.check}-{number}{OWN if own else ''}.{kind}"
        self.evidence.attachments.append(Attachment(name, data))

    def course(self, mode: str, passed: int, total: int) -> None:
        """Note what the course's own harness would have said in this mode."""
        self.evidence.course[mode] = f"{passed}/{total}"

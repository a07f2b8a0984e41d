"""The bench: all that is timed of one submission, measured once for all the checks that ask.

What is built, of which sizes and with which weights, is the assignment's (`Subject`); how time is
taken and when it is enough is that of the other modules here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from grader.errors import StudentFault
from grader.latency import generating, series, sizing, steps
from grader.latency.arms import Accounted, Arm
from grader.latency.generating import Generating
from grader.latency.series import Series
from grader.latency.settings import Settings
from grader.latency.sizing import Size
from grader.latency.steps import Steps
from grader.model import Array, Ids, Model

Dims = Mapping[str, int]
Weights = Mapping[str, Array]
Result = TypeVar("Result")


class Builds(Accounted, Protocol):
    """A submission, or the reference: what models are built by, on one device."""

    @property
    def device(self) -> str:
        """Return the device that it computes on."""
        ...

    def build(self, dims: Dims, weights: Weights) -> Model:
        """Build the model of these sizes with these weights."""
        ...


class Timed(Protocol):
    """An oracle whose reference can be timed."""

    @property
    def timed(self) -> Builds:
        """Return the reference on the device that students are timed on."""
        ...

    def timed_model(self, dims: Dims, weights: Weights) -> Model:
        """Return its model to time; the next question ends it."""
        ...


class Leased(Protocol):
    """The device that is graded on."""

    def alone(self) -> AbstractContextManager[object]:
        """Be the only one who times there."""
        ...


def _counts(side: Builds) -> bool:
    """Whether CPU time tells what work costs: a process waits for a GPU busily or asleep."""
    return side.device == "cpu"


@dataclass(frozen=True)
class Subject:
    """What an assignment times."""

    vocabulary: int
    dims: Callable[[int, int], Dims]  # of a width, with room for so many tokens
    weights: Callable[[Dims], Weights]  # the same for the same sizes, for everybody
    prompt: Callable[[int], Ids]  # ids (1, length) that nobody has seen before


class Bench:
    """What was measured of one submission. A fault of the submission is raised by all who ask.

    ``limits`` are the rubric's of speedup, slowdown, growth, generate_speedup, and atol and tie for
    the replies. A reply that is wrong ends a series unless told otherwise.
    """

    def __init__(
        self,
        oracle: object,
        subject: Subject,
        settings: Settings,
        limits: Mapping[str, float],
        device: Leased,
        *,
        ends_at_wrong_replies: bool = True,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.settings = settings
        self.limits = {**limits, "waiting": limits["speedup"]}
        self._oracle, self._subject, self._clock = oracle, subject, clock
        self._device = device
        self._ends = ends_at_wrong_replies
        self._kept: tuple[Dims, Weights] | None = None
        self._size: Size | None = None
        self._done: dict[str, object] = {}

    def obstacle(self, student: Builds) -> str:
        """Return why nothing can be timed here; empty where it can."""
        timed = self._timed()
        if timed is None or timed.timed.device != student.device:
            return "Latency is compared with the reference's on the same device, which is not here."
        with self._alone(student):
            size = self.size()
        if size is None:
            return "This device is too quick: work does not show beside launches at any size."
        return ""

    def size(self) -> Size | None:
        """Return the size at which this device is timed; None where there is none."""
        if self._size is None:
            found = sizing.find(self._reference, self._subject.prompt, self.settings)
            self._size = found[0] if found else None
        return self._size

    def steps(self, student: Builds) -> tuple[Series, Steps]:
        """Return the rounds of single decode steps, and what was seen of their replies."""
        return self._once("steps", lambda: self._steps(student), student)

    def generating(self, student: Builds) -> tuple[Series, Generating]:
        """Return the rounds of whole calls of generate, and what was seen of their tokens."""
        return self._once("generating", lambda: self._generating(student), student)

    def pace(self, student: Builds) -> float:
        """Return how many times as slow the submission is as the reference, at least 1."""
        found, _ = self.steps(student)
        return max(1.0, steps.pace(found.rounds)) if found.rounds else 1.0

    # --- how ----------------------------------------------------------------------------------

    def _steps(self, student: Builds) -> tuple[Series, Steps]:
        reference, own = self._arms(student)
        long = self._long()
        lengths = {"long": long, "short": max(1, long // self.settings.short)}
        rounds = Steps(reference, own, self._subject.prompt, lengths)
        found = series.run(
            rounds.measure,
            steps.ratios,
            lambda known: steps.enough(self.limits, known),
            self.settings,
            clock=self._clock,
            wrong=lambda: self._ends and min(rounds.error, rounds.gap_to_own) > self.limits["atol"],
            settle=rounds.settle,
        )
        return found, rounds

    def _generating(self, student: Builds) -> tuple[Series, Generating]:
        reference, own = self._arms(student)
        new, tie = self.settings.new_tokens, self.limits["tie"]
        subject = self._subject
        rounds = Generating(reference, own, subject.prompt, self._long(), new, subject.vocabulary)
        found = series.run(
            rounds.measure,
            lambda figures: generating.ratios(figures, new),
            lambda known: generating.enough(self.limits, known),
            self.settings,
            clock=self._clock,
            wrong=lambda: self._ends and min(rounds.below_best, rounds.own_below_best) > tie,
            settle=rounds.settle,
        )
        return found, rounds

    def _arms(self, student: Builds) -> tuple[Arm, Arm]:
        """Build both sides at the size of this device."""
        size = self.size()
        assert size is not None, "there is an obstacle, which was not asked for"
        dims = self._dims(size.width, size.length)
        model = student.build(dims, self._weights(dims))
        own = Arm("student", model, student, counts=_counts(student), clock=self._clock)
        return self._reference(size.width, size.length), own

    def _reference(self, width: int, length: int) -> Arm:
        oracle, dims = self._timed(), self._dims(width, length)
        assert oracle is not None
        model = oracle.timed_model(dims, self._weights(dims))
        counts = _counts(oracle.timed)
        return Arm("reference", model, oracle.timed, trusted=True, counts=counts, clock=self._clock)

    def _alone(self, student: Builds) -> AbstractContextManager[object]:
        """Time one at a time on a GPU. On the CPU each box has a core, and its time is counted."""
        return contextlib.nullcontext() if _counts(student) else self._device.alone()

    def _timed(self) -> Timed | None:
        """Return the oracle; None where it only has recorded answers."""
        oracle: Timed = self._oracle  # type: ignore[assignment]
        return oracle if hasattr(oracle, "timed") else None

    def _long(self) -> int:
        assert self._size is not None
        return self._size.length

    def _dims(self, width: int, length: int) -> Dims:
        return self._subject.dims(width, length + max(1, self.settings.new_tokens))

    def _weights(self, dims: Dims) -> Weights:
        if self._kept is None or self._kept[0] != dims:
            self._kept = dims, self._subject.weights(dims)
        return self._kept[1]

    def _once(self, name: str, measure: Callable[[], Result], student: Builds) -> Result:
        if name not in self._done:
            try:
                with self._alone(student):
                    self._done[name] = measure()
            except StudentFault as fault:
                self._done[name] = fault
        done = self._done[name]
        if isinstance(done, StudentFault):
            raise done.with_traceback(None)
        result: Result = done  # type: ignore[assignment]
        return result

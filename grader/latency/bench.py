"""The bench: all that is timed of one submission, measured once for all the checks that ask.

What is built, of which sizes and with which weights, is the assignment's (`Subject`); how time is
taken and when it is enough is that of the other modules here.

Where wall time decides, the device is leased and the submission is stopped while the reference
works; where the kernel counts CPU time and that decides, each box has a core of its own, and nobody
has to wait. What goes on at the device meanwhile is watched, and what was not clear is measured
once more by itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from grader.devices.device import Device
from grader.errors import StudentFault
from grader.latency import generating, roofline, series, steps
from grader.latency.arms import Arm, Undisturbed
from grader.latency.attempts import Attempt, attempts
from grader.latency.decision import Interval
from grader.latency.generating import Generating
from grader.latency.roofline import Bounds, Row
from grader.latency.series import Figures, Ratio
from grader.latency.settings import Settings
from grader.latency.sides import Sides
from grader.latency.sizing import Size
from grader.latency.steps import Steps
from grader.latency.subject import Builds, Dims, Subject, Timed

Result = TypeVar("Result")
Rounds = TypeVar("Rounds", Steps, Generating)


class Bench:
    """What was measured of one submission. A fault of the submission is raised by all who ask.

    ``limits`` are the rubric's of speedup, slowdown, growth, generate_speedup, and atol and tie for
    the replies. A reply that is wrong ends a series unless told otherwise. An oracle that only has
    recorded answers is an obstacle, and no error.
    """

    def __init__(
        self,
        oracle: Timed,
        subject: Subject,
        settings: Settings,
        limits: Mapping[str, float],
        device: Device,
        *,
        ends_at_wrong_replies: bool = True,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.subject, self.settings, self.device = subject, settings, device
        self.limits = {**limits, "waiting": limits["speedup"]}
        self.clock = clock
        self._oracle = oracle
        self._sides = Sides(oracle, subject, settings, clock)
        self._ends = ends_at_wrong_replies
        self._size: Size | None = None
        self.shortened = False  # to the assignment's longest prompt: work may not dominate there
        self._done: dict[str, object] = {}

    def obstacle(self, student: Builds) -> str:
        """Return why nothing can be timed here; empty where it can."""
        timed = getattr(self._oracle, "timed", None)
        if timed is None or timed.device != student.device:
            return "Latency is compared with the reference's on the same device, which is not here."
        if self._size is None:
            with contextlib.ExitStack() as stack:
                if not self._sides.is_sized:  # else nobody has to wait
                    stack.enter_context(self.alone(student))
                    stack.enter_context(self._undisturbed(student)())
                self._size = self._sides.size(self.device, counts=not _by_wall_time(student))
        if self._size is None:
            return "This device is too quick: work does not show beside launches at any size."
        return ""

    def size(self) -> Size:
        """Return the size at which this device is timed, where there is no obstacle."""
        assert self._size is not None, "there is an obstacle, which was not asked for"
        return self._size

    # --- what is measured ---------------------------------------------------------------------

    def steps(self, student: Builds) -> list[Attempt[Steps]]:
        """Return the attempts at single decode steps, the one that counts last.

        The size is our choice: what takes too long with and without a cache is a human's, and what
        breaks at a longer prompt than the assignment's is timed at the longest of those.
        """

        def measured() -> list[Attempt[Steps]]:
            return self._attempts(
                student,
                self.stepping(student),
                steps.ratios,
                steps.enough,
                lambda rounds: min(rounds.error, rounds.gap_to_own) > self.limits["atol"],
            )

        def fitted() -> list[Attempt[Steps]]:
            try:
                return measured()
            except StudentFault as fault:
                if fault.outcome == "timeout" and self._is_slow(student):
                    raise StudentFault("inconclusive", self._too_slow()) from fault
                if fault.outcome != "error" or not self._shortened():
                    raise
            return measured()

        return self._once("steps", fitted)

    def generating(self, student: Builds) -> list[Attempt[Generating]]:
        """Return the attempts at whole calls of generate, the one that counts last."""
        return self._once(
            "generating",
            lambda: self._attempts(
                student,
                self.calling(student),
                lambda figures: generating.ratios(figures, self.settings.new_tokens),
                generating.enough,
                lambda rounds: min(rounds.below_best, rounds.own_below_best) > self.limits["tie"],
            ),
        )

    def pace(self, student: Builds) -> float:
        """Return how many times as slow the submission is as the reference, at least 1."""
        rounds = self.steps(student)[-1].series.rounds
        return max(1.0, steps.pace(rounds)) if rounds else 1.0

    # --- the roofline beside it ---------------------------------------------------------------

    def bounds(self, dims: Dims) -> Bounds | None:
        """Return the least times of a model of these sizes; None where no rates were measured."""
        rates = self.device.rates
        return Bounds(rates, self.subject.cost, dims) if rates else None

    def roofline(self, rounds: Steps | Generating, figures: Sequence[Figures]) -> list[Row]:
        """Return what these rounds reached of the least times; nothing where those aren't known."""
        size = self.size()
        bounds = self.bounds(self._sides.dims(size))
        if bounds is None or not figures or self.shortened:  # the size is known at its own length
            return []
        if isinstance(rounds, Steps):
            return roofline.of_steps(bounds, size, figures)
        return roofline.of_generating(bounds, size, self.settings.new_tokens, figures)

    # --- where the size is too large for a submission -----------------------------------------

    def _is_slow(self, student: Builds) -> bool:
        """Whether a forward of the prompt takes too long with an empty cache and without any."""
        ids = self.subject.prompt(self.size().length)

        def takes_too_long(ask: Callable[[Arm], object]) -> bool:
            own = self._sides.own(student, self._sides.dims(self.size()), counts=False)
            try:
                ask(own)
            except StudentFault as fault:  # where all of its time is used up, that is another end
                return fault.outcome == "timeout" and student.seconds_left > 0
            return False

        return takes_too_long(lambda own: own.cached({}, "prefill", ids)) and takes_too_long(
            lambda own: own.full({}, "full", ids, 1)
        )

    def _too_slow(self) -> str:
        size = self.size()
        return (
            f"At {size.length} tokens (width {size.width}), where this device shows what a cache "
            "is worth, a forward takes longer than a request may, with the cache and without; the "
            f"reference's takes {size.full:.2g} s. A person looks."
        )

    def _shortened(self) -> bool:
        """Go back to the assignment's longest prompt, if this one is longer."""
        size, longest = self.size(), self.subject.longest
        if longest is None or size.length + self.settings.new_tokens <= longest:
            return False
        self._size = dataclasses.replace(size, length=longest - self.settings.new_tokens)
        self.shortened = True
        return True

    # --- how ----------------------------------------------------------------------------------

    def stepping(self, student: Builds) -> Callable[[], Steps]:
        """Build both sides; return what begins rounds of single steps."""
        long = self.size().length
        lengths = {"long": long, "short": max(1, long // self.settings.short)}
        reference, own = self._arms(student)
        still = self._undisturbed(student)
        return lambda: Steps(
            reference, own, self.subject.prompt, lengths, self.subject.vocabulary, still
        )

    def calling(self, student: Builds) -> Callable[[], Generating]:
        """Build both sides; return what begins rounds of calls of generate."""
        long, new, subject = self.size().length, self.settings.new_tokens, self.subject
        reference, own = self._arms(student)
        still = self._undisturbed(student)
        return lambda: Generating(
            reference, own, subject.prompt, long, new, subject.vocabulary, still
        )

    @contextlib.contextmanager
    def alone(self, student: Builds) -> Iterator[float]:
        """Be the only one who times on this device, where wall time decides; yields the wait."""
        if not _by_wall_time(student):
            yield 0.0
            return
        with self.device.alone() as waited:
            yield waited

    def _attempts(
        self,
        student: Builds,
        begin: Callable[[], Rounds],
        ratios: Callable[[Figures], Mapping[str, Ratio]],
        enough: Callable[[Mapping[str, float], Mapping[str, Interval]], bool],
        wrong: Callable[[Rounds], bool],
    ) -> list[Attempt[Rounds]]:
        """Measure with the device to oneself and watched; again where it was not clear."""

        def attempt(waited: float) -> Attempt[Rounds]:
            rounds, timed = begin(), self._oracle.timed
            watch = self.device.watch(
                lambda: student.processes() | timed.processes(),
                by_wall_time=_by_wall_time(student),
            )

            def measure(number: int) -> Figures:
                figures = rounds.measure(number)
                watch.look()
                return figures

            found = series.run(
                measure,
                ratios,
                lambda known: enough(self.limits, known),
                self.settings,
                clock=self.clock,
                wrong=lambda: self._ends and wrong(rounds),
                settle=rounds.settle,
            )
            seen = watch.end()
            seen.waited = waited
            return Attempt(found, rounds, seen)

        with self.alone(student) as waited:
            return attempts(
                lambda: attempt(waited), self.limits, self.settings, lambda: student.seconds_left
            )

    def _arms(self, student: Builds) -> tuple[Arm, Arm]:
        """Build both sides at the size of this device."""
        dims, counts = self._sides.dims(self.size()), not _by_wall_time(student)
        reference = self._sides.reference(dims, counts=counts)
        return reference, self._sides.own(student, dims, counts=counts)

    def _undisturbed(self, student: Builds) -> Undisturbed:
        """Return what stops the submission while the reference works, where wall time decides."""
        return student.frozen if _by_wall_time(student) else contextlib.nullcontext

    def _once(self, name: str, measure: Callable[[], Result]) -> Result:
        if name not in self._done:
            try:
                self._done[name] = measure()
            except StudentFault as fault:
                fault.while_timed = True
                self._done[name] = fault
        done = self._done[name]
        if isinstance(done, StudentFault):
            raise done.with_traceback(None)
        result: Result = done  # type: ignore[assignment]
        return result


def _by_wall_time(side: Builds) -> bool:
    """Whether wall time decides: on a GPU, or where nobody counts the CPU time of a box."""
    if side.device != "cpu":
        return True
    side.start()  # there has to be a box to be asked about
    return side.usage().cpu_seconds is None

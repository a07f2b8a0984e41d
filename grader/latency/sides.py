"""Both sides of a comparison: the models that are timed, and the size that they have here.

What does not depend on the submission is made once for all of a draw and kept with the oracle. On a
GPU the models themselves stay; on the CPU their boxes answer other questions in between.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable
from typing import Protocol

from grader.latency import sizing
from grader.latency.arms import Arm
from grader.latency.settings import Settings
from grader.latency.sizing import Size
from grader.latency.subject import Builds, Dims, Subject, Timed, Weights
from grader.model import Model


class Remembers(Protocol):
    """A device of which it is remembered what was found out about it."""

    def recall(self, what: str) -> int | None:
        """Return a number that was remembered."""
        ...

    def remember(self, what: str, value: int) -> None:
        """Remember a number."""
        ...


class Sides:
    """Builds the reference and one submission; ``counts`` is whether CPU time tells what it costs.

    It does not on a GPU, for which a process may wait busily or asleep, nor where nobody counts it.
    """

    def __init__(
        self, oracle: Timed, subject: Subject, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._oracle, self._subject = oracle, subject
        self._settings, self._clock = settings, clock
        self._own: Model | None = None

    def size(self, device: Remembers, *, counts: bool) -> Size | None:
        """Return the size at which work dominates on the reference's device; None without any.

        A quick device needs a large one, and climbing there takes long: which one it was is
        remembered, and the next time is where the ladder begins.
        """
        kept, key = self._oracle.kept, self._sized
        if not self.is_sized:
            ladder = self._ladder()
            first = device.recall(ladder) or 0
            found = sizing.find(
                lambda width, length: self.reference(self._dims(width, length), counts=counts),
                self._subject.prompt,
                self._settings,
                first,
            )
            if found and found[1] and not first:
                device.remember(ladder, found[1])
            elif first and not found:  # what is remembered may be of another time
                device.remember(ladder, 0)
            kept[key] = found[0] if found else None
        size: Size | None = kept[key]
        return size

    @property
    def is_sized(self) -> bool:
        """Whether the size has been found, for an earlier submission, and nothing is measured."""
        return self._sized in self._oracle.kept

    @property
    def _sized(self) -> Hashable:
        return "size to time at", self._subject.drawn

    def _ladder(self) -> str:
        """Return a name for what is climbed: these sizes, of this kind of model."""
        settings = self._settings
        text = json.dumps([settings.sizes, settings.ratio, settings.round_trips, self._dims(1, 1)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def reference(self, dims: Dims, *, counts: bool) -> Arm:
        """Return the reference of these sizes: the last one asked for, since a box holds one."""
        timed, kept = self._oracle.timed, self._oracle.kept
        key = "model to time", self._subject.drawn, tuple(dims.items())
        model: Model | None = kept.get(key)
        if timed.device == "cpu" or model is None or not timed.holds(model):
            model = kept[key] = self._oracle.timed_model(dims, self._weights(dims))
        return Arm("reference", model, timed, trusted=True, clock=self._clock, counts=counts)

    def own(self, student: Builds, dims: Dims, *, counts: bool) -> Arm:
        """Return the submission's model of these sizes."""
        if student.device == "cpu" or self._own is None or not student.holds(self._own):
            self._own = student.build(dims, self._weights(dims))
        return Arm("student", self._own, student, clock=self._clock, counts=counts)

    def dims(self, size: Size) -> Dims:
        """Return the constructor's arguments for a size."""
        return self._dims(size.width, size.length)

    def _dims(self, width: int, length: int) -> Dims:
        return self._subject.dims(width, length + self._settings.new_tokens)

    def _weights(self, dims: Dims) -> Weights:
        """Return weights, the same for all submissions of a draw; the last ones are kept."""
        kept = self._oracle.kept.setdefault(("weights to time", self._subject.drawn), {})
        key = tuple(dims.items())
        if key not in kept:
            kept.clear()
            kept[key] = self._subject.weights(dims)
        weights: Weights = kept[key]
        return weights

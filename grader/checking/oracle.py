"""The oracle: right answers, by the reference.

Live, the reference is handed in like any submission and runs behind the same line as a student, in
a sandbox of its own, in float64; its faults are ours. Recorded, its answers to the public questions
lie in a file (`grader.checking.recorded`), and nobody needs the solution to compare with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from typing import Any, Protocol

import numpy as np

from grader.errors import HarnessError, StudentFault
from grader.model import Array, Ids, Model
from grader.student import Student
from grader.weights import Weights

MAX_KEPT = 64 << 20  # bytes of answers kept; what students sample is never asked again


class Oracle(Protocol):
    """Knows the right logits."""

    @property
    def ready(self) -> Mapping[str, object]:
        """Return what the reference's sandbox said of itself; empty if there is none."""
        ...

    def start(self) -> None:
        """Get ready to answer."""
        ...

    def close(self) -> None:
        """Begin afresh with the next question."""
        ...

    def of(self, model: str) -> Oracle:
        """Return the oracle of a further model of the assignment."""
        ...

    def logits(
        self,
        dims: Mapping[str, int],
        weights: Mapping[str, Array],
        ids: Ids,
        *,
        dtype: str = "float64",
    ) -> Array:
        """Return logits (B, T, V) of one full forward without a cache, computed in this type.

        A position that the oracle cannot know (a recorded one, of ids that the reference would not
        have generated) is NaN.
        """
        ...


class LiveOracle:
    """Answers by the reference; the same question is computed once, for a whole batch.

    ``timed`` is the reference on the device that students are timed on, where that is another.
    """

    def __init__(self, reference: Student, timed: Student | None = None) -> None:
        self.reference = reference
        self.timed = timed or reference
        self._answers: dict[Hashable, Array] = {}  # those asked for longest ago first
        self._named: tuple[Mapping[str, Array] | None, Hashable, str] = (None, None, "")
        self._kept = 0  # bytes
        self._built: Hashable = None
        self._model: Model | None = None
        self._also: dict[str, LiveOracle] = {}
        self.kept: dict[Hashable, Any] = {}
        """What checks found out about the reference, as long as its boxes live."""

    @property
    def ready(self) -> Mapping[str, object]:
        """Return what the reference's sandbox said of itself."""
        return self.reference.ready

    def start(self) -> None:
        """Start the reference's box."""
        self.reference.start()

    def close(self) -> None:
        """End the reference's box; the next question starts another."""
        self._model = None
        self.kept.clear()
        self._also.clear()
        self.reference.close()
        self.timed.close()

    def of(self, model: str) -> LiveOracle:
        """Return the oracle of a further model; its boxes end with these."""
        if model not in self._also:
            self._also[model] = LiveOracle(self.reference.also[model], self.timed.also[model])
        return self._also[model]

    def timed_model(self, dims: Mapping[str, int], weights: Weights) -> Model:
        """Return a model to time, of the type that it is built with; the next question ends it."""
        self._model = None  # a box holds one model
        return self.timed.build(dims, weights)

    def logits(
        self,
        dims: Mapping[str, int],
        weights: Mapping[str, Array],
        ids: Ids,
        *,
        dtype: str = "float64",
    ) -> Array:
        """Return logits (B, T, V) of one full forward without a cache, computed in this type."""
        model = self._key_of(dims, weights, dtype)
        key = (model, ids.shape, ids.tobytes())
        if key not in self._answers:
            try:
                if self._model is None or self._built != model:
                    self._model = self.reference.build(dims, weights, dtype=dtype)
                    self._built = model
                logits, _ = self._model.forward(ids, dtype=dtype)
            except StudentFault as fault:
                self._model = None
                raise HarnessError(f"the reference failed: {fault.message}") from fault
            if not np.isfinite(logits).all():
                raise HarnessError("the reference's logits are not finite")
            self._keep(key, logits)
        # What everybody is asked stays; what one student has sampled goes.
        answer = self._answers[key] = self._answers.pop(key)
        return answer

    def _key_of(self, dims: Mapping[str, int], weights: Mapping[str, Array], dtype: str) -> str:
        """Return the key of a model; the same weights again, as most checks ask, need no digest."""
        sizes = (*sorted(dims.items()), dtype)
        held, of, key = self._named
        if held is not weights or of != sizes:
            key = model_key(dims, weights, dtype)
            self._named = (weights, sizes, key)
        return key

    def _keep(self, key: Hashable, logits: Array) -> None:
        self._answers[key] = logits
        self._kept += logits.nbytes
        while self._kept > MAX_KEPT and len(self._answers) > 1:
            first = next(iter(self._answers))
            self._kept -= self._answers.pop(first).nbytes


def model_key(dims: Mapping[str, int], weights: Mapping[str, Array], dtype: str) -> str:
    """Return what tells one model from another: sizes, weights and type, as a digest."""
    digest = hashlib.sha256(f"{sorted(dims.items())} {dtype}".encode())
    for name, weight in weights.items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()

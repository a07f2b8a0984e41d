"""The oracle: right answers, computed by the reference in a sandbox of its own.

The reference is handed in like any submission and runs behind the same line as a student, in
float64. Its faults are ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from grader.errors import HarnessError, StudentFault
from grader.model import Array, Ids, Model
from grader.student import Student


class Oracle:
    """Answers by the reference; the same question is computed once."""

    def __init__(self, reference: Student) -> None:
        self.reference = reference
        self._answers: dict[tuple[int, str, tuple[int, ...], bytes], Array] = {}
        self._kept: list[Mapping[str, Array]] = []  # so that an id stays one object's
        self._built: tuple[int, str] | None = None
        self._model: Model | None = None

    def close(self) -> None:
        """End the reference's box; the next question starts another."""
        self._model = None
        self.reference.close()

    def logits(
        self,
        dims: Mapping[str, int],
        weights: Mapping[str, Array],
        ids: Ids,
        *,
        dtype: str = "float64",
    ) -> Array:
        """Return logits (B, T, V) of one full forward without a cache, computed in this type."""
        key = (id(weights), dtype, ids.shape, ids.tobytes())
        if key not in self._answers:
            try:
                logits, _ = self._build(dims, weights, dtype).forward(ids, dtype=dtype)
            except StudentFault as fault:
                self._model = None
                raise HarnessError(f"the reference failed: {fault.message}") from fault
            self._answers[key] = logits
        return self._answers[key]

    def _build(self, dims: Mapping[str, int], weights: Mapping[str, Array], dtype: str) -> Model:
        if self._model is None or self._built != (id(weights), dtype):
            self._model = self.reference.build(dims, weights, dtype=dtype)
            self._built = (id(weights), dtype)
            self._kept.append(weights)
        return self._model

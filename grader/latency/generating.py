"""Rounds of whole `generate` calls: what n new tokens cost with the cache.

The one question, ``generate_speedup``, is n times the reference's full forward over prompt and
continuation / the student's call with the cache. The former is what n tokens cost without a cache;
the same forward tells whether each returned token was the best one. Since the prompt has to be
worked through once in any case, the ratio stays below n.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import numpy as np

from grader.errors import StudentFault
from grader.latency.arms import Arm, Undisturbed, counted
from grader.latency.decision import Interval
from grader.latency.series import Figures, Ratio
from grader.model import Array, Ids

QUESTION = "generate_speedup"


class Generating:
    """Measures rounds; keeps how far returned tokens were below the best ones."""

    def __init__(
        self,
        reference: Arm,
        student: Arm,
        prompt: Callable[[int], Ids],
        length: int,
        new: int,
        vocabulary: int,
        undisturbed: Undisturbed = contextlib.nullcontext,
    ) -> None:
        """``undisturbed`` is entered while the reference works."""
        self.below_best = 0.0  # by the reference's logits
        self.own_below_best = 0.0  # by the student's own; asked for only where the former is not 0
        self.fed_per_new_token: float | None = None  # the guest's claim, the largest of all rounds
        self._reference, self._student = reference, student
        self._prompt, self._undisturbed = prompt, undisturbed
        self._length, self._new, self._vocabulary = length, new, vocabulary

    def measure(self, _number: int) -> Figures:
        """Measure one round. The student begins: what is to be verified is not known before."""
        figures: Figures = {}
        ids, new = self._prompt(self._length), self._new
        done = self._student.generate(figures, "generate", ids, new, use_cache=True)
        if done.fed:
            fed = (sum(done.fed) - self._length) / new
            self.fed_per_new_token = max(fed, self.fed_per_new_token or fed)
        tokens = _continuation(ids, done.tokens, new)
        if ((tokens < 0) | (tokens >= self._vocabulary)).any():
            raise StudentFault("failed", "generate returned ids outside the vocabulary.")
        sequence = np.concatenate([ids, tokens], axis=1)
        with self._undisturbed():
            right = self._reference.full(figures, "full", sequence, new + 1)
        below = _below_best(right, sequence)
        self.below_best = max(self.below_best, below)
        if below > 0:
            own = self._student.full({}, "own", sequence, new + 1)
            self.own_below_best = max(self.own_below_best, _below_best(own, sequence))
        return figures

    def settle(self) -> None:
        """Book what both sides have spent so far."""
        self._reference.settle()
        self._student.settle()


def ratios(figures: Figures, new: int) -> Mapping[str, Ratio]:
    """Return the question of rounds like this one, for so many new tokens."""
    kind = "_cpu" if counted(figures) else ""
    full, call = f"reference_full{kind}", f"student_generate{kind}"
    return {QUESTION: lambda f: new * f[full] / max(f[call], 1e-9)}


def enough(limits: Mapping[str, float], found: Mapping[str, Interval]) -> bool:
    """Whether the question is decided."""
    return found[QUESTION].decides(limits[QUESTION])


def _continuation(ids: Ids, tokens: Ids, new: int) -> Ids:
    """Return the new ids of a result with or without the prompt, which has to be unchanged."""
    if tokens.shape[1] != new and not np.array_equal(tokens[:, : ids.shape[1]], ids):
        raise StudentFault("failed", "generate returned the prompt changed.")
    return tokens[:, -new:]


def _below_best(logits: Array, sequence: Ids) -> float:
    """Return how far below the best logit the worst token is; logits (1, n + 1, V)."""
    scores = logits[0, :-1].astype(np.float64)
    tokens = sequence[0, -len(scores) :]
    taken = scores[np.arange(len(scores)), tokens]
    below = scores.max(axis=-1) - taken
    return float(below.max()) if np.isfinite(below).all() else float("inf")

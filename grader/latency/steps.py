"""Rounds of single decode steps: what one more token costs with the cache, and without.

In each round both sides work on the same two prompts that nobody has seen before, a long one and a
short one; who begins changes from round to round. The last token is drawn before, and shown only
when the prompt is cached. Where wall time is all there is, the student's side is stopped while the
reference works: what it does in the background can slow down nobody but itself.

Questions (each a ratio, by CPU time where the kernel counts it, else by wall time)
    speedup    the reference's full forward / the student's cached step, at the long prompt
    waiting    the same by wall time, where CPU time decides the former: time that is slept away.
               The longer one of both full forwards is taken, so that other work on the student's
               core does not count against the student
    slowdown   the student's forward without the cache / the longer of the same forward with an
               empty cache, and the reference's: a side that is slow only where the cache is not
               used has been made so
    growth     what the step gains in time from the short to the long prompt / what the reference's
               full forward gains: 1 where all is computed again, near 0 with a cache
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from grader.latency.arms import Arm, Undisturbed, counted
from grader.latency.decision import Interval
from grader.latency.series import Figures, Ratio
from grader.model import Array, Ids


class Steps:
    """Measures rounds; keeps the largest errors of all timed replies."""

    def __init__(
        self,
        reference: Arm,
        student: Arm,
        prompt: Callable[[int], Ids],
        lengths: Mapping[str, int],
        vocabulary: int,
        undisturbed: Undisturbed = contextlib.nullcontext,
    ) -> None:
        """``lengths`` are tokens of the prompts, by "long" and "short".

        ``undisturbed`` is entered while the reference works.
        """
        self.error = 0.0  # largest difference from the reference's logits
        self.gap_to_own = 0.0  # of cached logits from the student's own full forward
        self.effect_of_past: float | None = None  # of the first token on its own later logits
        self._reference, self._student = reference, student
        self._prompt = prompt
        self._lengths, self._vocabulary = lengths, vocabulary
        self._undisturbed = undisturbed

    def measure(self, number: int) -> Figures:
        """Measure one round; beside the first one, 0, what agreeing with oneself is worth."""
        figures: Figures = {}
        if not number:
            self.effect_of_past = self._effect_of_past()
        prompts = {which: self._prompt(self._lengths[which] + 1) for which in ("long", "short")}
        if number % 2:
            right = self._right(figures, prompts)
            got = {which: self._steps(figures, which, ids) for which, ids in prompts.items()}
        else:
            got = {which: self._steps(figures, which, ids) for which, ids in prompts.items()}
            right = self._right(figures, prompts)
        for which in prompts:
            self._verify(got[which], right[which])
        return figures

    def _right(self, figures: Figures, prompts: Mapping[str, Ids]) -> dict[str, Array]:
        """Return the reference's logits (1, 2, V) of each prompt's last two positions."""
        with self._undisturbed():
            return {
                which: self._reference.full(figures, f"full_{which}", ids, 2)
                for which, ids in prompts.items()
            }

    def settle(self) -> None:
        """Book what both sides have spent so far."""
        self._reference.settle()
        self._student.settle()

    def _steps(self, figures: Figures, which: str, ids: Ids) -> tuple[Array, Array | None]:
        """Return logits (1, 2, V) of prompt and step; and without the cache, at the long prompt."""
        student = self._student
        first, past = student.cached(figures, f"prefill_{which}", ids[:, :-1])
        second, later = student.cached(figures, f"step_{which}", ids[:, -1:], past)
        for each in (past, later):
            student.forget(each)
        own = student.full(figures, f"full_{which}", ids, 2) if which == "long" else None
        return np.concatenate([first, second], axis=1), own

    def _effect_of_past(self) -> float | None:
        """Return how much the first token moves the later logits; None if they are not finite."""
        ids = self._prompt(self._lengths["short"] + 1)
        other = ids.copy()
        other[:, 0] = (other[:, 0] + 1) % self._vocabulary
        one, two = (self._student.full({}, "effect", each, ids.shape[1] - 1)
                    for each in (ids, other))  # fmt: skip
        effect = difference(one, two)
        return effect if np.isfinite(effect) else None

    def _verify(self, got: tuple[Array, Array | None], right: Array) -> None:
        cached, own = got
        self.error = max(self.error, difference(cached, right))
        if own is not None:
            self.error = max(self.error, difference(own, right))
            self.gap_to_own = max(self.gap_to_own, difference(cached, own))


def ratios(figures: Figures) -> Mapping[str, Ratio]:
    """Return the questions of rounds like this one."""
    if not counted(figures):
        return {"speedup": _speedup(""), "slowdown": _slowdown, "growth": _growth("")}
    return {
        "speedup": _speedup("_cpu"),
        "waiting": _waiting,
        "slowdown": _slowdown,
        "growth": _growth("_cpu"),
    }


def pace(rounds: Sequence[Figures]) -> float:
    """Return how many times as long the student's full forward takes as the reference's (median).

    Who is slow in everything has a cache all the same: times this, a speedup is by the student's
    own forward, which `slowdown` holds to what it does with an empty cache.
    """
    kind = "_cpu" if counted(rounds[0]) else ""
    own, reference = f"student_full_long{kind}", f"reference_full_long{kind}"
    return statistics.median(_over(figures[own], figures[reference]) for figures in rounds)


def enough(limits: Mapping[str, float], found: Mapping[str, Interval]) -> bool:
    """Whether all is decided, or so much is lost that the rest does not matter.

    ``limits`` are those of the four questions: speedup and waiting have to be above theirs,
    slowdown and growth below. A growth from its limit to ``growth_doubtful``, where there is one,
    is a human's.
    """
    if found["slowdown"].low > limits["slowdown"]:
        return True
    slowdown = found["slowdown"].decides(limits["slowdown"])
    quick = [name for name in ("speedup", "waiting") if name in found]
    lost = any(found[name].high < limits[name] for name in quick)
    step = lost or (slowdown and all(found[name].decides(limits[name]) for name in quick))
    growth, doubtful = found["growth"], limits.get("growth_doubtful", limits["growth"])
    steep = growth.low > doubtful
    known = growth.decides(limits["growth"]) and growth.decides(doubtful)
    return step and (steep or (slowdown and known))


def difference(one: Array, other: Array) -> float:
    """Return the largest difference; infinite where a value is not finite."""
    gaps = np.abs(one.astype(np.float64) - other)
    return float(gaps.max()) if np.isfinite(gaps).all() else float("inf")


def _speedup(kind: str) -> Ratio:
    return lambda f: _over(f[f"reference_full_long{kind}"], f[f"student_step_long{kind}"])


def _waiting(figures: Figures) -> float:
    full = max(figures["reference_full_long"], figures["student_full_long"])
    return _over(full, figures["student_step_long"])


def _slowdown(figures: Figures) -> float:
    alike = max(figures["student_prefill_long"], figures["reference_full_long"])
    return _over(figures["student_full_long"], alike)


def _growth(kind: str) -> Ratio:
    def growth(figures: Figures) -> float | None:
        short, long = (figures[f"reference_full_{which}{kind}"] for which in ("short", "long"))
        if long <= 2 * short:
            return None  # a round in which even the reference's work does not show its length
        steps = (figures[f"student_step_{which}{kind}"] for which in ("short", "long"))
        before, after = steps
        return (after - before) / (long - short)

    return growth


def _over(one: float, other: float) -> float:
    """Divide; where the clock did not move, by the smallest time that counts."""
    return one / max(other, 1e-9)

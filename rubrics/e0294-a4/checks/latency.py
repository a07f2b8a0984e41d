"""Problem 2d as the grader measures it, once for all of its checks.

Sizes, weights and prompts are this assignment's; how time is taken and when it is enough is
`grader.latency`'s.
"""

import time

import numpy as np

from grader.errors import StudentFault
from grader.latency import generating, series, sizing, steps, sweep
from grader.latency.arms import Arm

LENGTHS = (10, 50, 100, 500, 1000)
"""The sheet's prompt lengths."""

NEW_TOKENS = 20
"""As in the course's benchmark."""

LAYERS, INNER = 2, 2
SWEEP_RUNS, SWEEP_SECONDS = 3, 3.0
ROOM = 16  # positions after the prompt


class Latency:
    """What was measured of one submission. A fault of the submission is raised by all who ask."""

    def __init__(self, oracle, draw, vectors, rules, clock=time.perf_counter):
        """``rules`` is the rubric: its timing, and the limits at which it is enough."""
        self.settings, self.limits = rules.timing, rules.limits
        self._oracle, self._vectors, self._clock = oracle, vectors, clock
        self._rng = draw.rng("prompts to time")
        self._draw = draw
        self._weights = {}
        self._size = None
        self._done = {}

    def obstacle(self, student):
        """Return why nothing can be timed here; empty where it can."""
        timed = getattr(self._oracle, "timed", None)
        if timed is None or timed.device != student.device:
            return "Latency is compared with the reference's on the same device, which is not here."
        if self._found() is None:
            return "This device is too quick: work does not show beside launches at any size."
        return ""

    def size(self):
        """Return the size at which this device is timed."""
        return self._found()

    # --- what is measured ---------------------------------------------------------------------
    # One timing at a time on a device: whoever grades side by side on a GPU takes its lease around
    # these calls. On the CPU each sandbox has a core of its own, and its CPU time is counted.

    def steps(self, student):
        """Return (series, rounds' errors, effect of the past) of single decode steps."""
        return self._once("steps", lambda: self._steps(student))

    def pace(self, student):
        """Return how many times as slow the submission is as the reference, at least 1."""
        found, _, _ = self.steps(student)
        return max(1.0, steps.pace(found.rounds)) if found.rounds else 1.0

    def generating(self, student):
        """Return (series, what was seen of the tokens) of whole calls of generate."""
        return self._once("generating", lambda: self._generating(student))

    def sweep(self, student):
        """Measure the sheet's lengths; by prompts alone where generate does not work."""
        dims = {**self._vectors.DIMS, "max_seq_len": max(LENGTHS) + NEW_TOKENS}
        weights = self._vectors.draw_weights(self._draw.rng("weights of the sweep"), dims)
        how = {"runs": SWEEP_RUNS, "seconds": SWEEP_SECONDS, "clock": self._clock}
        prompt = self._prompts(dims["vocab_size"])
        arm = Arm("student", student.build(dims, weights), student, clock=self._clock)
        found = sweep.generating(arm, prompt, LENGTHS, NEW_TOKENS, **how)
        if found.lengths:
            return found
        arm = Arm("student", student.build(dims, weights), student, clock=self._clock)
        return sweep.processing(arm, prompt, LENGTHS, **how)

    @staticmethod
    def picture(found):
        """Draw what a sweep measured; a PNG."""
        return sweep.picture(found)

    def generates(self, student):
        """Whether generate does anything at all; None where not even the model can be built."""
        dims = self._vectors.DIMS
        weights = self._vectors.draw_weights(self._draw.rng("weights"), dims)
        try:
            model = student.build(dims, weights)
        except StudentFault:
            return None
        try:
            ids = self._prompts(dims["vocab_size"])(5)
            model.generate(ids, 3, temperature=1.0, use_cache=False, seed=1)
        except StudentFault:
            return False
        return True

    # --- how ----------------------------------------------------------------------------------

    def _steps(self, student):
        reference, own, prompt, _ = self._arms(student)
        long = self._size.length
        lengths = {"long": long, "short": max(1, long // self.settings.short)}
        rounds = steps.Steps(reference, own, prompt, lengths)
        effect = self._effect_of_past(own.model, prompt(lengths["short"]))
        limits = {**self.limits, "waiting": self.limits["speedup"]}
        found = self._series(
            rounds,
            steps.ratios,
            lambda known: steps.enough(limits, known),
            lambda: self._is_wrong(rounds),
        )
        return found, rounds, effect

    def _is_wrong(self, rounds):
        """Whether replies are neither the reference's nor those of the submission's own forward."""
        return min(rounds.error, rounds.gap_to_own) > self.limits["atol"]

    def _generating(self, student):
        reference, own, prompt, dims = self._arms(student)
        new, tie = self.settings.new_tokens, self.limits["tie"]
        rounds = generating.Generating(
            reference, own, prompt, self._size.length, new, dims["vocab_size"]
        )
        found = self._series(
            rounds,
            lambda figures: generating.ratios(figures, new),
            lambda known: generating.enough(self.limits, known),
            lambda: min(rounds.below_best, rounds.own_below_best) > tie,
        )
        return found, rounds

    def _series(self, rounds, ratios, enough, wrong):
        """Run rounds until all that is asked of them is decided."""
        return series.run(
            rounds.measure, ratios, enough, self.settings,
            clock=self._clock, wrong=wrong, settle=rounds.settle,
        )  # fmt: skip

    def _arms(self, student):
        """Build both sides at the size of this device."""
        dims = self._dims(self._size.width, self._size.length)
        weights = self._weights_of(dims)
        own = Arm("student", student.build(dims, weights), student, clock=self._clock)
        prompt = self._prompts(dims["vocab_size"])
        return self._reference(self._size.width, self._size.length), own, prompt, dims

    def _found(self):
        if self._size is None:
            prompt = self._prompts(self._vectors.DIMS["vocab_size"])
            found = sizing.find(self._reference, prompt, self.settings)
            self._size = found and found[0]
        return self._size

    def _reference(self, width, length):
        dims = self._dims(width, length)
        model = self._oracle.timed_model(dims, self._weights_of(dims))
        return Arm("reference", model, self._oracle.timed, trusted=True, clock=self._clock)

    def _dims(self, width, length):
        return {
            "vocab_size": self._vectors.DIMS["vocab_size"],
            "d_model": width,
            "d_ff": INNER * width,
            "num_layers": LAYERS,
            "max_seq_len": length + max(ROOM, self.settings.new_tokens),
        }

    def _weights_of(self, dims):
        key = tuple(dims.items())
        if key not in self._weights:
            rng = self._draw.rng("weights to time")
            self._weights = {key: self._vectors.draw_weights(rng, dims)}
        return self._weights[key]

    def _prompts(self, vocabulary):
        return lambda length: self._rng.integers(0, vocabulary, (1, length))

    def _effect_of_past(self, model, ids):
        """How much the first token moves the later logits of the submission's own forward."""
        other = ids.copy()
        other[:, 0] = (other[:, 0] + 1) % self._vectors.DIMS["vocab_size"]
        (one, _), (two, _) = model.forward(ids), model.forward(other)
        effect = float(np.abs(one[:, 1:] - two[:, 1:]).max())
        return effect if np.isfinite(effect) else None

    def _once(self, name, measure):
        if name not in self._done:
            try:
                self._done[name] = measure()
            except StudentFault as fault:
                self._done[name] = fault
        if isinstance(self._done[name], StudentFault):
            raise self._done[name].with_traceback(None)
        return self._done[name]

"""Problem 2d as the grader measures it, once for all of its checks.

Sizes, weights and prompts are this assignment's; how time is taken and when it is enough is
`grader.latency`'s.
"""

import contextlib
import statistics
import time

import numpy as np

from grader.beside import beside
from grader.devices import rates as kept_rates
from grader.errors import StudentFault
from grader.latency import attempts, generating, series, steps, sweep
from grader.latency.arms import Arm

LENGTHS = (10, 50, 100, 500, 1000)
"""The sheet's prompt lengths."""

NEW_TOKENS = 20
"""As in the course's benchmark."""

SWEEP_TOURS, SWEEP_SECONDS = range(1, 4), 1.2


class Latency:
    """What was measured of one submission. A fault of the submission is raised by all who ask."""

    def __init__(self, oracle, draw, vectors, rules, device, clock=time.perf_counter):
        """``rules`` is the rubric: its timing, and the limits at which it is enough."""
        self.settings = rules.timing
        self.limits = {**rules.limits, "waiting": rules.limits["speedup"]}
        self.device = device
        self._oracle, self._vectors, self._clock = oracle, vectors, clock
        self._draw = draw
        self._models = beside(__file__, "timed_models").Models(
            oracle, draw, vectors, rules.timing, clock
        )
        self._size = None
        self._own = None  # the submission's model at that size
        self._done = {}

    def obstacle(self, student):
        """Return why nothing can be timed here; empty where it can."""
        timed = getattr(self._oracle, "timed", None)
        if timed is None or timed.device != student.device:
            return "Latency is compared with the reference's on the same device, which is not here."
        if self._size is None:
            with self._alone(student), self._undisturbed(student)():
                self._size = self._models.size(counts=not self._by_wall_time(student))
        if self._size is None:
            return "This device is too quick: work does not show beside launches at any size."
        return ""

    def size(self):
        """Return the size at which this device is timed."""
        return self._size

    # --- what is measured ---------------------------------------------------------------------

    def steps(self, student):
        """Return the attempts at single decode steps, the one that counts last."""
        return self._once("steps", lambda: self._attempts(student, self._steps(student)))

    def effect_of_past(self, student):
        """Return how much the first token moves the later logits of the own forward."""
        self.steps(student)
        return self._done["effect"]

    def pace(self, student):
        """Return how many times as slow the submission is as the reference, at least 1."""
        rounds = self.steps(student)[-1].series.rounds
        return max(1.0, steps.pace(rounds)) if rounds else 1.0

    def generating(self, student):
        """Return the attempts at whole calls of generate, the one that counts last."""
        return self._once("generating", lambda: self._attempts(student, self._generating(student)))

    def sweep(self, student):
        """Measure the sheet's lengths; by prompts alone where generate does not work."""
        dims = {**self._vectors.DIMS, "max_seq_len": max(LENGTHS) + NEW_TOKENS}
        weights = self._vectors.draw_weights(self._draw.rng("weights of the sweep"), dims)
        how = {"tours": SWEEP_TOURS, "seconds": SWEEP_SECONDS, "clock": self._clock}
        prompt, bounds = self._models.prompt, self._bounds(dims)
        with self._alone(student):
            arm = Arm("student", student.build(dims, weights), student, clock=self._clock)
            found = sweep.generating(arm, prompt, LENGTHS, NEW_TOKENS, **how)
            if found.lengths:
                least = bounds and (
                    lambda n, way: bounds.generate(n, NEW_TOKENS, use_cache=way == "with")
                )
            else:
                arm = Arm("student", student.build(dims, weights), student, clock=self._clock)
                found = sweep.processing(arm, prompt, LENGTHS, **how)
                least = bounds and (
                    lambda n, way: bounds.step(n + 1) if way == "with" else bounds.full(n + 1)
                )
        if least:
            found.least = {(n, way): least(n, way) for n in found.lengths for way in sweep.WAYS}
        return found

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
            model.generate(self._models.prompt(5), 3, temperature=1.0, use_cache=False, seed=1)
        except StudentFault:
            return False
        return True

    # --- the roofline -------------------------------------------------------------------------

    def roofline(self, name, figures):
        """Return rows (what, least, reference, student) of "steps" or "generating", in seconds.

        ``figures`` are the rounds; nothing where the device's rates were never measured.
        """
        size, new = self._size, self.settings.new_tokens
        bounds = self._bounds(self._models.dims(size.width, size.length))
        if bounds is None or not figures:
            return []
        kind = "_cpu" if any(key.endswith("_cpu") for key in figures[0]) else ""

        def median(key):
            found = [f[f"{key}{kind}"] for f in figures if f"{key}{kind}" in f]
            return statistics.median(found) if found else None

        n = size.length
        if name == "generating":
            least = bounds.generate(n, new, use_cache=True)
            return [(f"generate, {new} tokens after {n}", least, None, median("student_generate"))]
        full = median("reference_full_long"), median("student_full_long")
        return [
            (f"full forward, {n + 1} tokens", bounds.full(n + 1), *full),
            (f"decode step after {n}", bounds.step(n + 1), size.step, median("student_step_long")),
        ]

    def rates(self):
        """Return what was measured of the device, or None and what to do about it."""
        return self.device.rates, kept_rates.MISSING

    def table(self, rates, rows):
        """Return rows of `roofline` as text."""
        return beside(__file__, "bounds").table(self.device.identity.name, rates, rows)

    def _bounds(self, dims):
        found = self.device.rates
        return found and beside(__file__, "bounds").Bounds(found, dims)

    # --- how ----------------------------------------------------------------------------------

    def _by_wall_time(self, student):
        """Whether wall time decides: on a GPU, or where nobody counts the CPU time of a box."""
        if student.device != "cpu":
            return True
        student.start()  # there has to be a box to be asked about
        return student.usage().cpu_seconds is None

    @contextlib.contextmanager
    def _alone(self, student):
        """Be the only one who times on this device, where that makes a difference.

        Where CPU time decides, each box has a core of its own, and nobody has to wait.
        """
        if not self._by_wall_time(student):
            yield 0.0
            return
        with self.device.alone() as waited:
            yield waited

    def _undisturbed(self, student):
        """Return what stops the submission while the reference works, where wall time decides."""
        return student.frozen if self._by_wall_time(student) else contextlib.nullcontext

    def _attempts(self, student, measure):
        """Measure with the device to oneself and watched; again where it was not clear."""

        def attempt():
            timed = self._oracle.timed
            watch = self.device.watch(
                lambda: student.processes() | timed.processes(),
                by_wall_time=self._by_wall_time(student),
            )
            found, rounds = measure(watch.look)
            seen = watch.end()
            seen.waited = waited
            return attempts.Attempt(found, rounds, seen)

        with self._alone(student) as waited:
            return attempts.attempts(attempt, self.limits, self.settings)

    def _steps(self, student):
        reference, own, prompt, _ = self._arms(student)
        long = self._size.length
        lengths = {"long": long, "short": max(1, long // self.settings.short)}
        self._done["effect"] = self._effect_of_past(own.model, prompt(lengths["short"]))

        def measure(look):
            rounds = steps.Steps(reference, own, prompt, lengths, self._undisturbed(student))
            found = self._series(
                rounds,
                look,
                steps.ratios,
                lambda known: steps.enough(self.limits, known),
                lambda: self._is_wrong(rounds),
            )
            return found, rounds

        return measure

    def _is_wrong(self, rounds):
        """Whether replies are neither the reference's nor those of the submission's own forward."""
        return min(rounds.error, rounds.gap_to_own) > self.limits["atol"]

    def _generating(self, student):
        reference, own, prompt, dims = self._arms(student)
        new, tie = self.settings.new_tokens, self.limits["tie"]

        def measure(look):
            rounds = generating.Generating(
                reference, own, prompt, self._size.length, new, dims["vocab_size"],
                self._undisturbed(student),
            )  # fmt: skip
            found = self._series(
                rounds,
                look,
                lambda figures: generating.ratios(figures, new),
                lambda known: generating.enough(self.limits, known),
                lambda: min(rounds.below_best, rounds.own_below_best) > tie,
            )
            return found, rounds

        return measure

    def _series(self, rounds, look, ratios, enough, wrong):
        """Run rounds until all that is asked of them is decided; look at the device after each."""

        def measure(number):
            figures = rounds.measure(number)
            look()
            return figures

        return series.run(
            measure, ratios, enough, self.settings,
            clock=self._clock, wrong=wrong, settle=rounds.settle,
        )  # fmt: skip

    def _arms(self, student):
        """Return both sides at the size of this device, and what draws prompts for them."""
        models, counts = self._models, not self._by_wall_time(student)
        dims = models.dims(self._size.width, self._size.length)
        reference = models.reference(dims, counts=counts)
        if student.device == "cpu" or self._own is None or not student.holds(self._own):
            self._own = student.build(dims, models.weights(dims))
        own = Arm("student", self._own, student, clock=self._clock, counts=counts)
        return reference, own, models.prompt, dims

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

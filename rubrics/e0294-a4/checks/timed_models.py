"""The models that are timed: their sizes, weights and prompts, and the reference among them.

What does not depend on the submission is made once for all of a draw and kept with the oracle. On a
GPU the reference's model itself stays; on the CPU its box answers other questions in between.
"""

import math

from grader import tiles
from grader.latency import sizing
from grader.latency.arms import Arm

LAYERS, INNER = 2, 2
ROOM = 16  # positions after the prompt
SENT = 8_000_000  # parameters; of more than these, a pool is sent that they are cut out of


class Models:
    """Sizes, weights, prompts, and the reference at any size."""

    def __init__(self, oracle, draw, vectors, settings, clock):
        self._oracle, self._draw, self._vectors = oracle, draw, vectors
        self._settings, self._clock = settings, clock
        self._rng = draw.rng("prompts to time")

    def prompt(self, length):
        """Draw a prompt that nobody has seen, (1, length)."""
        return self._rng.integers(0, self._vectors.DIMS["vocab_size"], (1, length))

    def size(self, *, counts):
        """Return the size at which work dominates on the reference's device; None without any."""
        key = "size to time at", self._draw.digest
        kept = self._oracle.kept
        if key not in kept:
            found = sizing.find(
                lambda width, length: self.reference(self.dims(width, length), counts=counts),
                self.prompt,
                self._settings,
            )
            kept[key] = found and found[0]
        return kept[key]

    def reference(self, dims, *, counts):
        """Return the reference of these sizes; ``counts`` is whether CPU time tells what it costs.

        It is the last one that was asked for: a box holds one model.
        """
        timed, kept = self._oracle.timed, self._oracle.kept
        key = "model to time", self._draw.digest, tuple(dims.items())
        model = kept.get(key)
        if timed.device == "cpu" or model is None or not timed.holds(model):
            model = kept[key] = self._oracle.timed_model(dims, self.weights(dims))
        return Arm("reference", model, timed, trusted=True, clock=self._clock, counts=counts)

    def dims(self, width, length):
        """Return the constructor's arguments for a width and a prompt."""
        return {
            "vocab_size": self._vectors.DIMS["vocab_size"],
            "d_model": width,
            "d_ff": INNER * width,
            "num_layers": LAYERS,
            "max_seq_len": length + max(ROOM, self._settings.new_tokens),
        }

    def weights(self, dims):
        """Return weights, the same for all submissions of a draw; the last ones are kept."""
        kept = self._oracle.kept.setdefault(("weights to time", self._draw.digest), {})
        key = tuple(dims.items())
        if key not in kept:
            kept.clear()
            rng = self._draw.rng("weights to time")
            shapes = self._vectors.state_dict_shapes(dims)
            if sum(map(math.prod, shapes.values())) > SENT:
                kept[key] = tiles.draw(rng, shapes, self._vectors.spreads(dims))
            else:
                kept[key] = self._vectors.draw_weights(rng, dims)
        return kept[key]

"""Sizes, weights and probes for attention.

The model of the checks looks q, k and v up in tables, so its weights are what attention is given:
drawn such that scores have a standard deviation of 2 after the scale, and mistakes show.
"""

import numpy as np

from grader.checking.probing import Probe

DIMS = {"width": 48, "heads": 3}
"""Three heads of width 16: not 64, whose root is a whole number that may be written down."""

OTHER_DIMS = {"width": 40, "heads": 8}
"""Many narrow heads."""

SCORE_SD = 2.0


def draw_weights(rng, dims):
    """Fresh float32 tables of q, k and v, (width, width) each."""
    width = dims["width"]
    scale = {"q": SCORE_SD**0.5, "k": SCORE_SD**0.5, "v": 4.0}
    return {
        f"{name}.weight": (factor * rng.standard_normal((width, width))).astype(np.float32)
        for name, factor in scale.items()
    }


def public_files(_draw, _logits):
    """No files: students have train.py to try things with."""
    return {}


# --- probes: questions whose answers tell one mistake from another --------------------------------

SETTINGS = {"main": (DIMS,), "other": (OTHER_DIMS,)}


def _ids(rng, batch, length):
    return rng.integers(0, DIMS["width"], (batch, length))


def _one(model, rng):
    return model.forward(_ids(rng, 1, 1))[0]


def _two(model, rng):
    return model.forward(_ids(rng, 1, 2))[0]


def _sequence(model, rng):
    return model.forward(_ids(rng, 1, 12))[0]


def _batch(model, rng):
    return model.forward(_ids(rng, 3, 9))[0]


def _other(model, rng):
    return model.forward(rng.integers(0, OTHER_DIMS["width"], (2, 7)))[0]


PROBES = (
    Probe("sequence", "the outputs of your attention", _sequence),
    Probe("batch", "the outputs of your attention for a batch", _batch),
    Probe("one", "those for a single position", _one),
    Probe("two", "those for two positions", _two),
    Probe("other", "those for other sizes", _other, setting="other"),
)

PARTINGS = ()
PART_NAMES = ()

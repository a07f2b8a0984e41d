"""Mistakes far above the tolerance, honest work far below it, on every set of vectors."""

import functools

from tests.family.margins import holds, honest_sources, margins
from tests.family.styles import FAMILY, STYLES
from tests.proof.ledger import Row

TITLE = "Margins"
ABOUT = """
In units of the tolerance (atol = 1e-2), over 5 draws of weights and prompts for each set of
vectors: the smallest miss of each known mistake whose witness is the logits, and the largest error
of each right solution. A mistake holds above 3, honest work below 0.3.
"""
DRAWS = 5


@functools.cache
def measured():
    """Return all rows, measured together."""
    return {name: (kind, figures) for name, kind, figures in margins(DRAWS)}


def rows():
    """Return one row for each mistake and each right solution."""
    return [Row(name, functools.partial(_cells, name)) for name in _names()]


def _names():
    logits = [name for name, mistake in FAMILY.items() if mistake.witness == "logits"]
    return [*logits, *STYLES, *honest_sources()]


def _cells(name):
    kind, figures = measured()[name]
    shown = {name: f"{figure:.3g}" for name, figure in figures.items()}
    return {"kind": kind, **shown, "held": "yes" if holds(kind, figures) else "no"}

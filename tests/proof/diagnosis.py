"""Every known mistake, made in three solutions written differently: is it named?"""

import functools

from tests.family.diagnosing import Clinic
from tests.family.styles import FAMILY, MADE, STYLES, source_of
from tests.proof.ledger import Row

TITLE = "Diagnosis"
ABOUT = """
Each known mistake is made in three right solutions that are written differently, and the grader is
asked what is wrong. A row holds if the mistake is named, alone or with others whose answers are the
same in every probe. Right solutions must have no diagnosis, and pairs of mistakes no name.
"""
PAIRS = (
    ("no-scale", "gelu"),
    ("mask-not-shifted", "positions-restart"),
    ("no-mask", "post-norm"),
    ("values-in-wrong-order", "temperature-ignored"),
    ("no-residual", "stale-cache"),
)


@functools.cache
def clinic():
    """Return the one clinic of this run; its process ends with ours."""
    return Clinic().__enter__()


def rows():
    """Return a row for each mistake in each style, for each right solution, and for pairs."""
    written = STYLES[1:]
    right = [Row(f"{style}: right", functools.partial(_right, style)) for style in written]
    one = [
        Row(f"{style}: {mistake}", functools.partial(_named, style, mistake))
        for style, mistake in MADE
        if style in written
    ]
    two = [
        Row(f"{style}: {' and '.join(pair)}", functools.partial(_two, style, pair))
        for style in written
        for pair in PAIRS
    ]
    return [*right, *one, *two]


def summary(measured):
    """Return the rate, in a sentence."""
    named = [key for key, cells in measured.items() if cells["witness"] in _witnesses()]
    held = sum(measured[key]["held"] == "yes" for key in named)
    return f"Named: {held} of {len(named)} ({100 * held / len(named):.1f} %)."


def _witnesses():
    return {mistake.witness for mistake in FAMILY.values()}


def _cells(found, witness, held):
    names = ", ".join(entry["mistake"] or "none of the known" for entry in found)
    return {"witness": witness, "said": names or "nothing", "held": held}


def _right(style):
    found = clinic().diagnose(source_of(style))
    return _cells(found, "–", "no" if found else "yes")


def _named(style, mistake):
    found = clinic().diagnose(source_of(style, mistake))
    names = [entry["mistake"] for entry in found]
    return _cells(found, FAMILY[mistake].witness, "yes" if mistake in names else "no")


def _two(style, pair):
    try:
        source = source_of(style, *pair)
    except TypeError:
        return _cells([], "–", "yes")  # this style cannot make one of them
    found = clinic().diagnose(source)
    names = [entry["mistake"] for entry in found]
    return _cells(found, "–", "yes" if names in ([None], []) else "no")

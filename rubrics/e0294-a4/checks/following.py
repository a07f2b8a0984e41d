"""The intensity that a student's own formulas of 1c give, to judge plots by.

A mistake is charged where it is made: a curve of the own formula is right, whatever that formula
lost. The own intensity is the formula given for it, or the own flops over the own bytes.
"""

from fractions import Fraction

from grader.formulas import identity, trees
from grader.formulas.records import READ
from grader.formulas.spelling import Unreadable

HEAD_DIM = 128
MOST = 10**9  # of a context length; a formula's value at it is exact


def intensities(answers, questions, phase):
    """Return the own intensities of a phase: functions of (N, b), None where one has no value."""
    asked = {question.id: question for question in questions}
    read = {
        quantity: _tree(answers, asked, f"1c.{phase}_{quantity}")
        for quantity in ("flops", "bytes", "intensity")
    }
    found = [read["intensity"]] if read["intensity"] else []
    if read["flops"] and read["bytes"]:
        found.append(trees.Apply("/", (read["flops"], read["bytes"])))
    return [_function(tree) for tree in found if trees.size(tree).fits]


def _tree(answers, asked, name):
    """Return an answer's formula; None where none was read."""
    reading = answers.get(name)
    if reading is None or reading.verdict in READ or name not in asked:
        return None
    try:
        return asked[name].tree(reading.read_as)
    except Unreadable:
        return None


def _function(tree):
    def intensity(context, width):
        """Return flops per byte for a context of N tokens and b bytes per element."""
        if not 0 < context <= MOST:
            return None
        values = dict.fromkeys(trees.symbols(tree), Fraction(1))  # heads, layers and batch cancel
        values |= {"N": Fraction(context), "d": Fraction(HEAD_DIM), "b": Fraction(width)}
        try:
            return float(identity.value(tree, values))
        except (identity.NoValue, OverflowError):
            return None

    return intensity

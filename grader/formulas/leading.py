"""Leading terms: whether two rational functions agree where all symbols are large.

Every symbol is scaled by t along a random line through zero; what is left are polynomials in t
modulo the prime of `identity`, whose highest coefficients are compared.
"""

from __future__ import annotations

import random

from grader.formulas.identity import PRIME, RATIONAL, Values
from grader.formulas.trees import Number, Symbol, Tree, operators, size, symbols

MAX_DEGREE = 64
_draw = random.SystemRandom()
_Line = list[int]  # coefficients in t, lowest first


def same_leading(first: Tree, second: Tree) -> bool:
    """Whether two rational functions agree in their terms of highest total degree."""
    if not operators(first) | operators(second) <= RATIONAL:
        return False
    if max(size(first).degree, size(second).degree) > MAX_DEGREE:
        return False
    values = {name: _draw.randrange(1, PRIME) for name in symbols(first) | symbols(second)}
    over, under = _along(first, values)
    other_over, other_under = _along(second, values)
    left, right = _times(over, other_under), _times(other_over, under)
    return bool(left) and len(left) == len(right) and left[-1] == right[-1]


def _trim(line: _Line) -> _Line:
    while line and line[-1] == 0:
        line = line[:-1]
    return line


def _times(left: _Line, right: _Line) -> _Line:
    out = [0] * max(0, len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            out[i + j] = (out[i + j] + a * b) % PRIME
    return _trim(out)


def _plus(left: _Line, right: _Line) -> _Line:
    if len(left) < len(right):
        left, right = right, left
    return _trim([(a + (right[i] if i < len(right) else 0)) % PRIME for i, a in enumerate(left)])


def _along(tree: Tree, values: Values) -> tuple[_Line, _Line]:
    """Return numerator and denominator with every symbol scaled by t, modulo the prime."""
    if isinstance(tree, Symbol):
        return [0, values[tree.name]], [1]
    if isinstance(tree, Number):
        return _trim([tree.value.numerator % PRIME]), [tree.value.denominator % PRIME]
    parts = [_along(o, values) for o in tree.operands]
    over, under = parts[0]
    if tree.operator == "-":
        return [-a % PRIME for a in over], under
    if tree.operator == "^":
        exponent = tree.operands[1]
        assert isinstance(exponent, Number)
        if exponent.value < 0:
            over, under = under, over
        top, bottom = [1], [1]
        for _ in range(abs(int(exponent.value))):
            top, bottom = _times(top, over), _times(bottom, under)
        return top, bottom
    for right, right_under in parts[1:]:
        if tree.operator == "+":
            over = _plus(_times(over, right_under), _times(right, under))
            under = _times(under, right_under)
        elif tree.operator == "*":
            over, under = _times(over, right), _times(under, right_under)
        else:
            over, under = _times(over, right_under), _times(under, right)
    return over, under

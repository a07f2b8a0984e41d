"""Are two trees the same function? Decided by exact arithmetic at random points.

Rational functions: modulo the prime 2**2203 - 1 at random points (J. T. Schwartz, "Fast
probabilistic algorithms for verification of polynomial identities", J. ACM 27, 1980). `trees.Size`
bounds all coefficients far below the prime, so the difference of two functions cannot vanish modulo
it unless it is zero; two different ones of degree D then agree at a point with probability of at
most 2 D / 2**2203. Numerators and denominators are kept apart, so nothing is ever divided.

With floor, ceil, max or min: exact fractions at random positive whole numbers. With sqrt: the same,
roots to 300 bits, compared relatively to 1e-30.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

from grader.formulas.trees import (
    Number,
    Symbol,
    Tree,
    numbers,
    operators,
    size,
    substitute,
    symbols,
)

PRIME = 2**2203 - 1
_SIEVE = 2**61 - 1
RATIONAL = frozenset("+*/^-")
_POINTS = 24  # for what is not rational
_REDRAWS = 8
_ROOT_BITS = 300
_CLOSE = Fraction(1, 10**30)
_draw = random.SystemRandom()  # nobody can choose a formula to fit the points

Values = Mapping[str, int]


class Sieve:
    """Values modulo a small prime at one random point, by which most unequal pairs are told apart.

    It never accepts: what it lets through is for `same` to decide.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.point = {name: _draw.randrange(1, _SIEVE) for name in names}

    def value(self, tree: Tree) -> int | None:
        """Return the value; None where there is none, or the function is not rational."""
        if not operators(tree) <= RATIONAL or not symbols(tree) <= self.point.keys():
            return None
        over, under = modulo(tree, self.point, _SIEVE)
        return over * pow(under, -1, _SIEVE) % _SIEVE if under else None

    def coefficient(self, value: int, at_zero: int, at_one: int) -> int | None:
        """Return the whole number that a linear coefficient would have to be, if it is small."""
        if (slope := (at_one - at_zero) % _SIEVE) == 0:
            return None
        found = (value - at_zero) * pow(slope, -1, _SIEVE) % _SIEVE
        return found if found < 1 << 32 else None

    def product(self, value: int, trees: Iterable[Tree]) -> int:
        """Return a value times those of symbols."""
        for tree in trees:
            value = value * (self.value(tree) or 0) % _SIEVE
        return value


class NoValue(Exception):  # noqa: N818 - says what there is not
    """The function has no value here: a zero denominator, or the root of a negative number."""


def same(first: Tree, second: Tree) -> bool:
    """Whether two trees are equal as functions; False where one divides by zero everywhere."""
    names = sorted(symbols(first) | symbols(second))
    if operators(first) | operators(second) <= RATIONAL:
        # A small prime tells most unequal pairs apart, at a fifth of the cost; it never accepts.
        return (
            _agree(first, second, names, _SIEVE)
            and _fit(first, second)
            and _agree(first, second, names, PRIME)
        )
    return _fit(first, second) and _same_values(first, second, names)


def _fit(first: Tree, second: Tree) -> bool:
    return size(first).fits and size(second).fits


def _agree(first: Tree, second: Tree, names: list[str], prime: int) -> bool:
    for _ in range(_REDRAWS):
        values = {name: _draw.randrange(1, prime) for name in names}
        over, under = modulo(first, values, prime)
        other_over, other_under = modulo(second, values, prime)
        if under and other_under:
            return (over * other_under - other_over * under) % prime == 0
    return False


def modulo(tree: Tree, values: Values, prime: int = PRIME) -> tuple[int, int]:
    """Return numerator and denominator of a rational function, modulo a prime."""
    if isinstance(tree, Symbol):
        return values[tree.name], 1
    if isinstance(tree, Number):
        return tree.value.numerator % prime, tree.value.denominator % prime
    operator = tree.operator
    over, under = modulo(tree.operands[0], values, prime)
    if operator == "-":
        return -over % prime, under
    if operator == "^":
        exponent = tree.operands[1]
        assert isinstance(exponent, Number)
        if exponent.value < 0:
            over, under = under, over
        times = abs(int(exponent.value))
        return pow(over, times, prime), pow(under, times, prime)
    for operand in tree.operands[1:]:
        right, right_under = modulo(operand, values, prime)
        if operator == "+":
            over = over * right_under + right * under
        elif operator == "*":
            over *= right
        else:
            right, right_under = right_under, right
            over *= right
        over, under = over % prime, under * right_under % prime
    return over, under


def _same_values(first: Tree, second: Tree, names: list[str]) -> bool:
    roots = "sqrt" in operators(first) | operators(second)
    compared = 0
    for _ in range(_POINTS + _REDRAWS):
        values = {name: Fraction(whole_number()) for name in names}
        try:
            left, right = value(first, values), value(second, values)
        except NoValue:
            continue
        if abs(left - right) > (_CLOSE * abs(right) if roots else 0):
            return False
        compared += 1
    return compared >= _POINTS


def whole_number() -> int:
    """Draw a positive whole number: small ones and large ones are as likely."""
    return _draw.randrange(1, 2 ** _draw.randint(2, 20))


def value(tree: Tree, values: Mapping[str, Fraction]) -> Fraction:
    """Return the exact value at a point (roots to 300 bits); raises `NoValue`."""
    if isinstance(tree, Symbol):
        return values[tree.name]
    if isinstance(tree, Number):
        return tree.value
    parts = [value(operand, values) for operand in tree.operands]
    try:
        return _APPLY[tree.operator](parts)
    except (ZeroDivisionError, ValueError) as error:
        raise NoValue from error


def _root(parts: list[Fraction]) -> Fraction:
    scaled = parts[0] * (1 << 2 * _ROOT_BITS)
    return Fraction(math.isqrt(scaled.numerator // scaled.denominator), 1 << _ROOT_BITS)


_APPLY: dict[str, Callable[[list[Fraction]], Fraction]] = {
    "+": lambda parts: sum(parts, Fraction(0)),
    "*": lambda parts: math.prod(parts, start=Fraction(1)),
    "/": lambda parts: parts[0] / parts[1],
    "^": lambda parts: parts[0] ** int(parts[1]),
    "-": lambda parts: -parts[0],
    "sqrt": _root,
    "floor": lambda parts: Fraction(math.floor(parts[0])),
    "ceil": lambda parts: Fraction(math.ceil(parts[0])),
    "max": max,
    "min": min,
}


_MAX_WORK = 20_000  # bits of an exact value; beyond, no coefficient is looked for
_MAX_COEFFICIENT = 64  # bits


def coefficient(tree: Tree, target: Tree, name: str) -> Fraction | None:
    """Return the number that ``name`` stands for in ``target`` if with it the two are the same.

    ``target`` is linear in ``name`` up to a factor; ``name`` is no symbol of ``tree``.
    """
    if size(tree).degree * 20 + size(tree).over > _MAX_WORK:
        return None
    names = sorted((symbols(tree) | symbols(target)) - {name})
    for _ in range(_REDRAWS):
        point = {n: Fraction(_draw.randrange(2, 10**6)) for n in names}
        try:
            given = value(tree, point)
            at_zero = value(target, point | {name: Fraction(0)})
            found = (given - at_zero) / (value(target, point | {name: Fraction(1)}) - at_zero)
        except (NoValue, ZeroDivisionError):
            continue
        if max(found.numerator.bit_length(), found.denominator.bit_length()) > _MAX_COEFFICIENT:
            return None  # no coefficient that anybody declares
        return found if same(tree, substitute(target, numbers({name: found}))) else None
    return None

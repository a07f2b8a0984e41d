"""Formulas as polynomials: exponents -> coefficient. For rounded coefficients, and to say sums."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from grader.formulas.trees import Number, Symbol, Tree

Terms = Mapping[tuple[tuple[str, int], ...], Fraction]
MAX_TERMS = 60
MAX_POWER = 6
MAX_EXPONENT = 64  # of a number
_LEAST_DIGITS = 3


def terms(tree: Tree) -> Terms:
    """Return a tree's terms; none where it is no polynomial, or not a small one."""
    try:
        return {key: value for key, value in _terms(tree).items() if value}
    except (ValueError, KeyError, ZeroDivisionError):
        return {}


def _terms(tree: Tree) -> Terms:
    if isinstance(tree, Symbol):
        return {((tree.name, 1),): Fraction(1)}
    if isinstance(tree, Number):
        return {(): tree.value}
    if tree.operator == "^":
        return _power(_terms(tree.operands[0]), tree.operands[1])
    return _APPLY[tree.operator]([_terms(operand) for operand in tree.operands])


def _power(base: Terms, exponent: Tree) -> Terms:
    assert isinstance(exponent, Number)
    if base.keys() <= {()} and abs(exponent.value) <= MAX_EXPONENT:
        return {(): base.get((), Fraction(0)) ** int(exponent.value)}
    if not 0 <= exponent.value <= MAX_POWER:
        raise ValueError
    return _product([base] * int(exponent.value))


def _ratio(parts: list[Terms]) -> Terms:
    under = {key: value for key, value in parts[1].items() if value}
    if under.keys() != {()}:
        raise ValueError
    return {key: value / under[()] for key, value in parts[0].items()}


def _plus(parts: list[Terms]) -> Terms:
    out: dict[tuple[tuple[str, int], ...], Fraction] = {}
    for part in parts:
        for key, value in part.items():
            out[key] = out.get(key, Fraction(0)) + value
    return out


def _product(parts: list[Terms]) -> Terms:
    out: Terms = {(): Fraction(1)}
    for part in parts:
        made: dict[tuple[tuple[str, int], ...], Fraction] = {}
        for left, a in out.items():
            for right, b in part.items():
                powers = dict(left)
                for name, power in right:
                    powers[name] = powers.get(name, 0) + power
                key = tuple(sorted(powers.items()))
                made[key] = made.get(key, Fraction(0)) + a * b
        if len(made) > MAX_TERMS:
            raise ValueError
        out = made
    return out


def _minus(parts: list[Terms]) -> Terms:
    return {key: -value for key, value in parts[0].items()}


_APPLY = {
    "+": _plus,
    "*": _product,
    "/": _ratio,
    "-": _minus,
}


def rounded(shown: Terms, wanted: Terms) -> bool:
    """Whether each coefficient is the wanted one, rounded or cut to the digits that it shows."""
    return shown.keys() == wanted.keys() and all(
        value == wanted[key] or _as_shown(value, wanted[key]) for key, value in shown.items()
    )


def _as_shown(value: Fraction, wanted: Fraction) -> bool:
    if value.denominator != 1 or wanted * value <= 0:
        return False
    digits = str(abs(value.numerator))
    significant = digits.rstrip("0")
    if len(significant) < _LEAST_DIGITS or len(significant) == len(digits):
        return False
    unit = Fraction(10) ** (len(digits) - len(significant))
    short = abs(wanted) - abs(value)
    return -unit / 2 <= short < unit


def show(shown: Terms) -> str:
    """Return terms as Python writes them, the highest powers first."""
    ordered = sorted(shown.items(), key=lambda item: (-sum(p for _, p in item[0]), item[0]))
    return " + ".join(_term(key, value) for key, value in ordered).replace("+ -", "- ")


def _term(key: tuple[tuple[str, int], ...], value: Fraction) -> str:
    names = [name if power == 1 else f"{name}**{power}" for name, power in key]
    number = [] if value == 1 and names else [str(value)]
    return "*".join([*number, *names])

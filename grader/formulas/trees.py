"""Expressions as trees: three kinds of node, their size, and how they are printed.

An operator is one of ``+ * / ^ - sqrt floor ceil max min``. Sums and products hold any number of
operands, so that a tree is no deeper than the brackets of its text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

FUNCTIONS = {"sqrt": 1, "floor": 1, "ceil": 1, "max": 2, "min": 2}  # with their operands
MAX_DEGREE = 4096
MAX_BITS = 1000  # of all coefficients of numerator and denominator together


@dataclass(frozen=True)
class Number:
    """A literal, exactly."""

    value: Fraction


@dataclass(frozen=True)
class Symbol:
    """A symbol of the question, under its first name."""

    name: str


@dataclass(frozen=True)
class Apply:
    """An operator with its operands; of ``^`` the second is a whole number."""

    operator: str
    operands: tuple[Tree, ...]


Tree = Number | Symbol | Apply


def symbols(tree: Tree) -> frozenset[str]:
    """Return the names of all symbols in a tree."""
    if isinstance(tree, Symbol):
        return frozenset([tree.name])
    if isinstance(tree, Number):
        return frozenset()
    return frozenset().union(*(symbols(operand) for operand in tree.operands))


def operators(tree: Tree) -> frozenset[str]:
    """Return all operators in a tree."""
    if not isinstance(tree, Apply):
        return frozenset()
    inner = (operators(operand) for operand in tree.operands)
    return frozenset([tree.operator]).union(*inner)


def substitute(tree: Tree, values: Mapping[str, Tree]) -> Tree:
    """Return the tree with trees in the place of symbols."""
    if isinstance(tree, Symbol):
        return values.get(tree.name, tree)
    if isinstance(tree, Number):
        return tree
    return Apply(tree.operator, tuple(substitute(inner, values) for inner in tree.operands))


def numbers(values: Mapping[str, Fraction]) -> dict[str, Tree]:
    """Return values as trees, for `substitute`."""
    return {name: Number(value) for name, value in values.items()}


@dataclass(frozen=True)
class Size:
    """Bounds on a rational function: degrees, and bits of the sums of absolute coefficients."""

    degree: int
    over: float
    under: float
    degree_under: int = 0

    @property
    def fits(self) -> bool:
        """Whether the identity test is exact for a function of this size."""
        small = self.over + self.under <= MAX_BITS
        return small and self.degree + self.degree_under <= MAX_DEGREE


def size(tree: Tree) -> Size:
    """Return bounds that hold for the tree's numerator and denominator, without expanding them.

    The sum of absolute coefficients is submultiplicative, so its logarithm is subadditive.
    """
    if isinstance(tree, Symbol):
        return Size(1, 0.0, 0.0)
    if isinstance(tree, Number):
        return Size(0, _bits(tree.value.numerator), _bits(tree.value.denominator))
    if tree.operator == "^":
        base, exponent = size(tree.operands[0]), tree.operands[1]
        assert isinstance(exponent, Number)
        times = abs(int(exponent.value))
        if exponent.value < 0:
            base = Size(base.degree_under, base.under, base.over, base.degree)
        return Size(base.degree * times, base.over * times, base.under * times,
                    base.degree_under * times)  # fmt: skip
    parts = [size(operand) for operand in tree.operands]
    if tree.operator == "/":
        top, bottom = parts
        return Size(top.degree + bottom.degree_under, top.over + bottom.under,
                    top.under + bottom.over, top.degree_under + bottom.degree)  # fmt: skip
    under = sum(part.under for part in parts)
    degree_under = sum(part.degree_under for part in parts)
    if tree.operator == "*":
        return Size(sum(p.degree for p in parts), sum(p.over for p in parts), under, degree_under)
    # A sum over the product of all denominators; the bound serves functions as well.
    widest = max(part.over - part.under for part in parts) + under
    degree = max(part.degree - part.degree_under for part in parts) + degree_under
    return Size(degree, max(0.0, widest) + math.log2(len(parts)), under, degree_under)


def _bits(value: int) -> float:
    return math.log2(abs(value)) if value else 0.0


# --- printing -------------------------------------------------------------------------------------

_SUM, _PRODUCT, _MINUS, _POWER, _ATOM = range(5)
_EXACT = 10**12  # decimals up to here are printed as decimals


def show(tree: Tree) -> str:
    """Return a tree as Python writes it: every product with its ``*``."""
    return _show(tree)[0]


def _show(tree: Tree) -> tuple[str, int]:
    """Return the text and how tightly it holds together."""
    if isinstance(tree, Symbol):
        return tree.name, _ATOM
    if isinstance(tree, Number):
        return _show_number(tree.value)
    return _show_operator(tree.operator, tree.operands)


def _show_operator(operator: str, parts: tuple[Tree, ...]) -> tuple[str, int]:
    if operator == "+":
        text = _within(parts[0], _SUM)
        for part in parts[1:]:
            minus = isinstance(part, Apply) and part.operator == "-"
            inner = part.operands[0] if minus and isinstance(part, Apply) else part
            text += f" {'-' if minus else '+'} {_within(inner, _PRODUCT)}"
        return text, _SUM
    if operator == "*":
        first, *others = parts
        return "*".join([_within(first, _PRODUCT), *(_within(o, _MINUS) for o in others)]), _PRODUCT
    if operator in {"/", "^"}:
        sign, least = ("/", (_PRODUCT, _POWER)) if operator == "/" else ("**", (_ATOM, _ATOM))
        text = f"{_within(parts[0], least[0])}{sign}{_within(parts[1], least[1])}"
        return text, _PRODUCT if operator == "/" else _POWER
    if operator == "-":
        return f"-{_within(parts[0], _PRODUCT)}", _PRODUCT
    return f"{operator}({', '.join(show(part) for part in parts)})", _ATOM


def _within(tree: Tree, least: int) -> str:
    text, holds = _show(tree)
    return text if holds >= least else f"({text})"


def _show_number(value: Fraction) -> tuple[str, int]:
    if value.denominator == 1:
        return str(value.numerator), _ATOM if value >= 0 else _MINUS
    places = value.denominator
    for prime in (2, 5):
        while places % prime == 0:
            places //= prime
    if places == 1 and max(abs(value.numerator), value.denominator) < _EXACT:
        return format(Decimal(value.numerator) / value.denominator, "f"), (
            _ATOM if value >= 0 else _MINUS
        )
    return f"{value.numerator}/{value.denominator}", _PRODUCT

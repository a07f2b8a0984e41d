"""Formulas in X that were printed in place of numbers: floor(596.05*X - 119.66)."""

import ast
import operator
import re
from fractions import Fraction

from grader.printed.lines import clean

XS = (1, 2, 4, 8)
MAX_LINES = 400
MAX_LENGTH = 160
MAX_DEPTH = 30
SIGNS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
         ast.Div: operator.truediv, ast.FloorDiv: operator.truediv}  # fmt: skip
_NAMES = re.compile(r"\b(?:tp_size|tp|x)\b", re.IGNORECASE)
_UNITS = re.compile(r"(?<=[0-9 ])(?:g(?:i)?b|bytes|b)\b", re.IGNORECASE)
_FLOOR = re.compile(r"\b(?:math\.|np\.)?(?:floor|int)\b|[⌊⌋]")
_TIMES = re.compile(r"(?<=[0-9)]) ?(?=X\b|\()")


def formulas(text):
    """Return the lines that are formulas in X, each with its values at X = 1, 2, 4, 8."""
    found = []
    for line in clean(text).split("\n")[:MAX_LINES]:
        if len(line) > MAX_LENGTH or not _NAMES.search(line):
            continue
        for part in re.split(r"[=:|]", line)[1:] or [line]:
            values = _values(part)
            if values:
                found.append((line.strip(), values))
                break
    return found


def _values(part):
    plain = _FLOOR.sub("", _UNITS.sub("", part.replace(",", "")))
    plain = _TIMES.sub("*", _NAMES.sub("X", plain)).strip().rstrip(".;")
    if "X" not in plain or not re.search("[0-9]", plain) or not re.search("[-+*/]", plain):
        return None
    try:
        tree = ast.parse(plain, mode="eval").body
        values = {x: _worth(tree, Fraction(x), 0) for x in XS}
    except (SyntaxError, ValueError, RecursionError, MemoryError, ZeroDivisionError):
        return None
    return values if len(set(values.values())) > 1 else None


def _worth(node, x, depth):
    """Return an expression's value in exact fractions; ValueError where it is no plain one."""
    if depth > MAX_DEPTH:
        raise ValueError
    if isinstance(node, ast.Name) and node.id == "X":
        return x
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        if abs(node.value) > 1e30:
            raise ValueError
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_worth(node.operand, x, depth + 1)
    if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
        return SIGNS[type(node.op)](_worth(node.left, x, depth + 1),
                                    _worth(node.right, x, depth + 1))  # fmt: skip
    raise ValueError

"""Python text as a syntax tree, within bounds, and the worth of its constants. Nothing runs."""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from grader.printed import Row, best

MAX_SOURCE = 262_144  # characters
MAX_NODES = 50_000
MAX_NUMBER = 1e30
MAX_POWER = 128
MAX_DEPTH = 40  # of one expression of constants
_PLAIN: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Mult: operator.mul,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
}


@dataclass(frozen=True)
class Source:
    """A program's text, its tree, and what its names for constants are worth."""

    text: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]  # in the order of the text
    constants: Mapping[str, float]


def parse(text: str) -> Source | str:
    """Return the source, or half a sentence why it cannot be read."""
    if len(text) > MAX_SOURCE:
        return f"is longer than {MAX_SOURCE} characters"
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # as the tree counts lines
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "is not Python"
    nodes: list[ast.AST] = []
    for node in ast.walk(tree):
        nodes.append(node)
        if len(nodes) > MAX_NODES:
            return "has too many parts"
    nodes.sort(key=lambda n: (getattr(n, "lineno", 0), getattr(n, "col_offset", 0)))
    constants: dict[str, float] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, worth = node.targets[0].id, value(node.value, constants)
            if worth is not None:
                constants.setdefault(name, worth)
    return Source(text, tree, tuple(nodes), constants)


def value(node: ast.AST | None, constants: Mapping[str, float], depth: int = 0) -> float | None:
    """Return what an expression of constants is worth, or None: 80 * 1024**3, int(8e9), CONTEXT."""
    if depth > MAX_DEPTH:
        return None
    result: float | None = None
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return _number(node.value)
        plain = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        result = node.value if plain else None  # type: ignore[assignment]
    elif isinstance(node, ast.Name):
        result = constants.get(node.id)
    elif isinstance(node, ast.BinOp):
        left = value(node.left, constants, depth + 1)
        right = value(node.right, constants, depth + 1)
        result = None if left is None or right is None else _worked(node.op, left, right)
    elif isinstance(node, ast.Call) and dotted(node.func) in ("int", "float", "round"):
        result = value(node.args[0], constants, depth + 1) if len(node.args) == 1 else None
    if result is None or not _is_sane(result):
        return None
    return result


def _number(text: str) -> float | None:
    """Return the number that a text is, as in default="32"."""
    try:
        return float(text) if len(text) < MAX_DEPTH else None
    except ValueError:
        return None


def _is_sane(number: float) -> bool:
    return abs(number) <= MAX_NUMBER and math.isfinite(number)


def _worked(sign: ast.operator, left: float, right: float) -> float | None:
    plain = _PLAIN.get(type(sign))
    if plain is not None:
        return plain(left, right)
    if isinstance(sign, ast.Div | ast.FloorDiv) and right:
        return left / right
    small = 1 <= abs(left) <= MAX_POWER**2 and 0 <= right <= MAX_POWER
    if isinstance(sign, ast.Pow) and small and right * math.log10(abs(left)) < 30:  # noqa: PLR2004 - MAX_NUMBER
        return float(left**right)
    return None


def quantity(name: str, rows: tuple[Row, ...]) -> str | None:
    """Return the declared quantity that a name, or the words of a prompt, stands for."""
    plain = name.strip().lstrip("-").lower()
    for row in rows:
        if plain in row.symbols:
            return row.name
    found = best(name.replace("-", "_"), rows)
    return found.name if found else None


def written(new: float, old: float | None, kind: str) -> str:
    """Return a number as text in the unit that the old one was in.

    ``new`` is as people say it, a memory in GB; old memories above 2000 were in MB, above 2e6 in
    bytes, and in powers of two where these divide them.
    """
    scale = 1.0
    if kind == "bytes" and old is not None and old > 2e6:  # noqa: PLR2004 - see above
        scale = 2**30 if old % 2**20 == 0 else 1e9
    elif kind == "bytes" and old is not None and old > 2e3:  # noqa: PLR2004 - see above
        scale = 1024 if old % 1024 == 0 else 1000
    number = new * scale
    return str(int(number)) if number == int(number) else repr(number)


def words_of(node: ast.AST | None) -> str:
    """Return the constant words of a string, also of an f-string; "" of anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value[:500]
    if isinstance(node, ast.JoinedStr):
        return " ".join(words_of(part) for part in node.values)[:500]
    return ""


def dotted(node: ast.AST) -> str:
    """Return a name with dots (sys.argv), or "" of any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id])) if isinstance(node, ast.Name) else ""

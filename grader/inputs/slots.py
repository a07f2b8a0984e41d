"""Numbers typed into a source, each with the name that it is given, and the text with others."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from grader.inputs.source import Source, dotted, quantity, value, written
from grader.printed import Row


@dataclass(frozen=True)
class Slot:
    """A number in the source that is a declared quantity."""

    name: str  # of the quantity
    node: ast.expr
    value: float


def slots(source: Source, rows: tuple[Row, ...]) -> list[Slot]:
    """Return where numbers of declared quantities are typed in, in the order of the text."""
    bounds = {row.name: (row.least, row.most) for row in rows}
    found: dict[tuple[int, int], Slot] = {}
    for name, node in _named(source):
        worth = value(node, {})  # names are left alone: what they stand for is a slot of its own
        known = quantity(name, rows)
        if worth is None or known is None or isinstance(node, ast.Call):
            continue
        least, most = bounds[known]
        if least <= worth <= most:
            found.setdefault((node.lineno, node.col_offset), Slot(known, node, worth))
    return [found[place] for place in sorted(found)]


def replaced(source: Source, found: list[Slot], given: Mapping[str, tuple[float, str]]) -> str:
    """Return the text with other numbers: ``given`` maps quantities to a number and its kind.

    Each is written in the unit of the number whose place it takes.
    """
    lines = [line.encode() for line in source.text.split("\n")]
    for slot in sorted(found, key=lambda s: (s.node.lineno, s.node.col_offset), reverse=True):
        node = slot.node
        if slot.name not in given or node.end_lineno != node.lineno:
            continue
        line = lines[node.lineno - 1]
        number, kind = given[slot.name]
        new = written(number, slot.value, kind).encode()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            new = b'"' + new + b'"'
        lines[node.lineno - 1] = line[: node.col_offset] + new + line[node.end_col_offset :]
    return b"\n".join(lines).decode(errors="replace")


def _named(source: Source) -> Iterator[tuple[str, ast.expr]]:
    """Yield every expression that is given a name, with the name."""
    callables = _parameters(source)
    for node in source.nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _assigned(target, node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from _assigned(node.target, node.value)
        elif isinstance(node, ast.Dict):
            for key, item in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, item
        elif isinstance(node, ast.FunctionDef):
            yield from _defaults(node.args)
        elif isinstance(node, ast.Call):
            yield from _arguments(node, callables)


def _assigned(target: ast.expr, given: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, given
    elif isinstance(target, ast.Attribute):
        yield target.attr, given
    elif isinstance(target, ast.Tuple | ast.List) and isinstance(given, ast.Tuple | ast.List):
        for one, other in zip(target.elts, given.elts, strict=False):
            if isinstance(one, ast.Name):
                yield one.id, other


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    plain = [*arguments.posonlyargs, *arguments.args]
    count = len(arguments.defaults)
    for argument, default in zip(plain[len(plain) - count :], arguments.defaults, strict=True):
        yield argument.arg, default
    for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if given is not None:
            yield argument.arg, given


def _arguments(
    call: ast.Call, callables: Mapping[str, list[str]]
) -> Iterator[tuple[str, ast.expr]]:
    """Yield a call's arguments with the names of keywords, or of the function's parameters."""
    name = dotted(call.func)
    if name.endswith(("add_argument", "option", "argument")):
        flag = next((a.value for a in call.args if isinstance(a, ast.Constant)), "")
        for keyword in call.keywords:
            if keyword.arg == "default" and isinstance(flag, str):
                yield flag, keyword.value
        return
    for keyword in call.keywords:
        if keyword.arg is not None:
            yield keyword.arg, keyword.value
    yield from zip(callables.get(name, []), call.args, strict=False)


def _parameters(source: Source) -> dict[str, list[str]]:
    """Map functions and classes of the source to the names of their parameters, in order."""
    found: dict[str, list[str]] = {}
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = [argument.arg for argument in node.args.args]
        elif isinstance(node, ast.ClassDef):
            fields = [
                item.target.id
                for item in node.body
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
            ]
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    fields = [argument.arg for argument in item.args.args[1:]]
            found[node.name] = fields
    return found

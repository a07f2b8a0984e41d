"""The ways in which a program asks for numbers: flags, positions, prompts, configuration files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from grader.inputs.source import MAX_DEPTH, Source, dotted, quantity, value, words_of
from grader.printed import Row

MAX_POSITIONS = 32
MAX_KEYS = 200


@dataclass(frozen=True)
class Asked:
    """One thing that a program asks for; ``quantity`` is None where it is not a declared one."""

    key: str  # the flag, the prompt, the key of a file
    quantity: str | None
    default: float | None = None
    optional: bool = False  # it may be left out, or answered with an empty line
    position: int = -1  # of a program's arguments, from 1


def flags(source: Source, rows: tuple[Row, ...]) -> list[Asked]:
    """Return the flags and positions of argparse, click or optparse, in the order of the text."""
    found: list[Asked] = []
    position = 0
    for node in source.nodes:
        if not isinstance(node, ast.Call):
            continue
        if not dotted(node.func).endswith((".add_argument", ".option", ".argument", ".add_option")):
            continue
        names = [words_of(argument) for argument in node.args]
        names = [name for name in names if name]
        if not names:
            continue
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        action = words_of(keywords.get("action"))
        key = max((n for n in names if n.startswith("-")), key=len, default="")
        if not key:
            position += 1
        known = next(filter(None, (quantity(name, rows) for name in [
            *sorted(names, key=len, reverse=True), words_of(keywords.get("dest")),
            words_of(keywords.get("help")),
        ])), None) if action in ("", "store") else None  # fmt: skip
        required = keywords.get("required")
        must = isinstance(required, ast.Constant) and required.value is True
        left_out = not must if key else "default" in keywords or "nargs" in keywords
        default = value(keywords.get("default"), source.constants)
        found.append(Asked(key, known, default, left_out, -1 if key else position))
    return found


def positions(source: Source, rows: tuple[Row, ...]) -> list[Asked]:
    """Return what is taken from sys.argv, by position."""
    found: dict[int, Asked] = {}
    shifted = {"sys.argv": 0, "argv": 0}  # names for the arguments, and their first position
    for node in source.nodes:
        if not isinstance(node, ast.Assign):
            continue
        target = node.targets[0]
        start = _slice_start(node.value, shifted)
        if (
            isinstance(target, ast.Name)
            and start is not None
            and isinstance(node.value, ast.Subscript)
        ):
            shifted[target.id] = start
        elif isinstance(target, ast.Tuple | ast.List) and start is not None:
            for at, name in enumerate(target.elts[:MAX_POSITIONS]):
                if isinstance(name, ast.Name):
                    known = quantity(name.id, rows)
                    found[start + at] = Asked(name.id, known, position=start + at)
        elif isinstance(target, ast.Name | ast.Attribute):
            at_ = _index(node.value, shifted)
            if at_ is not None and 1 <= at_ <= MAX_POSITIONS:
                name_ = target.id if isinstance(target, ast.Name) else target.attr
                optional = isinstance(node.value, ast.IfExp)
                default = (
                    value(node.value.orelse, source.constants)
                    if isinstance(node.value, ast.IfExp)
                    else None
                )
                found[at_] = Asked(name_, quantity(name_, rows), default, optional, at_)
    return [found[at] for at in sorted(found)]


def _slice_start(node: ast.expr, shifted: dict[str, int]) -> int | None:
    """Return the first position that sys.argv[k:] in an expression stands for."""
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Slice):
            base = shifted.get(dotted(part.value))
            low = value(part.slice.lower, {}) if part.slice.lower else 0
            if base is not None and low is not None:
                return base + int(low)
    return None


def _index(node: ast.expr, shifted: dict[str, int]) -> int | None:
    """Return the position that sys.argv[k] in an expression stands for."""
    for part in ast.walk(node):
        if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant):
            base, at = shifted.get(dotted(part.value)), part.slice.value
            if base is not None and isinstance(at, int):
                return base + at
    return None


def prompts(source: Source, rows: tuple[Row, ...]) -> list[Asked] | str:
    """Return what input() asks for, in the order of the text, or why the order is not known."""
    helpers = _helpers(source)
    inside = {id(part) for helper in helpers.values() for part in ast.walk(helper)}
    repeated: set[int] = set()
    for loop in source.nodes:
        if isinstance(loop, ast.While | ast.For) and id(loop) not in repeated:
            repeated.update(map(id, ast.walk(loop)))
    found: list[Asked] = []
    for node, names in _given_names(source):
        calls = sorted(
            (part for part in ast.walk(node) if isinstance(part, ast.Call)
             and isinstance(part.func, ast.Name) and id(part) not in inside
             and part.func.id in {"input", *helpers}),
            key=lambda call: (call.lineno, call.col_offset),
        )  # fmt: skip
        for at, call in enumerate(calls):
            if id(call) in repeated:
                return "asks for its numbers in a loop"
            prompt = " ".join(filter(None, map(words_of, call.args)))
            name = names[at] if at < len(names) else ""
            known = next(filter(None, (quantity(text, rows) for text in (prompt, name))), None)
            default, optional = _otherwise(node, source)
            if isinstance(call.func, ast.Name) and call.func.id in helpers:
                worths = [value(a, source.constants) for a in call.args[1:]]
                worths += [value(k.value, source.constants) for k in call.keywords]
                default = next((worth for worth in worths if worth is not None), default)
                optional = optional or default is not None
            found.append(Asked(prompt or name, known, default, optional))
    return found


def _helpers(source: Source) -> dict[str, ast.FunctionDef]:
    """Return functions with parameters that call input() once, each a way of asking."""
    found = {}
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef) and node.args.args:
            calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)
                     and isinstance(part.func, ast.Name) and part.func.id == "input"]  # fmt: skip
            if len(calls) == 1 and any(isinstance(p, ast.Name) for p in ast.walk(calls[0])
                                       if p is not calls[0].func):  # fmt: skip
                found[node.name] = node
    return found


def _given_names(source: Source) -> Iterator[tuple[ast.stmt, list[str]]]:
    """Yield statements that hold no others, each with the names that it assigns."""
    for node in source.nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr | ast.Return):
            targets = node.targets if isinstance(node, ast.Assign) else (
                [node.target] if isinstance(node, ast.AnnAssign) else [])  # fmt: skip
            names: list[str] = []
            for target in targets:
                names += [part.id if isinstance(part, ast.Name) else part.attr
                          for part in ast.walk(target)
                          if isinstance(part, ast.Name | ast.Attribute)]  # fmt: skip
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
                names = [words_of(key) for key in node.value.keys]
            yield node, names


def _otherwise(node: ast.stmt, source: Source) -> tuple[float | None, bool]:
    """Return the default of `input(...) or 32`, and whether an empty line will do."""
    for part in ast.walk(node):
        if isinstance(part, ast.BoolOp) and isinstance(part.op, ast.Or):
            return value(part.values[-1], source.constants), True
    return None, False


def config_files(source: Source) -> list[str]:
    """Return the names of JSON and TOML files that the source opens."""
    loads = {"json.load", "json.loads", "tomllib.load", "tomllib.loads", "load", "loads"}
    if not any(isinstance(n, ast.Call) and dotted(n.func) in loads for n in source.nodes):
        return []
    names = (words_of(node) for node in source.nodes)
    return list(dict.fromkeys(n for n in names if n.endswith((".json", ".toml")) and " " not in n))


def config_keys(source: Source) -> list[tuple[str, ...]]:
    """Return the paths of keys that the source looks up: ("model", "layers")."""
    found: list[tuple[str, ...]] = []
    named: dict[str, tuple[str, ...]] = {}  # model = config["model"]
    for node in source.nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            inner, base = _path(node.value)
            if inner:
                named[node.targets[0].id] = (*named.get(base, ()), *inner)
        path, base = _path(node)
        if path and len(found) < MAX_KEYS:
            found.append((*named.get(base, ()), *path))
    longest = [p for p in found if not any(q[: len(p)] == p and len(q) > len(p) for q in found)]
    return list(dict.fromkeys(longest))


def _path(node: ast.AST) -> tuple[tuple[str, ...], str]:
    """Return the keys of config["model"].get("layers"), and the name they are looked up in."""
    path: list[str] = []
    while len(path) < MAX_DEPTH:
        if isinstance(node, ast.Subscript) and words_of(node.slice):
            path.insert(0, words_of(node.slice))
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
            node.func.attr == "get" and node.args and words_of(node.args[0])
        ):  # fmt: skip
            path.insert(0, words_of(node.args[0]))
            node = node.func.value
        else:
            break
    return tuple(path), dotted(node)

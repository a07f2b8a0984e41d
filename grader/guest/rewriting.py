"""Rewriting what a student handed in, where it does not load as it is."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from typing import Any

DEVICE = re.compile(r"(mps|cuda)(:\d+)?\Z")
# Calls that build a constant and do nothing else.
HARMLESS_CALLS = {
    "dict", "list", "tuple", "set", "range", "float", "int", "str", "bool", "len", "min", "max",
    "torch.device", "torch.cuda.is_available", "torch.backends.mps.is_available", "torch.finfo",
    "math.sqrt", "math.log", "namedtuple", "collections.namedtuple", "TypeVar", "typing.TypeVar",
    "SimpleNamespace", "types.SimpleNamespace", "os.environ.get", "os.path.join", "Path",
    "logging.getLogger", "dataclass", "field",
}  # fmt: skip


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements at module level, those inside top-level if, try and with included."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            for part in _parts(node):
                yield from statements(part)


def definitions_only(tree: ast.Module, graded: frozenset[str]) -> ast.Module:
    """Drop what a module does; keep what it defines, and the values that this needs."""
    definitions = [node for node in statements(tree.body) if _defines(node, graded)]
    values = [n for n in statements(tree.body) if _binds(n) and not _mentions(n) & graded]
    # DEVICE = pick_device() is kept where a class or function refers to DEVICE, and so is what
    # pick_device needs in turn. A graded class is not built for it.
    wanted: set[str] = set()
    kept = list(definitions)
    while more := set().union(*map(_mentions, kept)) - wanted:
        wanted |= more
        kept = [*definitions, *(node for node in values if _binds(node) & wanted)]
    body = _keep(tree.body, {*map(id, kept), *(id(n) for n in values if _is_constant(n))})
    # A constant made from something that was dropped goes as well: speedup = before / after.
    everything = set().union(*map(_binds, statements(tree.body)), *map(_named, definitions))
    while lost := [
        node
        for node in statements(body)
        if id(node) not in set(map(id, kept))
        and _binds(node)
        and _mentions(node) & (everything - _bound(body))
    ]:
        gone = set(map(id, lost))
        body = _keep(body, {id(n) for n in statements(body)} - gone)
    return ast.Module(body=body, type_ignores=[])


def _keep(body: list[ast.stmt], wanted: set[int]) -> list[ast.stmt]:
    """Copy statements that are wanted, and around them the conditions that they stand under."""
    kept: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.If) and _is_main_guard(node):
            continue
        if isinstance(node, ast.If | ast.Try | ast.With):
            copied = copy.copy(node)
            parts = [_keep(part, wanted) for part in _parts(node)]
            if any(parts):
                copied.body = parts[0] or [ast.Pass()]
                if isinstance(copied, ast.If | ast.Try):
                    copied.orelse = parts[1]
                if isinstance(copied, ast.Try):
                    copied.finalbody = parts[2]
                    copied.handlers = [copy.copy(handler) for handler in copied.handlers]
                    for handler, part in zip(copied.handlers, parts[3:], strict=True):
                        handler.body = part or [ast.Pass()]
                kept.append(copied)
        elif id(node) in wanted or isinstance(node, ast.Pass):
            kept.append(node)
    return kept


def _parts(node: ast.stmt) -> list[list[ast.stmt]]:
    """Return the bodies of a compound statement, those of its handlers last."""
    parts = [
        getattr(node, field) for field in ("body", "orelse", "finalbody") if hasattr(node, field)
    ]
    return parts + [handler.body for handler in getattr(node, "handlers", [])]


def _defines(node: ast.stmt, graded: frozenset[str]) -> bool:
    """Whether a statement imports, defines, or patches a graded class."""
    if isinstance(
        node, ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    ):
        return True
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return any(_root_name(target) in graded for target in _targets(node))
    call = node.value if isinstance(node, ast.Expr) else None
    return (
        isinstance(call, ast.Call)
        and _dotted(call.func) == "setattr"
        and bool(call.args)
        and _root_name(call.args[0]) in graded
    )


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []


def _binds(node: ast.stmt) -> set[str]:
    """Return the names that an assignment gives values to; none where a target is computed."""
    flat = [
        n for t in _targets(node) for n in (t.elts if isinstance(t, ast.Tuple | ast.List) else [t])
    ]
    names = {n.id for n in flat if isinstance(n, ast.Name)}
    return names if len(names) == len(flat) else set()


def _named(node: ast.stmt) -> set[str]:
    """Return the names that a definition or import binds."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    name = getattr(node, "name", None)
    return {name} if isinstance(name, str) else _binds(node)


def _bound(body: list[ast.stmt]) -> set[str]:
    return set().union(*map(_named, statements(body)))


def _mentions(node: ast.stmt) -> set[str]:
    loads = {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    return loads | (_binds(node) if isinstance(node, ast.AugAssign) else set())


def _is_constant(node: ast.stmt) -> bool:
    return all(_dotted(n.func) in HARMLESS_CALLS for n in ast.walk(node) if isinstance(n, ast.Call))


def _is_main_guard(node: ast.If) -> bool:
    return any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(node.test))


def _root_name(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


class _Devices(ast.NodeTransformer):
    def __init__(self, device: str) -> None:
        self.device = device

    def visit_Constant(self, node: ast.Constant) -> Any:  # noqa: ANN401 - ast's own name
        if isinstance(node.value, str) and DEVICE.match(node.value):
            return ast.copy_location(ast.Constant(self.device), node)
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:  # noqa: ANN401 - ast's own name
        return node  # if device == "cuda": torch.cuda.synchronize() stays switched off

    def visit_Call(self, node: ast.Call) -> Any:  # noqa: ANN401 - ast's own name
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("startswith", "endswith"):
            return node
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "cuda":
            node.func.attr = "to"
            node.args, node.keywords = [ast.Constant(self.device)], []
        return node


def devices_replaced(tree: ast.Module, device: str) -> ast.Module:
    """Replace the names of absent devices by the one that is graded on."""
    rewritten = _Devices(device).visit(tree)
    assert isinstance(rewritten, ast.Module)
    return rewritten

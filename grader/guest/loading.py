"""Loading what a student handed in: which file, and how.

The file is found by the class it defines, whatever its name. It is then imported as Python would
import it, except that its name is not ``__main__``. Two rewritings of the syntax tree help where
that fails, and the host decides when to use them:

``definitions``
    keep imports, classes, functions, constants and statements that patch a graded class;
    drop the benchmarks, plots and prints at module level.
``device``
    replace the names of devices that are not here ("mps", "cuda", ``.cuda()``) by the one that is.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.machinery
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterable
from types import CodeType, ModuleType
from typing import Any

Rewrite = Callable[[ast.Module], ast.Module]

DEVICE = re.compile(r"(mps|cuda)(:\d+)?\Z")
# Calls that build a constant and do nothing else.
HARMLESS_CALLS = {
    "dict", "list", "tuple", "set", "range", "float", "int", "str", "bool", "len", "min", "max",
    "torch.device", "torch.cuda.is_available", "torch.backends.mps.is_available", "torch.finfo",
    "math.sqrt", "math.log", "namedtuple", "collections.namedtuple", "TypeVar", "typing.TypeVar",
    "SimpleNamespace", "types.SimpleNamespace", "os.environ.get", "os.path.join", "Path",
    "logging.getLogger", "dataclass", "field",
}  # fmt: skip


def find(root: str, wanted: str, classes: Iterable[str], expected: Iterable[str]) -> list[str]:
    """Return the files that define the class ``wanted``, the likeliest first.

    Preferred, in this order: filled in rather than full of NotImplementedError; more of the
    interface's ``classes``; an ``expected`` name; nearer to the root.
    """
    ranked = []
    for path in _python_files(root):
        tree = _parse(os.path.join(root, path))  # noqa: PTH118
        if tree is None:
            continue
        names = _bound_names(tree)
        if wanted not in names:
            continue
        todo = sum(
            isinstance(n, ast.Name) and n.id == "NotImplementedError" for n in ast.walk(tree)
        )
        defined = sum(name in names for name in classes)
        rank = (
            names[wanted] != "class",
            todo > 1,
            -defined,
            os.path.basename(path) not in expected,  # noqa: PTH119
            path.count("/"),
            path,
        )
        ranked.append((rank, path))
    return [path for _, path in sorted(ranked)]


def classes_in(root: str) -> list[str]:
    """Return the names of all classes at the top level of all files (for a message)."""
    names: set[str] = set()
    for path in _python_files(root):
        tree = _parse(os.path.join(root, path))  # noqa: PTH118
        if tree is not None:
            names.update(name for name, kind in _bound_names(tree).items() if kind == "class")
    return sorted(names)


def load(root: str, path: str, mode: str, device: str | None, graded: Iterable[str]) -> ModuleType:
    """Import the file ``path`` below ``root``; ``mode`` is "import" or "definitions"."""
    rewrites: list[Rewrite] = []
    if mode == "definitions":
        rewrites.append(functools.partial(definitions_only, graded=frozenset(graded)))
    if device is not None:
        rewrites.append(functools.partial(devices_replaced, device=device))
    _install(root, rewrites)
    full = os.path.join(root, path)  # noqa: PTH118
    folders = _folders(root, path)
    sys.path[:0] = folders
    sys.argv[:] = [full]
    name = _dotted_name(root, path)
    if "." in name:
        return importlib.import_module(name)
    if name in sys.modules or not name.isidentifier():
        name = "submission_" + re.sub(r"\W", "_", name)
    spec = importlib.util.spec_from_file_location(name, full, loader=_Loader(rewrites, name, full))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# --- finding --------------------------------------------------------------------------------------


def _python_files(root: str) -> list[str]:
    found: list[str] = []
    for folder, _, files in os.walk(root):
        paths = (os.path.join(folder, file) for file in files if file.endswith(".py"))  # noqa: PTH118
        found.extend(os.path.relpath(path, root) for path in paths)
    return found


def _parse(path: str) -> ast.Module | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return ast.parse(file.read(), path)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _bound_names(tree: ast.Module) -> dict[str, str]:
    """Map each name bound at the top level to "class" or "other"."""
    names: dict[str, str] = {}
    for node in _statements(tree.body):
        if isinstance(node, ast.ClassDef):
            names[node.name] = "class"
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    names.setdefault(target.id, "other")
    return names


def _statements(body: list[ast.stmt]) -> Iterable[ast.stmt]:
    """Yield statements at module level, those inside top-level if, try and with included."""
    for node in body:
        yield node
        for field in ("body", "orelse", "finalbody"):
            if isinstance(node, ast.If | ast.Try | ast.With):
                yield from _statements(getattr(node, field, []))


def _folders(root: str, path: str) -> list[str]:
    """Return the folder of the file and all above it up to the root, as import roots."""
    folders = []
    folder = os.path.dirname(path)  # noqa: PTH120
    while folder:
        folders.append(os.path.join(root, folder))  # noqa: PTH118
        folder = os.path.dirname(folder)  # noqa: PTH120
    return [*folders, root, os.path.dirname(root)]  # noqa: PTH120


def _dotted_name(root: str, path: str) -> str:
    """Return the module's name: dotted where the file belongs to a package."""
    stem, *parents = reversed(path.removesuffix(".py").split("/"))
    parents.append(os.path.basename(root))  # noqa: PTH119 - a flat folder may be used as a package
    tree = _parse(os.path.join(root, path))  # noqa: PTH118
    imports = [n for n in ast.walk(tree or ast.Module([], [])) if isinstance(n, ast.ImportFrom)]
    levels = max((node.level for node in imports), default=0)
    folder = os.path.dirname(os.path.join(root, path))  # noqa: PTH118, PTH120
    packages = 0
    while packages < len(parents) - 1 and os.path.exists(os.path.join(folder, "__init__.py")):  # noqa: PTH110, PTH118
        packages += 1
        folder = os.path.dirname(folder)  # noqa: PTH120
    depth = max(levels, packages)
    if depth == 0 or any("." in name for name in parents[:depth]):
        return stem
    return ".".join([*reversed(parents[:depth]), stem])


# --- importing ------------------------------------------------------------------------------------


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles the student's own source, rewritten; never bytecode that came with it."""

    def __init__(self, rewrites: list[Rewrite], fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self.rewrites = rewrites

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), path)
        for rewrite in self.rewrites:
            tree = rewrite(tree)
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


def _install(root: str, rewrites: list[Rewrite]) -> None:
    """Let every import of a file below ``root`` go through the rewriting loader."""

    def hook(folder: str) -> importlib.machinery.FileFinder:
        if folder != root and not folder.startswith(root + "/"):
            raise ImportError
        loader: Any = functools.partial(_Loader, rewrites)
        return importlib.machinery.FileFinder(folder, (loader, [".py"]))

    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()


# --- rewriting ------------------------------------------------------------------------------------


def definitions_only(tree: ast.Module, graded: frozenset[str]) -> ast.Module:
    """Drop what a module does; keep what it defines."""
    body = _keep(tree.body, graded)
    # A value that a kept function or class refers to by name is kept too, if it can be had
    # without building a graded class: device = pick_device(), CONFIG = Config(...).
    used = {
        node.id
        for statement in body
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    kept = set(map(id, body))
    body = [node for node in tree.body if id(node) in kept or _is_wanted_value(node, used, graded)]
    return ast.Module(body=_keep(body, graded, wanted=used), type_ignores=[])


def _keep(
    body: list[ast.stmt], graded: frozenset[str], wanted: set[str] | None = None
) -> list[ast.stmt]:
    kept: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.If | ast.Try | ast.With):
            if isinstance(node, ast.If) and _is_main_guard(node):
                continue
            inner = _keep(node.body, graded, wanted)
            for field in ("orelse", "finalbody"):
                if hasattr(node, field):
                    setattr(node, field, _keep(getattr(node, field), graded, wanted))
            if isinstance(node, ast.Try):
                for handler in node.handlers:
                    handler.body = _keep(handler.body, graded, wanted) or [ast.Pass()]
            if inner or getattr(node, "orelse", []):
                node.body = inner or [ast.Pass()]
                kept.append(node)
        elif _is_definition(node, graded) or (
            wanted is not None and _is_wanted_value(node, wanted, graded)
        ):
            kept.append(node)
    return kept


def _is_definition(node: ast.stmt, graded: frozenset[str]) -> bool:
    if isinstance(
        node,
        ast.Import
        | ast.ImportFrom
        | ast.ClassDef
        | ast.FunctionDef
        | ast.AsyncFunctionDef
        | ast.Pass,
    ):
        return True
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(_root_name(target) in graded for target in targets):
            return True  # patches a graded class: Transformer.forward = faster_forward
        return node.value is None or _is_constant(node.value)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        return (
            _dotted(call.func) == "setattr"
            and bool(call.args)
            and _root_name(call.args[0]) in graded
        )
    return False


def _is_constant(value: ast.expr) -> bool:
    return all(
        _dotted(node.func) in HARMLESS_CALLS
        for node in ast.walk(value)
        if isinstance(node, ast.Call)
    )


def _is_wanted_value(node: ast.stmt, used: set[str], graded: frozenset[str]) -> bool:
    if not isinstance(node, ast.Assign) or _is_constant(node.value):
        return False
    targets = {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    mentioned = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    return bool(targets & used) and not mentioned & graded


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

    def visit_Call(self, node: ast.Call) -> Any:  # noqa: ANN401 - ast's own name
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

"""Loading what a student handed in: which file, and how.

The file is found by the class it defines, whatever its name. It is then imported as Python would
import it, except that its name is not ``__main__``. Two rewritings of the syntax tree help where
that fails, and the host decides when to use them:

``definitions``
    keep imports, classes, functions, constants and statements that patch a graded class;
    drop the benchmarks, plots and prints at module level.
``device``
    replace the names of devices that are not here ("mps", "cuda", ``.cuda()``) by the one that is,
    where new tensors are made then, too.
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

from grader.guest.rewriting import definitions_only, devices_replaced, statements

TODO = re.compile(rb"^\s*raise\s+NotImplementedError", re.MULTILINE)

Rewrite = Callable[[ast.Module], ast.Module]


def find(root: str, wanted: str, classes: Iterable[str], expected: Iterable[str]) -> list[str]:
    """Return the files that define the class ``wanted``, the likeliest first.

    Preferred, in this order: filled in rather than full of NotImplementedError; more of the
    interface's ``classes``; an ``expected`` name; nearer to the root.
    """
    ranked = []
    for path in _python_files(root):
        data = _content(os.path.join(root, path))  # noqa: PTH118
        tree = _parse(data) if _may_name(data, wanted) else None
        if tree is None:
            continue
        names = _bound_names(tree)
        if wanted not in names:
            continue
        todo = len(TODO.findall(data))
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
        tree = _parse(_content(os.path.join(root, path)))  # noqa: PTH118
        if tree is not None:
            names.update(name for name, kind in _bound_names(tree).items() if kind == "class")
    return sorted(names)


def syntax_errors(root: str) -> list[str]:
    """Return where files are not Python, in words."""
    found = []
    for path in _python_files(root):
        try:
            with open(os.path.join(root, path), "rb") as file:  # noqa: PTH118, PTH123
                ast.parse(file.read())
        except SyntaxError as error:
            found.append(f"{path} is not valid Python: {error.msg} in line {error.lineno}")
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            found.append(f"{path} is not valid Python: {type(error).__name__}")
    return found


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
    *packages, stem = _dotted_name(root, path)
    if packages and "." not in "".join([*packages, stem]) and packages[0] not in sys.modules:
        return importlib.import_module(".".join([*packages, stem]))
    name = ""
    for depth, package in enumerate(packages):
        folder = full
        for _ in range(len(packages) - depth):
            folder = os.path.dirname(folder)  # noqa: PTH120
        name += ("." if name else "submission_") + re.sub(r"\W", "_", package)
        init = os.path.join(folder, "__init__.py")  # noqa: PTH118
        if os.path.exists(init):  # noqa: PTH110
            _execute(name, init, rewrites, [folder])
        else:
            sys.modules[name] = ModuleType(name)
            sys.modules[name].__path__ = [folder]
    if name:
        name += "." + re.sub(r"\W", "_", stem)
    else:
        plain = stem.isidentifier() and stem not in sys.modules
        name = stem if plain else "submission_" + re.sub(r"\W", "_", stem)
    return _execute(name, full, rewrites)


def _execute(
    name: str, full: str, rewrites: list[Rewrite], folders: list[str] | None = None
) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        name, full, loader=_Loader(rewrites, name, full), submodule_search_locations=folders
    )
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


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return b""


def _may_name(data: bytes, word: str) -> bool:
    """Whether it is worth parsing the file to look for this name."""
    # Python reads other spellings of a name too (fullwidth letters, say), but not in ASCII.
    return word.encode() in data or not data.isascii()


def _parse(data: bytes) -> ast.Module | None:
    try:
        return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _bound_names(tree: ast.Module) -> dict[str, str]:
    """Map each name bound at the top level to "class" or "other"."""
    names: dict[str, str] = {}
    for node in statements(tree.body):
        if isinstance(node, ast.ClassDef):
            names[node.name] = "class"
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    names.setdefault(target.id, "other")
    return names


def _folders(root: str, path: str) -> list[str]:
    """Return the folder of the file and all above it up to the root, as import roots."""
    folders = []
    folder = os.path.dirname(path)  # noqa: PTH120
    while folder:
        folders.append(os.path.join(root, folder))  # noqa: PTH118
        folder = os.path.dirname(folder)  # noqa: PTH120
    return [*folders, root, os.path.dirname(root)]  # noqa: PTH120


def _relative_levels(path: str) -> int:
    """Return how many folders up the file's relative imports reach; 0 without any."""
    data = _content(path)
    if re.search(rb"\bfrom\s*\.", data) is None:
        return 0  # most files: walking their trees would cost as much as importing them
    tree = _parse(data) or ast.Module([], [])
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return max((node.level for node in imports), default=0)


def _dotted_name(root: str, path: str) -> list[str]:
    """Return the module's name: dotted where the file belongs to a package."""
    stem, *parents = reversed(path.removesuffix(".py").split("/"))
    parents.append(os.path.basename(root))  # noqa: PTH119 - a flat folder may be used as a package
    levels = _relative_levels(os.path.join(root, path))  # noqa: PTH118
    folder = os.path.dirname(os.path.join(root, path))  # noqa: PTH118, PTH120
    packages = 0
    while packages < len(parents) - 1 and os.path.exists(os.path.join(folder, "__init__.py")):  # noqa: PTH110, PTH118
        packages += 1
        folder = os.path.dirname(folder)  # noqa: PTH120
    depth = max(levels, packages)
    return [*reversed(parents[:depth]), stem]


# --- importing ------------------------------------------------------------------------------------


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles the student's own source, rewritten; never bytecode that came with it."""

    def __init__(self, rewrites: list[Rewrite], fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self.rewrites = rewrites

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        if not self.rewrites:  # the usual case, at half the price
            return compile(self.get_data(path), path, "exec", dont_inherit=True)
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
    for folder in list(sys.path_importer_cache):  # found before the hook was there
        if folder == root or folder.startswith(root + "/"):
            del sys.path_importer_cache[folder]

"""Helpers: what the blocks use and a notebook defines outside of them.

A function, class, import or plain value with a name that the clean copy does not have is carried
over, so that nobody loses points for where it stands. A name that the copy has keeps its meaning.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence

from grader.notebook import python
from grader.notebook.books import Book

MAX_HELPERS = 40
MAX_SOURCE = 400_000  # characters of a book that are looked through for them
_PLAIN = {"torch", "math", "np", "numpy", "range", "len", "int", "float", "bool", "str", "list",
          "tuple", "dict", "set", "min", "max", "partial", "functools"}  # fmt: skip
_BUILTINS = set(dir(builtins))


def helpers(book: Book, blocks: Iterable[str], clean: str) -> tuple[str, list[tuple[str, int]]]:
    """Return the source of what ``blocks`` (dedented texts) need, and each name with its cell.

    ``clean`` is the source that it will be put into.
    """
    known = _BUILTINS | _bound(ast.parse(clean))
    wanted = set().union(*map(_used, blocks)) - known if blocks else set()
    if not wanted:
        return "", []
    defined = _definitions(book)
    taken: dict[str, tuple[int, str]] = {}
    while todo := sorted(wanted & defined.keys() - taken.keys()):
        for name in todo[: MAX_HELPERS - len(taken)]:
            cell, node = defined[name]
            taken[name] = cell, _source(node)
            wanted |= _names(node) - known
        if len(taken) == MAX_HELPERS:
            break
    order = {name: index for index, name in enumerate(defined)}
    chosen = sorted(taken.items(), key=lambda item: (item[1][0], order[item[0]]))
    sources = dict.fromkeys(source for _, (_, source) in chosen)
    return "\n\n".join(sources), [(name, cell) for name, (cell, _) in chosen]


def _source(node: ast.stmt) -> str:
    try:
        return ast.unparse(node)
    except RecursionError:
        return ""  # nobody writes that by hand


def _definitions(book: Book) -> dict[str, tuple[int, ast.stmt]]:
    """Map the names that a book defines at the top level to cell and statement, the last ones."""
    found: dict[str, tuple[int, ast.stmt]] = {}
    left = MAX_SOURCE
    for cell in book.code:
        left -= len(cell.text)
        tree = python.parsed(cell.text) if left >= 0 else None
        for node in tree.body if tree else ():
            for name in _defined(node):
                found.pop(name, None)
                found[name] = cell.number, node
    return found


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((a.asname or a.name).partition(".")[0] for a in node.names if a.name != "*")
    elif isinstance(node, ast.Assign) and _is_plain(node.value):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _is_plain(value: ast.expr) -> bool:
    """Whether a value can be made without running anything of the notebook."""
    calls = [node.func for node in ast.walk(value) if isinstance(node, ast.Call)]
    return all(_root(function) in _PLAIN for function in calls)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _used(text: str) -> set[str]:
    tree = python.parsed(text)
    return set() if tree is None else _names(tree)


def _names(tree: ast.AST) -> set[str]:
    """Return the names that are read and never given a value in there."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    return {node.id for node in names if isinstance(node.ctx, ast.Load)} - bound


def _bound(tree: ast.AST) -> set[str]:
    """Return every name that a source gives a meaning to, in whatever scope."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(a.asname or a.name).partition(".")[0] for a in node.names}
    return found


def dedented(lines: Sequence[str]) -> str:
    """Return lines without their common indentation; comments do not count for it."""
    expanded = [line.expandtabs() for line in lines]
    indents = [
        len(line) - len(line.lstrip())
        for line in expanded
        if line.strip() and not line.lstrip().startswith("#")
    ]
    cut = min(indents, default=0)
    return "\n".join(line[cut:] if not line[:cut].strip() else line.lstrip() for line in expanded)

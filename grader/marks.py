"""The checks of a pack and their marks, found by reading its `test_*.py` and never by importing.

The id of a check is the name of its function without ``test_``. A function that serves many checks
has their ids as its only parameter, written out, so that an id may hold dots:

    @pytest.mark.hidden
    @pytest.mark.parametrize("asked", ["2.1.1", "2.1.2"])
    def test_answer(asked, record): ...
"""

from __future__ import annotations

import ast
from pathlib import Path

from grader.tables import BadPack

MARKS = ("public", "hidden")
_MANY = "pytest.mark.parametrize"


def read(folder: Path) -> dict[str, str]:
    """Map the checks of a folder to their marks; raises BadPack."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("test_*.py")):
        try:
            body = ast.parse(path.read_text(encoding="utf-8"), str(path)).body
        except (SyntaxError, ValueError) as error:
            raise BadPack(f"{path}: {error}") from error
        for node in body:
            if not (isinstance(node, ast.FunctionDef) and node.name.startswith("test_")):
                continue
            written = [ast.unparse(decorator) for decorator in node.decorator_list]
            marks = [mark for mark in MARKS if f"pytest.mark.{mark}" in written]
            if len(marks) != 1:
                raise BadPack(f"{path}: mark {node.name} as public or as hidden")
            for check in _ids(node, path):
                if check in found:
                    raise BadPack(f"{path}: there are two checks named {check!r}")
                found[check] = marks[0]
    return found


def _ids(node: ast.FunctionDef, path: Path) -> list[str]:
    """Return the ids of the checks that a function serves."""
    many = [d for d in node.decorator_list if isinstance(d, ast.Call)]
    many = [call for call in many if ast.unparse(call.func) == _MANY]
    if not many:
        return [node.name.removeprefix("test_")]
    try:
        ids = ast.literal_eval(many[0].args[1])
    except (ValueError, IndexError):
        ids = None
    if not (isinstance(ids, list) and all(isinstance(each, str) for each in ids)):
        raise BadPack(f"{path}: {node.name} has to list the ids of its checks, as texts")
    return ids

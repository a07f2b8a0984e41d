"""A function or a class that is handed in, put behind the interface of a model.

[adapter]
file = "adapter.py"       # beside the rubric: Python with the class of [interface]
function = "attention"    # what it calls, or derives from; put after the file that defines it

Line numbers of the file stay what they were.

A pack may ask for more than one model of the same submission: each further one has an interface
and an adapter of its own, and its function need not be handed in.

[also.NAME.interface]     # as [interface]
[also.NAME.adapter]       # as [adapter]
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.intake import SourceFile
from grader.tables import BadPack, Table, hint

KEY = "adapter"
FURTHER = "also"


@dataclass(frozen=True)
class Adapter:
    """The source of a class that calls a function of the submission."""

    function: str
    source: SourceFile

    def fitted(
        self, files: Sequence[SourceFile], expected: Sequence[str]
    ) -> tuple[SourceFile, ...]:
        """Return the files with the class after the function.

        Where it is nowhere in their Python, the class is in a file of its own and says so.
        """
        found = [file for file in files if self._defines(file)]
        if not found and any(file.path.endswith(".py") for file in files):
            return (*files, SourceFile(f"no_{self.function}.py", self._nowhere + self.source.data))
        found.sort(key=lambda file: (file.path not in expected, file.path.count("/"), file.path))
        return tuple(
            SourceFile(file.path, file.data + b"\n\n" + self.source.data)
            if found[:1] == [file]
            else file
            for file in files
        )

    def optional(
        self, files: Sequence[SourceFile], expected: Sequence[str], given: Sequence[SourceFile]
    ) -> tuple[SourceFile, ...]:
        """Return the same, or nothing where the function was not handed in.

        A file that is as it was given to all students is not handed in.
        """
        untouched = [file.data.split() for file in given]
        own = [file for file in files if file.data.split() not in untouched]
        return self.fitted(files, expected) if any(map(self._defines, own)) else ()

    @property
    def _nowhere(self) -> bytes:
        """Return what stands for it: to be called as a function or a class, or derived from."""
        raises = f"raise NameError('no file defines {self.function}')"
        text = f"class {self.function}:\n    def __new__(cls, *_, **__):\n        {raises}\n\n\n"
        return text.encode()

    def _defines(self, file: SourceFile) -> bool:
        """Whether a file has the function, by its syntax or, where that is wrong, by its text."""
        if not file.path.endswith(".py"):
            return False
        try:
            return self.function in _names(ast.parse(file.data).body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            name = re.escape(self.function.encode())
            return bool(re.search(rb"^\s*(def|class)\s+" + name + rb"\b", file.data, re.MULTILINE))


def _names(body: Sequence[ast.stmt]) -> set[str]:
    """Return what a module binds: by def, assignment or import, also within if, try and with."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {each.id for target in targets for each in ast.walk(target)
                      if isinstance(each, ast.Name)}  # fmt: skip
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {each.asname or each.name for each in node.names}
        elif isinstance(node, ast.If | ast.Try | ast.With):
            inner = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
            inner += [handler.body for handler in getattr(node, "handlers", [])]
            found |= {name for part in inner for name in _names(part)}
    return found


def read(table: Table, folder: Path) -> Adapter | None:
    """Return the adapter of a pack, whose folder is given; None without any. Raises BadPack."""
    table.only("file", "function")
    if not table.values:
        return None
    name = table.text("file")
    try:
        source = SourceFile(name, (folder / name).read_bytes())
    except OSError as error:
        known = [other.name for other in folder.glob("*")]
        raise BadPack(f"{table.where}: there is no {folder / name}{hint(name, known)}") from error
    return Adapter(table.text("function"), source)

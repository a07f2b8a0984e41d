"""Whose submission is this? What a pack expects to find in what is handed in.

[recognise]
files = ["net.py"]          # one of these names, in whatever folder
texts = ["class Net"]       # or one of these pieces of text in a .py or .ipynb file
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grader.intake import SourceFile
from grader.tables import BadPack, Table

KEY = "recognise"
_READ = (".py", ".ipynb")


@dataclass(frozen=True)
class Signs:
    """What tells a pack's submissions; without any, a pack has to be named."""

    files: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def fit(self, files: Iterable[SourceFile]) -> bool:
        """Whether any sign is there."""
        texts = [text.encode() for text in self.texts]
        return any(
            file.path.rpartition("/")[2] in self.files
            or (file.path.lower().endswith(_READ) and any(text in file.data for text in texts))
            for file in files
        )

    def __str__(self) -> str:
        """Return the signs in words."""
        named = [f"a file {name}" for name in self.files]
        return " or ".join([*named, *(f"the text {text!r}" for text in self.texts)])


def read(table: Table) -> Signs:
    """Read the signs of a pack; raises BadPack."""
    table.only("files", "texts")
    if not table.values:
        return Signs()
    found = {key: table.texts(key) if key in table.values else () for key in ("files", "texts")}
    if not all(each.strip() for listed in found.values() for each in listed):
        raise BadPack(f"{table.where}: an empty text is in every file")
    if any("/" in name for name in found["files"]):
        raise BadPack(f"{table.where}: files are names, without folders")
    return Signs(**found)

"""Whose submission is this? What a pack expects to find in what is handed in.

[recognise]
files = ["net.py"]          # one of these names, in whatever folder
texts = ["class Net"]       # or one of these pieces of text in a .py or .ipynb file
headings = ["Layers", ...]  # or half of these headings in one answer sheet
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from grader.intake import SourceFile
from grader.tables import BadPack, Table

KEY = "recognise"
_READ = (".py", ".ipynb")
_SHEETS = (".md", ".markdown", ".txt", ".tex", ".html", ".htm", ".ipynb")
_LONGEST = 400  # characters of a line that may be a heading, marks and links included
_MARKS = re.compile(r"<[^<>]*>|\\\w+\*?\{|\\n")
_NUMBER = re.compile(r"^(?:part|section|problem|question|exercise)?[ \d]*")


@dataclass(frozen=True)
class Signs:
    """What tells a pack's submissions; without any, a pack has to be named."""

    files: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()

    def fit(self, files: Iterable[SourceFile]) -> bool:
        """Whether any sign is there."""
        texts = [text.encode() for text in self.texts]
        return any(
            file.path.rpartition("/")[2] in self.files
            or (file.path.lower().endswith(_READ) and any(text in file.data for text in texts))
            or (file.path.lower().endswith(_SHEETS) and self._heads(file.data))
            for file in files
        )

    def _heads(self, sheet: bytes) -> bool:
        """Whether half of the headings are there, with other numbers or none."""
        if not self.headings:
            return False
        wanted = {_plain(heading) for heading in self.headings}
        found = set()
        for line in sheet.decode(errors="replace").splitlines():
            if len(line) <= _LONGEST:
                text = _plain(_MARKS.sub(" ", line))
                text = _NUMBER.sub("", text, count=1)
                found |= {heading for heading in wanted if text.startswith(heading)}
        return 2 * len(found) >= len(wanted)

    def __str__(self) -> str:
        """Return the signs in words."""
        named = [f"a file {name}" for name in self.files]
        named += [f"the text {text!r}" for text in self.texts]
        if self.headings:
            named.append(f"a sheet with headings such as {self.headings[0]!r}")
        return " or ".join(named)


def _plain(line: str) -> str:
    return re.sub(r"[\W_]+", " ", line).strip().lower()


def read(table: Table) -> Signs:
    """Read the signs of a pack; raises BadPack."""
    table.only("files", "texts", "headings")
    if not table.values:
        return Signs()
    keys = ("files", "texts", "headings")
    found = {key: table.texts(key) if key in table.values else () for key in keys}
    if not all(each.strip() for listed in found.values() for each in listed):
        raise BadPack(f"{table.where}: an empty text is in every file")
    if any("/" in name for name in found["files"]):
        raise BadPack(f"{table.where}: files are names, without folders")
    return Signs(**found)

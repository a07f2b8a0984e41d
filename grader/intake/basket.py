"""What was collected so far, under one set of limits for folders and archives alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO

from grader.intake.submission import NothingToGrade
from grader.text import raw, shown

MB = 1_000_000
MAX_FILE, MAX_TOTAL, MAX_FILES, MAX_DEPTH = 10 * MB, 64 * MB, 2_000, 20
MAX_ENTRIES = 20_000  # names looked at, whether kept or not
MAX_NAME, MAX_PATH = 255, 1_000  # bytes; the path leaves room for the sandbox's own prefix
OPENED = (".zip", ".tar.gz", ".tgz")
_IGNORED = {".git", "__pycache__", ".venv", "venv", "site-packages", "node_modules",
            ".ipynb_checkpoints", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".DS_Store",
            "__MACOSX", "Thumbs.db", "desktop.ini", ".idea", ".vscode"}  # fmt: skip


@dataclass
class Spent:
    """What counts against the limits, in a submission and in the archives within it together."""

    entries: int = 0
    files: int = 0
    total: int = 0  # bytes read, also of files that were left out in the end
    flags: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)


@dataclass
class Basket:
    """Files by path. ``inside`` is the path of the archive they come from, within the submission;
    such files belong into the folder ``at``, in which that archive stands.
    """  # noqa: D205  (one sentence)

    where: str
    spent: Spent = field(default_factory=Spent)
    inside: str = ""
    at: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def too_much(self, what: str) -> NothingToGrade:
        """Return the refusal of what is beyond a limit."""
        remedy = "remove data sets, checkpoints and environments, and hand in again"
        return NothingToGrade(f"{self.where} holds more than {what}: {remedy}.")

    def look(self, names: int) -> None:
        """Refuse the submission if so many more names are too many."""
        if self.spent.entries + names > MAX_ENTRIES:
            raise self.too_much(f"{MAX_ENTRIES:,} files and folders")

    def skip(self, path: str, why: str) -> None:
        """Leave something out, and say so."""
        path = f"{self.inside}/{path}" if self.inside else path
        self.spent.flags.append(f"{shown(path)} was left out: {why}")

    def wants(self, parts: tuple[str, ...]) -> bool:
        """Count an entry, and say whether it is worth opening."""
        self.look(1)
        self.spent.entries += 1
        ignored = [part for part in parts if part in _IGNORED]
        self.spent.ignored.update(ignored[:1])
        if ignored or not parts or parts[-1].endswith(".pyc") or parts[-1].startswith("._"):
            return False  # "._" names are what macOS adds beside a file on a foreign disk
        path, whole = "/".join(parts), (*self.at, *parts)
        if len(whole) > MAX_DEPTH:
            self.skip(path, f"more than {MAX_DEPTH} folders deep")
        elif len(raw("/".join(whole))) > MAX_PATH or max(len(raw(p)) for p in parts) > MAX_NAME:
            self.skip(path, "its name is too long")
        else:
            return True
        return False

    def clash(self, path: str) -> str:
        """Why a path cannot be added to those that are there; empty if it can."""
        if path in self.files:
            return "an earlier entry has the same name"
        if path in self.folders or _parents(path) & self.files.keys():
            return "another entry needs its name"
        return ""

    def take(self, path: str, size: int, stream: IO[bytes]) -> None:
        """Keep a file; ``size`` is only claimed, so it may count against it, never in favour."""
        limit = MAX_FILE
        if path.lower().endswith(OPENED) and not self.inside:
            limit = MAX_TOTAL  # it may be what the submission is in, and is weighed once more then
        data = bytearray()
        while max(size, len(data)) <= limit and (chunk := stream.read(1 << 16)):
            data += chunk
            self.spent.total += len(chunk)
            if self.spent.total > MAX_TOTAL:
                raise self.too_much(f"{MAX_TOTAL // MB} MB")
        if (size := max(size, len(data))) > limit:
            self.skip(path, too_large(size, limit))
        elif self.spent.files == MAX_FILES:
            raise self.too_much(f"{MAX_FILES:,} files")
        else:
            self.spent.files += 1
            self.files[path] = bytes(data)
            self.folders |= _parents(path)

    def give_back(self, path: str) -> bytes:
        """Take a file out again, as if it had never been there; return its bytes."""
        data = self.files.pop(path)
        self.spent.files -= 1
        self.spent.total -= len(data)
        return data

    def strip(self) -> None:
        """Drop the top folder from all paths, if there is exactly one and nothing beside it."""
        tops = {path.partition("/")[0] if "/" in path else "" for path in self.files}
        if len(tops) == 1 and (top := tops.pop()):
            self.files = {path[len(top) + 1 :]: data for path, data in self.files.items()}

    def add(self, other: Basket) -> None:
        """Take over the files of an archive within; those that are here already stay."""
        for name, data in other.files.items():
            path = "/".join((*other.at, name))
            if why := self.clash(path):
                other.skip(name, why)
            else:
                self.files[path] = data
                self.folders |= _parents(path)


def too_large(size: int, limit: int) -> str:
    """Say that a file is too large, with both sizes in MB."""
    return f"too large: {math.ceil(size * 10 / MB) / 10} MB, the limit is {limit // MB} MB"


def _parents(path: str) -> set[str]:
    return {str(parent) for parent in PurePosixPath(path).parents}

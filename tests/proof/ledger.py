"""Rows of a table that takes long to measure: kept as they come, so that a stopped run goes on.

A row belongs to the state of the project that it was measured on. When a source file changes,
the rows of before no longer count and are measured anew.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
JUDGED_BY = (
    "grader",
    "rubrics",
    "reference",
    "tests/decoding",
    "tests/family",
    "tests/fuzz",
    "tests/packs.py",
    "tests/proof",
    "tests/quick.py",
    "tests/sheets",
    "tests/watched.py",
    "tests/zoo",
    "tests/zoo_cases.py",
)


@dataclass(frozen=True)
class Row:
    """One line of a part's table, and how to measure it.

    ``measure`` returns the line's cells by column; the cell "held" is "yes", or says what went
    wrong.
    """

    key: str
    measure: Callable[[], dict[str, str]]


class Ledger:
    """The measured rows of one part, one JSON object a line."""

    def __init__(self, path: Path, state: str) -> None:
        self.path = path
        self.state = state
        self.rows: dict[str, dict[str, str]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                kept = json.loads(line)
                if kept["state"] == state:
                    self.rows[kept["key"]] = kept["cells"]

    def add(self, key: str, cells: dict[str, str]) -> None:
        """Keep a row, on disk before anything else happens."""
        self.rows[key] = cells
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = {"key": key, "cells": cells, "state": self.state, "at": round(time.time())}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def state_of(folders: Iterable[str] = JUDGED_BY) -> str:
    """Return a digest of all sources that a row depends on."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted([ROOT / folder, *(ROOT / folder).rglob("*")]):
            if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]

"""A course's file: where its hand-ins are, how they are graded, and what that may use.

    pack = "lab-4"                    the assignment
    hand_ins = "hand-ins"             a folder, or a platform's download
    form = "canvas"                   of the download (default: as it looks)
    roster = "roster.csv"
    out = "marks"                     results; a path counts from the folder of this file
    due = 2026-11-20T23:59:00+01:00   default: as the rubric says
    from, until                       nights before and after leave the course alone
    sandbox = "docker"                default: auto
    devices = ["cuda:0", "cuda:1"]    default: a GPU if there is one
    jobs = 4                          default: what fits

    [budget]                          in GB
    memory = 16                       for all gradings of the course that run side by side
    disk = 20                         for its folder of results, logs included
    free_memory = 1, free_disk = 5    what the machine has to have left

    [keep]                            in days
    logs = 30
    images = 30                       of ours that newer ones have replaced
    results = 400                     default: for ever

Any other key is refused.
"""

from __future__ import annotations

import datetime as dt
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grader import pack as packs
from grader.errors import UsageError
from grader.tables import BadPack, Table, hint

HEAD: Final = (
    "pack", "hand_ins", "form", "roster", "out", "due", "from", "until", "sandbox", "devices",
    "jobs", "budget", "keep",
)  # fmt: skip
BUDGET: Final = {"memory": None, "disk": None, "free_memory": 1.0, "free_disk": 5.0}
KEEP: Final = {"logs": 30.0, "images": 30.0, "results": None}
SANDBOXES: Final = ("auto", "docker", "bubblewrap")  # a night runs nothing without one
FORMS: Final = ("canvas", "moodle", "gradescope", "classroom", "folder")
LOGS: Final = "logs"
GB: Final = 1e9


@dataclass(frozen=True)
class Course:
    """One assignment of one course, as its file has it. Sizes are in GB, ages in days."""

    file: Path
    pack: str
    hand_ins: Path
    out: Path
    form: str | None
    roster: Path | None
    due: str | None
    begins: dt.datetime | None
    ends: dt.datetime | None
    sandbox: str
    devices: tuple[str, ...]  # none: what the machine has
    jobs: int | None
    memory: float | None
    disk: float | None
    free_memory: float
    free_disk: float
    keep_logs: float
    keep_images: float
    keep_results: float | None

    @property
    def name(self) -> str:
        """Return what the course is called: as its file."""
        return self.file.stem

    @property
    def logs(self) -> Path:
        """Return the folder of its logs, with one for each night."""
        return self.out / LOGS


def files(paths: Sequence[Path]) -> list[Path]:
    """Return courses' files: those that are named, and those in folders that are."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not inside:
            raise UsageError(f"{path} holds no course: put a file NAME.toml for each into it")
        found += [file for file in inside if file.resolve() not in {f.resolve() for f in found}]
    return found


def read(path: Path, root: Path) -> Course:
    """Return the course of a file; ``root`` has the packs. Raises UsageError."""
    try:
        table = Table(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path} cannot be read: {why}") from error
    table.only(*HEAD)
    budget, keep = _numbers(table, "budget", BUDGET), _numbers(table, "keep", KEEP)
    due = _moment(table, "due")
    return Course(
        file=path,
        pack=_one_of(table, "pack", packs.names(root)),
        hand_ins=_path(table, path, "hand_ins"),
        out=_path(table, path, "out"),
        form=_one_of(table, "form", FORMS) if "form" in table.values else None,
        roster=_path(table, path, "roster") if "roster" in table.values else None,
        due=due.isoformat() if due else None,
        begins=_moment(table, "from"),
        ends=_moment(table, "until"),
        sandbox=_one_of(table, "sandbox", SANDBOXES) if "sandbox" in table.values else "auto",
        devices=table.texts("devices") if "devices" in table.values else (),
        jobs=_jobs(table) if "jobs" in table.values else None,
        memory=budget["memory"],
        disk=budget["disk"],
        free_memory=budget["free_memory"] or 0.0,
        free_disk=budget["free_disk"] or 0.0,
        keep_logs=keep["logs"] or 0.0,
        keep_images=keep["images"] or 0.0,
        keep_results=keep["results"],
    )


def _path(table: Table, file: Path, key: str) -> Path:
    return Path(os.path.normpath(file.absolute().parent / table.text(key)))


def _one_of(table: Table, key: str, known: tuple[str, ...] | list[str]) -> str:
    word = table.text(key)
    if word not in known:
        listed = ", ".join(known) or "none"
        raise BadPack(f"{table.where}: {key} is {word!r}, and may be {listed}{hint(word, known)}")
    return word


def _jobs(table: Table) -> int:
    jobs = table.number("jobs")
    if jobs < 1 or jobs != int(jobs):
        raise BadPack(f"{table.where}: 'jobs' has to be a whole number from 1 up")
    return int(jobs)


def _moment(table: Table, key: str) -> dt.datetime | None:
    """Return a point in time; TOML knows them, but also such as have no zone."""
    value = table.values.get(key)
    if value is None:
        return None
    if not isinstance(value, dt.datetime) or value.tzinfo is None:
        raise BadPack(
            f"{table.where}: {key!r} has to be a date, a time and a zone without quotation marks, "
            "such as 2026-11-20T23:59:00+01:00"
        )
    return value


def _numbers(table: Table, key: str, usual: dict[str, float | None]) -> dict[str, float | None]:
    part = table.table(key, optional=True)
    part.only(*usual)
    return {**usual, **part.numbers()}

"""What commands share: which sandbox and which device is meant, and where to say what happens."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from grader.cli.helps import JSON
from grader.cli.parser import nearest
from grader.errors import HarnessError, UsageError
from grader.text import last_line, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from grader.intake import Submission
    from grader.records import Json
    from grader.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "submissions" / "shipped.txt"


def sandbox(wanted: str, device: str, submission: Submission | None) -> Sandbox:
    """Return the sandbox to use: the one that is named, or the best that works here.

    Where none works, samples that ship with the project run as a plain process.
    """
    from grader.sandbox import choosing

    if wanted == "process":
        say("warning: --sandbox process isolates nothing; the submission runs with your rights")
    if wanted != "auto":
        return choosing.named(wanted, device, say)
    try:
        return choosing.best(device, say)
    except HarnessError as error:
        if submission is None:
            raise
        if not _ships_with_the_project(submission):
            raise UsageError(
                f"{error}; student code is not run without a sandbox: install one "
                "(`grader doctor` says how), or give --sandbox process for code that you trust"
            ) from None
        say("warning: neither Docker nor bubblewrap works; this sample runs as a plain process")
        return choosing.named("process", device, say)


def _ships_with_the_project(submission: Submission) -> bool:
    return submission.digest in SHIPPED.read_text(encoding="ascii").split()


def there(path: Path) -> Path:
    """Return the path; UsageError with the nearest name where nothing is there."""
    if not os.path.lexists(path):
        beside = path.absolute().parent
        known = [each.name for each in beside.iterdir()] if beside.is_dir() else []
        meant = nearest(path.name, known) or f"; there is no folder {beside}" * (not known)
        raise UsageError(f"there is nothing at {path}{meant}")
    return path


def device(wanted: str, *, here: bool = True) -> str:
    """Return the device by its full name; raises UsageError. "auto" is said by its machine."""
    if wanted == "auto":
        return wanted if not here else "cuda:0" if Path("/dev/nvidia0").exists() else "cpu"
    kind, _, index = wanted.partition(":")
    if wanted != "cpu" and not (kind == "cuda" and (index.isdecimal() or wanted == "cuda")):
        raise UsageError(f"no device {wanted!r}: give auto, cpu or cuda:N")
    return "cuda:0" if wanted == "cuda" else wanted


def document(arguments: argparse.Namespace, data: Json) -> bool:
    """Keep data to be printed as JSON, once all is done; False where a person reads the answer."""
    if not wants_document(arguments):
        return False
    arguments.document = data
    return True


def wants_document(arguments: argparse.Namespace) -> bool:
    """Whether --json was given to a command that leaves printing it to the front door."""
    return arguments.command in JSON and bool(arguments.json)


def say(text: str) -> None:
    """Say a line to whoever watches."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """Shows which check runs, on a terminal; elsewhere only who is waited for.

    The stream is the process's own: while checks run, what is written to `sys.stderr` is kept back.
    """

    def __init__(self) -> None:
        self._check = ""

    def __call__(self, check: str) -> None:
        """Show a check; "" for none."""
        self._check = check
        stream = sys.__stderr__
        if stream is None:
            return
        if stream.isatty():
            print(f"\r\x1b[K{check}", end="", file=stream, flush=True)
        elif check.startswith("waiting for "):
            print(check, file=stream, flush=True)

    @property
    def watch(self) -> Callable[[float, str], None] | None:
        """Return what shows how a script of the check gets on; None where nobody would see it."""
        stream = sys.__stderr__
        return self._running if stream is not None and stream.isatty() else None

    def _running(self, seconds: float, printed: str) -> None:
        columns = shutil.get_terminal_size().columns
        text = f"{self._check}  {seconds:.0f} s  {shown(last_line(printed), 300)}"
        print(
            f"\r\x1b[K{shown(text, max(columns - 1, 20))}", end="", file=sys.__stderr__, flush=True
        )


progress = Progress()

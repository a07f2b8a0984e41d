"""What was measured, kept beside the result: enough to score it again without running anything."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Container, Iterable
from pathlib import Path

from grader.errors import UsageError
from grader.records import Attachment, Evidence, Json, Number

FILE = "evidence.json"
_FIELDS = {f.name for f in dataclasses.fields(Evidence)} - {"attachments"}


def kept(evidence: Iterable[Evidence], checks: str) -> Attachment:
    """Return the file that holds it; of what else is beside a result it keeps the names.

    ``checks`` is the digest of the checks that have measured it.
    """
    listed = [
        {
            **{name: getattr(each, name) for name in sorted(_FIELDS)},
            "measured": {name: plain(value) for name, value in each.measured.items()},
            "attachments": [attachment.name for attachment in each.attachments],
        }
        for each in evidence
    ]
    stored = {"checks": checks, "evidence": listed}
    return Attachment(FILE, json.dumps(stored, allow_nan=False).encode())


def read(folder: Path, whole: Container[str] = ()) -> tuple[dict[str, Evidence], str]:
    """Return what a folder beside a result keeps, by check, and the digest of the checks.

    Attachments come with their data for the checks in ``whole``, for others with their names.
    Raises UsageError where there is none.
    """
    path = folder / FILE
    try:
        stored = json.loads(path.read_bytes())
        found = {
            each["check"]: _evidence(each, folder if each["check"] in whole else None)
            for each in stored["evidence"]
        }
        return found, str(stored["checks"])
    except FileNotFoundError:
        raise UsageError("it has no evidence beside it: grade it again") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} is no evidence: grade it again") from error


def plain(value: Number) -> Number:
    """Return a number that JSON has: infinite and NaN become null."""
    return value if value is None or abs(value) < float("inf") else None


def _evidence(stored: Json, folder: Path | None) -> Evidence:
    attachments = [
        Attachment(name, _data(folder / Path(name).name) if folder else b"")
        for name in stored.pop("attachments")
    ]
    return Evidence(**stored, attachments=attachments)


def _data(path: Path) -> bytes:
    """Return a file's bytes; of one that is gone nothing, which equals no answer."""
    try:
        return path.read_bytes()
    except OSError:
        return b""

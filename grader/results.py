"""Results on disk: one JSON file for each submission, checked against its schema, written whole.

A result that replaces another with other points or of other files leaves the old one's summary in
``<id>.history.jsonl``, and a human's points are carried over.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from grader.errors import HarnessError, UsageError
from grader.records import Json

SCHEMA_FILE = Path(__file__).with_name("result.schema.json")


@functools.cache
def _validator() -> Any:  # noqa: ANN401 - the class depends on the schema
    # Imported here: it costs 0.1 s, which --help and usage errors need not pay.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    return Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


def validate(result: Json) -> None:
    """Raise HarnessError if this is not a result."""
    errors = sorted(_validator().iter_errors(result), key=lambda error: list(map(str, error.path)))
    if errors:
        place = "/".join(map(str, errors[0].path))
        raise HarnessError(f"the result does not fit its schema at {place}: {errors[0].message}")


def read(folder: Path, submission_id: str) -> Json | None:
    """Return the stored result, or None if there is none."""
    path = folder / f"{submission_id}.json"
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        validate(result)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, HarnessError) as error:
        raise UsageError(f"{path} is not a result: {error}; move it away") from error
    return dict(result)


def write(folder: Path, result: Json) -> Path:
    """Validate and store a result, keeping the history of what it replaces; return its path."""
    validate(result)
    try:
        # Plain ASCII, so that no name of a student's file does anything in a terminal or editor.
        text = json.dumps(result, indent=2, ensure_ascii=True, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise HarnessError(f"the result cannot be written as JSON: {error}") from error
    submission_id = result["submission"]["id"]
    path = folder / f"{submission_id}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        old = read(folder, submission_id)
        if old is not None and _summary(old) != _summary(result):
            _append(folder / f"{submission_id}.history.jsonl", old)
        _replace(path, text)
    except OSError as error:
        raise HarnessError(f"the result could not be written to {path}: {error}") from error
    return path


def _summary(result: Json) -> Json:
    return {
        "digest": result["submission"]["digest"],
        "pack": result["pack"],
        "total": result["total"],
        "criteria": {c["id"]: c["points"] for c in result["criteria"]},
    }


def _append(path: Path, old: Json) -> None:
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    line = json.dumps({"replaced_at": at, **_summary(old), "draw": old["draw"]["digest"]})
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, text: str) -> None:
    """Write beside the target and rename: a reader sees the old file or the new one, whole."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

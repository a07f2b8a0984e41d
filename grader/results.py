"""Results on disk: one JSON file for each submission, checked against its schema, written whole.

A result that replaces another with other points or of other files leaves the old one's summary in
``<id>.history.jsonl``, and a human's points are carried over.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import fcntl
import functools
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grader.errors import HarnessError, UsageError
from grader.records import Attachment, Json

SCHEMA_FILE = Path(__file__).with_name("result.schema.json")
_TEMPORARY = ".grader-new-"


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


def stored(folder: Path) -> list[Json]:
    """Return all results of a folder, by name. The schema is checked where one is written.

    Raises UsageError if the folder cannot be read.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}") from error
    return [result for path in paths if (result := _result_in(path)) is not None]


def _result_in(path: Path) -> Json | None:
    """Return a result, or None for what is none."""
    try:
        result = json.loads(path.read_bytes())
        return dict(result) if result["schema"] == "grader.result/1" else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def attached(folder: Path, result: Json) -> dict[str, bytes]:
    """Return the files beside a result, by name; nothing where there are none."""
    beside = folder / str(result.get("attachments", ""))
    if beside == folder or not beside.is_dir():
        return {}
    try:
        return {path.name: path.read_bytes() for path in sorted(beside.iterdir())}
    except OSError as error:
        raise UsageError(f"{beside} cannot be read: {error.strerror}") from error


def write(folder: Path, result: Json, attachments: Sequence[Attachment] = ()) -> Path:
    """Validate and store a result, keeping the history of what it replaces; return its path.

    ``attachments`` go into a folder beside it, whose name the result holds and which nothing ever
    changes: a reader of the old result finds the old files until the new result is there. A result
    that names such a folder already keeps it.
    """
    submission_id = result["submission"]["id"]
    beside = str(result.get("attachments") or _folder_of(submission_id, attachments))
    if attachments:
        result = {**result, "attachments": beside}
    validate(result)
    try:
        # Plain ASCII, so that no name of a student's file does anything in a terminal or editor.
        text = json.dumps(result, indent=2, ensure_ascii=True, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise HarnessError(f"the result cannot be written as JSON: {error}") from error
    path = folder / f"{submission_id}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            old = read(folder, submission_id)
            temporary = _written(folder, text)
            try:
                if old is not None and _summary(old) != _summary(result):
                    _append(folder / f"{submission_id}.history.jsonl", old)
                _attach(folder / beside, attachments)
                temporary.replace(path)  # a reader sees the old file or the new one, whole
                _forget_others(folder, submission_id, beside)
            finally:
                temporary.unlink(missing_ok=True)
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


def _folder_of(submission_id: str, attachments: Sequence[Attachment]) -> str:
    digest = hashlib.sha256()
    for each in attachments:
        digest.update(each.name.encode() + hashlib.sha256(each.data).digest())
    return f"{submission_id}.files-{digest.hexdigest()[:12]}"


def _attach(folder: Path, attachments: Sequence[Attachment]) -> None:
    """Write the files of a result; the folder has its name once all of them are there."""
    if not attachments or folder.exists():
        return
    making = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_TEMPORARY))
    try:
        for each in attachments:
            (making / each.name).write_bytes(each.data)
        making.chmod(0o755)
        making.rename(folder)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise


def _forget_others(folder: Path, submission_id: str, kept: str) -> None:
    """Remove the files of results that this one has replaced."""
    for left in folder.glob(f"{glob.escape(submission_id)}.files-*"):
        if left.name != kept:
            shutil.rmtree(left, ignore_errors=True)


def _append(path: Path, old: Json) -> None:
    at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    line = json.dumps({"replaced_at": at, **_summary(old), "draw": old["draw"]["digest"]}) + "\n"
    with path.open("ab", buffering=0) as file:
        size = file.tell()
        if file.write(line.encode()) < len(line):  # a disk that fills up takes half a line
            file.truncate(size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other graders from writing here meanwhile, and remove what killed ones left."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not every file system of a network can lock
            fcntl.flock(handle, fcntl.LOCK_EX)
            for left in folder.glob(f"{_TEMPORARY}*"):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield
    finally:
        os.close(handle)


def _written(folder: Path, text: str) -> Path:
    """Write a new file, whole and on disk, that is to be renamed; return its path."""
    handle, path = tempfile.mkstemp(dir=folder, prefix=_TEMPORARY)
    temporary = Path(path)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary

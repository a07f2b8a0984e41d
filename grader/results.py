"""Results on disk: one JSON file for each submission, checked against its schema, written whole.

A result that replaces another with other points or of other files leaves the old one's summary in
its history (`grader.history`). Points by hand are those that are stored when it is written: what a
human enters while a submission is being graded is in its result.
"""

from __future__ import annotations

import contextlib
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

from grader import history
from grader.errors import HarnessError, UsageError
from grader.records import Attachment, Json
from grader.score import by_hand

SCHEMA_FILE = Path(__file__).with_name("result.schema.json")
SCHEMA = "grader.result/1"
_TEMPORARY = ".grader-new-"
_DIGITS = 12  # of the digest in the name of a folder with files


@functools.cache
def _validator() -> Any:  # noqa: ANN401 - the class depends on the schema
    # Imported here: it costs 0.1 s, which --help and usage errors need not pay.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return Draft202012Validator(_inlined(schema, schema["$defs"]))


def _inlined(schema: Any, definitions: Json) -> Any:  # noqa: ANN401 - any part of a schema
    """Put definitions where they are referred to: jsonschema looks references up each time."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    return {key: _inlined(part, definitions) for key, part in schema.items() if key != "$defs"}


def validate(result: Json) -> None:
    """Raise HarnessError if this is not a result."""
    errors = sorted(_validator().iter_errors(result), key=lambda error: list(map(str, error.path)))
    if errors:
        place = "/".join(map(str, errors[0].path))
        raise HarnessError(f"the result does not fit its schema at {place}: {errors[0].message}")


def read(folder: Path, submission_id: str) -> Json | None:
    """Return the stored result, or None if there is none; UsageError where it is not one."""
    result = found(folder, submission_id)
    if result is not None:
        try:
            validate(result)
        except HarnessError as error:
            raise _spoilt(folder, submission_id, error) from error
    return result


def found(folder: Path, submission_id: str) -> Json | None:
    """Return the same, looked at only as far as its points go: the schema was, when written."""
    try:
        result = json.loads((folder / f"{submission_id}.json").read_bytes())
        _summary(result)
        if result["schema"] == SCHEMA and isinstance(result["manual"], list):
            return dict(result)
        error: Exception = ValueError("it is another kind of file")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, TypeError, KeyError) as caught:
        error = caught
    raise _spoilt(folder, submission_id, error) from error


def _spoilt(folder: Path, submission_id: str, error: Exception) -> UsageError:
    why = f"{error!r}" if isinstance(error, KeyError | TypeError) else f"{error}"
    path = folder / f"{submission_id}.json"
    return UsageError(f"{path} is not a result: {why}; move it away")


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
        return dict(result) if result["schema"] == SCHEMA else None
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


def write(
    folder: Path,
    result: Json,
    attachments: Sequence[Attachment] = (),
    *,
    why: str = "graded",
    instead_of: Json | None = None,
) -> Json:
    """Store a result, keeping the history of what it replaces; return it as it is stored.

    The points by hand that are stored already take the place of those in ``result``. ``why`` goes
    into the history. ``instead_of`` is the stored result that was looked at before: where it is
    another one by now, UsageError is raised, and nothing is written. ``attachments`` go into a
    folder beside it, whose name the result holds and which nothing ever changes: a reader of the
    old result finds the old files until the new result is there. A result that names such a folder
    already keeps it.
    """
    submission_id = result["submission"]["id"]
    if attachments:
        result = {**result, "attachments": _folder_of(submission_id, attachments)}
    validate(result)
    with alone(folder, make=True):
        old = found(folder, submission_id)
        if instead_of is not None and (old is None or _measured(old) != _measured(instead_of)):
            raise UsageError(f"{submission_id} was graded anew meanwhile: run the command again")
        manual = history.merged(old["manual"], result["manual"]) if old is not None else None
        if manual is not None and manual != result["manual"]:
            result = by_hand(result, manual)
            validate(result)
        replaced = None
        if old is not None and _summary(old) != _summary(result):
            replaced = history.event("replaced", why=why, **summary(old))
        put(folder, result, attachments, replaced)
    return result


def place(folder: Path, result: Json) -> Path:
    """Return where a result is stored."""
    return folder / f"{result['submission']['id']}.json"


def put(
    folder: Path,
    result: Json,
    attachments: Sequence[Attachment] = (),
    replaced: Json | None = None,
) -> None:
    """Store a valid result, and an event before it; the caller is `alone`."""
    path = place(folder, result)
    try:
        # Plain ASCII, so that no name of a student's file does anything in a terminal or editor.
        text = json.dumps(result, indent=2, ensure_ascii=True, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise HarnessError(f"the result cannot be written as JSON: {error}") from error
    beside = str(result.get("attachments", ""))
    try:
        temporary = _written(folder, text)
        try:
            if replaced is not None:
                history.append(folder, result["submission"]["id"], replaced)
            _attach(folder / beside, attachments)
            temporary.replace(path)  # a reader sees the old file or the new one, whole
            _forget_others(folder, result["submission"]["id"], beside)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise HarnessError(f"the result could not be written to {path}: {error}") from error


def summary(result: Json) -> Json:
    """Return what the history keeps of a result that has changed; the draw's seed is not in it."""
    environment = result["environment"]
    return {
        **_summary(result),
        "draw": result["draw"]["digest"],
        "image": environment.get("image"),
        "device": environment.get("device"),
    }


def _summary(result: Json) -> Json:
    return {
        "digest": result["submission"]["digest"],
        "pack": result["pack"],
        "total": result["total"],
        "criteria": {c["id"]: c["points"] for c in result["criteria"]},
    }


def _measured(result: Json) -> tuple[object, ...]:
    """Return what tells one grading from another, points by hand aside."""
    return (result["submission"]["digest"], result["pack"], result["draw"], result["timing"])


def _folder_of(submission_id: str, attachments: Sequence[Attachment]) -> str:
    digest = hashlib.sha256()
    for each in attachments:
        digest.update(each.name.encode() + hashlib.sha256(each.data).digest())
    return f"{submission_id}.files-{digest.hexdigest()[:_DIGITS]}"


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


def beside(folder: Path, submission_id: str) -> list[Path]:
    """Return the folders with files of a submission's results, and of no other's."""
    pattern = f"{glob.escape(submission_id)}.files-{'[0-9a-f]' * _DIGITS}"
    return sorted(folder.glob(pattern))


def _forget_others(folder: Path, submission_id: str, kept: str) -> None:
    """Remove the files of results that this one has replaced."""
    for left in beside(folder, submission_id):
        if left.name != kept:
            shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def alone(folder: Path, *, make: bool = False) -> Iterator[None]:
    """Keep other graders from writing here meanwhile, and remove what killed ones left.

    ``make`` makes the folder. A process that is alone already must not ask again.
    """
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise HarnessError(f"no result can be stored in {folder}: {error.strerror}") from error
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

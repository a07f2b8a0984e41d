"""Takes over a course's own weight file and test cases.

Both are read inside a sandbox (a .pt file can hold more than numbers) and come out as plain
arrays. They are put beside the pack, and kept only if the reference then still gets full marks.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.checking.draw import Draw
from grader.conversation import Conversation
from grader.errors import StudentFault, UsageError
from grader.grade import REFERENCE_LIMITS, grade, oracle_for
from grader.intake import SourceFile, Submission
from grader.pack import Pack
from grader.records import Json
from grader.sandbox import Sandbox

TYPES = {"float32": 4, "float64": 8, "int64": 8}
MAX_ARRAY = 1 << 28  # bytes


def convert(pack: Pack, sandbox: Sandbox, weights: Path, cases: Path) -> Path:
    """Convert and keep; returns the folder. UsageError says what is wrong with the files."""
    folder = pack.checks_folder.parent / "course"
    kept = folder.with_name("course.before")
    arrays = {"weights": weights, "cases": cases}
    files = [SourceFile(f"{n}{path.suffix}", _bytes(path)) for n, path in arrays.items()]
    with Conversation(sandbox, files, REFERENCE_LIMITS) as box:
        tables = {path.path.split(".")[0]: _arrays(box, path.path) for path in files}
    shutil.rmtree(kept, ignore_errors=True)
    if folder.exists():
        folder.rename(kept)
    try:
        folder.mkdir()
        for name, table in tables.items():
            np.savez(folder / f"{name}.npz", **table)  # type: ignore[arg-type]
        _prove(pack, sandbox)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if kept.exists():
            kept.rename(folder)
        raise
    shutil.rmtree(kept, ignore_errors=True)
    return folder


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _arrays(box: Conversation, path: str) -> dict[str, NDArray[Any]]:
    """Fetch every array of a file, each in exactly the size that its shape implies."""
    try:
        box.fresh_worker()
        listing, _ = box.call("contents", {"path": path})
        table = {}
        for name, shape, dtype in listing["arrays"]:
            size = math.prod(shape) * TYPES.get(dtype, MAX_ARRAY)
            if not 0 < size <= MAX_ARRAY:
                raise UsageError(f"{path}: {name} of shape {shape} and type {dtype} is not usable")
            header = {"path": path, "name": name, "shape": shape, "dtype": dtype}
            _, data = box.call("content", header, reply_bytes=size)
            if len(data) != size:
                raise UsageError(f"{path}: {name} could not be read")
            table[str(name)] = np.frombuffer(data, dtype=dtype).reshape(shape)
    except StudentFault as fault:
        raise UsageError(f"{path} cannot be read: {fault.message}") from fault
    if not table:
        raise UsageError(f"{path} holds no arrays of numbers")
    return table


def _prove(pack: Pack, sandbox: Sandbox) -> None:
    """Refuse data on which the reference itself would lose points."""
    submission = Submission("reference", pack.reference, "sha256:" + "0" * 64, ())
    with oracle_for(pack, sandbox) as oracle:
        result = grade(submission, pack, sandbox, oracle=oracle, draw=Draw.fresh())
    # What is always a human's says nothing of the data.
    lost = [c for c in _checks(result) if c["outcome"] not in ("passed", "inconclusive")]
    if lost:
        said = (lost[0]["staff_message"] or lost[0]["message"]).strip().splitlines()[-1]
        raise UsageError(f"the files do not fit the reference, {lost[0]['id']}: {said}")


def _checks(result: Json) -> list[Json]:
    return [check for criterion in result["criteria"] for check in criterion["checks"]]

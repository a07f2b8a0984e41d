"""What was made, on disk: each file whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from grader.errors import HarnessError, UsageError


def write(path: Path, data: bytes) -> None:
    """Write a file, in place of one that is there only when it is on disk."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".grader-new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise HarnessError(f"{path} could not be written: {error}") from error


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a new folder, by their paths in it; all of them or none.

    Raises UsageError if it is there: what an earlier export left could be taken for a new one's.
    """
    if folder.exists():
        raise UsageError(f"{folder} is there already: give a folder that is not there yet")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".grader-new-"))
        try:
            for name, data in files.items():
                write(making / name, data)
            making.chmod(0o755)
            making.rename(folder)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    except OSError as error:
        raise HarnessError(f"{folder} could not be written: {error}") from error

"""What was found out about this machine's devices, in files of its user's own."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.errors import UsageError


def path(name: str, environment: str) -> Path:
    """Return the file of this name, or the one that the environment names."""
    if named := os.environ.get(environment):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "grader" / name


def read(file: Path) -> dict[str, Any]:
    """Return its entries; none where there is no such file, or it is not readable."""
    try:
        found = json.loads(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(file: Path, entries: Mapping[str, object], environment: str) -> Path:
    """Write all entries, the whole file at once; return it. Raises UsageError where it cannot."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, encoding="ascii", delete=False
        ) as new:
            new.write(json.dumps(entries, indent=2) + "\n")
        Path(new.name).replace(file)
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error}; name another in {environment}"
        ) from error
    return file

"""Folders for their owner alone, which go with the process that made them, however it ends.

A folder's name says whose it is (`grader.sandbox.owner`). Whoever makes the next one removes those
whose process is gone: a process that was killed had no chance to.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from grader.sandbox.owner import PREFIX as LABEL
from grader.sandbox.owner import Owner

PREFIX = ".grader-private-"
_NAME = re.compile(
    re.escape(PREFIX) + r"(?P<pid>\d+)\.(?P<started>\d*)\.(?P<boot>[\w-]*)\.(?P<space>\d*)\.\w+"
)


@contextlib.contextmanager
def folder(base: Path | None = None) -> Iterator[Path]:
    """Make one that nobody else may read, in ``base`` or in memory, and remove it at the end.

    In a ``base`` that machines share, those of other machines are left alone.
    """
    where = base or _in_memory()
    sweep(where, one_machine=base is None)
    me = Owner.current()
    space = re.sub(r"\D", "", me.space)
    prefix = f"{PREFIX}{me.pid}.{me.started}.{me.boot}.{space}."
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=where))  # of mode 0700
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(where: Path, *, one_machine: bool) -> None:
    """Remove what processes have left here that are gone."""
    for path in where.glob(f"{PREFIX}*"):
        owner = _owner(path.name)
        with contextlib.suppress(OSError):  # another one sweeps as well
            if (
                owner is not None
                and path.lstat().st_uid == os.getuid()
                and owner.is_gone(one_machine=one_machine)
            ):
                shutil.rmtree(path, ignore_errors=True)


def _owner(name: str) -> Owner | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    space = f"pid:[{found['space']}]" if found["space"] else ""
    labels = {key: found[key] for key in ("pid", "started", "boot")} | {"space": space}
    return Owner.of({f"{LABEL}.{key}": value for key, value in labels.items()})


def _in_memory() -> Path:
    """Return a folder that is in memory, where there is one."""
    memory = Path("/dev/shm")  # noqa: S108 - what is made in it is for its owner alone
    usable = memory.is_dir() and os.access(memory, os.W_OK | os.X_OK)
    return memory if usable else Path(tempfile.gettempdir())

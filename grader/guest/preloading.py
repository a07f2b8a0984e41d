"""What is imported once per sandbox, before any worker: torch, and what a submission mentions."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import sys

from grader.guest.frames import Header

FONT_CACHE = "/opt/grader/matplotlib"  # where the image keeps it


def preload(modules: list[str]) -> Header:
    """Import what every worker will need, so that a fork costs milliseconds."""
    sys.dont_write_bytecode = True
    gc.disable()  # what is imported stays: looking for garbage in it takes a tenth of the time
    import torch  # noqa: PLC0415 - the slow part, paid once per sandbox

    torch.set_num_threads(1)
    # matplotlib makes no use of a cache that it cannot write to, and without one it takes longer.
    with contextlib.suppress(OSError, KeyError):
        shutil.copytree(FONT_CACHE, os.environ["MPLCONFIGDIR"], dirs_exist_ok=True)
    missing = []
    for name in ("grader.guest.worker", *modules):
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    # Else a worker's first full collection writes to, and so copies, everything imported here.
    gc.freeze()
    gc.enable()
    return {
        "torch": torch.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "missing": missing,
    }

"""Libraries that a student's install leaves out, and the command that adds them."""

from __future__ import annotations

import importlib.util
import sys

from grader.errors import UsageError

EXTRAS = {
    "staff": ("argcomplete", "docker", "jinja2", "jsonschema", "markupsafe", "matplotlib",
              "nbformat", "PIL", "pygments", "yaml", "rich", "requests"),
    "review": ("flask", "waitress", "werkzeug"),
    "gpu": ("pynvml",),
    "cluster": ("cryptography", "dask", "dask_jobqueue", "distributed"),
}  # fmt: skip
"""Names as they are imported, by the extra in pyproject.toml that has them."""


def need_torch() -> None:
    """Raise UsageError where this Python, on which a student's code is to run, has no torch."""
    if importlib.util.find_spec("torch") is None:
        raise UsageError(
            f"your code runs on this Python ({sys.executable}), which has no torch: "
            "python -m pip install torch"
        )


def remedy(error: ModuleNotFoundError) -> str:
    """Return what to do about a library that is not here; "" where it is none of ours."""
    name = (error.name or "").partition(".")[0]
    for extra, names in EXTRAS.items():
        if name in names:
            return (
                f"this needs the library {name}, which is not installed: "
                f"python -m pip install 'grader[{extra}]'"
            )
    return ""

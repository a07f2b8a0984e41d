"""From arguments to text: finds the calculator, asks it, and lays out what it says."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

from grader.calc import costs, memory
from grader.calc.choice import Asked, Calculator
from grader.calc.sheets import Sheet, render
from grader.errors import UsageError

SUFFIXES = (".png", ".svg")
NAME = "grader_reference_calculator"
ANSWERS: Mapping[str, Callable[[Calculator, Asked], list[Sheet]]] = {
    "models": memory.models,
    "devices": memory.devices,
    "params": memory.params,
    "kv": memory.kv,
    "batch": memory.batch,
    "attention": costs.attention,
    "layer": costs.layer,
    "speculative": costs.speculative,
}


def answer(arguments: Asked, root: Path) -> str:
    """Return what was asked for, as tables or as JSON; write the plot if one is wanted.

    Raises UsageError where there is no reference, or where the numbers asked for cannot be.
    """
    calculator = load(root)
    plot: Path | None = getattr(arguments, "plot", None)
    if plot is not None and plot.suffix not in SUFFIXES:
        raise UsageError(f"{plot}: a plot is a file that ends with {' or '.join(SUFFIXES)}")
    try:
        sheets = ANSWERS[arguments.what](calculator, arguments)
        if plot is not None:
            from grader.calc import plots  # noqa: PLC0415 - matplotlib takes longer than the rest

            plots.save(plots.PLOTS[arguments.what](calculator, arguments), plot)
    except ValueError as error:  # the calculator's word for numbers that cannot be
        raise UsageError(str(error)) from error
    if arguments.json:
        return json.dumps({sheet.name: sheet.rows for sheet in sheets}, indent=2)
    return "\n\n".join(render(sheet) for sheet in sheets)


def load(root: Path) -> ModuleType:
    """Return the calculator below a project's root, imported by its path."""
    path = root / "reference" / "calculator" / "__init__.py"
    if not path.is_file():
        raise UsageError(
            f"the calculator is not here ({path.parent}): it belongs to the solutions, so run "
            "`grader calc` from a checkout of the whole project"
        )
    if NAME in sys.modules:
        return sys.modules[NAME]
    spec = importlib.util.spec_from_file_location(NAME, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module  # its own modules and its dataclasses look for it there
    spec.loader.exec_module(module)
    return module

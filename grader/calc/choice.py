"""The model and the device that a command is about."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from grader.calc.arguments import OVERRIDES
from grader.errors import UsageError
from grader.tables import hint

# The reference's module and the records that it hands out. It is imported by its path, since the
# package is complete without it: so its types have no names here.
Calculator = Any
Model = Any
Device = Any
Cost = Any
Asked = argparse.Namespace
Known = TypeVar("Known")


def chosen(calculator: Calculator, name: str, asked: Asked) -> Model:
    """Return a known model with the numbers that take the place of its own."""
    model = _known(calculator.MODELS, name, "model")
    changes = {flag.replace("-", "_"): getattr(asked, flag.replace("-", "_"))
               for flag, _ in OVERRIDES}  # fmt: skip
    changes = {field: number for field, number in changes.items() if number is not None}
    if not changes:
        return model
    said = ", ".join(f"{field} {number}" for field, number in changes.items())
    return replace(model, name=f"{name} with {said}", **changes)


def known_device(calculator: Calculator, name: str) -> Device:
    """Return a known device."""
    return _known(calculator.DEVICES, name, "device")


def _known(there: Mapping[str, Known], name: str, what: str) -> Known:
    if name not in there:
        raise UsageError(f"no {what} {name!r} in `grader calc {what}s`{hint(name, there)}")
    return there[name]

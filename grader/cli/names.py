"""Completion in a shell: the parser's own words, and names of packs, submissions and criteria.

argcomplete asks the parser, so that nothing is written down twice. What is looked up is cheap: the
names of folders, and one result.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from grader.cli.choices import ROOT
from grader.cli.parser import Front

Completer = Callable[..., Sequence[str]]  # argcomplete gives all it knows, by name


def packs(**_: object) -> Sequence[str]:
    """Return the ids of all packs."""
    return [path.parent.name for path in (ROOT / "rubrics").glob("*/rubric.toml")]


def submissions(*, parsed_args: argparse.Namespace, **_: object) -> Sequence[str]:
    """Return the submissions that have a result in the folder."""
    folder = getattr(parsed_args, "folder", None)
    return [path.stem for path in Path(folder).glob("*.json")] if folder else []


def lines(*, parsed_args: argparse.Namespace, **_: object) -> Sequence[str]:
    """Return the criteria of a submission's result, and their checks."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        path = Path(parsed_args.folder) / f"{parsed_args.name}.json"
        criteria = json.loads(path.read_text(encoding="utf-8"))["criteria"]
        return [each["id"] for one in criteria for each in (one, *one["checks"])]
    return []


def devices(**_: object) -> Sequence[str]:
    """Return what a device may be called."""
    return ["auto", "cpu", "cuda:0"]


COMPLETERS: dict[str, Completer] = {
    "pack": packs,
    "name": submissions,
    "names": submissions,
    "ids": submissions,
    "only": submissions,
    "line": lines,
    "device": devices,
}
"""By the name of what is taken."""


def complete(front: Front) -> None:
    """Answer the shell and exit; nothing where the library for it is not installed."""
    try:
        import argcomplete
    except ImportError:
        return
    for command in front.commands.choices.values():
        for action in command.actions if hasattr(command, "actions") else ():
            if action.choices is None and action.dest in COMPLETERS:
                setattr(action, "completer", COMPLETERS[action.dest])  # noqa: B010 - argcomplete's
    argcomplete.autocomplete(front)

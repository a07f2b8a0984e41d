"""The commands of a server with several courses: their night, and what is old.

Each returns its exit code. The rooms behind the door are imported by the command that needs them.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from grader.cli import choices

if TYPE_CHECKING:
    from grader.batch.story import Done


def night(arguments: argparse.Namespace) -> int:
    """Grade the courses of a server, one after the other."""
    from grader.server import night as nights

    return _told(
        arguments,
        nights.run(arguments.files, choices.ROOT, choices.device, choices.say, wait=arguments.wait),
    )


def clean(arguments: argparse.Namespace) -> int:
    """Say what is old, and remove it if that is wanted."""
    from grader.server import cleaning

    return _told(
        arguments, cleaning.run(arguments.files, choices.ROOT, choices.say, yes=arguments.yes)
    )


def _told(arguments: argparse.Namespace, done: Done) -> int:
    if not choices.document(arguments, done.data):
        print(done.summary)
    return done.code

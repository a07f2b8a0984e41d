"""From argv to an exit code."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import sys
from typing import NoReturn

from grader.cli import arguments as command_line
from grader.cli import choices, names
from grader.cli.choices import progress
from grader.cli.missing import remedy
from grader.errors import HarnessError, UsageError
from grader.text import shown


def main() -> NoReturn:
    """Run one command and exit."""
    signal.signal(signal.SIGTERM, _stop)
    parser = command_line.parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may follow
        names.complete(parser)
    arguments = parser.parse_args()
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except UsageError as error:
        _fail(str(error), 1)
    except HarnessError as error:
        _fail(str(error), 2)
    except KeyboardInterrupt:
        _fail("stopped; nothing was left running", 130)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and (said := remedy(error)):
            _fail(said, 1)
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            sys.exit(141)  # as a shell says of a program that SIGPIPE ends
        if os.environ.get("GRADER_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        _fail(f"a fault of the grader itself ({what}); GRADER_DEBUG=1 shows where", 2)
    sys.exit(code)


def _run(arguments: argparse.Namespace) -> int:
    """Run a command; with --json its one document goes to stdout, and all else to stderr."""
    if not choices.wants_document(arguments):
        return int(arguments.run(arguments))
    with contextlib.redirect_stdout(sys.stderr):
        code = int(arguments.run(arguments))
    print(json.dumps(arguments.document, indent=2))
    return code


def _fail(message: str, code: int) -> NoReturn:
    progress("")
    print(f"grader: {shown(message, 800)}", file=sys.stderr)
    sys.exit(code)


def _nobody_reads() -> bool:
    """Whether whoever read our output has seen enough, as in ``grader ... | head``."""
    if hasattr(select, "poll"):  # not on Windows
        asked = select.poll()
        asked.register(sys.stdout.fileno(), 0)
        if not any(event & select.POLLERR for _, event in asked.poll(0)):
            return False
    # What is left to write at the end of Python goes nowhere, without a word.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt

"""How the command line is read: our exit code for usage, and the word that was probably meant."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - it has no other name
COMMAND = "command"  # the attribute that says which it is
COLUMN = 13  # where the help of a command begins
OTHER = "others"


class Parser(argparse.ArgumentParser):
    """A parser that ends with our exit code for usage, and says what was probably meant."""

    def error(self, message: str) -> NoReturn:
        """End with 1; argparse's own 2 says here that the grader is at fault."""
        self.print_usage(sys.stderr)
        more = "" if self.prog.endswith("--help") else f" (`{self.prog} --help` shows examples)"
        self.exit(1, f"{self.prog}: error: {message}{more}\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - argparse's
        """Refuse what is none of the choices, with the one that is nearest."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(each) for each in action.choices]
        what = "command" if action.dest == COMMAND else f"{value!r}"
        said = f"no {what} {value!r}" if what == "command" else f"{what} is none of its choices"
        meant = nearest(str(value), choices)
        listed = "" if action.dest == COMMAND else f": {', '.join(choices)}"
        raise argparse.ArgumentError(
            None if action.dest == COMMAND else action, f"{said}{listed}{meant}"
        )

    @property
    def actions(self) -> list[argparse.Action]:
        """Return all that it takes."""
        return self._actions

    @property
    def options(self) -> list[str]:
        """Return the names of all options."""
        return [name for name in self._option_string_actions if name.startswith("--")]


class Front(Parser):
    """The parser of all commands, which its help shows in groups."""

    def __init__(self, groups: dict[str, tuple[str, ...]], **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(**keywords)
        self._in_groups = groups
        self.commands: Commands = self.add_subparsers(
            required=True, metavar="COMMAND", dest=COMMAND, parser_class=Parser
        )
        self.helps: dict[str, str] = {}

    def command(self, name: str, what: str, epilog: str) -> Parser:
        """Add a command; ``what`` is half a sentence."""
        self.helps[name] = what
        return self.commands.add_parser(
            name, help=what, description=f"{what[0].upper()}{what[1:]}.", epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip

    def format_help(self) -> str:
        """Return what there is, by whose day it belongs to."""
        known = set(self.commands.choices)
        groups = dict(self._in_groups)
        if others := known - {name for names in groups.values() for name in names}:
            groups[OTHER] = tuple(sorted(others))
        lines = [f"usage: {self.prog} COMMAND ...", "", str(self.description)]
        for title, names in groups.items():
            lines += ["", f"{title}:"]
            lines += [f"  {name:{COLUMN}}{self.helps[name]}" for name in names if name in known]
        return "\n".join([*lines, "", str(self.epilog), ""])

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Read a command line; an option that is none of the command's is refused."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            chosen: Parser = self.commands.choices[getattr(found, COMMAND)]
            meant = nearest(unknown[0].partition("=")[0], chosen.options)
            chosen.error(f"unrecognized arguments: {' '.join(unknown)}{meant}")
        return found


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, as the end of a sentence."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""

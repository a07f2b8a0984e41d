"""docs/commands.md, written from the parser that reads the command line.

python -m tests.docs.reference
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from grader.cli import arguments

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
HEAD = """# Commands

Written from the parser by `make docs`. Each command says the same with `--help`. Where the grader
was set up by `make`, it is `.venv/bin/grader`.

| exit code | means |
|---|---|
| 0 | done; a grading was graded, whatever the score |
| 1 | usage: a mistyped option, no such submission, a bad pack |
| 2 | a fault of the grader or of its machine; points are withheld and nobody has lost any |
| 130 | stopped by Ctrl-C; nothing is left running |
"""


def page() -> str:
    """Return the whole page."""
    return HEAD + "\n".join(line.rstrip() for line in _commands(arguments.parser())) + "\n"


def _commands(parser: argparse.ArgumentParser, depth: int = 2) -> Iterator[str]:
    """Yield the lines on each command below ``parser``, its own commands included."""
    for choices in parser._actions:
        if not isinstance(choices, argparse._SubParsersAction):
            continue
        about = {each.dest: each.help or "" for each in choices._choices_actions}
        for name, command in choices.choices.items():
            yield from ["", f"{'#' * depth} {command.prog}", ""]
            yield from [_sentence(about.get(name, "")), "", f"    {_usage(command)}"]
            if rows := [_row(each) for each in command._actions if _is_told(each)]:
                yield from ["", "| argument | means | default |", "|---|---|---|", *rows]
            yield from _commands(command, depth + 1)


def _is_told(action: argparse.Action) -> bool:
    return not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)


def _usage(command: argparse.ArgumentParser) -> str:
    """Return what a call looks like: what has to be given, and that more may be."""
    told = [each for each in command._actions if _is_told(each)]
    needed = [each for each in told if each.required]
    words = [_written(each) for each in needed]
    if any(isinstance(each, argparse._SubParsersAction) for each in command._actions):
        words.append("COMMAND")
    if len(told) > len(needed):
        words.append("[OPTION ...]")
    return " ".join([command.prog, *words])


def _written(action: argparse.Action) -> str:
    """Return an argument as it is typed, its values behind it."""
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    value = f"{value} ..." if action.nargs in {"+", "*"} else str(value)
    if not action.option_strings:
        return value
    return action.option_strings[0] if action.nargs == 0 else f"{action.option_strings[0]} {value}"


def _row(action: argparse.Action) -> str:
    default = action.default
    if default in (None, False, "", argparse.SUPPRESS) or default == [] or action.nargs == 0:
        default = ""
    elif isinstance(default, list | tuple):
        default = " ".join(map(str, default))
    cells = [f"`{_written(action)}`", action.help or "", f"`{default}`" if default != "" else ""]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

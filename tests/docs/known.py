"""What a command may be: a call of the grader that parses, or a target, file or extra there is."""

import argparse
import contextlib
import io
import re
import shlex
import tomllib
from functools import cache

from grader.cli import arguments
from tests.docs.commands import ROOT, VENV
from tests.proof.__main__ import PARTS

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):.*##", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"\b[A-Z]{2,}\b", MAKEFILE))
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
ELSEWHERE = {  # programs that are not ours, as far as the docs need them, and what has to be said
    "apt-get": {"install"},
    "cd": set(),
    "cp": set(),
    "dask": {"scheduler", "--tls-key"},
    "diff": {"gradebook.csv", "filled.csv"},
    "openssl": {"req", "-x509"},
    "systemd-run": {"--user", "--scope"},
}


def trouble(command):
    """Return what is wrong with a command that a page shows; nothing where it is fine."""
    program, *rest = command.words
    if program == "grader":
        return parsed(rest)
    if program in {"make", "python", "pip", "pytest"}:
        return {"make": _make, "python": _python, "pip": _pip, "pytest": _file}[program](rest)
    if program == ".ci/run":
        return _file([program])
    if program not in ELSEWHERE:
        return f"{program}: nobody knows it; tests/docs/known.py has the list"
    if missing := ELSEWHERE[program] - set(rest):
        return f"{program} without {' '.join(missing)}"
    own = VENV + "grader"
    return parsed(rest[rest.index(own) + 1 :]) if own in rest else ""


def trouble_named(command):
    """Return the same of a command that a sentence names, perhaps without what it needs."""
    program, name, *rest = command.words
    if program == "make":
        return _make([name, *rest])
    known = subcommands(parser())
    if name not in known:
        return f"grader {name}: no such command"
    options = {option for each in _below(known[name]) for option in each._option_string_actions}
    return ", ".join(word for word in rest if word.startswith("--") and word not in options)


@cache
def parser():
    """Return the grader's own parser; it can be asked again and again."""
    return arguments.parser()


def subcommands(of):
    """Return the commands of a parser by name; none where it has none."""
    found = [a for a in of._actions if isinstance(a, argparse._SubParsersAction)]
    return found[0].choices if found else {}


def parsed(words):
    """Return what the grader's own parser says against these words."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parser().parse_args(list(words))
    except SystemExit as end:
        return said.getvalue().splitlines()[-1] if end.code else ""
    return ""


def _below(command):
    yield command
    for inner in subcommands(command).values():
        yield from _below(inner)


def _make(rest):
    targets = {word for word in rest if "=" not in word}
    given = dict(word.split("=", 1) for word in rest if "=" in word)
    if wrong := (targets - TARGETS) | (given.keys() - VARIABLES):
        return f"make has no {' '.join(wrong)}"
    return _parts(shlex.split(given.get("PARTS", "")))


def _parts(parts):
    return ", ".join(f"no part {part} of the proof" for part in parts if part not in PARTS)


def _python(rest):
    if rest[0] != "-m":
        return _file(rest)
    path = ROOT / rest[1].replace(".", "/")
    if not (path.with_suffix(".py").exists() or (path / "__main__.py").exists()):
        return f"there is no module {rest[1]}"
    if rest[1] == "tests.proof":
        return _parts([word for word in rest[2:3] if not word.startswith("-")])
    return ""


def _file(rest):
    return "" if (ROOT / rest[0]).exists() else f"there is no {rest[0]}"


def _pip(rest):
    bracketed = [found for word in rest for found in re.findall(r"\[(.+)\]", word)]
    wanted = {name for found in bracketed for name in found.split(",")}
    if rest[0] not in {"install", "wheel"}:
        return f"pip {rest[0]}"
    return ", ".join(f"no extra {name}" for name in wanted - EXTRAS.keys())

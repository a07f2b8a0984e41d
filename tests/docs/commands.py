"""The commands that README, CONTRIBUTING and the pages under docs/ show, taken out of them.

A fence is a block of commands where it says so (``sh``, ``console``), where a line begins with
``$ ``, or where its first word is a program that is known here. With ``$ `` only those lines are
commands, and the others are what they print. Any other fence is no command's business.

Code within a sentence counts where it begins with ``grader`` or ``make`` and a name.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
SHELLS = ("sh", "console")
PROGRAMS = ("grader", "make", "python", "pip", "pytest", ".ci/run")
VENV = ".venv/bin/"
MENTION = re.compile(r"^(grader|make) [a-z][a-z-]*(?= |$)")


@dataclass(frozen=True)
class Command:
    """One command as it stands on a page."""

    page: Path
    line: int  # the block's first, counted from 1
    words: tuple[str, ...]  # without a prompt, a comment and the folder of the environment

    def __str__(self) -> str:
        """Return where it stands, and what it says."""
        return f"{self.page.relative_to(ROOT)}:{self.line}: {shlex.join(self.words)}"


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    """Return what a page consists of."""
    text = page.read_text(encoding="utf-8")
    return tuple(MarkdownIt("commonmark").enable("table").parse(text))


def shown(page: Path) -> Iterator[Command]:
    """Yield the commands of a page's blocks, in order."""
    for token in tokens(page):
        if token.type != "fence":
            continue
        begin = token.map[0] + 1 if token.map else 0
        for text in _lines(token.info.strip(), token.content):
            for words in _single(shlex.split(text, comments=True)):
                yield Command(page, begin, words)


def mentioned(page: Path) -> Iterator[Command]:
    """Yield what a page's sentences name in code: a command, perhaps without what it needs."""
    for token in tokens(page):
        for inner in token.children or ():
            if inner.type == "code_inline" and MENTION.match(inner.content.removeprefix(VENV)):
                begin = token.map[0] + 1 if token.map else 0
                words = inner.content.removeprefix(VENV).split()
                yield Command(page, begin, tuple(words))


def _lines(info: str, content: str) -> list[str]:
    """Return the lines of a fence that are commands."""
    lines = content.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        return [line[2:] for line in lines if line.startswith("$ ")]
    first = next((line for line in lines if line.strip()), "").split(" ")[0]
    if info in SHELLS or (not info and first.removeprefix(VENV) in PROGRAMS):
        return [line for line in lines if line.strip()]
    return []


def _single(words: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield the commands of a line that has several."""
    found: list[str] = []
    for word in [*words, "&&"]:
        if word in {"&&", "|"}:
            if found:
                yield (found[0].removeprefix(VENV), *found[1:])
            found = []
        else:
            found.append(word)

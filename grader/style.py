"""Style as advice: comments and names, counted in the text of a submission, which is never run.

Lines that the assignment gave out are nobody's style and count neither way. What is found earns and
costs nothing by itself: a rubric may say what to suggest to a human.
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader import remarks
from grader.intake import SourceFile
from grader.records import Finding
from grader.text import shown

MEASURES: Mapping[str, tuple[str, ...]] = {
    "comments": ("comment_share", "bare_functions", "code_lines"),
    "names": ("empty_share", "empty_names", "names"),
}
"""What is measured, by the id of the finding: what a rubric may set limits to."""

LONG = 5  # lines of own code from which on a function should say what it does
LEAST_LINES, LEAST_NAMES = 20, 10  # of own code: below that a share says nothing
_MAX_FILE, _MAX_TOTAL = 100_000, 200_000  # bytes; the hungriest text of that size takes 2 s
_MAX_EVIDENCE = 20

# Letters that stand for something in this field, alone or with a number: B, T, D, q, k, v, x, h1.
# Capitals are dimensions and matrices.
_LETTERS = set("bcdefhijklmnpqrstvwxyz")
_PAIRS = {"ff", "ll", "mm", "nn"}  # feed-forward, log-likelihood, and products
_EMPTY = {"foo", "bar", "baz", "qux", "quux", "toto", "spam", "eggs", "asdf", "qwerty", "abc",
          "xyz", "blah", "bla", "thing", "things", "stuff", "something", "whatever", "variable",
          "var", "vars", "my_var", "myvar", "func", "function", "my_func", "myfunc", "method",
          "my_function", "hello"}  # fmt: skip
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_EMPTY_NUMBERED = {"tmp", "temp", "data", "val", "value", "arr", "lst", "list", "num", "obj"}


@dataclass(frozen=True)
class _Function:
    """A function of the student's: its name, its line, and what is in it of theirs."""

    name: str
    line: int
    code_lines: int
    is_bare: bool  # neither a comment nor a docstring, whoever wrote them


@dataclass(frozen=True)
class _Seen:
    """What was counted in one file, of the student's own lines."""

    path: str
    code_lines: int
    comment_lines: int
    functions: tuple[_Function, ...]
    names: Mapping[str, int]  # to the line of the first binding
    empty: tuple[str, ...]  # those of the names that say nothing


def look(files: Iterable[SourceFile], given: Iterable[SourceFile]) -> tuple[Finding, ...]:
    """Return what there is to say on the style of Python files beyond those that were given out.

    Files that are no valid Python, or too much of it, are passed over. Never raises, and is done in
    seconds whatever the files hold.
    """
    lines, words = _given(given)
    seen, budget = [], _MAX_TOTAL
    for file in files:
        if not file.path.lower().endswith(".py") or len(file.data) > min(_MAX_FILE, budget):
            continue
        budget -= len(file.data)
        if (parsed := _parsed(file.data)) is not None:
            seen.append(_count(file.path, *parsed, lines, words))
    return (*_on_comments(seen), *_on_names(seen))


def _on_comments(seen: Sequence[_Seen]) -> Iterator[Finding]:
    code = sum(file.code_lines for file in seen)
    if code < LEAST_LINES:
        return
    comments = sum(file.comment_lines for file in seen)
    bare = [(f, function) for f in seen for function in f.functions if function.is_bare]
    longest = sorted(bare, key=lambda found: -found[1].code_lines)
    yield Finding(
        id="comments",
        measured={
            "comment_share": round(comments / code, 4),
            "bare_functions": len(bare),
            "code_lines": code,
        },
        message=(
            f"Beyond what was given, lines of comments: {comments}, of code: {code}; functions "
            f"without a comment or docstring: {len(bare)}."
        ),
        evidence=_first(
            f"{shown(file.path)}, line {function.line}: `{shown(function.name)}`, "
            f"{function.code_lines} lines"
            for file, function in longest
        ),
    )


def _on_names(seen: Sequence[_Seen]) -> Iterator[Finding]:
    names = sum(len(file.names) for file in seen)
    if names < LEAST_NAMES:
        return
    empty = [(file, name) for file in seen for name in file.empty]
    yield Finding(
        id="names",
        measured={
            "empty_share": round(len(empty) / names, 4),
            "empty_names": len(empty),
            "names": names,
        },
        message=f"Beyond what was given, {len(empty)} of {names} names say nothing.",
        evidence=_first(
            f"{shown(file.path)}, line {file.names[name]}: `{shown(name)}`" for file, name in empty
        ),
    )


def _first(evidence: Iterable[str]) -> tuple[str, ...]:
    found = tuple(evidence)
    more = len(found) - _MAX_EVIDENCE
    return found if more <= 0 else (*found[:_MAX_EVIDENCE], f"and {more:,} more")


# --- one file -------------------------------------------------------------------------------------


def _parsed(data: bytes) -> tuple[str, ast.Module] | None:
    """Return a file's text, with line feeds as its only line ends, and its tree, if it has one."""
    try:
        text = remarks.decoded(data).replace("\r\n", "\n").replace("\r", "\n")
        return text, remarks.parsed(text)
    except remarks.NOT_PYTHON:
        return None


def _given(files: Iterable[SourceFile]) -> tuple[set[str], set[str]]:
    """Return the lines that were given out, without indentation, and all words in them."""
    lines: set[str] = set()
    words: set[str] = set()
    for file in files:
        text = file.data.decode(errors="replace")
        lines.update(line.strip() for line in text.splitlines())
        words.update(re.findall(r"\w+", text))
    return lines, words


def _count(path: str, text: str, tree: ast.Module, given: set[str], words: set[str]) -> _Seen:
    source = text.split("\n")
    own = {number for number, line in enumerate(source, 1) if line.strip() not in given}
    comments, code = _lines(text)
    nodes = list(ast.walk(tree))
    for first, last in _docstrings(nodes):
        comments.update(n for n in range(first, last + 1) if source[n - 1].strip())
        code.difference_update(range(first, last + 1))
    names: dict[str, int] = {}
    empty = []
    for line, name, is_empty in sorted(_bound(nodes)):
        if line in own and name not in words and name not in names:
            names[name] = line
            empty += [name] * is_empty
    return _Seen(
        path=path,
        code_lines=len(code & own),
        comment_lines=len(comments & own),
        functions=tuple(_functions(nodes, code & own, comments, len(source))),
        names=names,
        empty=tuple(empty),
    )


def _lines(text: str) -> tuple[set[int], set[int]]:
    """Return the numbers of lines with a comment of at least a word, and of lines with code."""
    comments: set[int] = set()
    code: set[int] = set()
    nothing = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    # The parser takes some texts that this, in Python, does not: what came before counts.
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                if re.search(r"[^\W\d_]{2}", token.string):
                    comments.add(token.start[0])
            elif token.type not in nothing:
                code.update(range(token.start[0], token.end[0] + 1))
    return comments, code


def _docstrings(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, int]]:
    """Yield the first and last line of every docstring."""
    for node in nodes:
        if isinstance(node, _DOCUMENTED) and node.body:
            head = node.body[0]
            if isinstance(head, ast.Expr) and isinstance(head.value, ast.Constant):  # noqa: SIM102
                if isinstance(head.value.value, str):
                    yield head.lineno, head.end_lineno or head.lineno


def _functions(
    nodes: Sequence[ast.AST], code: set[int], comments: set[int], length: int
) -> Iterator[_Function]:
    """Yield the functions that hold enough code of the student's own."""
    numbers = range(length + 2)
    code_before = list(itertools.accumulate((n in code for n in numbers), initial=0))
    comments_before = list(itertools.accumulate((n in comments for n in numbers), initial=0))
    for node in nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
        after = (node.end_lineno or node.lineno) + 1
        lines = code_before[after] - code_before[first]
        if lines >= LONG:
            said = comments_before[after] - comments_before[max(first - 1, 0)]  # the line above too
            yield _Function(node.name, node.lineno, lines, is_bare=not said)


def _bound(nodes: Sequence[ast.AST]) -> Iterator[tuple[int, str, bool]]:
    """Yield line, name, and whether it says nothing, of all that a file names.

    A single letter is right for what lives on one line only: a counter, the argument of a lambda.
    """
    brief: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            brief.update(id(name) for name in ast.walk(node.target))
        elif isinstance(node, ast.Lambda):
            brief.update(id(name) for name in node.args.args)
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name, is_empty = node.name, len(node.name) == 1 or _says_nothing(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            name = node.id if isinstance(node, ast.Name) else node.attr
            is_empty = _says_nothing(name)
        elif isinstance(node, ast.arg):
            name, is_empty = node.arg, _says_nothing(node.arg)
        else:
            continue
        if name.strip("_") and not (len(name) == 1 and id(node) in brief):
            yield node.lineno, name, is_empty


def _says_nothing(name: str) -> bool:
    """Whether a name could be any other: `a1`, `aa`, `foo`, `tmp2`."""
    plain = name.strip("_")
    stem = plain.rstrip("0123456789").rstrip("_")
    if len(stem) == 1:
        return not (stem.isupper() or stem in _LETTERS or not stem.isascii())
    word = stem.lower()
    repeated = len(set(word)) == 1 and word.isalpha() and word not in _PAIRS
    return repeated or word in _EMPTY or (stem != plain and word in _EMPTY_NUMBERED)

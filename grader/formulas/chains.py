"""``a = b = c``: split where nothing encloses it, each part read, the last symbolic one graded.

- A first part that cannot be read, or is a single symbol, is a label: ``FLOPs = 4N^2d``.
- Lines and arrows begin a new chain, unless they begin with a sign that continues the last.
- After a sign for "about" stands an approximation: the exact part before it is graded.
- Every link between parts that can be read is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grader.formulas.reading import Reading, read, without_end_mark
from grader.formulas.scanning import Token
from grader.formulas.spelling import Unreadable
from grader.formulas.trees import Symbol, symbols

_VERBS = {"is", "are", "equals", "gives", "yields", "takes", "take"}
_CONTINUES = {"relation", "+", "-", "*", "/"}


@dataclass(frozen=True)
class Part:
    """What stands between two relations."""

    relation: str  # before it: "", "=", "≈", "<" or ":"
    tokens: tuple[Token, ...]
    readings: tuple[Reading, ...] = ()
    stopped_by: str = ""  # where there are no readings
    is_label: bool = False

    @property
    def symbolic(self) -> bool:
        """Whether it was read and holds a symbol."""
        return bool(self.readings) and not self.is_label and bool(symbols(self.readings[0].tree))

    @property
    def numeric(self) -> bool:
        """Whether it was read and holds none."""
        return bool(self.readings) and not self.is_label and not symbols(self.readings[0].tree)

    @property
    def text(self) -> str:
        """Return about what it says."""
        return " ".join(token.text.strip("'") for token in without_end_mark(self.tokens))


Chain = tuple[Part, ...]


def chains(tokens: Sequence[Token]) -> list[Chain]:
    """Return all chains of a formula, every part read as far as it can be."""
    found = [tuple(_read_all(parts)) for parts in _split(tokens)]
    return [chain for chain in found if chain]


def _split(tokens: Sequence[Token]) -> list[list[tuple[str, list[Token]]]]:
    """Return chains of (relation before, tokens)."""
    lines: list[list[tuple[str, list[Token]]]] = [[("", [])]]
    depth = 0
    for i, token in enumerate(tokens):
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        relation = _relation(token) if depth <= 0 else ""
        if token.kind == "break" and depth <= 0:
            after = next((t for t in tokens[i + 1 :] if t.kind != "break"), None)
            goes_on = after is not None and (after.kind in _CONTINUES)
            if not goes_on and any(part for _, part in lines[-1]):
                lines.append([("", [])])
        elif relation:
            lines[-1].append((relation, []))
        elif token.kind != "break":
            lines[-1][-1][1].append(token)
    return lines


def _relation(token: Token) -> str:
    if token.kind == "relation":
        return token.text
    if token.kind == "word" and token.text in _VERBS:
        return "="
    return ":" if token.kind == "bad" and token.text == "':'" else ""


def _read_all(parts: list[tuple[str, list[Token]]]) -> list[Part]:
    out: list[Part] = []
    for i, (relation, tokens) in enumerate(parts):
        if not tokens:
            continue
        after = parts[i + 1][0] if i + 1 < len(parts) else ""
        part = _read_one(relation if out else "", tuple(tokens), first=bool(after) and not out)
        out.append(replace(part, is_label=True) if after == ":" else part)
    return out


def _read_one(relation: str, tokens: tuple[Token, ...], *, first: bool) -> Part:
    try:
        readings = read(tokens)
    except Unreadable as stop:
        words = sum(token.kind == "word" for token in tokens)
        prose = tokens[0].kind == "word" and (words == len(tokens) or words > 1)
        return Part(relation, tokens, stopped_by=str(stop), is_label=first or prose)
    lone = isinstance(readings[0].tree, Symbol) and not readings[0].unit
    return Part(relation, tokens, readings, is_label=first and lone)


@dataclass(frozen=True)
class Graded:
    """What of an answer is graded."""

    chain: Chain
    part: Part | None  # the symbolic part; None where there is none
    number: Part | None  # the last number
    stopped_by: str = ""  # what could not be read where the answer should be
    approximated: bool = False  # an approximation follows, which is not graded
    number_chain: Chain = ()  # that the number is in


def graded(found: Sequence[Chain]) -> Graded:
    """Choose the last chain with a formula, in it the last exact symbolic part; and a number."""
    chain = next((c for c in reversed(found) if any(_asks(part) for part in c)), ())
    best: Part | None = None
    stopped, approximated = "", False
    for part in chain:
        if part.relation == "<":
            break
        if part.relation == "≈" and best is not None and not part.numeric:
            approximated = True
            break
        if part.symbolic:
            best, stopped = part, ""
        elif part.stopped_by and not part.is_label:
            stopped = part.stopped_by
    with_number = [c for c in (*found, chain) if any(part.numeric for part in c)]
    last = with_number[-1] if with_number else ()
    number = next((part for part in reversed(last) if part.numeric), None)
    return Graded(chain, None if stopped else best, number, stopped, approximated, last)


def _asks(part: Part) -> bool:
    return part.symbolic or bool(part.stopped_by and not part.is_label)

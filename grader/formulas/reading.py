r"""Tokens -> a tree, by recursive descent within limits.

    sum     := [+|-] product ((+|-) product)*
    product := power ((* | / | // | nothing) power)*
    power   := atom (^ exponent)?
    atom    := number | symbol | ( sum ) | \frac{sum}{sum} | sqrt, floor, ceil, max, min

An exponent is a literal: a whole number from -64 to 64, or one half. Brackets nest 60 deep.
``n(x)`` is a product. ``1/2BN`` has two readings, (1/2)BN and 1/(2BN): both are returned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from grader.formulas import trees
from grader.formulas.scanning import MAX_EXPONENT, Token
from grader.formulas.spelling import Unreadable
from grader.formulas.trees import Apply, Number, Symbol, Tree

MAX_DEPTH = 60
_PAIRS = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\lbrace": r"\rbrace",
          r"\lbrack": r"\rbrack", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}  # fmt: skip
_STARTS = {"number", "symbol", "open", "frac", "function"}
_UNIT = re.compile(
    r"(?:[kKMGTP]i?|kilo|mega|giga|tera|milli|micro)?"
    r"(?:flops?|bytes?|ops?|macs?|b|elements?|elems?|seconds?|secs?|s|operations?|transactions?)"
    r"|[mnuµμ]s|\\mu|mu|m?secs?|(?:milli|micro|nano)seconds?|floating|point|per|layer|of|in|total|a|each|the|token|memory|access(?:es)?"
    r"|thousand|million|billion|trillion|bn|approx(?:imately)?|about|\\?%",
    re.IGNORECASE,
)
_TIMES = re.compile(
    r"x|times|faster|speed-?up|fold|quicker|less|more|as|fast|\(|\)|\*", re.IGNORECASE
)
_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Reading:
    """A formula as it was read; ``unit`` is the words that stand after it."""

    tree: Tree
    unit: str = ""


class _Parser:
    """One pass over the tokens; ``tight``: a product without ``*`` binds before ``/``."""

    def __init__(self, tokens: Sequence[Token], *, tight: bool) -> None:
        self.tokens, self.tight = tokens, tight
        self.at = self.depth = 0

    def peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else Token("end", "its end")

    def next(self) -> Token:
        token = self.peek()
        self.at += 1
        return token

    def accept(self, *kinds: str) -> Token | None:
        return self.next() if self.peek().kind in kinds else None

    def stop(self, token: Token) -> Unreadable:
        said = {"end": "its end", "bad": token.text, "break": token.text}
        return Unreadable(said.get(token.kind, f"'{token.text}'"))

    def down(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable(f"brackets that are nested more than {MAX_DEPTH} deep")

    def sum(self) -> Tree:
        terms = []
        while True:
            minus = False
            while sign := self.accept("+", "-"):
                minus ^= sign.kind == "-"
            term = self.product()
            terms.append(Apply("-", (term,)) if minus else term)
            if self.peek().kind not in {"+", "-"}:
                return terms[0] if len(terms) == 1 else Apply("+", tuple(terms))

    def product(self) -> Tree:
        over, under = [self.power()], []
        while True:
            if self.accept("*"):
                over.append(self.signed())
            elif self.accept("/"):
                under.append(self.divisor())
            elif self.accept("//"):
                self.down()
                whole = Apply("/", (_ratio(over, under), self.signed()))
                over, under = [Apply("floor", (whole,))], []
            elif self.implicit():
                over.append(self.power())
            else:
                return _ratio(over, under)

    def divisor(self) -> Tree:
        """Return what a ``/`` divides by: with ``tight``, all that follows without a sign."""
        parts = [self.signed()]
        while self.tight and self.implicit():
            parts.append(self.power())
        return _product(parts)

    def implicit(self) -> bool:
        """Whether a factor follows without a sign. A number there may be a lost exponent."""
        token = self.peek()
        if token.kind == "number" and self.at:
            before = self.tokens[self.at - 1]
            if before.kind == "number":
                raise Unreadable(f"'{before.text} {token.text}', two numbers side by side")
            raise Unreadable(f"'{token.text}' after '{before.text}', with no sign between them")
        return token.kind in _STARTS

    def signed(self) -> Tree:
        minus = False
        while sign := self.accept("+", "-"):
            minus ^= sign.kind == "-"
        tree = self.power()
        return Apply("-", (tree,)) if minus else tree

    def power(self) -> Tree:
        base = self.atom()
        if not self.accept("^"):
            return base
        exponent = self.exponent()
        if self.peek().kind == "^":
            raise Unreadable("'^', a power of a power without brackets")
        if exponent == _HALF:
            return Apply("sqrt", (base,))
        return Apply("^", (base, Number(exponent)))

    def exponent(self) -> Fraction:
        """Return a literal exponent, in braces or brackets or bare."""
        if opened := self.accept("open"):
            start, depth = self.at, 1
            while depth and self.peek().kind != "end":
                depth += {"open": 1, "close": -1}.get(self.next().kind, 0)
            inner = [t.text for t in self.tokens[start : self.at - 1]]
            if self.tokens[self.at - 1].text != _PAIRS.get(opened.text):
                raise Unreadable(f"'{opened.text}', which is never closed")
        else:
            inner = [self.next().text] if self.peek().kind in {"number", "+", "-"} else []
            if inner and inner[0] in {"+", "-"}:
                inner.append(self.next().text)
            if not inner:
                shown = self.peek().text
                raise Unreadable(f"the exponent '{shown}', which is not a plain number")
        text = "".join(inner)
        try:
            value = Fraction(text) if len(text) <= len("-64/64") else Fraction(10**6)
        except (ValueError, ZeroDivisionError):
            raise Unreadable(f"the exponent '{text[:40]}', which is not a plain number") from None
        if value != _HALF and (value.denominator != 1 or abs(value) > MAX_EXPONENT):
            raise Unreadable(f"the exponent {text[:40]}; it may be whole, up to {MAX_EXPONENT}")
        return value

    def atom(self) -> Tree:
        token = self.next()
        if token.kind == "number":
            return Number(token.value)
        if token.kind == "symbol":
            return Symbol(token.text)
        self.down()
        if token.kind == "open":
            tree = self.group(token)
        elif token.kind == "frac":
            tree = Apply("/", (self.one_argument(token), self.one_argument(token)))
        elif token.kind == "function":
            tree = self.function(token)
        else:
            raise self.stop(token)
        self.depth -= 1
        return tree

    def group(self, opened: Token) -> Tree:
        tree = self.sum()
        self.close(opened)
        if opened.text in {r"\lfloor", r"\lceil"}:
            return Apply("floor" if opened.text == r"\lfloor" else "ceil", (tree,))
        return tree

    def close(self, opened: Token) -> None:
        token = self.next()
        if token.kind != "close":
            raise self.stop(token)
        if token.text != _PAIRS[opened.text]:
            raise Unreadable(f"'{token.text}', which closes '{opened.text}'")

    def one_argument(self, of: Token) -> Tree:
        """Return what a command of LaTeX takes: a group, or a single letter or digit."""
        token = self.peek()
        if token.kind == "open" and token.text == "{":
            return self.atom()
        if token.kind == "symbol" or (token.kind == "number" and len(token.text) == 1):
            return self.atom()
        raise Unreadable(f"'{token.text}' after {of.text}, where braces are missing")

    def function(self, token: Token) -> Tree:
        opened = self.peek()
        latex = token.value != 0
        if token.text == "sqrt" and latex and opened.text != "(":
            return Apply("sqrt", (self.one_argument(token),))
        if opened.kind != "open" or opened.text == "[":
            raise Unreadable(f"'{opened.text}' after {token.text}, where brackets are missing")
        self.next()
        operands = [self.sum()]
        while self.accept(","):
            operands.append(self.sum())
        self.close(opened)
        if len(operands) != trees.FUNCTIONS[token.text]:
            raise Unreadable(f"{token.text} of {len(operands)} arguments")
        return Apply(token.text, tuple(operands))


def _product(parts: Sequence[Tree]) -> Tree:
    return parts[0] if len(parts) == 1 else Apply("*", tuple(parts))


def _ratio(over: Sequence[Tree], under: Sequence[Tree]) -> Tree:
    return Apply("/", (_product(over), _product(under))) if under else _product(over)


def read(tokens: Sequence[Token]) -> tuple[Reading, ...]:
    """Return the readings of one formula: one, or two where ``/`` allows both.

    Raises `Unreadable` with what stopped it. Words at the end are the unit; there may be a full
    stop after them.
    """
    tokens = _without_times(without_end_mark(tokens))
    if not tokens:
        raise Unreadable("its end")
    first = _read(tokens, tight=False)
    if not any(token.kind == "/" for token in tokens):
        return (first,)
    second = _read(tokens, tight=True)
    return (first,) if second.tree == first.tree else (first, second)


def _without_times(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return "6.5 × faster" as a number and words: nothing is multiplied."""
    at = len(tokens)
    while at and tokens[at - 1].kind in {"word", "open", "close"}:
        at -= 1
    numbered = [token.kind for token in tokens[max(0, at - 2) : at]] == ["number", "*"]
    if numbered and tokens[at:] and _times(tokens[at:]) is not None:
        return [*tokens[: at - 1], *tokens[at:]]
    return tokens


def without_end_mark(tokens: Sequence[Token]) -> Sequence[Token]:
    """Return a formula without the marks of its sentence's end."""
    while tokens and (tokens[-1].kind == "," or tokens[-1].text in {"'.'", "':'"}):
        tokens = tokens[:-1]
    if len(tokens) > 1 and tokens[-1].kind == "*" and tokens[-2].kind == "number":
        return tokens[:-1]  # "6.5×"
    return tokens


def _read(tokens: Sequence[Token], *, tight: bool) -> Reading:
    parser = _Parser(tokens, tight=tight)
    tree = parser.sum()
    rest = tokens[parser.at :]
    unit = _unit(rest)
    if unit is None and not trees.symbols(tree):
        unit = _times(rest)
    if unit is None:
        raise parser.stop(next(iter(rest)))
    if not trees.size(tree).fits:
        raise Unreadable("its size: the powers or numbers in it are too large")
    return Reading(tree, unit)


def _times(rest: Sequence[Token]) -> str | None:
    """Return words that say how many times as much a number is: "x faster"; None if others."""
    if rest and rest[0].kind == "*":
        rest = rest[1:]
    words = [word for token in rest for word in token.text.split()]
    return "x" if words and all(_TIMES.fullmatch(word) for word in words) else None


def _unit(rest: Sequence[Token]) -> str | None:
    """Return trailing words as a unit: ``bytes``, ``FLOPs / byte``; None if they are more."""
    if any(token.kind not in {"word", "/", "open", "close", "*"} for token in rest):
        return None
    if rest and rest[0].kind not in {"word", "open"}:
        return None
    words = " ".join(token.text for token in rest if token.kind == "word")
    if not all(_UNIT.fullmatch(word) for word in re.findall(r"[^\s()/,.-]+", words)):
        return None  # an unknown name is no unit: it may be a factor
    return " ".join(token.text for token in rest).strip()

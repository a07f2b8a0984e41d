"""The text of a formula -> tokens: LaTeX, Unicode mathematics and Python-style text alike.

Names come from the question's table of symbols and from nowhere else: the longest name that fits,
case-sensitive. Letters that are no symbols become a word, which may be a label or a unit and is
never a factor. Work is linear in the length of the text, which is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from grader.formulas.spelling import Unreadable, canonical, plain

MAX_TOKENS = 1_500
MAX_DIGITS = 40
MAX_EXPONENT = 64
_MAX_SPELT = 60


@dataclass(frozen=True)
class Token:
    """A piece of a formula.

    ``kind``: number, symbol, word, ``open``/``close`` (a bracket), ``frac``, ``function``,
    ``relation``, ``break`` (a new line or an arrow), ``bad`` (``text`` says why), or the operator
    itself.
    """

    kind: str
    text: str
    value: Fraction = Fraction(0)


_NUMBER = re.compile(
    r"(?:[1-9]\d{0,2}(?:,\d{3})+(?!\d)|\d+(?:(?:\{,\}|\\[,; ]|_)\d{3})+(?!\d)|\d+)"
    r"(?:\.\d+)?|\.\d+"
)
_SCIENTIFIC = re.compile(r"[eE]([+-]?\d+)(?![\d.])")
_SPACE = re.compile(r"(?:[ \t~&]|\\[,;:!> ]|\\(?:q?quad|displaystyle|textstyle|limits|nolimits|"
                    r"nonumber|notag|left|right|[bB]igg?[lrm]?|middle|allowbreak|hfill|centering|"
                    r"(?:thin|med|thick|neg)space|mathstrut|strut)(?![A-Za-z])\.?)+")  # fmt: skip
_TEXTUAL = re.compile(
    r"\\(?:text|mathrm|textrm|textsf|mathsf|mathbf|textbf|mathit|textit|texttt|mathtt|"
    r"operatorname\*?|bm|boldsymbol|textnormal|mbox|mathcal)\s*\{"
)
_TRANSPARENT = re.compile(r"\\(?:boxed|fbox|framebox|ensuremath|colorbox\s*\{[^{}]{0,20}\}|"
                          r"(?:text)?color\s*\{[^{}]{0,20}\}|displaylines|mathopen|mathclose)"
                          r"\s*(?=\{)")  # fmt: skip
_BOLD = re.compile(r"\\(?:mathbf|bm|boldsymbol|mathrm|mathit|mathsf)\s*(?=\{[^{}]*[\d^+*/=])")
_BRACED = re.compile(r"\\(?:underbrace|overbrace|underline|overline)\s*(?=\{)")
_DROPPED = re.compile(r"\\(?:(?:begin|end)\s*\{(?:aligned|align|alignat|split|gathered|"
                      r"gather|equation|multline|array|math|displaymath|eqnarray|cases)\*?\}"
                      r"(?:\{[lrc|]*\})?|(?:label|tag)\*?\s*\{[^{}]{0,80}\}|"
                      r"[hv]space\*?\s*\{[^{}]{0,40}\})")  # fmt: skip
_BREAK = re.compile(r"\\\\(?:\[[^\]]{0,12}\])?|\\newline(?![A-Za-z])|\n|;")
_ARROW = re.compile(r"\\(?:to|implies|iff|[Rr]ightarrow|[Ll]ongrightarrow|Longrightarrow|therefore|"
                    r"Leftrightarrow)(?![A-Za-z])|[=-]>")  # fmt: skip
_EQUAL = re.compile(r":=|={1,2}|\\(?:equiv|triangleq|coloneqq)(?![A-Za-z])")
_ABOUT = re.compile(r"\\(?:approx|simeq|sim|cong|doteq|propto)(?![A-Za-z])|~=")
_COMPARE = re.compile(r"\\(?:leq?|geq?|ll|gg|lt|gt|ne|neq)(?![A-Za-z])|[<>!]=|[<>]")
_OPERATOR = re.compile(r"\*\*|//|[-+*/^]|\\(?:cdot|times|ast|div|over)(?![A-Za-z])")
_OPERATORS = {"**": "^", r"\cdot": "*", r"\times": "*", r"\ast": "*", r"\div": "/"}
_FRACTION = re.compile(r"\\[dtc]?frac(?![A-Za-z])")
_FUNCTION = re.compile(r"(?:\\|(?:math|np|torch)\.)?(sqrt|floor|ceil|max|min)(?![A-Za-z_0-9])")
_BRACKETS = {"(": "open", "[": "open", "{": "open", ")": "close", "]": "close", "}": "close",
             r"\{": "open", r"\}": "close", r"\lfloor": "open", r"\lceil": "open",
             r"\rfloor": "close", r"\rceil": "close", r"\lbrace": "open", r"\rbrace": "close",
             r"\lbrack": "open", r"\rbrack": "close"}  # fmt: skip
_BRACKET = re.compile(r"[()\[\]{}]|\\[{}]|\\(?:[lr](?:floor|ceil|brace|brack))(?![A-Za-z])")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_](?:\w|'(?=\w))*")
_LABEL = re.compile(r"[_^]\s*\{")
_BRACED_SUBSCRIPT = re.compile(r"_\s*(?:\\(?:text|mathrm|textrm)\s*)?"
                               r"\{([^{}]{0,40}|\\[a-z]+\s*\{[^{}]{0,40}\})\}")  # fmt: skip
_KINDS = (
    (_BREAK, "break", "a new line"),
    (_ARROW, "break", "an arrow"),
    (_COMPARE, "relation", "<"),
    (_EQUAL, "relation", "="),
    (_ABOUT, "relation", "≈"),
    (re.compile(r",|\{,\}"), ",", ","),
    (_FRACTION, "frac", ""),
)
_SUBSCRIPT = re.compile(r"\s*_\s*(?:\{|\\(?:text|mathrm|textrm|mathit)\s*\{)?")


class _Scanner:
    def __init__(self, text: str, table: Mapping[str, str]) -> None:
        self.text, self.table, self.at = text, table, 0
        self.reach: dict[str, int] = {}  # first letter -> length of the longest name
        for name in table:
            self.reach[name[:1]] = max(len(name), self.reach.get(name[:1], 0))
        self.braces: list[str] = []  # what to do when each open { closes
        self.label_may_follow = False
        self.known_until = 0  # up to here, letters are known to be symbols

    def tokens(self) -> Iterator[Token]:
        while self.at < len(self.text):
            if not self.skip():
                token = self.one()
                if token is not None and token.kind != "nothing":
                    yield token
        if "nothing" in self.braces:
            raise Unreadable("'{', which is never closed")

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def skip(self) -> bool:
        """Pass over what only sets the formula."""
        if self.take(_TRANSPARENT) or self.take(_BOLD):
            self.at += 1
            self.braces.append("nothing")
            return True
        return bool(self.take(_SPACE) or self.take(_DROPPED))

    def one(self) -> Token | None:
        """Return the next token; None for what stands for nothing."""
        labelled, self.label_may_follow = self.label_may_follow, False
        if labelled and self.take(_LABEL):
            self.argument()
            return None
        if self.take(_BRACED):
            self.at += 1
            self.braces.append("label")
            return Token("open", "{")
        if self.take(_TEXTUAL):
            return self.textual(self.argument())
        if found := self.take(_NUMBER):
            return self.number(found[0])
        return self.sign() or self.name()

    def sign(self) -> Token | None:
        """Return a token that is neither a number nor a name, if one is next."""
        for pattern, kind, text in _KINDS:
            if found := self.take(pattern):
                return Token(kind, text or found[0])
        if found := self.take(_OPERATOR):
            return Token(_OPERATORS.get(found[0], found[0]), found[0])
        if found := self.take(_BRACKET):
            return self.bracket(found[0])
        if found := self.take(_FUNCTION):
            return Token("function", found[1], Fraction(found[0].startswith("\\")))
        return None

    def argument(self) -> str:
        """Return the text up to the brace that closes the one just opened."""
        depth, start = 1, self.at
        for found in re.compile("[{}]").finditer(self.text, start):
            depth += 1 if found[0] == "{" else -1
            if depth == 0:
                self.at = found.end()
                return self.text[start : found.start()]
        raise Unreadable("'{', which is never closed")

    def bracket(self, text: str) -> Token:
        if text == "{":
            self.braces.append("")
        elif text == "}":
            if not self.braces:
                raise Unreadable("'}', which closes nothing")
            then = self.braces.pop()
            if then == "nothing":
                return Token("nothing", text)
            self.label_may_follow = then == "label"
        return Token(_BRACKETS[text], text)

    def number(self, text: str) -> Token:
        digits = re.sub(r"[^\d.]", "", text)
        if len(digits) > MAX_DIGITS:
            return Token(
                "bad", f"a number of {len(digits):,} digits; at most {MAX_DIGITS} are read"
            )
        value = Fraction(digits)
        if not {"e", "E"} & self.table.keys() and (power := self.take(_SCIENTIFIC)):
            if len(power[1]) > len("-64") or abs(int(power[1])) > MAX_EXPONENT:
                return Token("bad", f"the exponent of {text}{power[0][:12]}")
            value *= Fraction(10) ** int(power[1])
            digits += "e" + power[1]
        return Token("number", digits, value)

    def textual(self, content: str) -> Token:
        """Return what stands in upright letters: a symbol, an operator or a word."""
        name = canonical(content)
        if sub := self.take(_SUBSCRIPT):
            if sub[0].endswith("{"):
                name += "_" + canonical(self.argument())
            else:
                name += "_" + self.text[self.at : self.at + 1]
                self.at += 1
        if name in self.table:
            return Token("symbol", self.table[name])
        content = content.strip()
        if content.endswith(":"):
            return Token("relation", ":")
        if content in {"+", "-", "*", "/"}:
            return Token(content, content)
        return Token("relation", content) if content == "=" else Token("word", content or " ")

    def name(self) -> Token:
        """Return a symbol, or a word where the letters are not all symbols."""
        if command := self.take(_COMMAND):
            if command[1] in self.table:
                return self.symbol(command[1])
            return Token("word", command[0])
        if not _LETTER.match(self.text, self.at):
            char = self.text[self.at]
            self.at += 1
            return Token("bad", "'!' (factorials are not read)" if char == "!" else repr(char))
        found = self.longest(self.at)
        if found and self.rest_is_symbols(found[1]):
            self.at = found[1]
            return self.symbol(found[0])
        start = self.at
        self.take(_WORD)
        self.subscripts()
        return Token("word", self.text[start : self.at])

    def subscripts(self) -> None:
        r"""Pass over the subscripts of a word: ``F_{\text{prefill}}`` is one word."""
        while sub := self.take(_SUBSCRIPT):
            if sub[0].endswith("{"):
                self.argument()
            elif not self.take(_WORD):
                self.at += 1

    def symbol(self, name: str) -> Token:
        after = self.text[self.at : self.at + 1]
        if after.isdecimal():
            return Token("bad", f"'{name}{after}': if {after} is an exponent, write {name}^{after}")
        if after == "_":
            start = self.at
            self.subscripts()
            spelt = f"{name}{self.text[start : self.at]}"[:_MAX_SPELT]
            return Token("bad", f"'{spelt}', which is none of the question's symbols")
        return Token("symbol", self.table[name])

    def longest(self, start: int) -> tuple[str, int] | None:
        """Return the longest name of the table that begins at ``start``, and where it ends."""
        best = None
        for name, end in self.prefixes(start):
            if name in self.table:
                best = (name, end)
        return best

    def rest_is_symbols(self, at: int) -> bool:
        """Whether the letters that follow without a space can all be read as symbols."""
        while at < len(self.text) and at >= self.known_until and _LETTER.match(self.text, at):
            if not (found := self.longest(at)):
                return False
            at = found[1]
        self.known_until = max(at, self.known_until)
        return True

    def prefixes(self, at: int) -> Iterator[tuple[str, int]]:
        """Yield ever longer names that begin here, in their one spelling."""
        name, reach = "", self.reach.get(self.text[at], 0)
        while at < len(self.text) and len(name) < reach:
            char = self.text[at]
            if char == "_" and (found := _BRACED_SUBSCRIPT.match(self.text, at)):
                yield f"{name}_{canonical(found[1])}", found.end()
                return
            if not (char.isalnum() or (char == "_" and self.text[at + 1 : at + 2].isalnum())):
                return
            name, at = name + char, at + 1
            if char != "_":
                yield name, at


def scan(text: str, table: Mapping[str, str]) -> list[Token]:
    """Return the tokens of a formula; raises `Unreadable`.

    ``table`` is from `table_of`. At most 4,000 characters and 1,500 tokens.
    """
    tokens = []
    for token in _Scanner(plain(text), table).tokens():
        tokens.append(token)
        if len(tokens) > MAX_TOKENS:
            raise Unreadable(f"its length: more than {MAX_TOKENS:,} numbers, names and signs")
    return tokens

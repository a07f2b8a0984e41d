"""Formulas made from formulas: one-token mutants, and rewrites that mean the same.

What a mutant equals is decided here by Python's own arithmetic on fractions, not by the grader.
"""

import itertools
import math
import random
import re
from fractions import Fraction
from pathlib import Path

from grader.formulas import questions

ROOT = Path(__file__).parents[2]
PACK = ROOT / "rubrics" / "e0294-a4" / questions.FILE
QUESTIONS = {question.id: question for question in questions.load(PACK)}
FORMULAS = [q for q in QUESTIONS.values() if not q.number_only]

_TOKEN = re.compile(r"\*\*|[A-Za-z]+|\d+|[-+*/()]")
POINTS = [
    {name: Fraction(draw.randrange(3, 500)) for name in ("N", "d", "b", "H", "L", "B")}
    for draw in (random.Random(1), random.Random(2), random.Random(3))
]


def written(question):
    """Yield every formula of a question as Python text, free coefficients filled in."""
    yield question.reference
    for variant in question.variants:
        if variant.own:
            continue
        ranges = [range(low, high + 1) for low, high in variant.free.values()]
        for values in itertools.product(*ranges):
            text = variant.formula
            for name, value in zip(variant.free, values, strict=True):
                text = re.sub(rf"\b{name}\b", str(value), text)
            yield text


def values(text):
    """Return a formula's values at all points, by Python itself; None where it divides by zero."""
    try:
        code = re.sub(r"\d+", lambda m: f"Fraction({m[0]})", text)
        return [eval(code, {"Fraction": Fraction}, dict(point)) for point in POINTS]
    except ZeroDivisionError:
        return None


class Accepted:
    """All values that a question accepts, each possible number put in for its symbol."""

    def __init__(self, question):
        self.factors = question.factors
        self.values = {}
        for text in written(question):
            self.values.setdefault(tuple(values(text)), text)
        self.put_in = {}
        for name, numbers in question.given.items():
            for text, number in itertools.product(list(written(question)), numbers):
                if re.search(rf"\b{name}\b", text):
                    put_in = re.sub(rf"\b{name}\b", str(number), text)
                    self.put_in.setdefault(tuple(values(put_in)), put_in)
        self.given = set(question.given)

    def __contains__(self, text):
        found = values(text)
        if found is None:
            return False
        names = set(re.findall(r"[A-Za-z]+", text))
        scale = [math.prod(p[n] for n in names & set(self.factors)) for p in POINTS]
        key = tuple(v / s for v, s in zip(found, scale, strict=True))
        return key in self.values or (not names & self.given and key in self.put_in)


def mutants(text, symbols=("N", "d", "b")):
    """Yield the text with one token changed: a number, a symbol, an operator, or one left out."""
    tokens = _TOKEN.findall(text)
    for at, token in enumerate(tokens):
        if token.isdigit():
            others = [str(int(token) + 1), str(int(token) * 2), str(max(0, int(token) - 1))]
        elif token.isalpha():
            others = [symbol for symbol in symbols if symbol != token] + ["1", f"({token} + 1)"]
        else:
            others = {"+": ["-", "*"], "-": ["+"], "*": ["+", "/"], "/": ["*"], "**": ["*"]}.get(
                token, []
            )
        for other in others:
            if (tokens[at - 1] if at else "") == "**" and not other.isdigit():
                continue
            yield "".join([*tokens[:at], other, *tokens[at + 1 :]])


def all_mutants():
    """Return (question, formula, mutant) for every formula of the pack, each mutant once."""
    found = []
    for question in FORMULAS:
        seen = set()
        for text in written(question):
            for mutant in mutants(text):
                if mutant not in seen:
                    seen.add(mutant)
                    found.append((question, text, mutant))
    return found


def rewrites(text, draw):
    """Yield the formula in other forms and notations, by sympy."""
    import sympy  # noqa: PLC0415 - slow to import, and only for this

    names = {name: sympy.Symbol(name, positive=True) for name in ("N", "d", "b", "H", "L", "B")}
    formula = sympy.sympify(text, locals=names)
    collected = [sympy.collect(sympy.expand(formula), names[name]) for name in ("N", "d")]
    forms = [formula, sympy.expand(formula), sympy.factor(formula), sympy.together(formula),
             *collected]  # fmt: skip
    forms += [_shuffled(form, draw) for form in forms[:3]]
    for form in dict.fromkeys(forms):
        yield str(form)
        yield str(form).replace("**", "^")
        for sign in (None, "dot", "times"):
            yield sympy.latex(form, mul_symbol=sign)
        yield sympy.latex(form, fold_frac_powers=True, order="grlex", mul_symbol="dot")


def _shuffled(form, draw):
    """Return a sum with its terms split in two and in another order, unevaluated."""
    import sympy  # noqa: PLC0415 - slow to import, and only for this

    terms = [part for term in sympy.Add.make_args(form) for part in (term * 2 / 3, term / 3)]
    draw.shuffle(terms)
    return sympy.Add(*terms, evaluate=False)

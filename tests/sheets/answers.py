"""The reference's answers, written at random: formulas, numbers and verdicts in many styles.

Everything is right. Formulas come from the pack's `formulas.toml` as polynomials, whose terms and
factors are shuffled; numbers are computed from them, rounded or cut.
"""

from fractions import Fraction
from pathlib import Path

from grader.formulas import polynomials, questions, trees
from grader.formulas.identity import value as exact
from grader.formulas.judging import point_of, put_in

PACK = Path(__file__).parents[2] / "rubrics" / "optimizing-transformers"
QUESTIONS = {q.id: q for q in questions.load(PACK / "formulas.toml")}
LABELS = {
    "flops": ("FLOPs", "Total FLOPs", "FLOP count", "Number of FLOPs"),
    "bytes": ("Bytes", "Total bytes", "MEM", "Memory accesses", "Bytes moved"),
}
BOUNDS = {
    "memory": ("memory bound", "memory-bound", "Memory Bound", "bound by memory bandwidth",
               "not compute bound, but memory bound", "memory-bandwidth bound",
               "memory bound rather than compute bound"),
    "compute": ("compute bound", "compute-bound", "Compute Bound", "not memory bound",
                "compute bound and not memory bound"),
}  # fmt: skip
SCALING = (
    "Quadratically.",
    "It scales quadratically with $N$.",
    "Quadratic in the sequence length.",
    "$O(N^2)$",
    "quadratically, i.e. $O(n^2)$",
    "Not linearly but quadratically.",
)


def quantity(question):
    """Return "flops" or "bytes", by what is asked for."""
    return "bytes" if "byte" in question.says or "size" in question.says else "flops"


def formula(rng, name):
    """Return the tree's terms of a question, with what its symbols stand for put in."""
    question = QUESTIONS[name]
    tree = question.tree(question.reference)
    symbolic = polynomials.terms(tree)
    numeric = polynomials.terms(put_in(question, tree))
    return question, symbolic, numeric


class Style:
    """How one sheet is written: chosen once, for all of it."""

    def __init__(self, rng):
        self.rng = rng
        self.marks = rng.choice(("display", "display", "square", "inline", "code", "plain"))
        self.label = rng.choice(("text", "textrm", "mathrm", "before", "none"))
        self.thousands = rng.choice(("", "{,}", ",", "\\,"))
        self.times = rng.choice(("", "", "\\cdot ", "\\times "))
        self.size = rng.choice(("", "\\left", "\\Bigl", "\\bigg"))
        self.shuffles = rng.random() < 0.5
        self.factors = rng.random() < 0.6
        self.chains = rng.random() < 0.4
        self.unclosed = rng.random() < 0.1
        self.digits = rng.choice((3, 4, 5, 6))
        self.units = rng.choice(("plain", "power", "prefixed"))

    # --- formulas ---------------------------------------------------------------------------------

    @property
    def python(self):
        """Whether formulas are written as Python writes them."""
        return self.marks in ("code", "plain")

    def whole(self, number):
        """Return a whole number with or without separators of thousands."""
        between = self.thousands
        if self.python or (self.marks == "inline" and between == ","):
            between = ","
        return f"{number:,}".replace(",", between)

    def term(self, key, coefficient):
        """Return one term of a sum."""
        names = [(name, power) for name, power in key]
        if self.shuffles:
            self.rng.shuffle(names)
        sign = "*" if self.python else self.times
        power = "**" if self.python and self.rng.random() < 0.5 else "^"
        parts = [name + (f"{power}{p}" if p > 1 else "") for name, p in names]
        number = [self.whole(int(coefficient))] if coefficient != 1 or not parts else []
        if self.python:
            return "*".join([*number, *parts])
        joined = sign.join(parts) if sign else "".join(parts)
        if number and sign == "" and self.thousands == "\\,":
            return f"{number[0]} {joined}" if joined else number[0]
        return sign.join(filter(None, [*number, joined])) if sign else "".join([*number, joined])

    def sum(self, terms):
        """Return a polynomial as a sum, with n as a factor of all where that is the style."""
        items = list(terms.items())
        if self.shuffles:
            self.rng.shuffle(items)
        if self.factors and len(items) > 1 and all(("n", 1) in key for key, _ in items):
            inner = [(tuple(f for f in key if f != ("n", 1)), c) for key, c in items]
            text = " + ".join(self.term(key, c) for key, c in inner)
            if self.python:
                return f"n*({text})"
            closing = self.size.replace("left", "right").replace("Bigl", "Bigr")
            return f"n{self.size}({text}{closing})"
        return " + ".join(self.term(key, c) for key, c in items)

    def shown(self, label, *parts):
        """Return a formula between its marks, with its label, as lines of Markdown."""
        text = " = ".join(parts)
        if self.python:
            return f"{label}: `{text}`" if self.marks == "code" else f"{label} = {text}"
        said = {"text": f"\\text{{{label}}} = ", "textrm": f"\\textrm{{{label}}}= ",
                "mathrm": f"\\mathrm{{{label}}} = "}.get(self.label, "")  # fmt: skip
        before = f"{label}:\n\n" if not said else ""
        if self.marks == "inline":
            return f"{label}: ${text}$" if not said else f"${said}{text}$"
        if self.marks == "square":
            return f"{before}\\[{said}{text}\\]"
        closer = "$$"
        if self.unclosed and self.rng.random() < 0.2:
            closer = ""
        return f"{before}$${said}{text}{closer}"

    def answer(self, name):
        """Return the answer to a question that asks for a formula."""
        question, symbolic, numeric = formula(self.rng, name)
        label = self.rng.choice(LABELS[quantity(question)])
        if name == "2.3.1":
            label = "Size of the cache per layer"
        if question.put and "D" in question.put:
            parts = [self.sum(numeric)]
            if self.chains:
                parts.insert(0, self.sum(symbolic))
            return self.shown(label, *parts)
        parts = [self.sum(symbolic)]
        if self.chains and len(symbolic) > 1:
            items = list(symbolic.items())
            self.rng.shuffle(items)
            parts.insert(0, " + ".join(self.term(key, c) for key, c in items))
        return self.shown(label, *parts)

    # --- numbers ----------------------------------------------------------------------------------

    def number(self, name, unit=""):
        """Return a question's number, rounded or cut, with a unit where it has one."""
        question = QUESTIONS[name]
        tree = question.tree(question.reference)
        point = point_of(question)
        value = exact(trees.substitute(put_in(question, tree), trees.numbers(point)), {})
        return self.written(value, unit)

    def written(self, value, unit):
        """Return a number as text between its marks."""
        value = Fraction(value)
        if unit in ("flop", "byte"):
            return self._large(value, unit)
        if unit == "s":
            return self._marked(f"{float(value) * 1e3:.{max(3, self.digits)}g}", "ms")
        return self._marked(f"{float(value):.{max(4, self.digits)}g}", "")

    def _large(self, value, unit):
        word = {"flop": "FLOPs", "byte": "bytes"}[unit]
        if self.units == "plain":
            return self._marked(self.whole(int(value)), word)
        digits = self.digits
        if self.units == "prefixed":
            power, prefix = next(
                ((p, x) for p, x in ((12, "T"), (9, "G"), (6, "M")) if value >= 10**p)
            )
            shown = f"{float(value / 10**power):.{digits}g}"
            if "e" in shown:
                shown = str(round(value / 10**power))
            return self._marked(shown, prefix + ("FLOPs" if unit == "flop" else "B"))
        mantissa, exponent = f"{float(value):.{digits - 1}e}".split("e")
        if self.python:
            return f"{mantissa}e{int(exponent)} {word}"
        return self._marked(f"{mantissa} \\times 10^{{{int(exponent)}}}", word)

    def _marked(self, text, word):
        if self.python:
            return f"{text} {word}".strip()
        if self.rng.random() < 0.5 and word:
            return f"${text}\\ \\text{{{word}}}$"
        return f"${text}$ {word}".strip()

    # --- words ------------------------------------------------------------------------------------

    def bound(self, name):
        """Return a verdict on the bound in words."""
        said = self.rng.choice(BOUNDS[QUESTIONS[name].reference])
        return self.rng.choice(("The GPU is {}.", "{}", "So it is {}.", "We are {} here.")).format(
            said
        )

"""A formula against its question: the reference, one of the named variants, or neither."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from grader.formulas import identity, leading, polynomials, quantities, trees
from grader.formulas.identity import NoValue, Sieve
from grader.formulas.quantities import Shown
from grader.formulas.questions import Question, Variant
from grader.formulas.reading import read
from grader.formulas.scanning import scan
from grader.formulas.trees import Apply, Number, Symbol, Tree

REFERENCE = "reference"
NONE = "none"
FOLLOWS = "follows"


@dataclass(frozen=True)
class Match:
    """What a formula was found to be."""

    name: str
    says: str = ""
    ask: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Target:
    name: str
    tree: Tree
    variant: Variant | None = None


class Judge:
    """One question, with the student's own answers to earlier ones for what follows from them."""

    def __init__(self, question: Question, own: Mapping[str, Tree]) -> None:
        self.question = question
        self.targets = list(self._targets(own)) if question.graded else []
        self._sieve = Sieve(question.symbols)
        self._sieved: dict[tuple[str, tuple[tuple[str, Fraction], ...]], tuple[int, ...]] = {}

    def _targets(self, own: Mapping[str, Tree]) -> Iterator[_Target]:
        question = self.question
        yield _Target(REFERENCE, self.put(_tree(question.reference, tuple(question.symbols))))
        for variant in question.variants:
            if variant.sources <= own.keys():
                names = (*question.symbols, *variant.free, *variant.own)
                mine = own_trees(question, variant, own)
                tree = trees.substitute(_tree(variant.formula, names), mine)
                yield _Target(variant.name, self.put(tree), variant)

    def put(self, tree: Tree) -> Tree:
        """Return a tree with what its symbols stand for here."""
        return put_in(self.question, tree)

    def match(self, tree: Tree) -> Match:
        """Return the first target that the formula equals, as it is or with a number put in."""
        exact = self._exact(self.put(tree))
        return exact if exact.name != NONE or not self.question.put else self._rounded(tree)

    def _rounded(self, tree: Tree) -> Match:
        """Return the target whose coefficients are the formula's, rounded as they are shown."""
        shown = polynomials.terms(self.put(tree))
        for target in self.targets if shown else ():
            if target.variant and target.variant.free:
                continue
            wanted = polynomials.terms(target.tree)
            if wanted and polynomials.rounded(shown, wanted):
                says, ask = (
                    (target.variant.says, target.variant.ask) if target.variant else ("",) * 2
                )
                return Match(target.name, says, ask, ("its coefficients are rounded",))
        return Match(NONE)

    def _exact(self, tree: Tree) -> Match:
        present = trees.symbols(tree)
        multiple = [Symbol(name) for name in self.question.factors if name in present]
        print_ = self._sieve.value(tree)
        for given in self._givens(present):
            found = [
                match
                for target in self.targets
                if self._possible(print_, target, given, multiple)
                and (match := self._one(tree, target, given, multiple))
            ]
            if found:
                also = [f"it is also what {m.name!r} accepts" for m in found[1:] if given]
                return Match(found[0].name, found[0].says, found[0].ask,
                             (*found[0].remarks, *also))  # fmt: skip
        return Match(NONE)

    def _givens(self, present: frozenset[str]) -> Iterator[dict[str, Fraction]]:
        yield {}
        for name, values in self.question.given.items():
            if name not in present:
                yield from ({name: Fraction(value)} for value in values)

    def _possible(
        self,
        value: int | None,
        target: _Target,
        given: Mapping[str, Fraction],
        multiple: Sequence[Tree],
    ) -> bool:
        """Whether a formula of this value in the sieve can be the target at all."""
        if value is None or (target.variant and target.variant.leading):
            return True
        key = (target.name, tuple(given.items()))
        if key not in self._sieved:
            self._sieved[key] = self._in_sieve(target, given)
        found = self._sieved[key]
        already = trees.symbols(target.tree)
        extra = [symbol for symbol in multiple if not trees.symbols(symbol) <= already]
        scaled = [self._sieve.product(one, extra) for one in found]
        if len(scaled) == 1:
            return scaled[0] == value
        return not scaled or self._sieve.coefficient(value, scaled[0], scaled[1]) is not None

    def _in_sieve(self, target: _Target, given: Mapping[str, Fraction]) -> tuple[int, ...]:
        """Return the target's value, or those for a coefficient of 0 and of 1; () for none."""
        tree = trees.substitute(target.tree, trees.numbers(given))
        names = list(target.variant.free) if target.variant else []
        ends = [trees.numbers({names[0]: Fraction(at)}) for at in (0, 1)] if names else [{}]
        found = [self._sieve.value(trees.substitute(tree, end)) for end in ends]
        return tuple(value for value in found if value is not None) if None not in found else ()

    def _one(
        self, tree: Tree, target: _Target, given: Mapping[str, Fraction], multiple: Sequence[Tree]
    ) -> Match | None:
        wanted, variant = target.tree, target.variant
        if given and not given.keys() & trees.symbols(wanted):
            return None
        wanted = trees.substitute(wanted, trees.numbers(given))
        already = trees.symbols(wanted)
        if extra := [symbol for symbol in multiple if not trees.symbols(symbol) <= already]:
            wanted = Apply("*", (wanted, *extra))
        says, ask = (variant.says, variant.ask) if variant else ("", "")
        if variant and variant.free:
            ((name, (low, high)),) = variant.free.items()
            found = identity.coefficient(tree, wanted, name)
            if found is None or found.denominator != 1 or not low <= found <= high:
                return None
            says = says.format(**{name: found})
        elif not (leading.same_leading if variant and variant.leading else identity.same)(
            tree, wanted
        ):
            return None
        remarks = [f"{name} = {value} was put in" for name, value in given.items()]
        return Match(target.name, says, ask, tuple(remarks))

    def expected(self) -> str:
        """Return the reference's formula and its number where that is asked for, for staff."""
        if not self.targets:
            return ""
        value = value_at(self.targets[0].tree, point_of(self.question))
        return self.question.reference + ("" if value is None else f" = {float(value):.6g}")

    # --- numbers ----------------------------------------------------------------------------------

    def number(self, number: Shown, own: Tree | None) -> str:
        """Return what a number equals: the reference, what follows from ``own``, a variant."""
        if self.question.between and any(
            self.question.between[0] <= number.value * scale <= self.question.between[1]
            for scale in number.scales
        ):
            return REFERENCE
        values = list(self._values(None if own is None else self.put(own)))
        usual = [pair for pair in values if pair[0] in {REFERENCE, FOLLOWS}]
        others = [pair for pair in values if pair not in usual]
        for group in (usual, others):
            for fits in (quantities.as_shown, quantities.close):
                for name, value in group:
                    if fits(number, value):
                        return name
        return NONE

    def _values(self, own: Tree | None) -> Iterator[tuple[str, Fraction]]:
        points: list[dict[str, Fraction]] = [{}] if self.targets else []
        points += [
            {name: Fraction(v)} for name, values in self.question.given.items() for v in values
        ]
        for given in points:
            point = point_of(self.question) | given
            if given and not given.keys() & point_of(self.question).keys():
                continue
            if (value := value_at(self.targets[0].tree, point)) is not None:
                yield REFERENCE, value
            if own is not None and (value := value_at(own, point)) is not None:
                yield FOLLOWS, value
            for target in self.targets[1:]:
                for tree in _versions(target):
                    if (value := value_at(tree, point)) is not None:
                        yield target.name, value


def _versions(target: _Target) -> Iterator[Tree]:
    """Yield the target for each whole number that its coefficient may be."""
    if target.variant is None or not target.variant.free:
        yield target.tree
        return
    ((name, (low, high)),) = target.variant.free.items()
    for value in range(low, high + 1):
        yield trees.substitute(target.tree, {name: Number(Fraction(value))})


def own_trees(question: Question, variant: Variant, own: Mapping[str, Tree]) -> dict[str, Tree]:
    """Return the student's answers that a variant's symbols stand for: ``id@D=D/H`` with D put."""
    names = tuple(question.symbols)
    found = {}
    for symbol, source in variant.own.items():
        other, *changes = source.split("@")
        values = {name: _tree(text, names) for name, text in (c.split("=") for c in changes)}
        found[symbol] = trees.substitute(own[other], values)
    return found


def put_in(question: Question, tree: Tree) -> Tree:
    """Return a tree with what a question's symbols stand for; twice: d_k is D/H, and D is 1600."""
    names = (*question.symbols, *question.put, *question.at)
    values = {name: _tree(text, names) for name, text in question.put.items()}
    return trees.substitute(trees.substitute(tree, values), values) if values else tree


@functools.lru_cache(maxsize=4096)
def _tree(formula: str, names: tuple[str, ...]) -> Tree:
    """Read a formula of the pack, once for all answers."""
    return read(scan(formula, {name: name for name in names}))[0].tree


def point_of(question: Question) -> dict[str, Fraction]:
    """Return where the question asks for a number."""
    return {name: Fraction(value) for name, value in question.at.items()}


def value_at(tree: Tree, point: Mapping[str, Fraction]) -> Fraction | None:
    """Return a tree's value; None where a symbol has none, or the value does not exist."""
    if not trees.symbols(tree) <= point.keys():
        return None
    try:
        return identity.value(tree, point)
    except NoValue:
        return None

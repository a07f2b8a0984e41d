"""A formula against its question: the reference, one of the named variants, or neither."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from grader.formulas import identity, leading, quantities, trees
from grader.formulas.chains import Chain, Part
from grader.formulas.identity import NoValue
from grader.formulas.quantities import Shown
from grader.formulas.questions import Question, Variant
from grader.formulas.reading import Reading
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
        self.targets = list(self._targets(own))

    def _targets(self, own: Mapping[str, Tree]) -> Iterator[_Target]:
        question = self.question
        yield _Target(REFERENCE, _tree(question.reference, tuple(question.symbols)))
        for variant in question.variants:
            if set(variant.own.values()) <= own.keys():
                names = (*question.symbols, *variant.free, *variant.own)
                mine = {symbol: own[other] for symbol, other in variant.own.items()}
                tree = trees.substitute(_tree(variant.formula, names), mine)
                yield _Target(variant.name, tree, variant)

    def match(self, tree: Tree) -> Match:
        """Return the first target that the formula equals, as it is or with a number put in."""
        present = trees.symbols(tree)
        multiple = [Symbol(name) for name in self.question.factors if name in present]
        for given in self._givens(present):
            found = [m for target in self.targets if (m := self._one(tree, target, given, multiple))]
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

    # --- numbers ----------------------------------------------------------------------------------

    def number(self, number: Shown, own: Tree | None) -> str:
        """Return what a number equals: the reference, what follows from ``own``, a variant."""
        values = list(self._values(own))
        for fits in (quantities.as_shown, quantities.close):
            for name, value in values:
                if fits(number, value):
                    return name
        return NONE

    def _values(self, own: Tree | None) -> Iterator[tuple[str, Fraction]]:
        points: list[dict[str, Fraction]] = [{}]
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


@functools.lru_cache(maxsize=4096)
def _tree(formula: str, names: tuple[str, ...]) -> Tree:
    """Read a formula of the pack, once for all answers."""
    from grader.formulas.reading import read  # noqa: PLC0415 - beside its only use
    from grader.formulas.scanning import scan  # noqa: PLC0415

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


# --- links ----------------------------------------------------------------------------------------


def wrong_links(chain: Chain, question: Question) -> list[str]:
    """Return a sentence for every ``=`` of a chain between whose sides it does not hold."""
    found = []
    before: Part | None = None
    for part in chain:
        if not part.readings or part.is_label:
            before = None if part.relation != "" else before
            continue
        if before is not None and part.relation in {"=", "≈"}:
            holds = [
                _holds(left, right, before, part, question)
                for left in before.readings
                for right in part.readings
            ]
            if not any(holds):
                left, right = (trees.show(p.readings[0].tree) for p in (before, part))
                found.append(f"the step from {left} to {right} does not hold")
        before = part
    return found


def _holds(left: Reading, right: Reading, before: Part, part: Part, question: Question) -> bool:
    """Whether two sides are equal; a side with symbols and a number meet at the question's point."""
    if before.symbolic and part.symbolic:
        if part.relation == "≈":
            return True
        options: list[dict[str, Fraction]] = [{}]
        options += [{n: Fraction(v)} for n, values in question.given.items() for v in values]
        return any(
            identity.same(trees.substitute(left.tree, values), trees.substitute(right.tree, values))
            for values in map(trees.numbers, options)
        )
    point = point_of(question)
    one, other = value_at(left.tree, point), value_at(right.tree, point)
    if one is None or other is None:
        return True
    sides = ((before, left, one, other), (part, right, other, one))
    return any(
        quantities.close(quantities.shown(p.tokens, v, reading.unit), target * scale)
        for (p, reading, v, target), scales in zip(
            sides,
            (quantities.scales_of(right.unit), quantities.scales_of(left.unit)),
            strict=True,
        )
        if p.numeric
        for scale in scales
    )

"""The links of a chain ``a = b = c``: which of them do not hold."""

from __future__ import annotations

from fractions import Fraction

from grader.formulas import identity, quantities, trees
from grader.formulas.chains import Chain, Part
from grader.formulas.judging import point_of, put_in, value_at
from grader.formulas.questions import Question
from grader.formulas.reading import Reading


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
    """Whether two sides are equal; symbols and a number meet at the question's point."""
    one_tree, other_tree = put_in(question, left.tree), put_in(question, right.tree)
    if before.symbolic and part.symbolic:
        if part.relation == "≈":
            return True
        options: list[dict[str, Fraction]] = [{}]
        options += [{n: Fraction(v)} for n, values in question.given.items() for v in values]
        return any(
            identity.same(trees.substitute(one_tree, values), trees.substitute(other_tree, values))
            for values in map(trees.numbers, options)
        )
    point = point_of(question)
    one, other = value_at(one_tree, point), value_at(other_tree, point)
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

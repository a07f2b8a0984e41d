"""Comparing formulas: every rewrite is accepted, every mutant is rejected, and who is who."""

import random
from fractions import Fraction

import pytest

from grader.formulas import identity, leading, trees
from grader.formulas.judging import NONE, Judge
from grader.formulas.reading import read
from grader.formulas.scanning import scan
from grader.formulas.trees import Apply, Number, Symbol
from tests.formulas import generating
from tests.formulas.generating import FORMULAS, QUESTIONS

TABLE = {name: name for name in ("N", "d", "b", "H", "X", "a")}
JUDGES = {question.id: Judge(question, {}) for question in FORMULAS}


def tree(text):
    return read(scan(text, TABLE))[0].tree


def same(first, second):
    return identity.same(tree(first), tree(second))


def names(question, text):
    """Return what each reading of a formula is found to be."""
    return [JUDGES[question.id].match(r.tree).name for r in read(scan(text, question.table))]


def test_one_token_mutants_are_rejected():
    """Of over 1,000 formulas with one token changed, only those that mean an accepted one pass."""
    accepted = {question.id: generating.Accepted(question) for question in FORMULAS}
    mutants = generating.all_mutants()[::3]
    assert len(mutants) > 1000
    wrong, equal = [], 0
    for question, _, mutant in mutants:
        means_an_accepted_one = mutant in accepted[question.id]
        equal += means_an_accepted_one
        if (names(question, mutant)[0] != NONE) != means_an_accepted_one:
            wrong.append((question.id, mutant, names(question, mutant)))
    assert not wrong
    assert 0 < equal < len(mutants) / 10


def test_rewrites_are_accepted():
    """Over 500 expansions, factorings and shufflings, as LaTeX and as Python, keep their name."""
    draw = random.Random(4)
    wrong, count = [], 0
    for question in FORMULAS:
        for text in [*list(generating.written(question))[::7], question.reference]:
            (expected,) = names(question, text)
            assert expected != NONE
            for rewrite in generating.rewrites(text, draw):
                count += 1
                if expected not in names(question, rewrite):
                    wrong.append((question.id, rewrite, names(question, rewrite)))
    assert not wrong
    assert count > 500


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ("(N + d)**64", "(d + N)**64", True),
        ("(N + d)**64", "(N + d)**63*(N + d + 1)", False),
        ("(N**2 - d**2)/(N - d)", "N + d", True),
        ("1/(N - N)", "1", False),
        ("N/(d - d)", "N/(d - d)", False),
        ("4*N**2*d", "4*N**2*d + N*2305843009213693951", False),  # 2**61 - 1
        ("N", f"N + {10**39}", False),
        ("floor(N/2)", "(N - 1)/2", False),
        ("floor(N/2)", "ceil((N - 1)/2)", True),  # for whole numbers
        ("floor(X*N/d)", "floor(N*X/d)", True),
        ("sqrt(N)*sqrt(N)", "N", True),
        ("sqrt(N + d)", "sqrt(N) + sqrt(d)", False),
        ("sqrt(-N)", "sqrt(-N)", False),  # has no value
        ("max(N, d)", "(N + d + sqrt((N - d)**2))/2", True),
        ("max(N, d)", "N + d - min(N, d)", True),
        ("min(N, d)", "max(N, d)", False),
    ],
)
def test_identity(first, second, equal):
    """Two formulas are the same if they are equal wherever both have a value, and only then."""
    assert same(first, second) == equal


def test_a_formula_cannot_be_made_to_fit_the_prime():
    """A multiple of the prime is no zero: what reaches its size is refused, not reduced."""
    prime = Number(Fraction(identity.PRIME))
    shifted = Apply("+", (Symbol("N"), Apply("*", (prime, Symbol("d")))))
    assert identity.modulo(shifted, {"N": 3, "d": 5}) == identity.modulo(Symbol("N"), {"N": 3})
    assert not identity.same(shifted, Symbol("N"))
    assert not trees.size(shifted).fits


def test_the_bound_on_sizes_holds():
    """The bits and degrees that are bounded are at least those of the expanded formula."""
    for text in ("(N + 3*d)**9/(d - 7)", "1/N + 2/d + 3/b", "(2*N/(3*d))**-5", "N*(d + b)*(N - b)"):
        import sympy  # noqa: PLC0415 - only here

        top, bottom = sympy.fraction(
            sympy.together(sympy.sympify(text, locals={"N": sympy.Symbol("N")}))
        )
        found = trees.size(tree(text))
        for part, bits, degree in (
            (top, found.over, found.degree),
            (bottom, found.under, found.degree_under),
        ):
            expanded = sympy.Poly(sympy.expand(part), sympy.Symbol("N"), *sympy.symbols("d b"))
            assert sum(abs(c) for c in expanded.coeffs()) <= 2**bits * 1.0001
            assert expanded.total_degree() <= degree


def test_free_coefficients():
    """A coefficient is found whatever the form, and only if the rest is right."""

    def find(text, target):
        return identity.coefficient(tree(text), tree(target), "a")

    assert find("N**2*(4*d + 3)", "4*N**2*d + a*N**2") == 3
    assert find("N*(4*d + 3)/(4*b*(N + d))", "(4*N**2*d + a*N**2)/((4*N**2 + 4*N*d)*b)") == 3
    assert find("4*N**2*d + 3*N", "4*N**2*d + a*N**2") is None
    assert find("4*N**2*d", "4*N**2*d + a*N**2") == 0


def test_leading_terms():
    """Terms of the highest degree decide, lower ones do not matter."""
    assert leading.same_leading(tree("4*N**2*d + 17*N**2"), tree("4*N**2*d"))
    assert not leading.same_leading(tree("5*N**2*d"), tree("4*N**2*d"))
    assert leading.same_leading(tree("(N**3 + N)/(N + d)"), tree("N**3/(N + d + 1)"))
    assert not leading.same_leading(tree("N - N"), tree("N"))


@pytest.mark.parametrize(
    ("question", "text", "name"),
    [
        ("1c.prefill_flops", "4N^2d", "reference"),
        ("1c.prefill_flops", "4N^2d + 5N^2", "softmax"),
        ("1c.prefill_flops", "4N^2d + 7N^2", NONE),
        ("1c.prefill_flops", "4N^2d + 3.5N^2", NONE),
        ("1c.prefill_flops", "2N^2d + 3N^2 + 2N^2d - N", "softmax_sum"),
        ("1c.prefill_flops", "N^2(2d-1) + Nd(2N-1)", "exact"),
        ("1c.prefill_flops", "N^2(2d-1) + N(3N-1) + Nd(2N-1)", "exact_softmax_sum"),
        ("1c.prefill_flops", "2N^2d", "half"),
        ("1c.prefill_flops", "2N(N+1)d", "causal"),
        ("1c.prefill_flops", "4BHLN^2d", "reference"),
        ("1c.prefill_flops", "4BHN^2d + 3BN^2", NONE),  # heads on one term only
        ("1c.prefill_flops", "4N^2", NONE),
        ("1c.prefill_bytes", "2(4N^2 + 4Nd)", "reference"),
        ("1c.prefill_bytes", "8N^2 + 8Nd", "reference"),
        ("1c.prefill_bytes", "4(4N^2 + 4Nd)", "reference"),
        ("1c.prefill_bytes", "3(4N^2 + 4Nd)", NONE),
        ("1c.prefill_bytes", "4N^2 + 4Nd", "elements"),
        ("1c.prefill_bytes", "b(2Nd+N^2) + b(2N^2) + b(N^2+2Nd)", "reference"),
        ("1c.prefill_bytes", "4Nd b", "fused"),
        ("1c.prefill_bytes", "8Nd", "fused"),
        ("1c.prefill_bytes", "(2N^2 + 4Nd) b", "single_pass"),
        ("1c.decode_flops", "4Nd", "reference"),
        ("1c.decode_flops", "4(N+1)d", "next_key"),
        ("1c.decode_flops", "4N^2 d", "all_queries"),
        ("1c.decode_bytes", "(2Nd + 4N + 2d)b", "reference"),
        ("1c.decode_bytes", "4Nd + 8N + 4d", "reference"),
        ("1c.decode_bytes", "(2Nd + 4N + 4d)b", "append"),
        ("1c.decode_bytes", "(2Nd + 2N + 2d)b", "single_pass"),
        ("1c.decode_bytes", "2Ndb", "cache_only"),
        ("1c.decode_bytes", "(4N^2 + 4Nd)b", "all_queries"),
        ("1c.prefill_intensity", r"\frac{4N^2 d}{4b(N^2 + Nd)}", "reference"),
        ("1c.prefill_intensity", "d/b", "limit"),
        ("1c.prefill_intensity", "N/b", "fused"),
        ("1c.decode_intensity", r"\frac{2d}{b(d+2)}", "limit"),
        ("1c.decode_intensity", r"\frac{4Nd}{2Nd + 4N + 2d}", "elements"),
        ("1c.decode_intensity", r"\frac{4Nd}{2(2Nd + 4N + 2d)}", "reference"),
    ],
)  # fmt: skip
def test_variants_are_told_apart(question, text, name):
    """Each way of counting that a rubric may value has its own name."""
    assert names(QUESTIONS[question], text) == [name]


def test_what_follows_from_wrong_answers_is_accepted():
    """The quotient of the student's own flops and bytes is right, whatever these are."""
    own = {"1c.prefill_flops": tree("9*N**3"), "1c.prefill_bytes": tree("7*d*b")}
    judge = Judge(QUESTIONS["1c.prefill_intensity"], own)
    assert judge.match(tree("9*N**3/(7*b*d)")).name == "follows"
    assert judge.match(tree("9*N**3/(14*d)")).name == "follows"  # b = 2 put in
    assert judge.match(tree("9*N**3/(7*d)")).name == NONE
    assert judge.match(tree("N*d/((N + d)*b)")).name == "reference"

"""Reading formulas: what people write is understood, what attacks is refused at once."""

import time
from fractions import Fraction

import pytest

from grader.formulas import identity, trees
from grader.formulas.reading import read
from grader.formulas.scanning import scan
from grader.formulas.spelling import Unreadable, table_of
from tests.formulas.attacks import ATTACKS

NAMES = {"N": "N", "d": "d", "b": "b", "B": "B", "D": "D", "n": "n", r"d_{\text{model}}": "d",
         "d_k": "d", "h_1": "h_1", "BPE": "b", "seq_len": "N", r"\beta": "b",
         "bytes per element": "b"}  # fmt: skip
TABLE = table_of(NAMES)
POINT = {"N": Fraction(7), "d": Fraction(5), "b": Fraction(3), "B": Fraction(11),
         "D": Fraction(13), "n": Fraction(17), "h_1": Fraction(19)}  # fmt: skip


def readings(text):
    return read(scan(text, TABLE))


def value(text):
    """Return a formula's value at the point; it has to have one reading."""
    (reading,) = readings(text)
    return identity.value(reading.tree, POINT)


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused_at_once(name):
    """Each attack ends in under 0.1 s with half a sentence that says where reading stopped."""
    text, mentions = ATTACKS[name]
    begin = time.process_time()
    with pytest.raises(Unreadable) as refused:
        read(scan(text, TABLE))
    assert time.process_time() - begin < 0.1
    assert mentions in str(refused.value)
    assert len(str(refused.value)) < 130


@pytest.mark.parametrize(
    ("expected", "forms"),
    [
        (4 * 49 * 5, [
            "4N^2d", "4N²d", "4 N^{2} d", "4*N**2*d", "4 * N^2 * d", r"4N^2\,d", r"4 N^2 d_k",
            r"4\cdot N^{2}\cdot d", r"4 \times N^2 \times d", "4·N²·d", "4×N²×d", "4∗N^2∗d",
            r"\boxed{4N^2d}", r"\mathbf{4N^2 d}", r"4N^2d_{\text{model}}", "4N^2 d_{model}",
            r"4N^2 d_{\mathrm{model}}", r"\left(4N^2\right)d", r"\Bigl(4N^2\Bigr) d", "4dN^2",
            "2N^2d + 2N^2d", r"2 N^2 d\, +\, 2 N^2 d", "(2N)^2 d", "4N N d", "4NNd", "N^2(4d)",
            "𝟒𝑁²𝑑", "4 N<sup>2</sup> d",
            r"\underbrace{2N^2d}_{QK^T} + \underbrace{2N^2d}_{PV}", "4N^2d.", "4 seq_len**2 * d_k",
            r"\dfrac{8N^2d}{2}", r"8N^2d/2", r"\frac12 \cdot 8 N^2 d",
            "+4N^2d", "-(-4N^2d)", r"4N^{2}d \qquad",
            r"4{N^2}{d}", "4[N^2]d", r"4\{N^2\}d", r"\displaystyle 4 N^2 d", "4e0*N**2*d",
            r"\color{blue}{4N^2d}", r"4\,\mathrm{N}^2\,\mathrm{d}", r"4~N^2~d", "４N^2d",
        ]),
        (2 * 7 * 3, [r"2N\text{BPE}", r"2N \beta", "2Nβ", "2Nb",
                     r"2N \times \text{bytes per element}"]),
        (17 * (2 * 11 * 7 * 13 + 13**2), ["n(2BND+D^2)", r"n\left(2BND + D^{2}\right)",
                                           "(2BND+D²)n"]),
        (Fraction(7, 2), [r"\frac{N}{2}", "N/2", "0.5N", ".5N", "N÷2", "½N",
                          "N*2^{-1}"]),
        (3, [r"\left\lfloor\frac{N}{2}\right\rfloor", "⌊N/2⌋", "floor(N/2)", "N//2",
             "math.floor(N/2)"]),
        (4, [r"\lceil N/2 \rceil", "⌈N/2⌉", "ceil(N/2)"]),
        (16777216, ["16,777,216", r"16{,}777{,}216", r"16\,777\,216", "16_777_216", "16777216",
                    "2^{24}", "2^24", "2**24", "2²⁴"]),
        (61448000, [r"61448\,000", "61.448 \\times 10^6", "6.1448e7"]),
        (7, ["max(N, d)", "N + 0", "sqrt(N**2)", r"\sqrt{N^2}", "(N^2)^{1/2}", "min(N, 9)"]),
        (19, ["h_1", "h1", "h_{1}", "h₁"]),
    ],
)  # fmt: skip
def test_what_people_write_is_understood(expected, forms):
    """LaTeX, Unicode mathematics and Python-style text of a formula have its value."""
    wrong = {}
    for form in forms:
        try:
            if (got := value(form)) != expected:
                wrong[form] = got
        except Unreadable as stop:
            wrong[form] = f"unreadable at {stop}"
    assert not wrong


@pytest.mark.parametrize(
    ("text", "stops_at"),
    [
        ("4N2d", "N^2"),  # an exponent that a PDF lost
        ("4 N 2 d", "'2' after 'N'"),
        ("4 096 N", "two numbers side by side"),
        ("0,125", "','"),
        ("4S^2", "'S'"),
        ("4n_2", "'n_2'"),
        ("4N^2 D_x", "'D_x'"),
        ("4N^2 x", "'x'"),  # an unknown letter is no unit
        ("O(N^2)", "'O'"),
        ("N_{ctx} d", "'N_{ctx}'"),
        ("4Ν", r"\nu"),  # a Greek letter that looks like N
        ("2^N", "exponent"),
        ("N^{2d}", "exponent"),
        ("N^{0.3}", "exponent"),
        ("N^{65}", "exponent"),
        ("|N|", "'|'"),
        ("(N + d", "its end"),
        ("N + d)", "')'"),
        ("(N + d]", "']'"),
        ("4 +", "its end"),
        ("", "its end"),
        ("N FLOPs + d", "'FLOPs'"),
        (r"\log N", r"\log"),
        (r"\frac{N}", "its end"),
        ("12.86 5", "side by side"),
        ("sqrt N", "brackets are missing"),
    ],
)
def test_what_is_not_understood_is_named(text, stops_at):
    """A formula that cannot be read says at which sign, and is never guessed."""
    with pytest.raises(Unreadable) as refused:
        readings(text)
    assert stops_at in str(refused.value)


def test_a_quotient_of_a_product_has_two_readings():
    """1/2BN is (1/2)BN and 1/(2BN); an explicit sign or brackets leave one."""
    first, second = (identity.value(r.tree, POINT) for r in readings("1/2BN"))
    assert (first, second) == (Fraction(77, 2), Fraction(1, 154))
    assert value("1/2*B*N") == Fraction(77, 2)
    assert value("1/(2BN)") == Fraction(1, 154)
    assert value(r"\frac{1}{2}BN") == Fraction(77, 2)


def test_units_are_no_factors():
    """Words after a formula are its unit; a letter that is a symbol stays a factor."""
    (reading,) = readings("4N^2 d FLOPs/byte")
    assert (trees.show(reading.tree), reading.unit) == ("4*N**2*d", "FLOPs / byte")
    (reading,) = readings(r"2N^2 d \text{ bytes}")
    assert (trees.show(reading.tree), reading.unit) == ("2*N**2*d", "bytes")


@pytest.mark.parametrize(
    "text", ["N - (d + b)", "N/(d*b)", "(N + d)**2", "-(N + d)/b", "N*(d - b)", "(N/d)/(b/n)",
             "2*(-N)", "N - -d", "(-N)**2", "0.125*N", "floor((N + 1)/2)", "1/3*N", "(1/3)**2"],
)  # fmt: skip
def test_what_is_printed_reads_the_same(text):
    """The printed form of a tree is a formula of the same value, also for Python."""
    printed = trees.show(readings(text)[0].tree)
    assert value(printed) == identity.value(readings(text)[0].tree, POINT)
    if "floor" not in text:
        assert eval(printed, {k: float(v) for k, v in POINT.items()}) == pytest.approx(
            eval(text, {k: float(v) for k, v in POINT.items()})
        )

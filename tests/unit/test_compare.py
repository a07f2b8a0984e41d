"""The ruler, the record that it is written into, and the draw that inputs come from."""

import hashlib

import numpy as np
import pytest

from grader.checking.compare import difference
from grader.checking.draw import Draw
from grader.checking.record import Record

NAN, INF = float("nan"), float("inf")
SHAPE = (2, 3, 5)


@pytest.fixture
def expected():
    """Finite float64 values of the oracle's shape (row, position, id)."""
    return np.random.default_rng(7).standard_normal(SHAPE)


@pytest.fixture
def record():
    """Return an empty record."""
    return Record("a_check")


# --- the ruler ------------------------------------------------------------------------------------


def test_equal_arrays_do_not_differ(expected):
    """An array is at distance 0 from itself."""
    found = difference(expected, expected)
    assert (found.max_abs, found.not_finite) == (0.0, 0)


@pytest.mark.parametrize("where", list(np.ndindex(SHAPE)))
def test_the_worst_place_is_found_wherever_it_is(expected, where):
    """Every row, position and id counts: a single wrong value is seen and located."""
    got = expected.copy()
    got[where] -= 0.25
    found = difference(got, expected)
    assert found.max_abs == pytest.approx(0.25, rel=1e-12)
    assert found.where == where
    assert found.got == got[where]
    assert found.expected == expected[where]


def test_the_larger_of_two_differences_counts(expected):
    """Differences do not cancel or average."""
    got = expected.copy()
    got[0, 0, 0] += 1.0
    got[1, 2, 4] -= 1.5
    assert difference(got, expected).where == (1, 2, 4)
    assert difference(got, expected).max_abs == pytest.approx(1.5)


@pytest.mark.parametrize("value", [NAN, INF, -INF], ids=str)
@pytest.mark.parametrize("where", [(0, 0, 0), (1, 1, 3), (1, 2, 4)])
def test_one_value_that_is_not_finite_is_worse_than_any_number(expected, value, where):
    """A single NaN or infinity has no distance, is counted, and is where the finger points."""
    got = expected.copy()
    got[0, 1, 1] += 1e30
    got[where] = value
    found = difference(got, expected)
    assert found.max_abs is None
    assert found.where == where
    assert found.not_finite == 1


def test_all_nan_is_counted(expected):
    """Every value that is not finite is counted."""
    found = difference(np.full(SHAPE, NAN), expected)
    assert (found.max_abs, found.not_finite) == (None, 30)


def test_the_arithmetic_is_in_float64():
    """Half precision is compared as it is, without overflow and without rounding the oracle."""
    large = np.full((1, 1, 2), 32_768.0, dtype=np.float16)
    assert difference(large, -large).max_abs == 65_536.0  # float16 ends at 65,504
    assert difference(large, np.full((1, 1, 2), 32_768.25)).max_abs == 0.25
    ones, more = np.ones((1, 1, 1), np.float32), np.full((1, 1, 1), 1.0 + 1e-12)
    assert difference(ones, more).max_abs == pytest.approx(1e-12, rel=1e-3)


def test_the_largest_floats_differ_without_a_warning():
    """A difference that overflows is no number that could meet a limit."""
    with np.errstate(over="ignore"):
        found = difference(np.full((1, 1, 1), -1.7e308), np.full((1, 1, 1), 1.7e308))
    assert found.max_abs is None


@pytest.mark.parametrize("shape", [(1, 3, 5), (3, 5), (2, 3, 1), (2, 3, 5, 1), (30,)])
def test_other_shapes_are_refused_and_never_broadcast(expected, shape):
    """Arrays that numpy would broadcast are not compared at all."""
    with pytest.raises(ValueError, match="shapes"):
        difference(np.zeros(shape), expected)


@pytest.mark.parametrize("value", [NAN, INF])
def test_an_oracle_that_is_not_finite_is_an_error(expected, value):
    """Values of ours that are not finite are our fault and compare with nothing."""
    wrong = expected.copy()
    wrong[1, 0, 2] = value
    with pytest.raises(ValueError, match="not finite"):
        difference(wrong.copy(), wrong)


# --- the record -----------------------------------------------------------------------------------


def test_the_worst_of_several_cases_is_kept_with_its_sentence(record, expected):
    """Of all cases the largest difference stays, and the sentence says which case and where."""
    for name, gap, where in (("case 1", 0.1, (0, 0, 0)), ("case 2", 0.7, (1, 2, 3)),
                             ("case 3", 0.2, (0, 1, 1))):  # fmt: skip
        got = expected.copy()
        got[where] += gap
        assert record.compare(got, expected, name) == pytest.approx(gap)
    assert record.evidence.measured == {"max_abs_error": pytest.approx(0.7)}
    assert record.evidence.message.startswith("case 2: ")
    assert "row 1, position 2, id 3" in record.evidence.message
    assert record.evidence.outcome == "measured"


def test_values_that_are_not_finite_stick(record, expected):
    """Once a case was not finite no later one makes up for it, nor takes its sentence."""
    spoilt = expected.copy()
    spoilt[1, 0, 0] = NAN
    record.compare(expected, expected, "case 1")
    assert record.compare(spoilt, expected, "case 2") == INF
    record.compare(expected, expected, "case 3")
    record.compare(expected + 9, expected, "case 4")
    assert record.evidence.measured == {"max_abs_error": None}
    assert record.evidence.message == "case 2: 1 of 30 values are not finite"


@pytest.mark.parametrize("bad", [None, NAN, INF], ids=str)
@pytest.mark.parametrize("order", ["first", "between", "last"])
def test_no_number_hides_one_that_is_none(record, bad, order):
    """None, NaN and infinity are worse than any number, whenever they come."""
    values = {"first": [bad, 1.0, 2.0], "between": [1.0, bad, 2.0], "last": [1.0, 2.0, bad]}
    for value in values[order]:
        record.worst("gap", value)
    kept = record.evidence.measured["gap"]
    assert kept is None or not np.isfinite(kept)


def test_two_measures_do_not_mix(record, expected):
    """Each name keeps its own worst value."""
    record.worst("a", 1.0)
    record.worst("b", None)
    record.worst("a", 0.5)
    record.compare(expected, expected, "here", name="c")
    assert record.evidence.measured == {"a": 1.0, "b": None, "c": 0.0}


def test_zero_is_a_measurement(record):
    """A difference of exactly 0 is written down, and a larger one replaces it."""
    record.worst("gap", 0)
    assert record.evidence.measured == {"gap": 0}
    record.worst("gap", 0.5)
    assert record.evidence.measured == {"gap": 0.5}


def test_staff_may_be_told_more(record):
    """The sentence for staff is the student's unless there is another."""
    record.say("wrong")
    assert (record.evidence.message, record.evidence.staff_message) == ("wrong", "wrong")
    record.say("wrong", "wrong at seed 7")
    assert (record.evidence.message, record.evidence.staff_message) == ("wrong", "wrong at seed 7")


def test_inconclusive_and_the_courses_verdict(record):
    """A check may leave itself to a human, and may note what the course's harness says."""
    record.inconclusive("It could not be seen.")
    record.course("evaluate", 9, 10)
    assert record.evidence.outcome == "inconclusive"
    assert record.evidence.message == "It could not be seen."
    assert record.evidence.course == {"evaluate": "9/10"}


# --- the draw -------------------------------------------------------------------------------------


def numbers(draw, label):
    """Return the first numbers of a stream."""
    return tuple(draw.rng(label).integers(0, 2**62, 8))


def test_the_same_seed_draws_the_same():
    """A run can be repeated: seed and label decide every number, in any order of use."""
    first, again = Draw("00ff"), Draw("00ff")
    ahead = numbers(first, "weights"), numbers(first, "prompts")
    assert (numbers(again, "prompts"), numbers(again, "weights")) == ahead[::-1]


def test_the_draw_of_a_seed_is_the_same_for_ever():
    """A stored seed repeats its run in later versions: the stream is SHA-256 of seed and label."""
    entropy = int(hashlib.sha256(b"00ff weights").hexdigest(), 16)
    assert numbers(Draw("00ff"), "weights") == tuple(
        np.random.default_rng(entropy).integers(0, 2**62, 8)
    )


def test_labels_are_independent():
    """Streams of different labels have nothing in common, close as the labels may be."""
    draw = Draw.fresh()
    labels = ["", " ", "a", "a ", "b", "ab", "prompts of a", "prompts of b", "1", "11"]
    streams = [numbers(draw, label) for label in labels]
    assert len({n for stream in streams for n in stream}) == 8 * len(labels)
    a, b = (draw.rng(label).standard_normal(20_000) for label in ("weights", "other weights"))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.05


def test_seeds_are_independent():
    """Fresh draws never repeat, and neither do their numbers."""
    draws = [Draw.fresh() for _ in range(50)]
    assert len({draw.seed for draw in draws}) == 50
    assert len({numbers(draw, "weights") for draw in draws}) == 50
    assert min(len(draw.seed) for draw in draws) >= 32  # 128 bits in hexadecimal


def test_the_digest_names_the_draw_and_hides_the_seed():
    """Equal digests mean equal draws, and neither the seed nor a stream's entropy shows in one."""
    draw = Draw.fresh()
    assert draw.digest == Draw(draw.seed).digest
    assert draw.digest != Draw.fresh().digest
    assert draw.seed not in draw.digest
    shown = draw.digest.removeprefix("sha256:")
    for label in ("", "weights", "draw"):
        assert shown != hashlib.sha256(f"{draw.seed} {label}".encode()).hexdigest()
        assert numbers(draw, label) != tuple(
            np.random.default_rng(int(shown, 16)).integers(0, 2**62, 8)
        )

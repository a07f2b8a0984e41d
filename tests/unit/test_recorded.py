"""Recorded answers: exact where the question was asked before, and honest about the rest."""

import numpy as np
import pytest

from grader.checking.recorded import RecordedOracle, Recorder
from grader.errors import HarnessError

DIMS = {"words": 7}
WEIGHTS = {"w": np.ones(3, dtype=np.float32)}
ASKED = np.array([[1, 2, 3, 4], [5, 6, 0, 1]])


class Live:
    """Logits (B, T, 7): each position's are the sum of the ids up to it, and its row."""

    ready = ()

    def start(self):
        """Nothing to start."""

    def close(self):
        """Nothing to close."""

    def logits(self, dims, weights, ids, *, dtype="float64"):
        sums = np.cumsum(ids, axis=1)[..., None] + np.arange(7)
        return sums.astype(dtype) + (dtype == "float32")


@pytest.fixture
def oracle(tmp_path):
    """One question was recorded, in both types."""
    recorder = Recorder(Live())
    for dtype in ("float64", "float32"):
        recorder.logits(DIMS, WEIGHTS, ASKED, dtype=dtype)
    recorder.write(tmp_path)
    return RecordedOracle(tmp_path)


def test_a_question_asked_before_has_its_answer(oracle):
    """The same ids, weights, sizes and type give what was recorded for just these."""
    for dtype in ("float64", "float32"):
        expected = Live().logits(DIMS, WEIGHTS, ASKED, dtype=dtype)
        assert np.array_equal(oracle.logits(DIMS, WEIGHTS, ASKED, dtype=dtype), expected)


def test_ids_that_begin_alike_are_known_so_far(oracle):
    """Up to the first id in any row that differs; from there on every value is NaN."""
    other = ASKED.copy()
    other[1, 2] = 3
    found = oracle.logits(DIMS, WEIGHTS, other)
    assert np.array_equal(found[:, :2], Live().logits(DIMS, WEIGHTS, ASKED)[:, :2])
    assert np.isnan(found[:, 2:]).all()


@pytest.mark.parametrize(
    ("dims", "weights", "ids"),
    [
        ({"words": 8}, WEIGHTS, ASKED),
        (DIMS, {"w": np.zeros(3, dtype=np.float32)}, ASKED),
        (DIMS, WEIGHTS, ASKED[:1]),
        (DIMS, WEIGHTS, ASKED + 1),
    ],
    ids=["sizes", "weights", "shape", "first-ids"],
)
def test_another_question_is_our_fault_and_never_a_zero(oracle, dims, weights, ids):
    """What was not recorded raises, with what to think of."""
    with pytest.raises(HarnessError, match="do not cover this question"):
        oracle.logits(dims, weights, ids)

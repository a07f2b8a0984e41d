"""Parts 3 and 4: what is right however it is written, what is wrong and named, what is missing.

All mistakes, in the reference and in a solution written otherwise, and what is timed:
`make proof PARTS=decoding`.
"""

import pytest

from tests.decoding import samples
from tests.long import LONG

FEW = ("is-causal-with-one-query", "not-reset", "positions-restarted")


@pytest.fixture(scope="module")
def ground():
    """One draw for all, and some of the known mistakes: asking all takes most of the time."""
    ground = samples.Ground(samples.optional())
    known = ground.family.of("decoding")
    known.mistakes = [mistake for mistake in known.mistakes if mistake.id in FEW]
    yield ground
    ground.close()


@LONG
def test_a_solution_written_otherwise_is_right(ground):
    """A cache in the layers, PyTorch's attention, another number of proposals: all checks pass.

    And the student is told how many tokens a pass accepted, also in the worst case.
    """
    result = ground.examine(samples.STATEFUL.read_text())
    assert samples.wrong(result) == set()
    assert result["diagnosis"] == []
    (told,) = [check["message"] for criterion in result["criteria"]
               for check in criterion["checks"] if check["id"] == "speculate_worst"]  # fmt: skip
    assert "In the worst case" in told
    assert "0 of its tokens were accepted in 38 passes of the target for 38 tokens" in told


def test_is_causal_with_one_query_is_named(ground):
    """PyTorch's `is_causal=True` after a cache, in a hand-in of part 3 alone.

    The prompt's logits are right and the tokens are not; a speculate that is not written is not
    handed in, and keeps no mistake from being named.
    """
    text = samples.mistaken("is-causal-with-one-query")
    unwritten = text[: text.index("    wanted = ")] + "    raise NotImplementedError\n"
    result = ground.examine(unwritten)
    assert samples.outcomes(result) == {
        "decode_forward": "passed",
        "decode_tokens": "failed",
        "decode_rows": "failed",
        "decode_again": "failed",
        "decode_work": "passed",
        "speculate_exact": "not_submitted",
        "speculate_worst": "not_submitted",
        "speculate_accepted": "not_submitted",
        "speculate_few": "not_submitted",
    }
    assert samples.named(result) == ["is-causal-with-one-query"]
    assert "is_causal=True" in result["diagnosis"][0]["sentence"]


@LONG
def test_a_cache_that_is_not_reset_is_named(ground):
    """The first prompt is decoded rightly, and so is any by a model that has seen no other."""
    result = ground.grade(samples.mistaken("not-reset"))
    assert samples.wrong(result) == {"decode_again"}
    assert samples.named(result) == ["not-reset"]


@pytest.mark.parametrize("text", [None, samples.TEMPLATE.read_text()], ids=["none", "as given"])
def test_nobody_has_to_hand_them_in(ground, text):
    """Without decoding.py, or with that of the handout, nothing is handed in, nothing lost."""
    result = ground.examine(text)
    assert set(samples.outcomes(result).values()) == {"not_submitted"}
    points = [(c["points"], c["max_points"], c["pending_points"]) for c in result["criteria"]]
    assert points == [(0, 0, 0), (0, 0, 0)]

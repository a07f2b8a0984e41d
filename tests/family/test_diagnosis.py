"""The diagnosis on real models: the right name for a mistake, in whatever style it is written.

A few mistakes of each kind here; `make proof PARTS=diagnosis` tries all of them in all styles.
"""

import pytest

from tests.family.diagnosing import Clinic
from tests.family.styles import FAMILY, STYLES, edits_of, source_of

SOME = ("mask-not-shifted", "positions-restart", "no-scale", "post-norm", "past-changed-in-place",
        "stale-cache", "bfloat16-inside", "dropout-left-on", "bias-in-attention", "prompt-dropped",
        "temperature-twice", "argmax-for-sampling")  # fmt: skip
WRITTEN = STYLES[1:]


@pytest.fixture(scope="module")
def clinic():
    with Clinic() as clinic:
        yield clinic


@pytest.mark.parametrize("style", WRITTEN)
def test_right_solutions_have_no_diagnosis(clinic, style):
    """However it is written, what is right is left in peace."""
    assert clinic.diagnose(source_of(style)) == []


@pytest.mark.parametrize(("mistake", "style"), list(zip(SOME, WRITTEN * 4, strict=False)))
def test_a_mistake_is_named_in_another_style(clinic, mistake, style):
    """The name is the mistake's, and the sentence says what it is and where to look."""
    assert edits_of(style, mistake)
    found = clinic.diagnose(source_of(style, mistake))
    assert mistake in [entry["mistake"] for entry in found], clinic.draw
    sentence = next(entry["sentence"] for entry in found if entry["mistake"] == mistake)
    assert FAMILY[mistake].says in sentence
    assert FAMILY[mistake].look in sentence


def test_logits_that_are_never_numbers_are_no_chance(clinic):
    """NaN at every call is not taken for dropout: the same twice is the same."""
    logits = "logits = self.output_projection(self.norm(x))"
    source = source_of("reference")
    assert source.count(logits) == 1
    found = clinic.diagnose(source.replace(logits, f"{logits} * float('nan')"))
    assert [entry["mistake"] for entry in found] == [None]


@pytest.mark.parametrize(
    ("one", "other", "part"),
    [("no-scale", "gelu", "layers.0.attention"), ("mask-not-shifted", "positions-restart", "")],
)
def test_two_mistakes_at_once_are_said_to_be_none_alone(clinic, one, other, part):
    """No name is given; the first part of the model that is wrong is."""
    (entry,) = clinic.diagnose(source_of("plain", one, other))
    assert entry["mistake"] is None, clinic.draw
    assert f"none of the {len(FAMILY)} known mistakes alone" in entry["sentence"]
    assert (
        f"the first part whose output differs from the reference's is {part}" in entry["sentence"]
    )

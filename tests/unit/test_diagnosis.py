"""Diagnosis: a mistake is named if every answer is that mistake's, and only then."""

import dataclasses

import numpy as np
import pytest

from grader.checking.diagnosis import diagnose
from grader.checking.draw import Draw
from grader.checking.probing import Probe, Questions, distance
from grader.errors import StudentFault
from grader.mistakes import Mistake

ATOL = 1e-2
STEADY, FORWARD, CACHED = "steady", "forward", "cached"
RIGHT = {STEADY: 0.0, FORWARD: 1.0, CACHED: 2.0}
KNOWN = {
    "": RIGHT,
    "mask": RIGHT | {CACHED: 5.0},
    "scale": RIGHT | {FORWARD: 3.0, CACHED: 4.0},
    "twin": RIGHT | {FORWARD: 3.0, CACHED: 4.0},
    "half": RIGHT | {FORWARD: 1.05, CACHED: 2.0},
    "dropout": RIGHT | {STEADY: 1.0, FORWARD: 9.0},
    "names": dict.fromkeys(RIGHT, "The weights do not fit."),
}


def probe(name, **options):
    """Return a probe of which only the name is used."""
    return Probe(name, f"your {name}", lambda model, rng: model[name], **options)


class Model(dict):
    """Answers by probe; text is an exception's."""

    def __getitem__(self, name):
        answer = super().__getitem__(name)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, str):
            raise StudentFault("error", answer)
        return np.full((2, 3), answer)


class Submission:
    """Builds what it is told to build."""

    def __init__(self, answers):
        self.answers = answers

    def fresh(self):
        """Nothing to begin anew."""

    def build(self, _dims, _weights):
        return Model(self.answers)


class Family:
    """The family's answers, and how often it was asked."""

    def __init__(self, known=KNOWN):
        self.known = known
        self.mistakes = [
            Mistake(name, f"with {name}", f"Look at {name}.", "logits",
                    "size" if name == "half" else "values")
            for name in known if name
        ]  # fmt: skip

    def answer(self, mistake, probe):
        answer = self.known[mistake].get(probe.id, np.nan)
        return answer if isinstance(answer, str) else np.full((2, 3), float(answer))


@pytest.fixture
def questions():
    return Questions(
        probes=(probe(STEADY, tolerance=0.5, decides=True), probe(FORWARD), probe(CACHED)),
        partings=(),
        parts=(),
        settings={"main": ({}, {})},
        draw=Draw("seed"),
    )


def names(questions, **answers):
    """Return the mistakes that these answers are said to be those of."""
    found = diagnose(Submission(RIGHT | answers), Family(), questions, ATOL)
    return [entry["mistake"] for entry in found]


def test_right_answers_have_no_diagnosis(questions):
    """Rounding is no mistake."""
    assert names(questions) == []
    assert names(questions, forward=1.0 + 0.9 * ATOL) == []


def test_the_mistake_with_these_answers_is_named(questions):
    """All answers equal the mistake's, up to the tolerance; what is right is said as well."""
    (entry,) = diagnose(Submission(RIGHT | {CACHED: 5.001}), Family(), questions, ATOL)
    assert entry["mistake"] == "mask"
    assert entry["sentence"] == (
        "Your cached equal those of a model with mask (largest difference 0.001); your forward "
        "are right. Look at mask."
    )


def test_two_mistakes_at_once_are_none_of_the_known_ones(questions):
    """One answer of one mistake and one of another name neither."""
    (entry,) = diagnose(Submission(RIGHT | {FORWARD: 3.0, CACHED: 5.0}), Family(), questions, ATOL)
    assert entry["mistake"] is None
    assert "wrong as with none of the 6 known mistakes alone" in entry["sentence"]


def test_mistakes_that_cannot_be_told_apart_are_all_named(questions):
    """Two mistakes with the same answers are both said, the second as the other possibility."""
    found = diagnose(Submission(RIGHT | {FORWARD: 3.0, CACHED: 4.0}), Family(), questions, ATOL)
    assert [entry["mistake"] for entry in found] == ["scale", "twin"]
    assert found[1]["sentence"].startswith("Or: ")


def test_rounding_of_half_precision_is_told_by_its_size(questions):
    """An error as large as the mistake's names it although no number is the same."""
    assert names(questions, forward=0.96) == ["half"]
    assert names(questions, forward=1.4) == [None]


def test_what_is_drawn_is_compared_only_where_nothing_exact_is_wrong(questions):
    """Samples of a wrong model are noise; of a model with right logits they are all there is."""
    drawn = probe("drawn", tolerance=0.3, chance=True)
    asked = dataclasses.replace(questions, probes=(*questions.probes, drawn))
    known = {name: answers | {"drawn": 0.0} for name, answers in KNOWN.items() if name != "names"}
    known["cold"] = RIGHT | {"drawn": 5.0}

    def said(**answers):
        own = Submission(RIGHT | {"drawn": 0.0} | answers)
        return [entry["mistake"] for entry in diagnose(own, Family(known), asked, ATOL)]

    assert said(cached=5.0, drawn=3.0) == ["mask"]
    assert said(drawn=5.2) == ["cold"]
    assert said(drawn=3.0) == [None]


def test_chance_in_a_model_decides_alone(questions):
    """Where the same question has two answers, the others are not compared."""
    assert names(questions, steady=1.0, forward=77.0) == ["dropout"]


def test_the_same_exception_is_the_same_mistake(questions):
    """Faults are compared by their words, without the place; one's own stays undiagnosed."""
    same = "The weights do not fit. (model.py, line 3, in forward)"
    assert names(questions, **dict.fromkeys(RIGHT, same)) == ["names"]
    assert names(questions, **dict.fromkeys(RIGHT, "another text")) == []


def test_no_time_left_is_no_diagnosis(questions):
    """A fault of the sandbox's limits passes through; it is not an answer."""
    with pytest.raises(StudentFault, match="limit"):
        names(questions, forward=StudentFault("timeout", "limit"))


def test_distance_is_never_small_by_accident():
    """Other shapes, NaN and exceptions are infinitely far from numbers."""
    one = np.ones((2, 2))
    assert distance(one, one + 1e-3) == pytest.approx(1e-3)
    for other in (np.ones((2, 1)), np.full((2, 2), np.nan), "text"):
        assert distance(one, other) == np.inf
        assert distance(other, one) == np.inf
    assert distance("text", "text") == 0
    assert distance("text", "another") == np.inf
    assert distance(np.full(2, np.nan), np.full(2, np.nan)) == 0  # not there in either

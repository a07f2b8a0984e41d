"""The family of known mistakes of attention: each far from right, and told from every other."""

import itertools

import pytest

from grader import pack as packs
from grader.checking.draw import Draw
from grader.checking.family import RIGHT
from grader.checking.probing import distance
from grader.grade import family_for
from grader.sandbox.process import ProcessSandbox
from tests.sheets.answers import PACK


@pytest.fixture(scope="module")
def answers():
    """Return the pack and what each mistake answers to each probe."""
    pack = packs.load(PACK.parents[1], PACK.name)
    with family_for(pack, ProcessSandbox(), Draw.fresh()) as family:
        names = [RIGHT, *(mistake.id for mistake in family.mistakes)]
        probes = family.questions.probes
        return pack, {name: [family.answer(name, probe) for probe in probes] for name in names}


def apart(one, other):
    """Return the largest difference over all probes."""
    return max(distance(a, b) for a, b in zip(one, other, strict=True))


def test_every_mistake_shows(answers):
    """Each misses the tolerance at least three times over."""
    pack, found = answers
    near = {name for name, own in found.items() if apart(own, found[RIGHT]) < 3 * pack.atol}
    assert near == {RIGHT}


def test_no_two_mistakes_look_alike(answers):
    """Each has an answer of its own, so that it can be named."""
    pack, found = answers
    alike = [
        (one, other)
        for one, other in itertools.combinations(found, 2)
        if apart(found[one], found[other]) < 3 * pack.atol
    ]
    assert alike == []

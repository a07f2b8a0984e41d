"""Samples of packs: what is right keeps every point, what is wrong loses the right ones, by name.

A few here; all of them are rows of `make proof PARTS="zoo defences"`.
"""

import pytest

from tests import packs as samples
from tests.long import LONG
from tests.proof.trials import Ground

GRADED = {name: [*samples.honest(name), *samples.wrong(name)] for name in samples.IDS}
FEW = {"mask-not-shifted", "positions-restart"}


@pytest.fixture(scope="module")
def grounds():
    """A ground for each pack: boxes, an oracle and a draw."""
    grounds = {name: Ground(name) for name in samples.IDS}
    yield grounds
    for ground in grounds.values():
        ground.close()


@pytest.mark.parametrize("name", samples.IDS)
def test_samples_say_what_they_are(name):
    """Each has an id of its own, is Python, and names checks and mistakes that there are."""
    pack = samples.pack_of(name)
    wrong = samples.wrong(name)
    every = [*samples.honest(name), *wrong, *samples.known(name)]
    assert len({sample.id for sample in every}) == len(every) >= 20
    for sample in every:
        compile(sample.source, sample.id, "exec")
    for sample in wrong:
        assert sample.says, sample.id
        assert set(sample.checks) <= {"default", *(check.id for check in pack.checks)}, sample.id
        assert set(sample.named) <= {mistake.id for mistake in pack.mistakes}, sample.id


def some(*prefixes):
    """Return pairs (pack, sample) of samples that are named so."""
    return [
        pytest.param(name, sample, id=f"{name}/{sample.id}")
        for name, listed in GRADED.items()
        for sample in listed
        if sample.id.startswith(prefixes)
    ]


@pytest.mark.parametrize(("name", "sample"), some("bob"))
def test_a_wrong_sample_has_its_verdict(grounds, name, sample):
    """Each check ends as it should: what is right passes, and what follows from it waits."""
    cells = samples.measured(grounds[name], sample, diagnosed=False)
    assert cells["held"] == "yes", cells


@LONG
@pytest.mark.parametrize(("name", "sample"), some("reference", "honest/", "submissions/", "bob"))
def test_right_ones_are_left_in_peace_and_wrong_ones_named(grounds, name, sample):
    """Honest work stays far below the tolerance and has no diagnosis, a mistake gets its name."""
    family = grounds[name].family  # all of it takes most of the time
    family.mistakes = [mistake for mistake in family.mistakes if mistake.id in FEW]
    cells = samples.measured(grounds[name], sample)
    assert cells["held"] == "yes", cells

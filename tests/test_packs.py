"""Samples of packs: what is right keeps every point, what is wrong loses the right ones, by name.

A few here; all of them are rows of `make proof PARTS="zoo defences"`.
"""

import pytest

from grader import pack as packs
from tests import packs as samples
from tests.long import LONG
from tests.proof.trials import Ground

HERE = ("bob",)  # of each pack: a sample that is wrong, and named
FEW = {"mask-not-shifted", "positions-restart"}


@pytest.fixture(scope="module")
def grounds():
    """A ground for each pack; of its known mistakes a few: asking all takes most of the time."""
    grounds = {}
    for name in samples.IDS:
        ground = grounds[name] = Ground(name)
        ground.family.mistakes = [m for m in ground.family.mistakes if m.id in FEW]
    yield grounds
    for ground in grounds.values():
        ground.close()


@pytest.mark.parametrize("name", samples.IDS)
def test_samples_say_what_they_are(name):
    """Each has an id of its own, is Python, and names checks and mistakes that there are."""
    pack = packs.load(samples.ROOT, name)
    wrong = samples.wrong(name)
    every = [*samples.honest(name), *wrong, *samples.known(name)]
    assert len({sample.id for sample in every}) == len(every) >= 20
    for sample in every:
        compile(sample.source, sample.id, "exec")
    for sample in wrong:
        assert sample.says, sample.id
        assert set(sample.checks) <= {"default", *(check.id for check in pack.checks)}, sample.id
        assert set(sample.named) <= {mistake.id for mistake in pack.mistakes}, sample.id


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        pytest.param(name, sample, id=f"{name}/{sample.id}",
                     marks=() if sample.id in HERE else LONG)
        for name in samples.IDS
        for sample in (*samples.honest(name), *samples.wrong(name))
        if sample.honest or sample.id in HERE
    ],
)  # fmt: skip
def test_a_sample_has_its_verdict(grounds, name, sample):
    """The checks end as expected, honest work keeps below the tolerance and mistakes get a name."""
    cells = samples.measured(grounds[name], sample)
    assert cells["held"] == "yes", cells

"""A few hundred guests that say anything, in every run; `tests.proof.fuzz` asks thousands."""

import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.properties import PROPERTIES, Seen

settings.register_profile(
    "protocol",
    deadline=None,  # the properties look at the time themselves
    database=None,
    derandomize="CI" in os.environ,
    suppress_health_check=list(HealthCheck),
)
EXAMPLES = {
    "anything a guest says": 200,
    "one reply, both halves": 200,
    "arrays there and back": 60,
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_few_hundred_guests_do_no_harm(name):
    """Whatever a guest says, the host is done in time, in bounded memory, with a typed outcome."""
    holds, examples = PROPERTIES[name]
    seen = Seen()

    @settings(settings.get_profile("protocol"), max_examples=EXAMPLES[name])
    @given(examples)
    def explore(drawn):
        holds(seen, *drawn)

    explore()
    assert seen.examples >= EXAMPLES[name]

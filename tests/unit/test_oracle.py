"""The oracle keeps what it is asked again, and not more of the rest than there is room for."""

from types import SimpleNamespace

import numpy as np
import pytest

from grader.checking import oracle
from grader.checking.oracle import LiveOracle


@pytest.fixture
def asked(monkeypatch):
    """Return an oracle with room for two answers, and what its reference has computed."""
    computed = []

    def forward(ids, **_):
        computed.append(int(ids[0, 0]))
        return np.ones((1, 1, 4)), None

    model = SimpleNamespace(forward=forward)
    reference = SimpleNamespace(build=lambda *_, **__: model)
    monkeypatch.setattr(oracle, "MAX_KEPT", 2 * np.ones((1, 1, 4)).nbytes)
    one = LiveOracle(reference)
    return lambda number: one.logits({}, {}, np.array([[number]])), computed


def test_what_everybody_is_asked_is_computed_once(asked):
    """A question that comes with each submission keeps its answer; questions of one alone go."""
    ask, computed = asked
    for others in (1, 2, 3, 4):
        ask(0)
        ask(others)
    assert computed == [0, 1, 2, 3, 4]
    ask(1)
    assert computed[-1] == 1

"""Latency measured in real containers: right caches keep their points, tricks earn none.

`tests/zoo/latency` holds the tricks and mistakes that are about time. Two gradings run here;
`make proof PARTS=latency` runs them all.
"""

import pytest

from grader import pack as packs
from grader.grade import grade
from tests.zoo_cases import TIMED, ZOO, Case, latency_cases, outcomes, timed

HONEST = ("preallocated-cache",)
RUN_HERE = [
    *(case for case in latency_cases() if case.expected.get("ci")),
    *(Case(ZOO / "honest" / name) for name in HONEST),
]


@pytest.mark.docker
@pytest.mark.parametrize("case", RUN_HERE, ids=lambda case: case.name)
def test_latency(case, root, docker_sandbox, docker_oracle, draw, tmp_path):
    """Each case gets what its cache is worth, on this machine, however busy it is."""
    pack = timed(packs.load(root, "e0294-a4"), case.expected.get("ci", TIMED))
    result = grade(case.submission(tmp_path), pack, docker_sandbox, oracle=docker_oracle, draw=draw)
    expected = case.expected["checks"] or dict.fromkeys(outcomes(result), "passed")
    odd = {
        name: (found, result["criteria"][0]["checks"])
        for name, found in outcomes(result).items()
        if found not in _listed(expected[name])
    }
    assert not odd
    assert result["total"]["points"] == case.expected.get("earned", 4)
    assert "harness_error" not in outcomes(result).values()


@pytest.mark.parametrize("case", latency_cases(), ids=lambda case: case.name)
def test_every_latency_case_says_what_it_earns(case):
    """An attack earns nothing by its time, and is never run outside of a container."""
    expected = case.expected
    assert expected["says"].endswith(".")
    assert set(expected["checks"]) == {"step_latency", "latency_growth", "generate_latency"}
    assert expected["kind"] in ("attack", "mistake", "honest")
    if expected["kind"] == "attack":
        assert expected["earned"] == 0
        assert expected["needs_isolation"] is True
        assert "passed" not in str(expected["checks"])


def _listed(allowed):
    return allowed if isinstance(allowed, list) else [allowed]

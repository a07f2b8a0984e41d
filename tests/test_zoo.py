"""The zoo: submissions with their expected verdicts, graded in real containers.

    tests/zoo/honest/     odd but right: keeps every point
    tests/zoo/mistakes/   wrong: loses the right points and no others
    tests/zoo/attacks/    hostile: a typed outcome, nothing earned, nothing left behind

A case is a folder `submission/` beside an `expect.toml`; a case without one is an error.
"""

import dataclasses
import os
import tomllib
from pathlib import Path

import pytest

from grader import intake
from grader.grade import grade
from grader.sandbox.owner import PREFIX

ZOO = Path(__file__).parent / "zoo"
CASES = sorted(path for path in ZOO.glob("*/*") if path.is_dir())
QUICK = {"import_seconds": 2.0, "request_seconds": 2.0, "submission_seconds": 8.0}
ATOL = 1e-2
FULL = {"2a": 5, "2b": 5, "2c": 7}


@pytest.fixture(scope="session")
def quick_pack(pack):
    """The pack with short limits, so that an endless loop costs seconds."""
    return dataclasses.replace(pack, sandbox=dataclasses.replace(pack.sandbox, **QUICK))


@pytest.mark.docker
@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_zoo(case, pack, quick_pack, docker_sandbox, docker_oracle, draw):
    """Each case gets its expected outcomes and points, and leaves no container behind."""
    expected = tomllib.loads((case / "expect.toml").read_text())
    result = grade(
        intake.read(case / "submission"),
        quick_pack if case.parent.name == "attacks" else pack,
        docker_sandbox,
        oracle=docker_oracle,
        draw=draw,
    )
    surprises = _surprises(expected, result)
    assert not surprises, "\n".join(map(str, surprises))
    assert _points(result) == {c: _one_of(expected["points"][c], _points(result)[c]) for c in FULL}
    assert len(_containers(docker_sandbox)) <= 1, "only the oracle may live on"
    if case.parent.name == "honest":
        assert _largest_error(result) < 0.3 * ATOL, "honest rounding has to stay far below"
    if case.parent.name == "mistakes":
        assert _smallest_miss(result) > 3 * ATOL, "a mistake has to miss by far"


def test_every_case_has_its_expected_verdict():
    """No case is without an expectation, and honest ones expect full marks."""
    for case in CASES:
        expected = tomllib.loads((case / "expect.toml").read_text())
        assert expected["says"], case
        assert set(expected["points"]) == set(FULL), case
        if case.parent.name == "honest":
            assert expected["points"] == FULL, case
            assert not expected["checks"], case


def _surprises(expected, result):
    """Return every check whose outcome is not among those expected."""
    checks = expected["checks"]
    default = checks.get("default", ["passed"])
    wrong = []
    for criterion in result["criteria"]:
        for check in criterion["checks"]:
            allowed = checks.get(check["id"], default)
            allowed = [allowed] if isinstance(allowed, str) else allowed
            if check["outcome"] not in allowed:
                wrong.append((check["id"], check["outcome"], check["message"], check["measured"]))
                if check["outcome"] == "harness_error":
                    wrong.append(check["staff_message"])
    return wrong


def _errors(result, outcomes):
    """Return the largest differences of logits in checks that ended so."""
    return [
        check["measured"]["max_abs_error"]
        for criterion in result["criteria"]
        for check in criterion["checks"]
        if check["outcome"] in outcomes and check["measured"].get("max_abs_error") is not None
    ]


def _largest_error(result):
    return max(_errors(result, ("passed",)))


def _smallest_miss(result):
    """Return the smallest miss in a failed comparison; a mistake with another witness has none."""
    return min(_errors(result, ("failed", "inconclusive")), default=float("inf"))


def _points(result):
    return {c["id"]: c["points"] for c in result["criteria"] if c["id"] in FULL}


def _one_of(allowed, got):
    """Return what was got if it is among what is allowed: one number, or several."""
    return got if got in (allowed if isinstance(allowed, list) else [allowed]) else allowed


def _containers(sandbox):
    label = f"{PREFIX}.pid={os.getpid()}"
    return sandbox._client.containers.list(all=True, filters={"label": label})

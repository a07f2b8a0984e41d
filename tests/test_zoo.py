"""The zoo: submissions with their expected verdicts, graded in real containers.

    tests/zoo/honest/     odd but right: keeps every point
    tests/zoo/mistakes/   wrong: loses the right points and no others
    tests/zoo/attacks/    hostile: a typed outcome, nothing earned, nothing left behind
    tests/zoo/problem1/   programs, sheets and plots of problem 1, with their points

What a case consists of is told in tests/zoo_cases.py. Of the attacks one for each group runs here,
of the others what differs most; `make proof PARTS="zoo attacks"` runs them all.
"""

import ast
import os
from collections import Counter

import pytest

from grader.errors import UsageError
from grader.grade import grade
from grader.sandbox.owner import PREFIX
from tests.zoo_cases import FULL, PROBLEM_1, cases, errors

ATTACKS = cases("attacks")
BY_DEFAULT = ("honest", "mistakes")
RUN_HERE = [case for case in cases() if case.expected.get("ci", case.kind in BY_DEFAULT)]
GROUPS = "ABCDEFGHIJKLM"
ATOL = 1e-2


@pytest.mark.docker
@pytest.mark.parametrize("case", RUN_HERE, ids=lambda case: f"{case.kind}/{case.name}")
def test_zoo(case, pack, docker_sandbox, docker_oracle, docker_family, draw, tmp_path):
    """Each case gets its expected outcomes and points, and leaves no container behind."""
    if "refused" in case.expected:
        with pytest.raises(UsageError, match=case.expected["refused"]):
            case.submission(tmp_path)
        return
    result = grade(
        case.submission(tmp_path),
        case.limited(pack),
        docker_sandbox,
        oracle=docker_oracle,
        draw=draw,
        family=docker_family if case.kind in BY_DEFAULT else None,
    )
    surprises = case.surprises(result)
    assert not surprises, "\n".join(surprises)
    assert len(_containers(docker_sandbox)) <= 2, "only the oracle and the family may live on"
    if case.kind == "honest":
        assert result["diagnosis"] == []
        assert max(errors(result, ("passed",))) < 0.3 * ATOL, "honest rounding stays far below"
    if case.kind == "mistakes":
        said = [entry["mistake"] for entry in result["diagnosis"]]
        assert case.expected.get("diagnosis", case.name) in said, result["diagnosis"]
        # A mistake that another witness has found has no such difference.
        missed = errors(result, ("failed", "inconclusive"))
        assert min(missed, default=float("inf")) > 3 * ATOL, "a mistake has to miss by far"


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.kind}/{case.name}")
def test_every_case_has_its_expected_verdict(case):
    """No case is without an expectation, and honest ones expect full marks."""
    expected = case.expected
    assert expected["says"]
    assert (case.folder / "submission").is_dir() != (case.folder / "build.py").is_file()
    if "refused" not in expected:
        assert set(expected["points"]) == set(PROBLEM_1 if case.kind == "problem1" else FULL)
    if case.kind == "problem1":
        assert expected["pending"].keys() == PROBLEM_1.keys()
        assert all(
            0 <= expected["points"][name] + expected["pending"][name] <= most
            for name, most in PROBLEM_1.items()
        )
    if case.kind == "honest":
        assert expected["points"] == FULL
        assert not expected["checks"]
    if case.kind == "attacks":
        assert expected["needs_isolation"] is True
        assert expected["row"].startswith(expected["group"])


def test_attacks_cover_every_group():
    """There are at least 80 attacks, of all 13 groups, and CI runs exactly one of each group."""
    assert len(ATTACKS) >= 80
    assert Counter(case.expected["group"] for case in ATTACKS).keys() == set(GROUPS)
    here = Counter(case.expected["group"] for case in ATTACKS if case.expected.get("ci"))
    assert here == Counter(GROUPS)


def test_attacks_really_differ():
    """No two attacks have the same Python, comments and spacing aside."""
    seen = {}
    for case in ATTACKS:
        code = tuple(_code(path) for path in case.sources)
        assert code not in seen, f"{case.name} is {seen[code]} again"
        seen[code] = case.name


def _code(path):
    """Return a file's syntax tree as text; its bytes where it is not meant to be Python."""
    data = path.read_bytes()
    try:
        return ast.dump(ast.parse(data))
    except (SyntaxError, ValueError):
        return data


def _containers(sandbox):
    label = f"{PREFIX}.pid={os.getpid()}"
    return sandbox._client.containers.list(all=True, filters={"label": label})

"""Hostile submissions of the zoo in bubblewrap: the same verdicts as in a container.

Only with control groups, without which nothing limits the memory of a whole box.
"""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from grader import intake
from grader.grade import grade
from tests.long import ALL
from tests.zoo_cases import FULL, only

pytestmark = pytest.mark.bubblewrap

ATTACKS = Path(__file__).parents[1] / "zoo" / "attacks"
QUICK = {"import_seconds": 2.0, "request_seconds": 2.0, "submission_seconds": 8.0}
NAMES = [
    "endless-loop-forward",
    "fork-bomb-forward",
    "memory-forward",
    "kill-everything",
    "frames-on-every-descriptor",
    "network",
    "reads-files",
    "daemon-left-behind",
    "disk-filler",
    "print-flood-forward",
]


LONG = {
    "fork-bomb-forward",
    "frames-on-every-descriptor",
    "reads-files",
    "disk-filler",
    "print-flood-forward",
    "network",
    "memory-forward",
}
"""Graded by `make test ALL=1` only: CI takes long enough."""
ENDS = {"daemon-left-behind", "disk-filler", "network"}  # these need no short limits
SLOWER = {"reads-files"}  # Python lies where it looks, which is more to read than in a container


def with_limits(pack, name):
    """Return problem 2 with short limits, so that an endless loop costs seconds."""
    limits = {} if name in ENDS else QUICK
    pack = only(pack, FULL)
    return dataclasses.replace(pack, sandbox=dataclasses.replace(pack.sandbox, **limits))


class Watched:
    """A sandbox that remembers the boxes it started."""

    name, isolation = "bubblewrap", "namespaces"

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self.facts = sandbox.facts
        self.boxes = []

    def start(self, limits, *, device):
        self.boxes.append(self._sandbox.start(limits, device=device))
        return self.boxes[-1]


HERE = [name for name in NAMES if ALL or name not in LONG]


@pytest.mark.parametrize("name", HERE)
def test_an_attack_gets_its_verdict(name, pack, bubblewrap_sandbox, bubblewrap_oracle, draw):
    """Outcomes and points are those expected of the attack, and nothing of its boxes is left."""
    if bubblewrap_sandbox._place is None:
        pytest.skip("no control group, so nothing limits the memory of a whole box")
    expected = tomllib.loads((ATTACKS / name / "expect.toml").read_text())
    sandbox = Watched(bubblewrap_sandbox)
    result = grade(
        intake.read(ATTACKS / name / "submission"),
        with_limits(pack, name),
        sandbox,
        oracle=bubblewrap_oracle,
        draw=draw,
    )
    late = ["timeout"] if name in SLOWER else []
    assert _surprises(expected["checks"], result, late) == []
    points = {c["id"]: c["points"] for c in result["criteria"]}
    for criterion, value in expected["points"].items():
        allowed = value if isinstance(value, list) else [value]
        assert points[criterion] in allowed or (late and points[criterion] < min(allowed))
    assert sandbox.boxes
    for box in sandbox.boxes:
        assert box.process.poll() is not None
        assert not any(folder.exists() for folder in box.group.folders.values())


def _surprises(expected, result, late):
    """Return every check whose outcome is not among those expected."""
    default = expected.get("default", "passed")
    return [
        (check["id"], check["outcome"], check["message"], check["staff_message"])
        for criterion in result["criteria"]
        for check in criterion["checks"]
        if check["outcome"] not in _listed(expected.get(check["id"], default)) + late
    ]


def _listed(value):
    return [value] if isinstance(value, str) else value

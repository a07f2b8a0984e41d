"""`grader night` as a process of its own, in real sandboxes: what is bad stops nobody else."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from grader.devices import lease
from tests import small
from tests.long import LONG

pytestmark = [pytest.mark.bubblewrap, LONG]

BRIEFLY = small.NET.replace("        return self", "        time.sleep(0.8)\n        return self")
COURSE = """
pack = "small"
hand_ins = "{name}-hand-ins"
out = "{name}-marks"
sandbox = "bubblewrap"
jobs = 1
[budget]
free_disk = 0
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory, bubblewrap_sandbox):
    """A project whose only assignment is small."""
    return small.project(tmp_path_factory.mktemp("small"))


def lay_out(folder, name, hand_ins):
    """Write a course's file and its hand-ins."""
    (folder / f"{name}.toml").write_text(COURSE.format(name=name))
    for who, text in hand_ins.items():
        (folder / f"{name}-hand-ins" / who).mkdir(parents=True)
        (folder / f"{name}-hand-ins" / who / "net.py").write_text(text)


def night(project, folder):
    """Start the night of all courses of a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "grader", "night", str(folder), "--json"], cwd=project, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, lease.ENVIRONMENT: str(folder / "leases")},
    )  # fmt: skip


def test_a_bad_course_does_not_stop_the_others_and_sigterm_lets_finish(project, tmp_path):
    """A bad file and missing hand-ins cost nobody else anything; a stop grades what has begun to
    its end and begins nothing more, no submission and no course."""
    (tmp_path / "a-bad.toml").write_text('packs = "small"')
    lay_out(tmp_path, "b-gone", {})
    lay_out(
        tmp_path,
        "c-fine",
        {"alice": small.NET, "bob": BRIEFLY, "carol": small.NET, "dave": small.NET},
    )
    lay_out(tmp_path, "d-last", {"erin": small.NET})
    with night(project, tmp_path) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if "1/4" in line:  # alice is graded
                time.sleep(0.3)  # bob has begun
                process.send_signal(signal.SIGTERM)
        data = json.loads(process.stdout.read())
        assert process.wait(30) == 130, said
    ended = {each["course"]: each for each in data["courses"]}
    assert [ended[name]["code"] for name in ("a-bad", "b-gone", "c-fine")] == [1, 1, 130]
    assert "unknown key 'packs'" in ended["a-bad"]["said"]
    assert "no hand-ins" in ended["b-gone"]["said"]
    graded, left = ended["c-fine"]["batch"]["graded"], ended["c-fine"]["batch"]["left"]
    assert sorted([*graded, *left]) == ["alice", "bob", "carol", "dave"]
    assert {"alice", "bob"} <= set(graded)
    assert "dave" in left
    assert data["not_begun"] == ["d-last"]
    logs = {path.stem: path.read_text() for path in tmp_path.glob("c-fine-marks/logs/*/*.log")}
    assert graded.keys() == logs.keys()
    assert all("  logits\n" in text for text in logs.values())

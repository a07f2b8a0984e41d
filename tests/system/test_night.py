"""`grader night` as a process of its own, in real sandboxes: what is bad stops nobody else."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from grader.devices import lease
from tests.system.test_batch import CHECKS, NET, RUBRIC, SLOW

pytestmark = pytest.mark.bubblewrap

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
def project(root, tmp_path_factory, bubblewrap_sandbox):
    """A project whose only assignment is small."""
    folder = tmp_path_factory.mktemp("small")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "grader", folder / "grader", ignore=ignore)
    checks = folder / "rubrics" / "small" / "checks"
    checks.mkdir(parents=True)
    (checks / "test_net.py").write_text(CHECKS)
    (checks.parent / "template").mkdir()
    (checks.parent / "rubric.toml").write_text(RUBRIC)
    (folder / "reference" / "small").mkdir(parents=True)
    (folder / "reference" / "small" / "net.py").write_text(NET)
    return folder


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
    """Bad files and missing hand-ins cost the others nothing; a stop grades what has begun to its
    end, begins nothing more, and the next night goes on with what is missing."""
    (tmp_path / "a-bad.toml").write_text('packs = "small"')
    lay_out(tmp_path, "b-gone", {})
    lay_out(tmp_path, "c-fine", {"alice": NET})
    lay_out(tmp_path, "d-slow", dict.fromkeys(("bob", "carol", "dave"), SLOW))
    lay_out(tmp_path, "e-last", {"erin": NET})
    first = night(project, tmp_path)
    said = []
    for line in first.stderr:
        said.append(line)
        if "1/3" in line:  # bob is graded, carol has begun
            first.send_signal(signal.SIGTERM)
    out = first.stdout.read()
    assert first.wait(30) == 130, said
    data = json.loads(out)
    ended = {each["course"]: each for each in data["courses"]}
    assert [ended[name]["code"] for name in ("a-bad", "b-gone", "c-fine")] == [1, 1, 0]
    assert "unknown key 'packs'" in ended["a-bad"]["said"]
    assert "no hand-ins" in ended["b-gone"]["said"]
    assert list(ended["c-fine"]["batch"]["graded"]) == ["alice"]
    assert set(ended["d-slow"]["batch"]["graded"]) in ({"bob", "carol"}, {"bob"})
    assert data["not_begun"] == ["e-last"]
    logs = list((tmp_path / "c-fine-marks" / "logs").glob("*/alice.log"))
    assert [" logits\n" in each.read_text() for each in logs] == [True]
    for name in ("a-bad", "b-gone", "c-fine"):
        (tmp_path / f"{name}.toml").unlink()
    second = night(project, tmp_path)
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    graded = [sorted(each["batch"]["graded"]) for each in json.loads(out)["courses"]]
    assert graded == [["bob", "carol", "dave"], ["erin"]]

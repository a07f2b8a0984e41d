"""A Docker engine of its own, killed in the middle of a batch and started again."""

import json
import os
import shutil
import time

import pytest

from tests import quick
from tests.long import LONG
from tests.proof.engine import Engine
from tests.watched import Batch

pytestmark = pytest.mark.docker
COUNT, KILLED_AT = 10, 2


@LONG
@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dockerd") is None,
    reason="only root can start a second engine, with dockerd",
)
def test_an_engine_that_is_restarted_costs_nobody_a_result(tmp_path, docker_sandbox):
    """The batch waits for it and goes on by itself: each is graded once, with all its points."""
    quick.project(tmp_path / "project")
    hand_ins = quick.mixed(tmp_path / "hand-ins", COUNT)
    with Engine() as engine:
        engine.load()
        out = tmp_path / "out"
        batch = Batch(tmp_path / "project", hand_ins, out, environment=engine.environment)
        while batch.process.poll() is None and len(batch.seen) < KILLED_AT:
            time.sleep(0.05)
        engine.kill()
        engine.start()
        code = batch.end()
    assert code == 0, "\n".join(batch.lines)
    results = [json.loads(path.read_text()) for path in out.glob("*.json")]
    assert len(results) == COUNT, "\n".join(batch.lines)
    assert None not in [each["total"]["points"] for each in results], batch.lines
    assert not list(out.glob("*.history.jsonl"))

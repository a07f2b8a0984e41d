"""What timing asks of a box: to stand still, to say who is in it, and what its device can do."""

import time

import pytest

from grader.conversation import Conversation
from grader.intake import SourceFile
from grader.records import Limits

pytestmark = pytest.mark.docker
LIMITS = Limits(import_seconds=20, submission_seconds=600)


BUSY = """
import threading
import torch

def spin():
    while True:
        pass

threading.Thread(target=spin, daemon=True).start()

class Model(torch.nn.Module):
    def forward(self, ids):
        return ids
"""


def test_a_frozen_box_spends_nothing_and_goes_on_afterwards(docker_sandbox):
    """What a submission does in the background stands still while its box is frozen."""
    files = [SourceFile("busy.py", BUSY.encode())]
    with Conversation(docker_sandbox, files, LIMITS) as box:
        box.fresh_worker()
        header = {"class": "Model", "classes": ["Model"], "file": "busy.py", "mode": "import",
                  "device": None}  # fmt: skip
        box.call("load", header)
        time.sleep(0.3)
        spinning = box.usage().cpu_seconds
        assert spinning is not None
        assert box.processes()
        with box.frozen() as frozen:
            assert frozen
            before = box.usage().cpu_seconds
            time.sleep(0.5)
            assert box.usage().cpu_seconds - before < 0.1
        box.call("drop", {"handle": 0})
        time.sleep(0.3)
        assert box.usage().cpu_seconds - before > 0.05


def test_a_box_that_is_frozen_is_removed_all_the_same(docker_sandbox):
    """Killing a frozen box needs nobody to thaw it first."""
    box = docker_sandbox.start(LIMITS, device="cpu")
    assert box.freeze(True)
    begin = time.monotonic()
    box.kill()
    assert time.monotonic() - begin < 5


def test_rates_of_the_device_are_measured_inside(docker_sandbox):
    """Bytes and flops in a second are above what any machine of this century falls short of."""
    with Conversation(docker_sandbox, [], Limits(request_seconds=60)) as box:
        box.fresh_worker()
        found, _ = box.call("rates", {"device": "cpu", "lasting": 0.2})
    assert 1e8 < found["bytes_per_second"] < 1e13
    assert 1e8 < found["flops_per_second"] < 1e15

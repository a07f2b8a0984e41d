"""Boxes that are started ahead and removed behind: nobody waits, and nothing is forgotten."""

import threading
from types import SimpleNamespace

import pytest

from grader.errors import HarnessError
from grader.records import Limits
from grader.sandbox.warm import WarmSandbox

LIMITS = Limits()


class Box:
    """A box whose removal takes as long as the test lets it."""

    work, wiped, device = "/work", [], "cpu"

    def __init__(self, fails):
        self.ready = {"ready": True}
        self.hung_up = self.removed = False
        self.fails = fails
        self.may_go = threading.Event()
        self.ended = threading.Event()  # the removal, however
        self.line = SimpleNamespace(close=lambda: setattr(self, "hung_up", True))

    def kill(self):
        assert self.may_go.wait(10)
        self.removed = not self.fails
        threading.Timer(0.05, self.ended.set).start()  # when whoever ran this knows, too
        if self.fails:
            raise HarnessError("a sandbox could not be removed")


class Sandbox:
    """Starts such boxes."""

    name, isolation = "docker", "container"

    def __init__(self, *, fails=False):
        self.boxes = []
        self.fails = fails

    def start(self, limits, *, device):
        self.boxes.append(Box(self.fails))
        return self.boxes[-1]

    def let_go(self):
        for box in self.boxes:
            box.may_go.set()


def test_a_removal_is_not_waited_for():
    """A box that is killed is hung up on at once, and removed by the time of the next but one."""
    cold = Sandbox()
    with WarmSandbox(cold, LIMITS, "cpu") as warm:
        warm.start(LIMITS, device="cpu").kill()
        first = cold.boxes[0]
        assert (first.hung_up, first.removed) == (True, False)
        warm.start(LIMITS, device="cpu").kill()
        assert not first.removed
        threading.Timer(0.05, first.may_go.set).start()
        warm.start(LIMITS, device="cpu")
        assert first.removed
        cold.let_go()


def test_what_cannot_be_removed_is_said():
    """A box that stays is a fault of ours, raised to whoever asks for the next one."""
    cold = Sandbox(fails=True)
    with WarmSandbox(cold, LIMITS, "cpu") as warm:
        box = warm.start(LIMITS, device="cpu")
        box.kill()
        box.kill()  # which has begun
        cold.boxes[0].may_go.set()
        assert cold.boxes[0].ended.wait(10)
        with pytest.raises(HarnessError, match="could not be removed"):
            warm.start(LIMITS, device="cpu")
        cold.let_go()


def test_of_several_that_are_removed_none_is_forgotten():
    """One that stays is said even if another was killed after it and went."""
    cold = Sandbox()
    with WarmSandbox(cold, LIMITS, "cpu") as warm:
        boxes = [warm.start(LIMITS, device="cpu") for _ in range(2)]
        cold.boxes[0].fails = True
        for box in boxes:
            box.kill()
        cold.let_go()
        assert cold.boxes[1].ended.wait(10)
        with pytest.raises(HarnessError, match="could not be removed"):
            warm.start(LIMITS, device="cpu")
        cold.let_go()


def test_nothing_is_left_at_the_end():
    """The end waits for a removal under way, and removes the box that nobody claimed."""
    cold = Sandbox()
    with WarmSandbox(cold, LIMITS, "cpu") as warm:
        warm.start(LIMITS, device="cpu").kill()
        threading.Timer(0.05, cold.let_go).start()
    assert [box.removed for box in cold.boxes] == [True, True]

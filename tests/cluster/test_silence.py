"""A machine of which a batch says nothing any more: its bench is cleared away."""

import time
from typing import ClassVar

import pytest

from grader.cluster import bench
from grader.cluster.machine import Facts

FACTS = Facts("docker", "2.13", ("cpu",), 1)
TOLD = {"pack": "small", "digest": "", "files": {}}
SECONDS = 0.3


class Slot:
    """A slot that grades for as long as it is told to."""

    made: ClassVar = []

    def __init__(self, *_):
        self.is_open = True
        self.made.append(self)

    def grade(self, work, _at):
        time.sleep(work["seconds"])
        return {"graded": self.is_open}

    def hang_up(self):
        self.is_open = False

    def close(self):
        self.is_open = False


@pytest.fixture
def quiet(monkeypatch):
    """Return a bench that is cleared away soon."""
    monkeypatch.setattr(bench, "SILENT_SECONDS", SECONDS)
    monkeypatch.setattr(bench, "Slot", Slot)
    return bench.Bench(dict(TOLD), FACTS)


def grade(quiet, seconds):
    """Grade a hand-in for so long."""
    return quiet.grade("a key", {"seed": "drawn", "seconds": seconds}, lambda _: None)


def test_a_slot_of_a_silent_batch_is_ended(quiet):
    """It has graded, waits for more, and nothing comes."""
    assert grade(quiet, 0) == {"graded": True}
    time.sleep(3 * SECONDS)
    assert quiet.is_closed
    assert not Slot.made[-1].is_open


def test_a_batch_that_says_that_it_goes_on_keeps_its_slots(quiet):
    """However long a machine has nothing to do."""
    grade(quiet, 0)
    for _ in range(9):
        time.sleep(SECONDS / 3)
        quiet.still()
    assert not quiet.is_closed
    assert Slot.made[-1].is_open


def test_a_long_grading_is_no_silence(quiet):
    """While something is graded nothing has to be said."""
    assert grade(quiet, 3 * SECONDS) == {"graded": True}
    assert not quiet.is_closed

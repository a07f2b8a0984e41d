"""The queue: each grading is stored once, and none is forgotten."""

import os
import signal

import pytest

from grader.batch.handins import HandIn
from grader.cluster.queue import FILE, Queue
from grader.downloads.download import Bundle
from grader.downloads.sorting import Found
from grader.errors import UsageError

RUN = "pack checks grader draw"


def hand_in(name, digest="sha256:1"):
    return HandIn(name, Bundle(f"/hand-ins/{name}"), digest, Found(name, name, ()))


ALICE, BOB = hand_in("alice"), hand_in("bob")  # who have handed in the same bytes


@pytest.fixture
def queue(tmp_path):
    made = Queue(tmp_path, RUN)
    made.fill([ALICE, BOB])
    yield made
    made.close()


def states(queue):
    return {name: state for name, (state, _) in queue.states().items()}


def test_a_grading_waits_is_given_and_done(queue):
    """Its state goes from waiting to given to done, with the machine that has it."""
    assert states(queue) == {"alice": "waiting", "bob": "waiting"}
    queue.give(ALICE, "gpu1")
    assert queue.states()["alice"] == ("given", "gpu1")
    assert queue.finish(ALICE, lambda: None)
    assert states(queue) == {"alice": "done", "bob": "waiting"}


def test_a_second_result_is_dropped(queue):
    """Whoever comes second, as a machine does that was frozen, stores and changes nothing."""
    stored = []
    queue.give(ALICE, "gpu1")
    assert queue.lose(ALICE) == 1
    queue.give(ALICE, "gpu2")
    assert queue.finish(ALICE, lambda: stored.append("gpu2"))
    assert not queue.finish(ALICE, lambda: stored.append("gpu1"))
    queue.take_back(ALICE)
    queue.lose(ALICE)
    assert (stored, queue.states()["alice"]) == (["gpu2"], ("done", "gpu2"))


def test_what_could_not_be_stored_is_not_done(queue):
    """An error while a result is stored leaves it as it was."""
    queue.give(ALICE, "gpu1")
    with pytest.raises(OSError, match="full"):
        queue.finish(ALICE, lambda: (_ for _ in ()).throw(OSError("full")))
    assert states(queue)["alice"] == "given"
    assert queue.finish(ALICE, lambda: None)


def test_machines_that_are_lost_are_counted(queue):
    """Each machine that is lost over a hand-in counts, and what is merely given back does not."""
    assert [queue.lose(ALICE), queue.lose(ALICE)] == [1, 2]
    queue.take_back(ALICE)
    assert queue.lose(ALICE) == 3
    assert queue.lose(BOB) == 1


def test_another_draw_or_pack_is_another_grading(queue, tmp_path):
    """What is done of one run says nothing of another; a changed hand-in waits anew."""
    queue.finish(ALICE, lambda: None)
    other = Queue(tmp_path, "another draw")
    other.fill([ALICE])
    assert (states(queue)["alice"], states(other)["alice"]) == ("done", "waiting")
    assert other.finish(ALICE, lambda: None)
    other.close()
    changed = hand_in("alice", "sha256:2")
    queue.fill([changed])
    assert queue.finish(changed, lambda: None)


def test_a_killed_batch_forgets_nothing(tmp_path):
    """SIGKILL at work: what was given waits again when the batch goes on, what is done is done."""
    if child := os.fork():
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    else:
        try:
            queue = Queue(tmp_path, RUN)
            queue.fill([ALICE, BOB])
            queue.finish(ALICE, lambda: None)
            queue.give(BOB, "gpu1")
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    queue = Queue(tmp_path, RUN)
    assert states(queue) == {"alice": "done", "bob": "given"}
    queue.fill([BOB])
    assert states(queue) == {"alice": "done", "bob": "waiting"}
    queue.close()


def test_a_file_that_is_no_queue_is_said(tmp_path):
    """A damaged file is named, with what to do; nothing is lost by it."""
    (tmp_path / FILE).write_bytes(b"no database, and long enough to be looked at" * 100)
    with pytest.raises(UsageError, match=r"batch\.queue is damaged .* remove it"):
        Queue(tmp_path, RUN)

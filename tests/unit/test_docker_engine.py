"""An engine that is restarted: who needs it waits for it, and not for ever."""

from types import SimpleNamespace

import pytest
import requests

from grader.errors import HarnessError
from grader.sandbox import docker


class Client:
    """Answers in the given seconds of a clock of its own, and counts how often it was asked."""

    def __init__(self, answers):
        self.answers, self.now, self.asked = answers, 100.0, 0

    def ping(self):
        self.asked += 1
        if not self.answers(self.now):
            raise requests.ConnectionError("refused")


@pytest.fixture
def client(monkeypatch):
    """Make clients whose clock is that of the module under test."""

    def made(answers):
        client = Client(answers)

        def sleep(seconds):
            client.now += seconds

        clock = SimpleNamespace(monotonic=lambda: client.now, sleep=sleep)
        monkeypatch.setattr(docker, "time", clock)
        return client

    return made


def test_an_engine_that_answers_is_asked_once(client):
    """Nobody waits for an engine that is there."""
    there = client(lambda _: True)
    docker.Engine(there, print).awaited()
    assert (there.asked, there.now) == (1, 100.0)


def test_an_engine_that_returns_is_waited_for(client):
    """One that answers again after 50 s costs nothing but these; and the next outage 50 more."""
    gone = client(lambda now: not (100 <= now < 150 or 300 <= now < 350))
    said = []
    engine = docker.Engine(gone, said.append)
    engine.awaited()
    assert 150 <= gone.now < 151
    gone.now = 300.0
    engine.awaited()
    assert 350 <= gone.now < 351
    assert len(said) == 2


def test_what_it_went_over_is_asked_again(client):
    """It went while it answered: once more when it is back; what it refuses is not asked again."""
    there = client(lambda _: True)
    engine = docker.Engine(there, print)
    answers = iter([requests.ConnectionError("went"), "done", ValueError("no")])

    def question():
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    assert engine.asked(question) == "done"
    with pytest.raises(ValueError, match="no"):
        engine.asked(question)


def test_an_engine_that_stays_away_is_waited_for_once(client):
    """After a minute it is an error, and then at once for whoever else comes."""
    gone = client(lambda _: False)
    engine = docker.Engine(gone, print)
    with pytest.raises(requests.ConnectionError):
        engine.awaited()
    given_up = gone.now
    assert 160 <= given_up < 161
    with pytest.raises(requests.ConnectionError):
        engine.awaited()
    assert gone.now == given_up


def test_a_box_that_cannot_be_removed_for_want_of_an_engine_is_our_fault(client):
    """It is told as what it is, and its line is closed all the same."""
    gone = client(lambda _: False)
    engine = docker.Engine(gone, print)
    closed = []
    container = SimpleNamespace(attrs={"State": {"Pid": 0}}, id="x")
    stream = SimpleNamespace(_sock=None, close=lambda: closed.append("stream"))
    box = docker.DockerBox(engine, container, stream, "cpu")
    box.line = SimpleNamespace(close=lambda: closed.append("line"))
    with pytest.raises(HarnessError, match="could not be removed"):
        box.kill()
    assert closed == ["line", "stream"]

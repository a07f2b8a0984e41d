"""What is seen of a script while it runs: for how long, and the last line that it printed."""

import contextlib
import secrets
import socket
import time
import types

import pytest

from grader.cli.choices import Progress
from grader.errors import StudentFault
from grader.intake import SourceFile
from grader.records import Limits
from grader.sandbox.process import ProcessSandbox
from grader.scripts import Scripts
from grader.student import Student
from grader.text import last_line
from grader.wire import Line, LineViolation

SPEAKS = """
import sys, time
for step in range(100):
    print("step", step, end="\\r" if step % 2 else "\\n", file=sys.stderr, flush=True)
    time.sleep({pause})
"""


@contextlib.contextmanager
def running(interface, source):
    """Yield the scripts of a submission with one, in a plain process, and what was seen of it."""
    files = [SourceFile("train.py", source.encode())]
    with Student(ProcessSandbox(), files, interface, Limits(submission_seconds=60)) as student:
        seen = []
        student.watch = lambda seconds, line: seen.append((seconds, line))
        yield Scripts(student, files), seen


def test_a_script_is_seen_until_its_limit(pack):
    """Once a second its last line is told, and its limit stays what it was."""
    late = pytest.raises(StudentFault, match=r"took longer than its limit of 2\.2 s")
    with running(pack.interface, SPEAKS.format(pause=0.05)) as (scripts, seen), late as raised:
        scripts.run("train.py", seconds=2.2)
    assert raised.value.outcome == "timeout"
    assert [round(seconds) for seconds, _ in seen] == [1, 2]
    steps = [int(last_line(line).removeprefix("step ")) for _, line in seen]
    assert 0 < steps[0] < steps[1]


@pytest.fixture
def frames():
    """Return what makes a conversation whose other side has sent these headers already."""
    with contextlib.ExitStack() as open_:

        def made(*headers):
            here, there = (open_.enter_context(end) for end in socket.socketpair())
            for header in headers:
                Line(there, multiplexed=False).send(header, deadline=soon())
            student = Student(ProcessSandbox(), [], None, Limits())
            student._box = types.SimpleNamespace(line=Line(here, multiplexed=False))
            return student

        yield made


def soon():
    """Return a deadline."""
    return time.monotonic() + 5


def test_still_running_is_no_reply(frames):
    """The reply is what comes after it; a "still running" for another request is a violation."""
    nonce = secrets.token_hex(8)
    still, reply = {"id": nonce, "still": "a\rb\n\n"}, {"id": nonce, "result": {}}
    asked = {"id": nonce, "reply_bytes": 0, "still": True}
    student, seen = frames(still, reply), []
    student.watch = lambda _, line: seen.append(line)
    assert student._reply(asked, soon())[0] == reply
    assert seen == ["a\rb\n\n"]
    student = frames({**still, "id": "another"})
    student.watch = lambda *_: None
    with pytest.raises(LineViolation):
        student._reply(asked, soon())


def test_still_running_was_not_asked_for(frames):
    """Where nobody watches it is a reply like any other, and nobody waits for another."""
    still = {"id": "x", "still": "..."}
    assert frames(still)._reply({"id": "x", "reply_bytes": 0}, soon())[0] == still


def test_a_flood_is_a_violation(frames):
    """A box that does nothing but say that it is running keeps nobody busy for long."""
    student = frames(*[{"id": "x", "still": ""}] * 20)
    student.watch = lambda *_: None
    with pytest.raises(LineViolation, match="too often"):
        student._reply({"id": "x", "reply_bytes": 0, "still": True}, soon())


class Terminal:
    """A stream that says whether it is a terminal."""

    def __init__(self, *, is_one):
        self.isatty = lambda: is_one
        self.text = ""

    def write(self, text):
        """Keep it."""
        self.text += text

    def flush(self):
        """Do nothing."""


def test_it_is_shown_on_a_terminal_alone(monkeypatch):
    """Nothing that a terminal would act on gets through, in one line that fits."""
    stream = Terminal(is_one=True)
    monkeypatch.setattr("sys.__stderr__", stream)
    progress = Progress()
    progress("recall_accuracy")
    stream.text = ""
    progress.watch(34.2, "step 1\rstep \x1b[2J 3 " + "x" * 250 + "\n\n")
    assert stream.text.startswith("\r\x1b[Krecall_accuracy  34 s  step \\x1b[2J 3 xxx")
    assert "\x1b" not in stream.text[4:]
    assert len(stream.text) < 4 + 80
    monkeypatch.setattr("sys.__stderr__", Terminal(is_one=False))
    assert progress.watch is None

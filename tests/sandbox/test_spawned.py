"""The process sandbox where nothing can be forked: one spawned process, joined by pipes.

Windows and macOS are not here to be tried. What can be tried is that nothing which they lack is
called: the last test takes those calls away, on both sides.
"""

import os
import subprocess
import sys
import tempfile

import pytest

from grader import intake
from grader.errors import StudentFault
from grader.grade import grade, oracle_for
from grader.intake import SourceFile
from grader.records import Limits
from grader.sandbox.boot import SOLO_BOOTSTRAP
from grader.sandbox.process import FOLDER_PREFIX, ProcessSandbox
from grader.student import Step, Student
from tests.long import LONG
from tests.zoo_cases import FULL, only

UNIX_ONLY = """
import os, signal, sys
for name in ("fork", "forkpty", "killpg", "setsid", "readv", "getuid", "geteuid", "getpgid"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios", "pty"):
    sys.modules[name] = None
"""

CODE = """
import os, time, torch
class SingleHeadAttention: ...
class DecoderOnlyTransformer(torch.nn.Module):
    def __init__(self, *arguments, **keywords):
        super().__init__()
        print("built", os.getpid())
        {body}
    def forward(self, ids, past_kv=None, use_cache=False):
        return torch.zeros(*ids.shape, 11), None
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A temporary folder of this test's own, so that no other grader's boxes are in it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def begin(pack):
    """Start a submission's code in a spawned box; return the conversation with it."""
    started = []

    def begin(body):
        files = [SourceFile("transformer_skeleton.py", CODE.format(body=body).encode())]
        limits = Limits(import_seconds=20, request_seconds=1)
        student = Student(ProcessSandbox(forks=False), files, pack.interface, limits)
        started.append(student)
        student.start()
        student.fresh_worker()
        student._file = "transformer_skeleton.py"
        student._import(Step("import", None))
        return student

    yield begin
    for student in started:
        student.close()


def act(student):
    student.call("new", {"arguments": {}, "dtype": None, "device": "cpu"})


@LONG
def test_points_are_those_of_forked_workers(root, pack, draw, folder):
    """Alice gets the same points from a spawned process, and no folder of it is left."""
    with oracle_for(pack, ProcessSandbox()) as oracle:
        alice = intake.read(root / "submissions" / "alice")
        spawned = ProcessSandbox(forks=False)
        result = grade(alice, only(pack, FULL), spawned, oracle=oracle, draw=draw)
    assert result["total"] == {"points": 17, "max_points": 17, "pending_points": 0}
    assert not list(folder.glob(f"{FOLDER_PREFIX}*"))


def test_what_is_printed_comes_back(begin):
    """Prints go with the replies and do not disturb them."""
    student = begin("print('x' * 5000, 'end')")
    act(student)
    assert student.prints.endswith("x end\n")


@pytest.mark.parametrize(
    ("body", "outcome", "words"),
    [
        ("while True: pass", "timeout", "1 s"),
        ("os._exit(3)", "error", "ended the sandbox"),
        ("raise ValueError('no luck')", "error", "no luck"),
        ("raise SystemExit", "error", "SystemExit"),
    ],
)
def test_ends_are_typed_and_the_next_check_gets_an_answer(begin, body, outcome, words):
    """Loops, exits and exceptions are told apart; after each of them a box is there again."""
    student = begin(body)
    with pytest.raises(StudentFault) as caught:
        act(student)
    assert caught.value.outcome == outcome
    assert words in caught.value.message
    student.fresh()
    if not student.loaded:
        student.fresh_worker()
        student._import(Step("import", None))
    with pytest.raises(StudentFault) as again:
        act(student)
    assert again.value.outcome == outcome


def test_checks_share_the_one_worker(begin):
    """A second check is not given another process: importing torch would cost it a second."""
    student = begin("pass")
    act(student)
    first = student.prints.splitlines()[-1]
    student.fresh()
    assert student.loaded
    act(student)
    assert student.prints.splitlines()[-1] == first


def test_nothing_is_called_that_only_unix_has(root, tmp_path):
    """The check that students run needs no fork, no fcntl and no signals to groups."""
    out = tmp_path / "handout"
    script = f"""
import subprocess  # of the standard library: it knows Windows by itself
{UNIX_ONLY}
import dataclasses, pathlib
from grader.sandbox import process
process.FORKS = False
process.ProcessSandbox.__init__.__kwdefaults__["forks"] = False
process.SOLO_BOOTSTRAP = {UNIX_ONLY + SOLO_BOOTSTRAP!r}
from grader import handout, pack
root = pathlib.Path({str(root)!r})
found = pack.find(root, "e0294-a4")
few = dataclasses.replace(found, mistakes=found.mistakes[:2])
handout.write(few, process.ProcessSandbox(), pathlib.Path({str(out)!r}), lambda _: None)
from grader.cli import main
import sys
sys.argv = ["grader", "check", {str(root / "submissions" / "alice")!r}, "--handout", {str(out)!r}]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" passed ") == 8

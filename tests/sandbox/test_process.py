"""The process sandbox: the same conversation without a container, and nothing left after it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from grader import intake
from grader.errors import HarnessError, StudentFault
from grader.grade import grade, oracle_for
from grader.intake import SourceFile
from grader.records import Limits
from grader.sandbox.process import FOLDER_PREFIX, ProcessSandbox
from grader.student import Student
from tests.long import LONG
from tests.zoo_cases import FULL, only

LIMITS = Limits(import_seconds=20, request_seconds=20)

HEAD = """
import json, os, shutil, signal, subprocess, sys, time
from pathlib import Path
import torch

class DecoderOnlyTransformer(torch.nn.Module):
    def __init__(self, *none):
        super().__init__()
        if not none:
            act()

def act():
"""

DAEMONS = """
    pids = []
    for _ in range(2):
        ready, report = os.pipe()
        if os.fork() == 0:  # a session of its own, twice forked, deaf to signals
            os.setsid()
            if os.fork() == 0:
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                os.write(report, str(os.getpid()).encode())
                time.sleep(600)
            os._exit(0)
        pids.append(int(os.read(ready, 20)))
    child = subprocess.Popen(["sleep", "600"], start_new_session=True)
    print(json.dumps([os.getpid(), os.getppid(), child.pid, *pids]), flush=True)
"""

OWNER = """
import sys, time
from grader import pack, intake
from grader.intake import SourceFile
from grader.records import Limits
from grader.sandbox.process import ProcessSandbox
from grader.student import Student
from pathlib import Path
interface = pack.load(Path(sys.argv[1]), "e0294-a4").interface
files = [SourceFile("transformer_skeleton.py", Path(sys.argv[2]).read_bytes())]
student = Student(ProcessSandbox(), files, interface, Limits(request_seconds=600))
student.load()
print(student._box.process.pid, student._box.folder, flush=True)
student.call("new", {"arguments": {}, "dtype": None, "device": "cpu"})
"""


def submission(code):
    return (HEAD + textwrap.indent(textwrap.dedent(code).strip("\n"), "    ") + "\n").encode()


def alive(pid):
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def within(seconds, condition):
    """Wait until the condition holds; return whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A temporary folder of this test's own, so that no other grader's boxes are in it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def begin(pack):
    """Start a submission's code in a process box; return the conversation with it."""
    started = []

    def begin(code, limits=LIMITS, *, forks=True):
        files = [SourceFile("transformer_skeleton.py", submission(code))]
        student = Student(ProcessSandbox(forks=forks), files, pack.interface, limits)
        started.append(student)
        student.load()
        student.fresh()
        student.load()
        return student

    yield begin
    for student in started:
        student.close()


def act(student):
    """Have the code act, in the worker there is."""
    student.call("new", {"arguments": {}, "dtype": None, "device": "cpu"})


def boxes(folder):
    return sorted(path.name for path in folder.glob(f"{FOLDER_PREFIX}*"))


@LONG
def test_the_conversation_is_the_same(root, pack, draw, folder):
    """Alice gets the points in a plain process that she gets in a container, and it says so."""
    sandbox = ProcessSandbox()
    with oracle_for(pack, sandbox) as oracle:
        alice = intake.read(root / "submissions" / "alice")
        result = grade(alice, only(pack, FULL), sandbox, oracle=oracle, draw=draw)
    assert result["total"] == {"points": 17, "max_points": 17, "pending_points": 0}
    assert result["environment"]["sandbox"] == "process"
    assert result["environment"]["isolation"] == "none"
    assert boxes(folder) == []


@pytest.mark.parametrize(
    ("code", "outcome", "words"),
    [
        ("while True: pass", "timeout", "0.5 s"),
        ("os._exit(3)", "error", "exit code 3"),
        ("os.kill(os.getpid(), 11)", "error", "signal 11"),
        ("raise ValueError('no luck')", "error", "no luck"),
        ("for fd in range(3, 999):\n    try: os.write(fd, b'x' * 99)\n    except OSError: pass\n"
         "time.sleep(9)", "protocol_violation", "not a frame"),
    ],
)  # fmt: skip
def test_ends_have_the_types_of_a_container(begin, code, outcome, words):
    """Loops, exits, crashes, exceptions and abused pipes end in the same types as in Docker."""
    student = begin(code, Limits(import_seconds=20, request_seconds=0.5))
    process = student._box.process
    with pytest.raises(StudentFault) as caught:
        act(student)
    assert caught.value.outcome == outcome
    assert words in caught.value.message
    student.fresh()
    student.load()
    assert student._box.process is process, "the agent lives on"


def test_closing_leaves_no_process_and_no_folder(begin, folder):
    """Worker, agent, a child in its own session and daemons are gone, and so is the folder."""
    student = begin(DAEMONS)
    act(student)
    pids = [*map(int, student.prints.strip().strip("[]").split(","))]
    assert len(pids) == 5
    assert all(map(alive, pids))
    assert boxes(folder)
    student.close()
    assert boxes(folder) == []
    assert within(1, lambda: not any(map(alive, pids))), "killed, which takes a moment"


def test_the_next_worker_finds_nothing(begin):
    """Processes and files of one worker are gone before the next one starts."""
    student = begin(DAEMONS + "\n    Path('left.txt').write_text('left')\n")
    act(student)
    pids = [*map(int, student.prints.strip().strip("[]").split(","))]
    worker, agent, *daemons = pids
    left = Path(student._box.work) / "left.txt"
    assert left.exists()
    student.fresh()
    student.load()
    assert [pid for pid in (worker, *daemons) if alive(pid)] == [], "reaped, not only killed"
    assert alive(agent)
    assert not left.exists()


def test_code_that_removes_the_folder_is_ended_all_the_same(begin, folder):
    """The box's processes end also if student code has deleted the box's folder."""
    student = begin("shutil.rmtree(Path.cwd().parent.parent)")
    agent = student._box.process
    act(student)
    assert boxes(folder) == []
    student.close()
    survived = alive(agent.pid)
    agent.kill()
    agent.wait()
    assert not survived


def test_a_killed_agent_leaves_nothing_either(begin, folder):
    """If student code kills the agent, which only a container prevents, the folder still goes."""
    student = begin("os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(1)")
    with pytest.raises((StudentFault, HarnessError)):
        act(student)
    student.close()
    assert boxes(folder) == []


def start_owner(root, tmp_path, code):
    """Run a grader of its own whose submission is busy; return it, its agent and its folder."""
    source = tmp_path / "submission.py"
    source.write_bytes(submission(code))
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(root), str(source)], stdout=subprocess.PIPE, text=True
    )
    pid, folder = owner.stdout.readline().split()
    return owner, int(pid), Path(folder)


def test_leftovers_of_a_killed_grader_are_removed(root, begin, tmp_path):
    """Processes end with a killed grader; the next one removes its folder, not a living one's."""
    dead, agent, dead_folder = start_owner(root, tmp_path, "while True: pass")
    living, living_agent, living_folder = start_owner(root, tmp_path, "time.sleep(600)")
    ours = begin("pass")
    try:
        workers = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
        assert workers
        dead.kill()
        dead.wait()
        gone = within(5, lambda: not any(map(alive, (agent, *workers))))
        assert gone, "agent and worker notice that nobody is there"
        assert dead_folder.exists()
        ProcessSandbox()
        assert not dead_folder.exists()
        assert living_folder.exists()
        assert alive(living_agent)
        assert ours._box.folder.exists()
        act(ours)
    finally:
        for owner in (dead, living):
            owner.kill()
            owner.wait()
            owner.stdout.close()


def test_folders_with_odd_names_are_spared(folder):
    """Only folders that name a dead process of a grader are removed."""
    odd = [f"{FOLDER_PREFIX}notes", f"{FOLDER_PREFIX}", "grader-other-1-1-x"]
    own = f"{FOLDER_PREFIX}{os.getpid()}-{_started()}-kept"
    for name in (*odd, own, f"{FOLDER_PREFIX}{os.getpid()}-1-reused"):
        (folder / name).mkdir()
    ProcessSandbox()
    assert {path.name for path in folder.iterdir()} == {*odd, own}
    shutil.rmtree(folder / own)


def _started():
    return Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()[19]


def test_interrupting_the_grader_leaves_nothing(root, tmp_path):
    """Ctrl-C during a call ends the grader with its processes and folders."""
    owner, agent, folder = start_owner(root, tmp_path, "time.sleep(600)")
    try:
        owner.send_signal(signal.SIGINT)
        owner.wait(10)
        assert within(5, lambda: not alive(agent))
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    ProcessSandbox()
    assert not folder.exists()

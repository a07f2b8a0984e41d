"""The autograder for Gradescope: what is in its zip, and what it does in such a container.

`make proof PARTS=gradescope` sets it up and runs it in one.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest

from grader import pack as packs
from grader.errors import HarnessError, UsageError
from grader.export import gradescope
from grader.gradescope import inside, making
from grader.records import Limits
from grader.sandbox import user
from grader.sandbox.user import UserSandbox
from tests.docs import world

ROOT_ALONE = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
PROBE = """
import glob, json, os, signal, socket
lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
status = {key: lines[key].strip() for key in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}
here, done = os.getcwd(), []
others = [path for path in glob.glob(f"{os.path.dirname(here)}/../grader-box-*/work")
          if os.path.realpath(path) != here]
for what, act in {
    "network": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "kill": lambda: os.kill(os.getppid(), 0),
    "memory": lambda: open(f"/proc/{os.getppid()}/mem", "rb"),
    "environment": lambda: open(f"/proc/{os.getppid()}/environ", "rb").read(1),
    "notes": lambda: os.listdir("../notes"),
    "beside": lambda: open("../file", "w"),
    "others": lambda: [os.listdir(path) for path in others] or open("/etc/shadow"),
    "root": lambda: os.setuid(0),
}.items():
    try:
        act()
        done.append(what)
    except OSError:
        pass
told = {"uid": os.getuid(), "status": status, "done": done, "here": here}
print(json.dumps(told), file=sys.stderr, flush=True)
"""
SLEEP = "sleep 60 & setsid sh -c 'sleep 60 & exec sleep 60' & wait"


# --- the zip --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def archive(root, tmp_path_factory):
    """The zip of an assignment, and where it is."""
    path = tmp_path_factory.mktemp("zip") / "autograder.zip"
    making.write(packs.load(root, "nanogpt-kv"), root, path)
    return path


def test_the_zip_holds_what_one_assignment_needs_and_no_other(archive, root):
    """Scripts that can be run at its root; hidden checks and solution of this pack alone."""
    with zipfile.ZipFile(archive) as found:
        names = found.namelist()
        modes = {each.filename: each.external_attr >> 16 & 0o777 for each in found.infolist()}
    assert [name for name in names if "/" not in name] == ["setup.sh", "run_autograder"]
    assert (modes["setup.sh"], modes["run_autograder"]) == (0o755, 0o755)
    assert "project/reference/nanogpt_kv/kv_caching.ipynb" in names
    rubrics = {name.split("/")[2] for name in names if name.startswith("project/rubrics/")}
    assert rubrics == {"nanogpt-kv"}
    references = {name.split("/")[2] for name in names if name.startswith("project/reference/")}
    others = {packs.reference_of(name) for name in packs.names(root)} - {"nanogpt_kv"}
    assert others
    assert not references & others
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


def test_the_zip_is_enough_to_grade_with(archive, tmp_path, root):
    """What was unpacked loads its one pack and the story of a submission, and nothing from here."""
    with zipfile.ZipFile(archive) as found:
        found.extractall(tmp_path)
    code = (
        "from pathlib import Path; from grader.gradescope import inside; from grader import pack; "
        "print(pack.find(Path.cwd(), None).digest, inside.__file__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "project", text=True,
                          capture_output=True, check=True)  # fmt: skip
    digest, where = done.stdout.split()
    assert digest == packs.load(root, "nanogpt-kv").digest
    assert where.startswith(str(tmp_path))


def test_the_same_project_makes_the_same_bytes(archive, root, tmp_path):
    """A zip tells by its digest whether anything has changed."""
    making.write(packs.load(root, "nanogpt-kv"), root, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_what_is_installed_is_what_the_project_was_tested_with(archive):
    """Students find the libraries of the sandbox's image, and versions are pinned."""
    with zipfile.ZipFile(archive) as found:
        wanted = found.read("project/requirements.txt").decode()
        pins = found.read("project/constraints.txt").decode()
    assert {"pandas", "torch", "tqdm"} <= {
        line.partition("==")[0] for line in wanted.splitlines() if "==" in line
    }
    assert "jsonschema" in wanted
    assert "\ntorch==" in pins


def test_the_scripts_are_bash(archive, tmp_path):
    """Both parse; where shellcheck is, it has nothing to say."""
    with zipfile.ZipFile(archive) as found:
        found.extractall(tmp_path, making.SCRIPTS)
    for name in making.SCRIPTS:
        subprocess.run(["bash", "-n", tmp_path / name], check=True)
        if shutil.which("shellcheck"):
            subprocess.run(["shellcheck", tmp_path / name], check=True)


@pytest.mark.parametrize(
    ("name", "said"), [("autograder.zip", "exists already"), ("autograder", "is a .zip")]
)
def test_nothing_is_overwritten_and_a_folder_is_refused(archive, root, name, said):
    """What lies in the way stays; Gradescope takes nothing but a zip."""
    with pytest.raises(UsageError, match=said):
        making.write(packs.load(root, "nanogpt-kv"), root, archive.with_name(name))


# --- what the platform is told --------------------------------------------------------------------


def test_our_fault_is_no_points_at_all_and_waiting_points_are_named(pack, tmp_path):
    """Withheld points raise, so that no file is written; points so far come with what waits."""
    world._store(tmp_path, pack, "bob")
    stored = json.loads((tmp_path / "bob.json").read_text())
    told = json.loads(gradescope.write(inside.given(stored)))
    assert told["score"] == stored["total"]["points"]
    assert f"{stored['total']['pending_points']:g} points wait for a person" in told["output"]
    withheld = {**stored, "status": "withheld"}
    with pytest.raises(HarnessError, match="points are withheld"):
        inside.given(withheld)


# --- a user for each box --------------------------------------------------------------------------


@pytest.fixture
def shell(monkeypatch):
    """Let the shell stand for this Python, which lies where only root may be on some machines."""
    monkeypatch.setattr(sys, "executable", "/bin/sh")


@ROOT_ALONE
def test_a_folder_that_everybody_gets_at_is_found_before_anything_runs(shell):
    """What a user of a box can read or write is no place for answers: nothing is graded then."""
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o711)
        secret = Path(scratch) / "secret"
        secret.mkdir(mode=0o700)
        UserSandbox([secret])
        for mode in (0o704, 0o702):
            secret.chmod(mode)
            with pytest.raises(HarnessError, match="everybody gets at"):
                UserSandbox([secret])


@ROOT_ALONE
def test_a_python_that_only_root_can_run_is_said_to_be_so(monkeypatch, tmp_path):
    """Else each box would end without a word."""
    hidden = tmp_path / "python"
    hidden.write_text("")
    hidden.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(hidden))
    with pytest.raises(HarnessError, match="can be run by root alone"):
        UserSandbox()


@ROOT_ALONE
def test_all_of_a_user_is_paused_and_ended_at_once_and_nobody_else(shell):
    """Whatever it has started, in whatever session; a box of another user goes on."""
    users = UserSandbox()._users
    mine, other = users.another(), users.another()
    started = [
        subprocess.Popen([*user._becoming(each), "sh", "-c", SLEEP]) for each in (mine, other)
    ]
    try:
        deadline = time.monotonic() + 10
        while {len(user._processes(each)) for each in (mine, other)} != {4}:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert user._signal_all(mine, signal.SIGSTOP)
        assert {_state(pid) for pid in user._processes(mine)} == {"T"}
        assert {_state(pid) for pid in user._processes(other)} == {"S"}
        assert user._signal_all(mine, signal.SIGKILL)
        while user._processes(mine):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert len(user._processes(other)) == 4
    finally:
        for each in (mine, other):
            user._signal_all(each, signal.SIGKILL)
        for process in started:
            process.wait()


def _state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


@ROOT_ALONE
def test_a_box_is_a_user_without_rights_or_network_in_a_folder_of_its_own(monkeypatch):
    """It has no capability and a filter; it gets at neither the other box nor the grader."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("there is no Python that everybody can run")
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setattr(user, "BOOTSTRAP", PROBE)
    sandbox = UserSandbox()
    boxes = []
    try:
        boxes.append(sandbox.start(Limits(), device="cpu"))
        boxes.append(sandbox.start(Limits(), device="cpu"))
        said = [json.loads(box.ending().text) for box in boxes]
        assert [each["uid"] for each in said] == [box.user for box in boxes]
        assert boxes[0].user != boxes[1].user
        for box, each in zip(boxes, said, strict=True):
            assert each["status"] == {
                "CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"
            }  # fmt: skip
            assert each["done"] == []
            assert each["here"] == str(box.folder / "work")
    finally:
        for box in boxes:
            box.kill()
    assert not any(box.folder.exists() for box in boxes)


@ROOT_ALONE
def test_whoever_ends_a_box_cannot_be_ended_by_it(shell):
    """The sender may signal a box, and is, to the box, somebody else from its first moment on."""
    mine = UserSandbox()._users.another()
    numbers = map(str, (mine, mine - user.APART, 0))
    waits = user._SENDER.replace("os.kill(-1, number)", "print(1, flush=True); sys.stdin.read()")
    command = [user._PYTHON, "-I", "-S", "-c", waits, *numbers]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sender:
        sender.stdout.readline()
        ids = next(line for line in Path(f"/proc/{sender.pid}/status").read_text().splitlines()
                   if line.startswith("Uid:")).split()[1:]  # fmt: skip
        assert [int(each) for each in ids[:3]] == [mine - user.APART, mine, mine - user.APART]
        killed = subprocess.run(
            [*user._becoming(mine), "sh", "-c", f"kill -9 {sender.pid}"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert "not permitted" in killed.stderr
        assert sender.poll() is None
        sender.stdin.close()


@ROOT_ALONE
def test_nothing_to_grade_is_told_to_the_student(shell, tmp_path, root, archive):
    """An empty submission gets no points and a sentence; the folders were closed before."""
    with zipfile.ZipFile(archive) as found:
        found.extractall(tmp_path / "source")
    for name in ("submission", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    told = inside.run(tmp_path, tmp_path / "source" / "project", [str(tmp_path / "tmp")])
    assert (tmp_path / "tmp").stat().st_mode & 0o777 == 0o700
    written = json.loads((tmp_path / "results" / "results.json").read_text())
    assert (written["score"], written["output"]) == (0.0, told)
    assert "holds no file to grade" in told
    assert (tmp_path / "source").stat().st_mode & 0o777 == 0o700

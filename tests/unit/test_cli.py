"""The front door, from outside: what it says and with which code it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader import cli, intake
from grader.sandbox import docker, image

ROOT = Path(__file__).parents[2]
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock", "PATH": "/nonexistent"}  # nor bwrap


def grader(*arguments, cwd=ROOT, **environment):
    """Run ``python -m grader`` as a user does; PATH and the like are the caller's."""
    return subprocess.run(
        [sys.executable, "-m", "grader", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def sentence(done, code):
    """Check that a command ended so and said one clear sentence and nothing else; return it."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.rstrip("\n").splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("grader: ")
    return lines[0]


@pytest.fixture
def stranger(tmp_path):
    """A submission that does not ship with the project."""
    folder = tmp_path / "mallory"
    folder.mkdir()
    (folder / "transformer_skeleton.py").write_text("raise SystemExit('this must never run')\n")
    return folder


# --- help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("grade",), ("doctor",), ("calc",), ("calc", "layer")])
def test_help_answers(arguments):
    """Every command explains itself with exit code 0."""
    done = grader(*arguments, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: grader")
    assert done.stderr == ""


def test_help_is_quick_because_it_imports_little():
    """Help comes without any of the libraries that take long to import."""
    command = [sys.executable, "-X", "importtime", "-m", "grader", "grade", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "grader.cli" in imported, "the list of imports is what is looked at"
    tops = {name.partition(".")[0] for name in imported}
    slow = {
        "docker",
        "numpy",
        "pytest",
        "torch",
        "jsonschema",
        "matplotlib",
        "tabulate",
        "requests",
    }
    assert not tops & slow
    ours = {name for name in imported if name.startswith("grader.")}
    assert ours <= {
        "grader.__main__",
        "grader.calc",
        "grader.calc.arguments",
        "grader.cli",
        "grader.cli.accepting",
        "grader.cli.arguments",
        "grader.cli.choices",
        "grader.cli.commands",
        "grader.cli.course",
        "grader.cli.giving",
        "grader.cli.door",
        "grader.cli.helps",
        "grader.cli.missing",
        "grader.cli.names",
        "grader.cli.parser",
        "grader.cli.server",
        "grader.errors",
        "grader.text",
    }


def test_the_version_is_the_projects():
    """The version that is printed is the one that is packaged."""
    import tomllib  # noqa: PLC0415 - only here

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert grader("--version").stdout == f"grader {project['version']}\n"


# --- usage ----------------------------------------------------------------------------------------


def test_no_such_folder(tmp_path):
    """A path that leads nowhere is named."""
    assert "nowhere" in sentence(grader("grade", tmp_path / "nowhere"), 1)


def test_an_empty_folder(tmp_path):
    """A folder without a file is told what is missing."""
    said = sentence(grader("grade", tmp_path), 1)
    assert str(tmp_path) in said
    assert "add your files" in said


def test_a_file_of_another_kind(tmp_path):
    """A file that is no submission is refused with the kinds that are."""
    (tmp_path / "answers.pdf").write_text("hello")
    said = sentence(grader("grade", tmp_path / "answers.pdf"), 1)
    assert "answers.pdf" in said
    assert ".zip" in said


def test_an_unknown_pack(stranger):
    """A pack that does not exist is named, with the one that was probably meant."""
    said = sentence(grader("grade", stranger, "--pack", "e0294a4"), 1)
    assert "no pack 'e0294a4'" in said
    assert "did you mean 'e0294-a4'" in said


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:"])
def test_a_bad_device(stranger, device):
    """A device that is none is named, with those that there are."""
    said = sentence(grader("grade", stranger, "--device", device, **NO_ENGINE), 1)
    assert repr(device) in said
    assert "cuda:N" in said


def test_results_that_cannot_be_stored(stranger, tmp_path):
    """A place where no result can be put is refused before anything runs."""
    (tmp_path / "file").write_text("in the way")
    done = grader("grade", ROOT / "submissions" / "alice", "--out", tmp_path / "file" / "results")
    assert "file/results" in sentence(done, 1)


def test_results_that_are_none(tmp_path):
    """A file in the way of the result is refused before anything runs, and left alone."""
    (tmp_path / "alice.json").write_text('{"shopping": ["milk"]}')
    done = grader("grade", ROOT / "submissions" / "alice", "--out", tmp_path)
    assert "alice.json" in sentence(done, 1)
    assert "milk" in (tmp_path / "alice.json").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("grade",),
        ("grades", "x"),
        ("grade", "x", "--sandbox", "none"),
    ],
    ids=["nothing", "no path", "no command", "no sandbox"],
)
def test_wrong_arguments_are_the_callers(arguments):
    """A wrong command line ends with 1: the code 2 says that the grader is at fault."""
    done = grader(*arguments)
    assert done.returncode == 1
    assert "usage: grader" in done.stderr
    assert "Traceback" not in done.stderr


def test_odd_names_do_nothing_to_the_terminal(tmp_path):
    """A name is shown and not obeyed, be it an escape, several lines or no text at all."""
    name = os.fsdecode(b"\x1b[2Jred\nb\xe2\x80\xaegpj\xff")
    (tmp_path / name).mkdir()
    said = sentence(grader("grade", tmp_path / name), 1)
    assert said.isprintable()
    assert "red" in said


# --- no sandbox -----------------------------------------------------------------------------------


def test_strangers_code_does_not_run_without_a_sandbox(stranger, tmp_path):
    """Without an engine an unknown submission is refused, with what to do about it."""
    said = sentence(grader("grade", stranger, "--out", tmp_path / "out", **NO_ENGINE), 1)
    assert "no Docker engine" in said
    assert "grader doctor" in said
    assert "--sandbox process" in said
    assert not (tmp_path / "out").exists()


def test_a_changed_sample_is_a_stranger(tmp_path):
    """One byte changed in a sample makes it somebody else's, whatever its names."""
    folder = tmp_path / "alice"
    folder.mkdir()
    (folder / "alice").write_text("alice")
    source = ROOT / "submissions" / "alice" / "transformer_skeleton.py"
    (folder / source.name).write_bytes(source.read_bytes() + b"\n")
    assert "no Docker engine" in sentence(grader("grade", folder, **NO_ENGINE), 1)


def test_docker_by_name_is_not_replaced(tmp_path):
    """Where Docker is asked for and absent, it is our side that fails, also for a sample."""
    sample = ROOT / "submissions" / "alice"
    done = grader("grade", sample, "--sandbox", "docker", "--out", tmp_path, **NO_ENGINE)
    assert "no Docker engine" in sentence(done, 2)


def test_the_doctor_says_what_is_missing():
    """The doctor answers without an engine, finds the packs, and says how to get one."""
    done = grader("doctor", **NO_ENGINE)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert any("pack e0294-a4" in line and "yes" in line for line in lines)
    assert any("Docker engine" in line and " no " in line for line in lines)
    assert "docker" in done.stdout.split("Docker engine", 1)[1]


def test_the_samples_that_may_run_are_the_ones_that_ship():
    """The list of trusted samples names exactly the folders there are, as they are."""
    listed = {}
    for line in (ROOT / "submissions" / "shipped.txt").read_text(encoding="ascii").splitlines():
        digest, name = line.split()
        listed[name] = digest
    folders = {path.name: path for path in (ROOT / "submissions").iterdir() if path.is_dir()}
    assert folders
    assert listed == {name: intake.read(path).digest for name, path in folders.items()}


def test_host_folders_without_a_name_lends_this_python(monkeypatch):
    """`grader image --host-folders` alone takes the interpreter that runs the grader."""
    asked = []
    monkeypatch.setattr(docker, "connect", lambda: None)
    monkeypatch.setattr(
        image,
        "from_host_folders",
        lambda _client, python, _say, **_: (
            asked.append(python) or image.Image("id", "tag", python, (), {})
        ),
    )
    monkeypatch.setattr(sys, "argv", ["grader", "image", "--host-folders"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    assert asked == [sys.executable]


def test_a_reader_that_has_seen_enough_is_no_fault():
    """``grader ... | head`` ends quietly, as programs do whose output nobody reads any more."""
    command = [sys.executable, "-m", "grader", "calc", "params", "llama-3-8b"]
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, "")

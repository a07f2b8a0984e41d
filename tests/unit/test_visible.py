"""What a bubblewrap sandbox would see, and what is refused before anything is shown."""

import os
from pathlib import Path

import pytest

from grader.errors import HarnessError
from grader.records import Limits
from grader.sandbox import host_python, visible
from grader.sandbox.host_python import HostPython

LIMITS = Limits(scratch_mb=7)


@pytest.fixture
def lent(monkeypatch, tmp_path):
    """Have the machine's Python need these folders."""
    python = tmp_path / "python"
    python.write_text("")
    python.chmod(0o755)

    def lend(*folders):
        found = HostPython(str(python), [str(folder) for folder in folders], {"A": "1"})
        monkeypatch.setattr(host_python, "look", lambda *_: found)
        return visible.view("python", "cpu", reader=os.geteuid(), say=print)

    return lend


def pairs(arguments, option):
    """Return what follows each occurrence of an option."""
    return [arguments[i + 1 : i + 3] for i, word in enumerate(arguments) if word == option]


def test_folders_are_bound_read_only_at_their_own_paths():
    """Each folder that Python needs is there, and of those above it only empty ones."""
    folder = Path("/srv/course/a/venv")
    mounts = visible.View("python", [str(folder)], {}).mounts(LIMITS, 9)
    assert [str(folder), str(folder)] in pairs(mounts, "--ro-bind")
    made = [words[0] for words in pairs(mounts, "--dir")]
    assert made == [str(path) for path in reversed(folder.parents[:-1])]
    assert "--bind" not in mounts


def test_a_folder_below_the_writable_one_cannot_be_moved_away():
    """What leads to it is a file system of its own, made after /tmp and closed after the bind."""
    folder = "/tmp/course/a/venv"
    mounts = visible.View("python", [folder], {}).mounts(LIMITS, 9)
    steps = [mounts.index("/tmp"), mounts.index("/tmp/course"), mounts.index("/tmp/course/a"),
             mounts.index(folder)]  # fmt: skip
    assert steps == sorted(steps)
    assert mounts[steps[1] - 1] == "--tmpfs"
    assert [folder, folder] in pairs(mounts, "--ro-bind")
    assert ["/tmp/course"] in [words[:1] for words in pairs(mounts, "--remount-ro")]
    assert mounts.index("--remount-ro", steps[3]) > steps[3]


def test_the_root_is_closed_last(lent, tmp_path):
    """Once /dev and / are read-only nothing more is made, and both scratch folders are limited."""
    mounts = lent(tmp_path).mounts(LIMITS, 9)
    assert mounts.index("/dev/shm") < mounts.index("--remount-ro")
    assert mounts[-4:] == ["--remount-ro", "/", "--chdir", "/tmp"]
    limited = [i for i, word in enumerate(mounts) if word == str(LIMITS.scratch_mb << 20)]
    assert [mounts[i + 2] for i in limited] == ["/dev/shm", "/tmp"]


@pytest.mark.parametrize("secret", ["home", "project", "/", "/etc", "/var"])
def test_a_folder_with_secrets_in_it_is_refused(secret, lent, monkeypatch, tmp_path):
    """A Python whose folder holds the home folder, the project or the system's state is refused."""
    home = tmp_path / "home" / "alice"
    home.mkdir(parents=True)
    monkeypatch.setattr(Path, "home", lambda: home)
    folder = {"home": home.parent, "project": visible.PROJECT}.get(secret, Path(secret))
    with pytest.raises(HarnessError, match="student code would see"):
        lent(folder)


def test_a_python_below_the_home_folder_is_no_secret(lent, monkeypatch, tmp_path):
    """Of a home folder, the Python below it can be shown."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    folder = tmp_path / ".pyenv" / "versions" / "3.12"
    folder.mkdir(parents=True)
    assert lent(folder).folders == [str(folder)]


def test_what_nobody_can_read_is_said_in_one_sentence(monkeypatch, tmp_path):
    """A folder of mode 700 is refused by name, with what to do, before bubblewrap fails on it."""
    folder = tmp_path / "venv"
    folder.mkdir(mode=0o700)
    found = HostPython(str(folder / "python"), [str(folder)], {})
    monkeypatch.setattr(host_python, "look", lambda *_: found)
    with pytest.raises(HarnessError, match=r"venv, which user 65534 cannot read: make .* setup"):
        visible.view("python", "cpu", reader=65534, say=print)


def test_the_environment_is_made_anew(lent, tmp_path):
    """Nothing of the caller's environment goes in, but what Python needs does."""
    words = lent(tmp_path).variables(LIMITS)
    assert words[0] == "--clearenv"
    names = [pair[0] for pair in pairs(words, "--setenv")]
    assert {"A", "HOME", "PATH"} <= set(names)
    assert not set(names) & {"USER", "PYTHONPATH", "LD_PRELOAD"}

"""Control groups: where they are made, what is written into them, whose are removed.

The kernel's part is in tests/sandbox/test_bubblewrap.py, on the hierarchy that the machine has;
here both versions are folders of files, so that what is written can be read back.
"""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grader.errors import HarnessError
from grader.records import Limits
from grader.sandbox import cgroup
from grader.sandbox.owner import Owner

LIMITS = Limits(memory_mb=100, pids=20)
FILES = {
    "": ("memory.max", "memory.swap.max", "pids.max", "cpuset.cpus"),
    "memory": ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    "pids": ("pids.max",),
    "cpuset": ("cpuset.cpus", "cpuset.mems"),
    "cpuacct": (),
}


@pytest.fixture
def kernel(monkeypatch):
    """Make a new group's files when its folder is made, and let them go with it."""
    mkdir, rmdir = Path.mkdir, Path.rmdir

    def make(path, *rest, **more):
        mkdir(path, *rest, **more)
        if path.name.startswith(cgroup.PREFIX):
            kind = path.parent.name if path.parent.name in FILES else ""
            for name in (*FILES[kind], "cgroup.procs"):
                (path / name).write_text("")

    def remove(path):
        for file in path.iterdir():
            file.unlink()
        rmdir(path)

    monkeypatch.setattr(Path, "mkdir", make)
    monkeypatch.setattr(Path, "rmdir", remove)


@pytest.fixture
def version_2(tmp_path):
    """A hierarchy of version 2, with nothing handed down yet."""
    root = tmp_path / "cgroup"
    root.mkdir()
    (root / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
    (root / "cgroup.subtree_control").write_text("\n")
    (root / "cgroup.procs").write_text("")
    return root


@pytest.fixture
def version_1(tmp_path):
    """Hierarchies of version 1."""
    for name in ("memory", "pids", "cpuset", "cpuacct"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").write_text("")
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-3\n")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0\n")
    return tmp_path


def texts(folder):
    return {p.name: p.read_text().strip() for p in folder.iterdir() if p.name != "cgroup.procs"}


def test_limits_of_version_2(version_2, kernel):
    """Memory without swap, processes and cores are written into the one folder."""
    place = cgroup.find(version_2)
    assert place == cgroup.Place({"": version_2})
    group = cgroup.Group(place, LIMITS, "2")
    (folder,) = group.folders.values()
    assert texts(folder) == {
        "memory.max": str(100 << 20), "memory.swap.max": "0", "pids.max": "20", "cpuset.cpus": "2",
    }  # fmt: skip
    assert group.doors == [folder / "cgroup.procs"]
    group.remove()
    assert not folder.exists()


def test_limits_of_version_1(version_1, kernel):
    """Each controller has its folder; cores and memory nodes are set, or nobody could enter."""
    place = cgroup.find(version_1)
    group = cgroup.Group(place, LIMITS, None)
    found = {key: texts(folder) for key, folder in group.folders.items()}
    memory = str(100 << 20)
    assert found == {
        "memory": {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory},
        "pids": {"pids.max": "20"},
        "cpuset": {"cpuset.cpus": "0-3", "cpuset.mems": "0"},
        "cpuacct": {},
    }
    group.remove()
    assert not any(folder.exists() for folder in group.folders.values())


def test_a_delegated_folder_is_found(version_2, monkeypatch):
    """Who may not write at the top gets the highest folder on the way down that is theirs."""
    own = version_2 / "user.slice" / "user@1000.service" / "app.slice"
    own.mkdir(parents=True)
    for folder in (own, own.parent):
        (folder / "cgroup.procs").write_text("")
        (folder / "cgroup.controllers").write_text("memory pids\n")
    monkeypatch.setattr(
        cgroup, "_own_groups", lambda: {"": "/user.slice/user@1000.service/app.slice"}
    )
    mine = (own, own.parent, own / "cgroup.procs", own.parent / "cgroup.procs")
    monkeypatch.setattr(os, "access", lambda path, _mode: path in mine)
    assert cgroup.find(version_2) == cgroup.Place({"": own.parent})
    (own.parent / "cgroup.controllers").write_text("pids\n")
    assert cgroup.find(version_2) is None, "there, memory would have no limit"


def test_nowhere_is_none(tmp_path):
    """Where there is no hierarchy there is no place, and no error."""
    assert cgroup.find(tmp_path) is None


def test_a_group_that_cannot_be_limited_is_removed(version_1):
    """If the kernel refuses a limit, no folder is left and the fault is ours."""
    place = cgroup.Place({"memory": version_1 / "memory", "pids": version_1 / "nothing"})
    with pytest.raises(HarnessError, match="limits could not be set"):
        cgroup.Group(place, LIMITS, None)
    assert [p.name for p in (version_1 / "memory").iterdir()] == ["cgroup.procs"]


def test_only_the_groups_of_the_dead_are_removed(version_1, kernel):
    """Of a living grader, of another namespace and of strangers the folders stay."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    here = Owner.current()
    dead = dataclasses.replace(here, pid=process.pid)
    others = {
        "living": here,
        "reused": dataclasses.replace(here, started="1"),
        "dead": dead,
        "elsewhere": dataclasses.replace(dead, space="pid:[4]"),
        "last boot": dataclasses.replace(dead, boot="0" * 32),
    }
    names = {key: f"{cgroup.PREFIX}{cgroup._spelt(owner)}-0" for key, owner in others.items()}
    names["stranger"] = f"{cgroup.PREFIX}notes"
    parent = version_1 / "pids"
    for name in names.values():
        (parent / name).mkdir()
    removed = cgroup.reap(cgroup.Place({"pids": parent}))
    assert set(removed) == {names[key] for key in ("reused", "dead", "last boot")}
    left = {path.name for path in parent.iterdir() if path.is_dir()}
    assert left == {names[key] for key in ("living", "elsewhere", "stranger")}


@pytest.mark.parametrize("version", [1, 2])
def test_figures_are_read(version, tmp_path):
    """Seconds, bytes and kills come from the files of either version."""
    if version == 1:
        (tmp_path / "cpuacct.usage").write_text("1500000000\n")
        (tmp_path / "memory.max_usage_in_bytes").write_text("4096\n")
        (tmp_path / "memory.oom_control").write_text("under_oom 0\noom_kill 2\n")
    else:
        (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
        (tmp_path / "memory.peak").write_text("4096\n")
        (tmp_path / "memory.events").write_text("oom 3\noom_kill 2\n")
    folders = {"": tmp_path} if version == 2 else dict.fromkeys(("cpuacct", "memory"), tmp_path)
    used = cgroup.usage(folders)
    assert (used.cpu_seconds, used.peak_memory_bytes) == (1.5, 4096)
    assert cgroup.oom_kills(folders) == 2


def test_without_figures_nothing_is_claimed():
    """A box without a group has no figures, which is not the same as none used."""
    used = cgroup.usage({})
    assert (used.cpu_seconds, used.peak_memory_bytes) == (None, None)
    assert cgroup.oom_kills({}) is None

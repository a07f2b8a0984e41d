"""Control groups: limits of memory, processes and cores that hold for a whole sandbox.

Theory of operation
    A group is one folder in each hierarchy (version 1: memory, pids, cpuset, cpuacct) or one
    folder in all (version 2), made below the highest folder this user may write to: the root of
    the hierarchy for root, the folder that systemd delegated for anybody else. The launcher of a
    sandbox enters it before it becomes the sandbox, so that nothing of it is ever outside.

    The folder's name is its owner: process, start time, boot. Whoever starts later removes those
    whose owner is gone, and only those. A folder goes away only when it is empty of processes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grader.errors import HarnessError
from grader.records import Limits, Usage
from grader.sandbox.owner import Owner

ROOT: Final = Path("/sys/fs/cgroup")
PREFIX: Final = "grader-box-"
_MB: Final = 1 << 20
_NEEDED: Final = ("memory", "pids")
_WANTED: Final = (*_NEEDED, "cpuset", "cpuacct")
_REMOVAL_SECONDS: Final = 5.0
_counter = itertools.count()


@dataclass(frozen=True)
class Place:
    """Where groups can be made: the parent folder of each controller.

    Version 2 has one parent for all, under the key "".
    """

    parents: Mapping[str, Path]

    @property
    def version(self) -> int:
        """Return the version of the hierarchy."""
        return 2 if "" in self.parents else 1


class Group:
    """One sandbox's folders."""

    def __init__(self, place: Place, limits: Limits, cpuset: str | None) -> None:
        name = f"{PREFIX}{_spelt(Owner.current())}-{next(_counter)}"
        self.folders = {key: parent / name for key, parent in place.parents.items()}
        try:
            if "" in place.parents:
                _hand_down(place.parents[""])
            for folder in self.folders.values():
                folder.mkdir()
            self._limit(limits, cpuset)
        except OSError as error:
            self.remove()
            raise HarnessError(f"the sandbox's limits could not be set: {error}") from error

    @property
    def doors(self) -> Sequence[Path]:
        """Return the files into which a process writes 0 to enter."""
        return [folder / "cgroup.procs" for folder in self.folders.values()]

    def _limit(self, limits: Limits, cpuset: str | None) -> None:
        memory = limits.memory_mb * _MB
        if "" in self.folders:
            folder = self.folders[""]
            _write(folder / "memory.max", memory)
            if (folder / "memory.swap.max").exists():
                _write(folder / "memory.swap.max", 0)
            _write(folder / "pids.max", limits.pids)
            if cpuset is not None and (folder / "cpuset.cpus").exists():
                _write(folder / "cpuset.cpus", cpuset)
            return
        folder = self.folders["memory"]
        _write(folder / "memory.limit_in_bytes", memory)
        if (folder / "memory.memsw.limit_in_bytes").exists():
            _write(folder / "memory.memsw.limit_in_bytes", memory)
        _write(self.folders["pids"] / "pids.max", limits.pids)
        if "cpuset" in self.folders:
            folder = self.folders["cpuset"]
            for file in ("cpuset.mems", "cpuset.cpus"):  # nobody can enter while one is empty
                _write(folder / file, (folder.parent / file).read_text(encoding="ascii").strip())
            if cpuset is not None:
                _write(folder / "cpuset.cpus", cpuset)

    def usage(self) -> Usage:
        """Return the kernel's figures."""
        return usage(self.folders)

    def oom_kills(self) -> int | None:
        """Return how many of its processes the kernel has ended."""
        return oom_kills(self.folders)

    def remove(self) -> None:
        """Kill whatever is still inside and remove the folders.

        Raises HarnessError if a process cannot be killed.
        """
        deadline = time.monotonic() + _REMOVAL_SECONDS
        for folder in self.folders.values():
            while not _removed(folder):
                if time.monotonic() > deadline:
                    raise HarnessError(f"{folder} cannot be removed: processes in it do not end")
                time.sleep(0.001)


def find(root: Path = ROOT) -> Place | None:
    """Return where this user can make groups with limits, or None if nowhere."""
    own = _own_groups()
    if (root / "cgroup.controllers").exists():  # version 2 alone; a hybrid's limits are version 1
        parent = _highest(root, own.get("", "/"))
        return Place({"": parent}) if parent and _can_limit(parent) else None
    parents = {}
    for controller in _WANTED:
        parent = _highest(root / controller, own.get(controller, "/"))
        if parent is not None:
            parents[controller] = parent
    return Place(parents) if all(name in parents for name in _NEEDED) else None


def reap(place: Place) -> list[str]:
    """Remove the groups of graders that are gone, with all that is in them; return their names."""
    removed = set()
    for parent in place.parents.values():
        for folder in parent.glob(f"{PREFIX}*"):
            owner = _owner(folder.name)
            if owner is not None and owner.is_gone(one_machine=True):
                deadline = time.monotonic() + _REMOVAL_SECONDS
                while not _removed(folder) and time.monotonic() < deadline:
                    time.sleep(0.001)
                removed.add(folder.name)
    return sorted(removed)


def usage(folders: Mapping[str, Path]) -> Usage:
    """Return the kernel's figures for the group with these folders (version 1 or 2)."""
    nanoseconds = _read(folders, "cpuacct", "cpuacct.usage")
    microseconds = _read(folders, "", "cpu.stat", "usage_usec")
    cpu = nanoseconds / 1e9 if nanoseconds is not None else None
    return Usage(
        cpu_seconds=microseconds / 1e6 if cpu is None and microseconds is not None else cpu,
        peak_memory_bytes=_first(
            _read(folders, "memory", "memory.max_usage_in_bytes"),
            _read(folders, "", "memory.peak"),
        ),
    )


def oom_kills(folders: Mapping[str, Path]) -> int | None:
    """Return how many processes of the group the kernel has ended because memory ran out."""
    kills = _read(folders, "memory", "memory.oom_control", "oom_kill")
    # Asked after every call: where the first hierarchy has said it, the second is not opened.
    return _read(folders, "", "memory.events", "oom_kill") if kills is None else kills


def processes(folders: Mapping[str, Path]) -> set[int]:
    """Return the processes in the group with these folders; empty where it cannot be read."""
    for folder in folders.values():
        with contextlib.suppress(OSError):
            return {*_processes(folder)}
    return set()


def freeze(folders: Mapping[str, Path], *, frozen: bool) -> bool:
    """Stop all of a group or let it go on; return whether this hierarchy can (version 2)."""
    file = folders.get("", Path("/nowhere")) / "cgroup.freeze"
    try:
        _write(file, int(frozen))
    except OSError:
        return False
    return True


def _own_groups() -> Mapping[str, str]:
    """Return this process's own group of each controller; "" is version 2."""
    groups: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
            _, controllers, path = line.split(":", 2)
            groups |= dict.fromkeys(controllers.split(","), path)
    return groups


def _highest(hierarchy: Path, own: str) -> Path | None:
    """Return the highest folder, from the root down to our own, in which we may make others."""
    way = [hierarchy, *itertools.accumulate(Path(own).parts[1:], Path.joinpath, initial=hierarchy)]
    for folder in way:
        door = folder / "cgroup.procs"
        if door.exists() and os.access(folder, os.W_OK) and os.access(door, os.W_OK):
            return folder
    return None


def _can_limit(parent: Path) -> bool:
    """Whether groups below ``parent`` have limits (version 2), or would if it handed them down."""
    try:
        able = (parent / "cgroup.controllers").read_text(encoding="ascii").split()
    except OSError:
        return False
    return all(name in able for name in _NEEDED)


def _hand_down(parent: Path) -> None:
    """Let groups below ``parent`` have limits (version 2); systemd has often done it before."""
    control = parent / "cgroup.subtree_control"
    enabled = control.read_text(encoding="ascii").split()
    for name in ("cpuset", *_NEEDED):
        if name not in enabled:
            try:
                _write(control, f"+{name}")
            except OSError:
                if name in _NEEDED:
                    raise


def _removed(folder: Path) -> bool:
    """Kill what is in a group and try to remove it; return whether it is gone."""
    with contextlib.suppress(OSError):
        for pid in _processes(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _processes(folder: Path) -> Iterator[int]:
    for word in (folder / "cgroup.procs").read_text(encoding="ascii").split():
        if word != "0":  # of a namespace that is not ours
            yield int(word)


def _spelt(owner: Owner) -> str:
    """Spell an owner as a folder's name: the namespace by its number, the boot id last."""
    space = "".join(filter(str.isdecimal, owner.space))
    return f"{owner.pid}-{owner.started}-{space}-{owner.boot.replace('-', '')}"


def _owner(name: str) -> Owner | None:
    """Return the owner that a folder's name spells, or None."""
    parts = name.removeprefix(PREFIX).split("-")
    here = Owner.current()
    if len(parts) != len(("pid", "started", "space", "boot", "number")) or not parts[0].isdecimal():
        return None
    same_space = parts[2] == _spelt(here).split("-")[2]
    same_boot = parts[3] == here.boot.replace("-", "")
    return Owner(
        int(parts[0]),
        parts[1],
        here.boot if same_boot else parts[3],
        here.space if same_space else parts[2],
    )


def _write(file: Path, value: object) -> None:
    file.write_text(f"{value}\n", encoding="ascii")


def _read(folders: Mapping[str, Path], controller: str, file: str, key: str = "") -> int | None:
    folder = folders.get(controller)
    return None if folder is None else _number(f"{folder}/{file}", key)


def _number(file: str, key: str) -> int | None:
    """Return the number that a file holds, or the one beside ``key`` in it."""
    try:
        handle = os.open(file, os.O_RDONLY)  # asked after every call: `Path` takes three times this
    except OSError:
        return None
    try:
        words = os.read(handle, 1 << 14).split()
    except OSError:
        return None
    finally:
        os.close(handle)
    if not key:
        return int(words[0]) if len(words) == 1 and words[0].isdigit() else None
    pairs = zip(words[::2], words[1::2], strict=False)
    return next((int(number) for name, number in pairs if name == key.encode()), None)


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)

"""What a submission may have left on this machine, by the sandbox that it was graded in."""

import contextlib
import itertools
import os
import sys
from pathlib import Path

from grader.sandbox.bubblewrap import BubblewrapSandbox
from grader.sandbox.docker import USER, DockerSandbox
from grader.sandbox.owner import PREFIX
from tests.proof.ledger import ROOT

NOBODY = int(USER.partition(":")[0])
MARK = "zoo-attack"  # in the name of whatever an attack leaves anywhere
SHARED = ("/tmp", "/dev/shm", "/var/tmp", "/", "/etc", "/root", "/home")


class Docker:
    """Containers; ``started`` has the engine's description of each."""

    def __init__(self):
        self.started = []
        started = self.started

        class Watched(DockerSandbox):
            """The Docker sandbox; it remembers what it started, to look for it afterwards."""

            def start(self, limits, *, device):
                box = super().start(limits, device=device)
                started.append(box._container.attrs)
                return box

        self.sandbox = Watched(say=lambda text: sys.stderr.write(text + "\n"))

    def left(self):
        """Yield what is left of those that were started, the oracle's excepted."""
        client = self.sandbox._client
        label = f"{PREFIX}.pid={os.getpid()}"
        alive = client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
        if len(alive) > 1:
            yield f"{len(alive)} containers are left"
        oracles = {container.id for container in alive}
        gone = [attrs for attrs in self.started if attrs["Id"] not in oracles]
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        cgroups = _cgroup_names()
        members = _cgroup_members()
        for attrs in self.started:
            if attrs["LogPath"] or attrs["HostConfig"]["LogConfig"]["Type"] != "none":
                yield f"the engine keeps a log at {attrs['LogPath']}"
        for attrs in gone:
            layer = attrs["GraphDriver"]["Data"] or {}
            if attrs["Id"] in mounts or (layer.get("MergedDir") or attrs["Id"]) in mounts:
                yield "a mount is left"
            if attrs["Id"] in cgroups:
                yield "a cgroup is left"
            if any(attrs["Id"] in path for path in members):
                yield "a process is left in the sandbox's cgroup"
            if _exists(Path("/var/lib/docker/containers") / attrs["Id"]):
                yield "the engine keeps files of a container"


class Bubblewrap:
    """Boxes of bubblewrap; ``started`` has their processes and control groups."""

    def __init__(self):
        self.started = []
        self._alive = []  # from one attack to the next: the oracle's
        started, alive = self.started, self._alive

        class Watched(BubblewrapSandbox):
            """The bubblewrap sandbox; it remembers what it started."""

            def start(self, limits, *, device):
                box = super().start(limits, device=device)
                started.append(box)
                alive.append(box)
                return box

        self.sandbox = Watched(say=lambda text: sys.stderr.write(text + "\n"))

    def left(self):
        """Yield what is left of those that were started, the oracle's excepted."""
        self._alive[:] = [box for box in self._alive if box.process.poll() is None]
        if len(self._alive) > 1:
            yield f"{len(self._alive)} boxes are left"
        names, members = _cgroup_names(), _cgroup_members()
        for box in self.started:
            if box in self._alive:
                continue
            for folder in box.group.folders.values():
                if folder.name in names:
                    yield "a cgroup is left"
                if any(folder.name in path for path in members):
                    yield "a process is left in the sandbox's cgroup"


KINDS = {"docker": Docker, "bubblewrap": Bubblewrap}


def fingerprint(path):
    """Return what would differ if somebody had touched the file."""
    try:
        info = path.lstat()
        data = path.read_bytes()
    except OSError as error:
        return type(error).__name__
    return info.st_mode, info.st_uid, info.st_size, info.st_ino, info.st_mtime_ns, data


def difference(before, after):
    if isinstance(before, list):
        return f"{sorted(set(after) ^ set(before))[:5]}"
    return "its contents or its times" if isinstance(before, tuple) else f"{before} to {after}"


def foreign_files():
    """Yield files in shared folders that bear the attacks' mark or belong to nobody.

    Others use these folders too, so what is merely new is not counted.
    """
    for folder in (*SHARED, str(ROOT), str(ROOT.parent), str(Path.cwd())):
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder):
                with contextlib.suppress(OSError):
                    owner = entry.stat(follow_symlinks=False).st_uid
                    if MARK in entry.name or owner == NOBODY:
                        yield entry.path


def foreign_processes():
    """Yield processes of the sandbox's user that are in no sandbox, where this process is."""
    here = Path("/proc/self/ns/pid").readlink()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == NOBODY and (folder / "ns" / "pid").readlink() == here:
                yield f"{folder.name} {(folder / 'comm').read_text(encoding='utf-8').strip()}"


def foreign_sockets():
    """Yield network sockets of the sandbox's user and local ones with the attacks' mark."""
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        with contextlib.suppress(OSError), Path(f"/proc/net/{kind}").open(encoding="utf-8") as file:
            for line in itertools.islice(file, 1, None):
                fields = line.split()
                if int(fields[7]) == NOBODY:
                    yield f"{kind} {fields[1]}"
    with contextlib.suppress(OSError), Path("/proc/net/unix").open(encoding="utf-8") as file:
        yield from (line.split()[-1] for line in file if MARK in line)


def _cgroup_names():
    return {
        name for _, folders, _ in os.walk("/sys/fs/cgroup", followlinks=False) for name in folders
    }


def _cgroup_members():
    members = set()
    for path in Path("/proc").glob("[0-9]*/cgroup"):
        with contextlib.suppress(OSError):
            members.add(path.read_text(encoding="utf-8"))
    return members


def _exists(path):
    try:
        return path.exists()
    except OSError:
        return False

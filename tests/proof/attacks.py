"""Every attack of the zoo, graded in a real container, and what is left of it afterwards.

For each attack: grade it, look at what it may have touched or left on this machine, then grade an
honest submission in a new sandbox and compare with what that one got alone.
"""

import atexit
import contextlib
import functools
import itertools
import json
import os
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from grader import intake, results
from grader import pack as packs
from grader.checking.draw import Draw
from grader.errors import UsageError
from grader.grade import grade, oracle_for
from grader.report import table
from grader.sandbox.docker import USER, DockerSandbox
from grader.sandbox.owner import PREFIX
from tests.proof.ledger import ROOT, Row
from tests.zoo_cases import cases, outcomes, points, untimed

TITLE = "Attacks"
ABOUT = """
Each submission below was written to earn what it does not deserve, to get out of its sandbox, to
break the grader or to harm whoever comes next; its `says` is in `tests/zoo/attacks/<name>/`.
It was graded in a real container, and held means all of these:

- outcomes and points are those expected: never more than the answers deserve, never a fault of
  the grader's;
- files that the host had planted are as they were, and so are the accounts of the machine; nothing
  lies in shared folders that was not there before;
- no container, process, mount, cgroup, socket, thread or descriptor is left; the engine has no log;
- the grader's memory did not grow, the stored result is small, valid and harmless to print;
- an honest submission, graded next with the same draw, gets what it got alone.
"""

NOBODY = int(USER.partition(":")[0])
MARK = "zoo-attack"  # in the name of whatever an attack leaves anywhere
SHARED = ("/tmp", "/dev/shm", "/var/tmp", "/", "/etc", "/root", "/home")
ACCOUNTS = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/hosts", "/etc/ld.so.preload",
            "/etc/crontab", "/proc/sys/kernel/core_pattern")  # fmt: skip
MAX_GROWTH_MB = 96
MORE_DESCRIPTORS = 12  # in all: the engine's client keeps some connections
MAX_RESULT = 640 * 1024  # 2 KB of prints and a message a check; in JSON a character takes up to 12
MAX_MESSAGE = 8192
CANARY = b"planted by the host\n"


def rows():
    """Return one row for each attack."""
    return [Row(case.name, functools.partial(measure, case)) for case in cases("attacks")]


def measure(case):
    """Grade one attack and the honest submission after it; say what did not hold."""
    ground = _ground()
    before = ground.look()
    begin = time.monotonic()
    got, wrong = _attacked(case, ground)
    seconds = time.monotonic() - begin
    left = [*ground.changes(before), *ground.leftovers()]
    honest = ground.honest()
    if honest != ground.alone:
        left.append(f"the next honest submission got {honest}, alone it got {ground.alone}")
    return {
        "row": case.expected["row"],
        **got,
        "s": f"{seconds:.1f}",
        "aftermath": "; ".join(left) or "nothing",
        "held": "; ".join([*wrong, *left]) or "yes",
    }


def _attacked(case, ground):
    """Return the cells that say how the attack was judged, and what is wrong with that."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            submission = case.submission(Path(scratch))
        except UsageError as refusal:
            wanted = case.expected.get("refused")
            surprised = not wanted or wanted not in str(refusal)
            wrong = [f"refused: {refusal}"] if surprised else []
            return {"outcomes": "refused by intake", "points": "–"}, wrong
    if "refused" in case.expected:
        return {"outcomes": "", "points": ""}, ["intake did not refuse it"]
    result = ground.grade(submission, case.limited(ground.pack))
    counts = Counter(outcomes(result).values())
    cells = {
        "outcomes": ", ".join(f"{count} {name}" for name, count in counts.most_common()),
        "points": " ".join(f"{value:g}" for value in points(result).values()),
    }
    return cells, [*case.surprises(result), *ground.stored(result)]


class _Watched(DockerSandbox):
    """The Docker sandbox; it remembers what it started, to look for it afterwards."""

    def __init__(self):
        super().__init__(say=lambda text: sys.stderr.write(text + "\n"))
        self.started = []

    def start(self, limits, *, device):
        box = super().start(limits, device=device)
        self.started.append(box._container.attrs)
        return box


class _Ground:
    """The machine that the attacks meet: one oracle, one draw, and what the host has planted."""

    def __init__(self):
        self._open = contextlib.ExitStack()
        atexit.register(self._open.close)
        self.folder = Path(tempfile.mkdtemp(prefix="grader-proof-"))
        self._open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        # The grader's own temporary files go where nobody else on this machine makes any.
        tempfile.tempdir = str(self.folder / "tmp")
        self.results = self.folder / "results"
        self.canaries = [
            self.folder / "tmp" / "canary",
            self.results / "alice.json.canary",
            ROOT / ".proof" / "canary",
        ]
        for canary in self.canaries:
            canary.parent.mkdir(parents=True, exist_ok=True)
            canary.write_bytes(CANARY)
        self.pack = untimed(packs.load(ROOT, "e0294-a4"))
        self.sandbox = _Watched()
        self.draw = Draw.fresh()
        self.oracle = self._open.enter_context(oracle_for(self.pack, self.sandbox))
        self.alone = self.honest()
        assert self.alone == self.honest(), "the honest submission does not even agree with itself"
        self.descriptors = len(os.listdir("/proc/self/fd"))

    def grade(self, submission, pack):
        """Grade with this ground's oracle and draw."""
        return grade(submission, pack, self.sandbox, oracle=self.oracle, draw=self.draw)

    def honest(self):
        """Return what the honest submission gets now: points and outcomes."""
        submission = intake.read(ROOT / "submissions" / "alice")
        result = self.grade(submission, self.pack)
        return points(result), outcomes(result)

    def stored(self, result):
        """Store a result as the command does, and yield what is wrong with it."""
        path = results.place(self.results, results.write(self.results, result))
        text = path.read_text(encoding="utf-8")
        if path.parent != self.results or path.name != f"{result['submission']['id']}.json":
            yield f"the result went to {path}"
        if len(text) > MAX_RESULT or not text.isascii():
            yield f"the result has {len(text)} characters"
        for criterion in json.loads(text)["criteria"]:
            for check in criterion["checks"]:
                if len(check["message"]) + len(check["staff_message"]) > MAX_MESSAGE:
                    yield f"the message of {check['id']} is too long"
        shown = table.render(result)
        if odd := {char for char in shown if char != "\n" and not char.isprintable()}:
            yield f"the table holds {sorted(map(ascii, odd))}"
        path.unlink()

    # --- before and after -------------------------------------------------------------------------

    def look(self):
        """Return what may not change, by name."""
        self.sandbox.started.clear()
        return {
            **{f"canary {path}": _fingerprint(path) for path in self.canaries},
            **{path: _fingerprint(Path(path)) for path in ACCOUNTS},
            "files of the grader": sorted(map(str, self.folder.rglob("*"))),
            "files of nobody": sorted(_foreign_files()),
            "processes of nobody": sorted(_foreign_processes()),
            "sockets of nobody": sorted(_foreign_sockets()),
            "threads": threading.active_count(),
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }

    def changes(self, before):
        """Yield what is not as it was."""
        after = self.look_again()
        for name, value in before.items():
            if name == "memory":
                grown = (after[name] - value) / 1024
                if grown > MAX_GROWTH_MB:
                    yield f"the grader's memory grew by {grown:.0f} MB"
            elif after[name] != value:
                yield f"{name} changed: {_difference(value, after[name])}"

    def look_again(self):
        """Look without forgetting which boxes were started."""
        started = list(self.sandbox.started)
        seen = self.look()
        self.sandbox.started.extend(started)
        return seen

    def leftovers(self):
        """Yield what is left of the boxes that were started, the oracle's excepted."""
        if (count := len(os.listdir("/proc/self/fd"))) > self.descriptors + MORE_DESCRIPTORS:
            yield f"{count} descriptors are open, {self.descriptors} at the beginning"
        client = self.sandbox._client
        label = f"{PREFIX}.pid={os.getpid()}"
        alive = client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
        if len(alive) > 1:
            yield f"{len(alive)} containers are left"
        oracles = {container.id for container in alive}
        gone = [attrs for attrs in self.sandbox.started if attrs["Id"] not in oracles]
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        cgroups = _cgroup_names()
        members = _cgroup_members()
        for attrs in self.sandbox.started:
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


@functools.cache
def _ground():
    return _Ground()


def _fingerprint(path):
    """Return what would differ if somebody had touched the file."""
    try:
        info = path.lstat()
        data = path.read_bytes()
    except OSError as error:
        return type(error).__name__
    return info.st_mode, info.st_uid, info.st_size, info.st_ino, info.st_mtime_ns, data


def _difference(before, after):
    if isinstance(before, list):
        return f"{sorted(set(after) ^ set(before))[:5]}"
    return "its contents or its times" if isinstance(before, tuple) else f"{before} to {after}"


def _foreign_files():
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


def _foreign_processes():
    """Yield processes of the sandbox's user that are in no sandbox, where this process is."""
    here = Path("/proc/self/ns/pid").readlink()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == NOBODY and (folder / "ns" / "pid").readlink() == here:
                yield f"{folder.name} {(folder / 'comm').read_text(encoding='utf-8').strip()}"


def _foreign_sockets():
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

"""The Docker sandbox from within and from without, by submissions that try what it must refuse.

A function marked `inside` runs in a worker of a real container, as a student's code does: its
source is the submission. What it returns is printed there and read here.
"""

import ctypes
import dataclasses
import errno
import inspect
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from docker.errors import APIError

from grader import intake
from grader.errors import HarnessError, StudentFault
from grader.grade import grade
from grader.intake import SourceFile
from grader.records import Limits
from grader.sandbox.owner import Owner
from grader.student import Student
from grader.wire import Line

pytestmark = pytest.mark.docker

LIMITS = Limits(
    import_seconds=20, request_seconds=10, submission_seconds=600, memory_mb=400, scratch_mb=250
)
NOBODY = 65534

HEAD = """
import ctypes, errno, json, os, resource, signal, socket, subprocess, sys, threading, time
import torch
from pathlib import Path

class DecoderOnlyTransformer(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        print("\\n" + json.dumps(globals()[function]()), flush=True)

"""
PROBES = []


def inside(function):
    """Make this function part of the submission; `Probe.run` calls it there."""
    PROBES.append(textwrap.dedent(inspect.getsource(function)).partition("\n")[2])
    return function


class Probe:
    """The submission of all the functions marked `inside`, in a container of its own."""

    def __init__(self, sandbox, interface, limits=LIMITS):
        source = (HEAD + "\n\n".join(PROBES)).encode()
        files = [SourceFile("transformer_skeleton.py", source)]
        self.student = Student(sandbox, files, interface, limits)

    def begin(self):
        """Load the submission into a fresh worker."""
        self.student.fresh()
        self.student.load()

    def go(self, function):
        """Call the function in the worker there is; return nothing."""
        header = {"arguments": {"function": function.__name__}, "dtype": None, "device": "cpu"}
        self.student.call("new", header)

    def run(self, function):
        """Call the function in a fresh worker and return what it returned."""
        self.begin()
        self.go(function)
        return json.loads(self.student.prints.strip().splitlines()[-1])

    def fault(self, function):
        """Call the function in a fresh worker and return the fault it ends in."""
        self.begin()
        with pytest.raises(StudentFault) as caught:
            self.go(function)
        return caught.value

    @property
    def container(self):
        """The container of the moment, as the engine describes it now."""
        container = self.student._box._container
        container.reload()
        return container


@pytest.fixture(scope="module")
def probe(docker_sandbox, pack):
    probe = Probe(docker_sandbox, pack.interface)
    with probe.student:
        yield probe


# --- what cannot be reached -----------------------------------------------------------------------


@inside
def open_sockets():
    def code(family):
        try:
            socket.socket(family, socket.SOCK_STREAM).close()
        except OSError as error:
            return error.errno
        return 0

    families = {"UNIX": 1, "INET": 2, "INET6": 10, "NETLINK": 16, "PACKET": 17, "VSOCK": 40}
    found = {name: code(number) for name, number in families.items()}
    return found | {"interfaces": os.listdir("/sys/class/net")}


def test_there_is_no_network(probe):
    """No socket of a network or of the hypervisor can be made, and the one interface is lo."""
    found = probe.run(open_sockets)
    assert found.pop("interfaces") == ["lo"]
    assert found.pop("UNIX") == 0
    assert set(found.values()) == {errno.EPERM}, found


@inside
def write_everywhere():
    written, refused = set(), {}
    for folder, below, _ in os.walk("/"):
        if folder in ("/proc", "/sys"):
            below.clear()
        path = os.path.join(folder, ".probe")
        try:
            with open(path, "w") as file:
                file.write("x")
            os.unlink(path)
        except OSError as error:
            if folder.count("/") <= 2:
                refused[folder] = error.errno
        else:
            written.add("/".join(folder.split("/")[:3]))
    tops = ("/", "/usr", "/etc", "/opt", "/home", "/var/tmp", "/dev", "/dev/mqueue")
    return {"written": sorted(written), "refused": {top: refused.get(top) for top in tops}}


def test_only_the_scratch_folders_are_writable(probe):
    """Of all folders of the container a file can be made below /tmp and /dev/shm only."""
    found = probe.run(write_everywhere)
    outside = [
        path for path in found["written"] if path != "/dev/shm" and not path.startswith("/tmp")
    ]
    assert "/dev/shm" in found["written"]
    assert "/tmp" in found["written"]
    assert outside == []
    assert set(found["refused"].values()) <= {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT}


@inside
def touch_settings():
    found = {}
    for path in ("/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/sys/power/state",
                 "/proc/1/oom_score_adj", "/proc/1/comm"):  # fmt: skip
        try:
            with open(path, "w") as file:
                file.write("x")
            found[path] = 0
        except OSError as error:
            found[path] = error.errno
    return found


def test_the_kernel_and_the_agent_cannot_be_set(probe):
    """Nothing of /proc or /sys that belongs to the machine or to the agent takes a write."""
    found = probe.run(touch_settings)
    assert all(found.values()), found


@inside
def read_status():
    def status(pid):
        with open(f"/proc/{pid}/status") as file:
            return dict(line.strip().split(":\t", 1) for line in file if ":\t" in line)

    keys = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
            "NoNewPrivs", "Seccomp")  # fmt: skip
    return {who: {key: status(who)[key].strip() for key in keys} for who in ("self", "1")} | {
        "setuid": _setuid()
    }


@inside
def _setuid():
    try:
        os.setuid(0)
    except OSError as error:
        return error.errno
    return 0


def test_code_is_nobody_with_no_powers(probe):
    """Agent and worker are uid 65534 without capabilities, new privileges or unfiltered calls."""
    found = probe.run(read_status)
    assert found.pop("setuid") == errno.EPERM
    for who in found.values():
        assert set(who["Uid"].split()) == set(who["Gid"].split()) == {str(NOBODY)}
        assert set(who["Groups"].split()) <= {str(NOBODY)}
        assert {int(who[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
        assert who["NoNewPrivs"] == "1"
        assert who["Seccomp"] == "2"


@inside
def look_at_the_agent():
    with open("/proc/1/status") as file:
        user = next(line.split()[1] for line in file if line.startswith("Uid"))
    found = {"same user": user == str(os.getuid())}
    for name in ("fd", "environ", "mem", "maps", "cwd", "root", "exe"):
        path = f"/proc/1/{name}"
        try:
            if name == "fd":
                os.listdir(path)
            elif name in ("cwd", "root", "exe"):
                os.readlink(path)
            else:
                with open(path, "rb") as file:
                    file.read(1)
            found[name] = 0
        except OSError as error:
            found[name] = error.errno
    try:
        with open("/proc/1/fd/200", "wb") as file:
            file.write(b"x")
        found["fd/200"] = 0
    except OSError as error:
        found["fd/200"] = error.errno
    return found


def test_the_agent_cannot_be_looked_into(probe):
    """The agent's descriptors, memory and environment are shut to code of the same user."""
    found = probe.run(look_at_the_agent)
    assert found.pop("same user") is True
    assert set(found.values()) <= {errno.EACCES, errno.EPERM}, found


@inside
def signal_everything():
    for number in sorted(signal.valid_signals()):
        for target in (1, -1):
            try:
                os.kill(target, number)
            except OSError:  # -1: there is no other process
                pass
    time.sleep(0.2)  # for the agent to take them


def test_the_agent_survives_signals(probe):
    """kill(1) and kill(-1) with every signal there is leave the agent in the same container."""
    probe.begin()
    before = probe.container.id
    probe.go(signal_everything)
    assert probe.run(read_status)["self"]["Seccomp"] == "2"
    assert probe.container.id == before


# --- what may be used -----------------------------------------------------------------------------


@inside
def own_limits():
    return {
        "cores": len(os.sched_getaffinity(0)),
        "core dump": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "file size": resource.getrlimit(resource.RLIMIT_FSIZE)[1],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "threads": sys.modules["torch"].get_num_threads(),
    }


def test_limits_are_in_force(probe):
    """Code sees one core and one thread, and hard limits on core dumps, files and descriptors."""
    megabyte = 1 << 20
    assert probe.run(own_limits) == {
        "cores": 1, "core dump": 0, "file size": LIMITS.scratch_mb * megabyte, "files": 1024,
        "threads": 1,
    }  # fmt: skip


@inside
def fork_until_refused():
    count = 0
    while count < 5000:
        try:
            if os.fork() == 0:
                time.sleep(600)
                os._exit(0)
        except OSError as error:
            return {"forked": count, "errno": error.errno}
        count += 1
    return {"forked": count, "errno": 0}


def test_processes_are_limited(docker_sandbox, pack):
    """Forking ends at the limit with EAGAIN, and the next worker of the box starts all the same."""
    limits = dataclasses.replace(LIMITS, pids=64)
    probe = Probe(docker_sandbox, pack.interface, limits)
    with probe.student:
        probe.begin()
        before = probe.container.id
        found = probe.run(fork_until_refused)
        assert found["errno"] == errno.EAGAIN
        assert 40 < found["forked"] < 64
        assert probe.run(own_limits)["cores"] == 1
        assert probe.container.id == before


@inside
def fill_the_scratch_folder():
    written = 0
    try:
        for number in range(64):
            with open(f"/tmp/{number}", "wb") as file:
                for _ in range(16):
                    written += file.write(bytes(1 << 20))
    except OSError as error:
        return {"megabytes": written >> 20, "errno": error.errno}
    return {"megabytes": written >> 20, "errno": 0}


def test_the_scratch_folder_is_small(docker_sandbox, pack):
    """A full scratch folder is an error of the file system, and is empty for the next worker."""
    limits = dataclasses.replace(LIMITS, scratch_mb=64)
    probe = Probe(docker_sandbox, pack.interface, limits)
    with probe.student:
        for _ in range(2):
            found = probe.run(fill_the_scratch_folder)
            assert found["errno"] == errno.ENOSPC
            assert 60 <= found["megabytes"] <= 64


def test_the_engine_confirms_the_settings(probe):
    """The engine's own description has every limit, no swap, no mounts, no log and our labels."""
    probe.begin()
    attrs = probe.container.attrs
    host = attrs["HostConfig"]
    memory = LIMITS.memory_mb << 20
    assert (host["Memory"], host["MemorySwap"]) == (memory, memory)
    assert host["PidsLimit"] == LIMITS.pids
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Devices"]
    assert not host["Binds"]
    assert not attrs["Mounts"]
    assert not host["PidMode"]
    assert host["IpcMode"] == "private"
    first, _, last = host["CpusetCpus"].partition("-")
    assert (last or first) == first
    assert attrs["Config"]["User"] == f"{NOBODY}:{NOBODY}"
    assert Owner.of(attrs["Config"]["Labels"]) == Owner.current()
    assert host["LogConfig"]["Type"] == "none"
    assert not attrs["LogPath"]
    with pytest.raises(APIError):
        probe.container.logs()


# --- what is not known ----------------------------------------------------------------------------


@inside
def all_that_is_told():
    told = dict(os.environ)
    told["argv"] = sys.argv
    told["path"] = sys.path
    told["host"] = [socket.gethostname(), os.uname().nodename]
    for name in ("/proc/1/cmdline", "/proc/self/cmdline", "/proc/self/mountinfo",
                 "/proc/self/cgroup", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf",
                 "/etc/passwd"):  # fmt: skip
        try:
            with open(name, errors="replace") as file:
                told[name] = file.read()
        except OSError as error:
            told[name] = str(error)
    needles = json.loads(Path("needles.json").read_text())
    text = json.dumps(told)
    found = [needle[::-1] for needle in needles if needle[::-1] in text]
    return {"found": found, "names": sorted(os.environ), "size": len(text)}


def test_the_grader_is_not_named(probe, root, docker_sandbox, pack):
    """Environment, mounts, names and command lines say nothing of the grader's machine."""
    needles = [str(root), socket.gethostname(), str(Path.home()), str(Path.cwd())]
    needles = [needle for needle in needles if len(needle) > 2 and needle not in ("/root", "/home")]
    backwards = json.dumps([needle[::-1] for needle in needles]).encode()
    told = Probe(docker_sandbox, pack.interface)
    told.student._files = [*probe.student._files, SourceFile("needles.json", backwards)]
    with told.student:
        found = told.run(all_that_is_told)
    assert found["found"] == []
    assert found["size"] > 1000
    assert set(found["names"]) <= {
        "GLIBC_TUNABLES", "HOME", "HOSTNAME", "LANG", "LC_CTYPE", "MKL_NUM_THREADS", "MPLBACKEND",
        "MPLCONFIGDIR", "OMP_NUM_THREADS", "PATH", "PYTHONDONTWRITEBYTECODE",
    }  # fmt: skip


@inside
def in_huge_pages():
    held = dict(
        line.split(":") for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    )
    return int(held["AnonHugePages"].split()[0])


def test_a_worker_is_forked_of_huge_pages(probe):
    """Where the kernel leaves it to programs, most of what a fork would copy is in few pages."""
    choice = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not choice.exists() or "[never]" in choice.read_text():
        pytest.skip("this kernel has no transparent huge pages, or they are switched off")
    assert probe.run(in_huge_pages) > 20_000, "kilobytes"


class _Watched:
    """A sandbox that remembers the lines of the boxes it started."""

    name, isolation = "docker", "container"

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self.facts = sandbox.facts
        self.boxes = []

    def start(self, limits, *, device):
        self.boxes.append(self._sandbox.start(limits, device=device))
        return self.boxes[-1]


def test_no_secret_is_sent_in(docker_sandbox, docker_oracle, draw, pack, root, monkeypatch):
    """Of all bytes sent into a student's sandbox none spell the seed, a limit or our paths."""
    sent = {}
    send = Line.send_bytes

    def listen(line, data, *, deadline):
        sent.setdefault(id(line), bytearray()).extend(data)
        send(line, data, deadline=deadline)

    monkeypatch.setattr(Line, "send_bytes", listen)
    watched = _Watched(docker_sandbox)
    submission = intake.read(root / "submissions" / "alice")
    result = grade(submission, pack, watched, oracle=docker_oracle, draw=draw)
    assert result["total"]["points"] == 39
    data = b"".join(bytes(sent[id(box.line)]) for box in watched.boxes)
    assert len(data) > 1_000_000, "the weights alone are larger"
    secrets = [draw.seed.encode(), bytes.fromhex(draw.seed), draw.digest.encode()]
    names = [str(root).encode(), b"rubric", b"max_abs_error", b"oracle"]
    assert [secret for secret in (*secrets, *names) if secret in data] == []


# --- what is left for the next worker -------------------------------------------------------------


@inside
def leave_traces():
    for folder in ("/tmp", "/dev/shm", "/tmp/submission"):
        os.makedirs(f"{folder}/deep/shut", exist_ok=True)
        Path(f"{folder}/deep/shut/left.txt").write_text("left")
        os.chmod(f"{folder}/deep/shut", 0)
    Path("transformer_skeleton.py").write_text("raise SystemExit('changed by the last worker')")
    keep = []
    for name in ("\0left", "/tmp/left.sock"):
        server = socket.socket(socket.AF_UNIX)
        server.bind(name)
        server.listen()
        keep.append(server)
    for _ in range(2):
        if os.fork() == 0:  # a daemon: a session of its own, twice forked, deaf to signals
            os.setsid()
            if os.fork() == 0:
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                time.sleep(600)
            os._exit(0)
    libc = ctypes.CDLL(None, use_errno=True)
    shm = libc.shm_open(b"/left", os.O_CREAT | os.O_RDWR, 0o600)
    sysv = libc.shmget(1234, 4096, 0o1600)
    time.sleep(0.1)
    running = [name for name in os.listdir("/proc") if name.isdigit()]
    return {"posix shm": shm >= 0, "sysv shm": sysv >= 0, "processes": len(running)}


@inside
def find_traces():
    def connects(name):
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(name)
            except OSError:
                return False
            return True

    with open("/proc/sysvipc/shm") as file:
        sysv = file.read().splitlines()[1:]
    return {
        "/tmp": sorted(set(os.listdir("/tmp")) - {"matplotlib"}),
        "/dev/shm": os.listdir("/dev/shm"),
        "work": sorted(set(os.listdir(".")) - {"__pycache__"}),
        "processes": sorted(int(n) for n in os.listdir("/proc") if n.isdigit()) == [1, os.getpid()],
        "sockets": [connects("\0left"), connects("/tmp/left.sock")],
        "sysv": sysv,
    }


def test_nothing_is_left_for_the_next_worker(probe):
    """Files, daemons, shared memory and sockets of one worker are gone for the next in its box."""
    left = probe.run(leave_traces)
    assert left["posix shm"] is True
    assert left["processes"] >= 4, "the daemons were there"
    before = probe.container.id
    assert probe.run(find_traces) == {
        "/tmp": ["submission"],
        "/dev/shm": [],
        "work": ["transformer_skeleton.py"],
        "processes": True,
        "sockets": [False, False],
        "sysv": [],
    }
    assert probe.container.id == before


# --- typed outcomes -------------------------------------------------------------------------------


@inside
def eat_memory():
    kept = []
    while True:
        kept.append(os.urandom(1 << 20))


def test_a_worker_without_memory_is_out_of_memory(probe):
    """A worker that eats memory is ended by the kernel and told so; the next has a new box."""
    probe.begin()
    before = probe.container.id
    fault = probe.fault(eat_memory)
    assert fault.outcome == "out_of_memory"
    assert f"{LIMITS.memory_mb} MB" in fault.message
    assert probe.container.id == before, "the agent outlives its worker"
    peak = probe.student._box.usage().peak_memory_bytes
    assert peak is None or peak <= LIMITS.memory_mb << 20
    assert probe.run(own_limits)["cores"] == 1
    assert probe.container.id != before


@inside
def eat_files():
    for folder in ("/tmp", "/dev/shm"):
        for number in range(24):
            with open(f"{folder}/{number}", "wb") as file:
                file.writelines(os.urandom(1 << 20) for _ in range(10))


def test_a_container_without_memory_is_out_of_memory(probe):
    """Memory that outlives its worker, files in memory, ends the whole box: out of memory too."""
    fault = probe.fault(eat_files)
    assert fault.outcome == "out_of_memory"
    assert probe.run(own_limits)["cores"] == 1


def test_a_dead_agent_is_out_of_memory_by_the_engine_s_word(probe):
    """Where memory runs out for the agent itself, the engine tells, and the student is told so."""
    probe.begin()
    box = probe.student._box
    pid = probe.container.attrs["State"]["Pid"]
    # The kernel is asked to take the agent first; nobody in the container could ask for that.
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    with pytest.raises(StudentFault) as caught:
        probe.go(eat_memory)
    assert caught.value.outcome == "out_of_memory"
    assert probe.run(own_limits)["cores"] == 1
    assert probe.student._box is not box


@inside
def loop_for_ever():
    while True:
        pass


@pytest.mark.parametrize("megabytes", [6, 100])
def test_too_little_memory_to_start_is_ours_and_says_what_to_do(megabytes, docker_sandbox, pack):
    """A memory limit in which the guest cannot start is no student's fault; the limit is named."""
    limits = dataclasses.replace(LIMITS, memory_mb=megabytes)
    files = [SourceFile("transformer_skeleton.py", b"")]
    with (
        Student(docker_sandbox, files, pack.interface, limits) as student,
        pytest.raises(HarnessError, match="raise memory_mb in rubric"),
    ):
        student.load()


@inside
def eat_memory_in_a_child():
    if os.fork() == 0:
        eat_memory()
    os.wait()


def test_a_container_that_others_kill_is_not_out_of_memory_for_what_was_before(probe):
    """Memory that ran out for an earlier call does not explain an end that came from outside."""
    probe.begin()
    probe.go(eat_memory_in_a_child)
    assert probe.student._box.oom_kills() == 1
    threading.Timer(0.3, probe.container.kill).start()
    with pytest.raises(HarnessError, match=r"ended by itself|was lost"):
        probe.go(loop_for_ever)
    assert probe.run(own_limits)["cores"] == 1


@inside
def loop_deaf_to_signals():
    for number in range(1, 65):
        if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
            signal.signal(number, signal.SIG_IGN)
    while True:
        pass


@inside
def stop_itself():
    os.kill(os.getpid(), signal.SIGSTOP)


@pytest.mark.parametrize("function", [loop_for_ever, loop_deaf_to_signals, stop_itself])
def test_what_never_returns_is_a_timeout(function, docker_sandbox, pack):
    """A loop without end, deaf or stopped, is a timeout that names the limit; the box lives on."""
    limits = dataclasses.replace(LIMITS, request_seconds=0.5)
    probe = Probe(docker_sandbox, pack.interface, limits)
    with probe.student:
        probe.begin()
        before = probe.container.id
        fault = probe.fault(function)
        assert fault.outcome == "timeout"
        assert "0.5 s" in fault.message
        probe.begin()
        assert probe.container.id == before


@inside
def exit_quietly():
    os._exit(0)


@inside
def exit_politely():
    sys.exit("done")


@inside
def crash():
    ctypes.string_at(0)


@inside
def close_everything():
    os.closerange(0, 65536)


@inside
def recurse():
    return recurse()


@inside
def leave_a_child_with_the_pipes():
    if os.fork() == 0:
        time.sleep(600)
    os._exit(3)


@inside
def answer_in_person():
    for fd in range(3, 1024):
        try:
            os.write(fd, b"GRD1 here is my own answer, which is no frame at all")
        except OSError:
            pass
    time.sleep(600)


@pytest.mark.parametrize(
    ("function", "outcomes", "words"),
    [
        (exit_quietly, {"error"}, "exit code 0"),
        (exit_politely, {"error"}, "SystemExit"),
        (crash, {"error"}, "signal 11"),
        (close_everything, {"error", "protocol_violation"}, ""),
        (recurse, {"error"}, "RecursionError"),
        (leave_a_child_with_the_pipes, {"error"}, "exit code 3"),
        (answer_in_person, {"protocol_violation"}, "not a frame"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_end_has_its_type(probe, function, outcomes, words):
    """Exits, crashes, closed or abused pipes end in their own type at once; the box lives on."""
    probe.begin()
    before = probe.container.id
    begin = time.monotonic()
    fault = probe.fault(function)
    assert fault.outcome in outcomes, fault
    assert words in fault.message
    assert time.monotonic() - begin < LIMITS.request_seconds, "noticed, not waited for"
    assert probe.run(own_limits)["cores"] == 1
    assert probe.container.id == before


@inside
def print_a_hundred_megabytes():
    line = "spam and eggs " * 73 + "\n"
    for _ in range(100_000):
        sys.stdout.write(line)
    sys.stdout.flush()
    sys.stderr.write("the end of standard error\n")
    return "printed"


def test_a_flood_of_prints_is_capped(probe):
    """A hundred megabytes of prints cost neither the call nor memory: the last 2 KB are kept."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert probe.run(print_a_hundred_megabytes) == "printed"
    assert len(probe.student.prints) <= 2048
    assert "the end of standard error" in probe.student.prints
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KB


@inside
def print_and_raise():
    print("the last clue", end="")
    raise ValueError("no luck")


def test_what_was_printed_goes_with_the_fault(probe):
    """What code printed before it raised is kept for staff, flushed by the student or not."""
    fault = probe.fault(print_and_raise)
    assert "no luck" in fault.message
    assert "the last clue" in fault.detail


# --- the host's clock -----------------------------------------------------------------------------


def _seconds_to_a_timeout(probe, before=lambda: None):
    """Return how long a call without end takes by this process's clock."""
    probe.begin()
    before()
    begin = time.monotonic()
    with pytest.raises(StudentFault) as caught:
        probe.go(loop_for_ever)
    seconds = time.monotonic() - begin
    assert caught.value.outcome == "timeout"
    return seconds


def test_a_limit_of_one_second_is_one_second(docker_sandbox, pack):
    """A call without end, limited to 1 s, is over after 1.2 s at most (best of 3: others work)."""
    limits = dataclasses.replace(LIMITS, request_seconds=1)
    probe = Probe(docker_sandbox, pack.interface, limits)
    with probe.student:
        seconds = [_seconds_to_a_timeout(probe) for _ in range(3)]
    assert 1 <= min(seconds) <= 1.2, seconds


def test_a_hung_agent_does_not_stretch_the_limit(docker_sandbox, pack):
    """With the container frozen from outside, the host's own deadline ends the call by 1.2 s.

    Best of 3, since other work on the machine delays the removal of the container.
    """
    limits = dataclasses.replace(LIMITS, request_seconds=1)
    probe = Probe(docker_sandbox, pack.interface, limits)
    containers, seconds = [], []
    with probe.student:
        for _ in range(3):

            def freeze():
                containers.append(probe.container)
                containers[-1].pause()

            seconds.append(_seconds_to_a_timeout(probe, freeze))
            assert probe.student._box is None, "a box whose agent is silent is not used again"
        assert probe.run(own_limits)["cores"] == 1
    assert 1 <= min(seconds) <= 1.2, seconds
    for container in containers:
        with pytest.raises(APIError):
            container.reload()


# --- faults that are not the student's ------------------------------------------------------------


@pytest.mark.parametrize("command", ["rm -f", "kill", "stop -t 0"])
def test_a_container_ended_from_outside_is_our_fault(command, docker_sandbox, pack):
    """Nothing in the container can end its agent, so whoever did was not the student.

    Three times, since the engine may be asked while the container is dead but not yet removed.
    """
    probe = Probe(docker_sandbox, pack.interface)
    with probe.student:
        for _ in range(3):
            probe.begin()
            arguments = ["docker", *command.split(), probe.container.id]
            quiet = {"check": True, "stdout": subprocess.DEVNULL}
            killer = threading.Timer(0.3, subprocess.run, [arguments], quiet)
            killer.start()
            with pytest.raises(HarnessError):
                probe.go(loop_for_ever)
            killer.join()
            probe.student.close()

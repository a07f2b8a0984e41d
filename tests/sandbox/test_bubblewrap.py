"""The bubblewrap sandbox from within and from without, by submissions that only look.

A function marked `inside` runs in a worker of a real box, as a student's code does: its source is
the submission. What it returns is printed there and read here.

All of this holds as root and as anybody else; `test_bubblewrap_unprivileged.py` runs this file
again as another user. Where the two differ, by which limits there are, a test says so.
"""

import concurrent.futures
import ctypes
import dataclasses
import errno
import inspect
import json
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from grader import intake
from grader.errors import HarnessError, StudentFault
from grader.grade import grade
from grader.intake import SourceFile
from grader.records import Limits
from grader.sandbox import bubblewrap, cgroup, visible
from grader.sandbox.boot import boot
from grader.sandbox.bubblewrap import BubblewrapSandbox
from grader.student import Student

pytestmark = pytest.mark.bubblewrap

LIMITS = Limits(
    import_seconds=20, request_seconds=10, submission_seconds=600, memory_mb=400, scratch_mb=250
)
NOBODY = 65534
MB = 1 << 20
ROOT = Path(__file__).parents[2]

HEAD = """
import ctypes, errno, json, os, platform, resource, signal, socket, subprocess, sys, time
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
    """The submission of all the functions marked `inside`, in a box of its own."""

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
    def box(self):
        """The box of the moment."""
        return self.student._box


@pytest.fixture(scope="module")
def probe(bubblewrap_sandbox, pack):
    probe = Probe(bubblewrap_sandbox, pack.interface)
    with probe.student:
        yield probe


@pytest.fixture
def grouped(bubblewrap_sandbox):
    """Whether the kernel limits a box as a whole."""
    return bubblewrap_sandbox._place is not None


def descendants(pid):
    """Return the processes below a process, as this machine numbers them."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    children = [int(word) for word in text.split()]
    return children + [below for child in children for below in descendants(child)]


def alive(pid):
    """Whether a process exists, be it as a zombie."""
    return Path(f"/proc/{pid}").exists()


def groups():
    """Return the control groups of boxes that are there."""
    place = cgroup.find()
    parents = place.parents.values() if place else ()
    return sorted(path.name for parent in parents for path in parent.glob(f"{cgroup.PREFIX}*"))


def groups_of(pid):
    return [name for name in groups() if name.startswith(f"{cgroup.PREFIX}{pid}-")]


def within(seconds, condition):
    """Wait until the condition holds; return whether it did."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


# --- what cannot be reached -----------------------------------------------------------------------


@inside
def open_sockets():
    def code(family):
        try:
            socket.socket(family, socket.SOCK_STREAM).close()
        except OSError as error:
            return error.errno
        return 0

    families = {"UNIX": 1, "INET": 2, "INET6": 10, "NETLINK": 16, "PACKET": 17, "ALG": 38,
                "VSOCK": 40}  # fmt: skip
    found = {name: code(number) for name, number in families.items()}
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return found | {"interfaces": [line.split(":")[0].strip() for line in lines]}


def test_there_is_no_network(probe):
    """No socket of a network or of the hypervisor can be made, and the one interface is lo."""
    found = probe.run(open_sockets)
    assert found.pop("interfaces") == ["lo"]
    assert found.pop("UNIX") == 0
    assert set(found.values()) == {errno.EPERM}, found


@inside
def make_calls():
    numbers = {
        "x86_64": {
            "add_key": 248, "bpf": 321, "chroot": 161, "clone": 56, "clone3": 435,
            "io_uring_setup": 425, "keyctl": 250, "mount": 165, "mq_open": 240, "msgget": 68,
            "open_by_handle_at": 304, "perf_event_open": 298, "pidfd_getfd": 438,
            "pivot_root": 155, "process_vm_readv": 310, "ptrace": 101, "setns": 308,
            "shmget": 29, "umount2": 166, "unshare": 272, "userfaultfd": 323,
        },
        "aarch64": {
            "add_key": 217, "bpf": 280, "chroot": 51, "clone": 220, "clone3": 435,
            "io_uring_setup": 425, "keyctl": 219, "mount": 40, "mq_open": 180, "msgget": 186,
            "open_by_handle_at": 265, "perf_event_open": 241, "pidfd_getfd": 438,
            "pivot_root": 41, "process_vm_readv": 270, "ptrace": 117, "setns": 268,
            "shmget": 194, "umount2": 39, "unshare": 97, "userfaultfd": 282,
        },
    }[platform.machine()]  # fmt: skip
    arguments = {"clone": [0x10000000 | 17], "keyctl": [0xFFFF], "unshare": [0x10000000]}
    libc = ctypes.CDLL(None, use_errno=True)

    def call(name):
        given = [ctypes.c_long(a) for a in (arguments.get(name, []) + [0] * 6)[:6]]
        ctypes.set_errno(0)
        return ctypes.get_errno() if libc.syscall(numbers[name], *given) == -1 else 0

    return {name: call(name) for name in numbers}


def test_dangerous_calls_are_refused(probe):
    """The compiled filter refuses what the containers' policy refuses, in the same words."""
    found = probe.run(make_calls)
    absent = {name: found.pop(name) for name in ("clone3", "io_uring_setup")}
    assert set(absent.values()) == {errno.ENOSYS}
    assert set(found.values()) == {errno.EPERM}, found


@inside
def call_by_another_numbering():
    ctypes.CDLL(None).syscall(0x40000000 | 39)  # getpid of x32


def test_other_numberings_end_the_process(probe):
    """A call in a numbering that the filter does not know ends the worker, and not the box."""
    if os.uname().machine != "x86_64":
        pytest.skip("there is only one numbering here")
    fault = probe.fault(call_by_another_numbering)
    assert (fault.outcome, f"signal {signal.SIGSYS:d}" in fault.message) == ("error", True)


@inside
def write_everywhere():
    written, refused = [], {}
    for folder, below, _ in os.walk("/"):
        if folder in ("/proc", "/usr"):
            below.clear()
        path = os.path.join(folder, ".probe")
        try:
            with open(path, "w") as file:
                file.write("x")
            os.unlink(path)
        except OSError as error:
            refused[folder] = error.errno
        else:
            written.append(folder)
    sizes = {name: os.statvfs(name) for name in ("/tmp", "/dev/shm", "/dev", "/")}
    sizes = {name: s.f_blocks * s.f_frsize for name, s in sizes.items()}
    return {
        "written": sorted(written),
        "kinds": sorted(set(refused.values())),
        "top": [refused.get(top) for top in ("/", "/usr", "/etc", "/dev")],
        "sizes": sizes,
    }


def test_only_the_scratch_folders_are_writable(probe):
    """Of all folders a file can be made in /tmp and /dev/shm only, and these are of their size."""
    found = probe.run(write_everywhere)
    outside = [path for path in found["written"] if not path.startswith(("/tmp", "/dev/shm"))]
    assert outside == []
    assert {"/tmp", "/dev/shm"} <= set(found["written"])
    assert set(found["top"]) == {errno.EROFS}
    assert set(found["kinds"]) <= {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT}
    assert found["sizes"]["/tmp"] == found["sizes"]["/dev/shm"] == LIMITS.scratch_mb * MB
    assert found["sizes"]["/dev"] <= MB


@inside
def touch_settings():
    found = {}
    for path in ("/proc/sys/kernel/hostname", "/proc/sys/user/max_user_namespaces",
                 "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
                 "/proc/1/oom_score_adj", "/proc/1/comm", "/proc/self/uid_map"):  # fmt: skip
        try:
            with open(path, "w") as file:
                file.write("1")
            found[path] = 0
        except OSError as error:
            found[path] = error.errno
    for path in ("/dev/null", "/usr/bin/env", "/etc/passwd"):
        try:
            os.chmod(path, 0o777)
            found[f"mode of {path}"] = 0
        except OSError as error:
            found[f"mode of {path}"] = error.errno
    return found


def test_the_kernel_and_the_agent_cannot_be_set(probe):
    """Nothing that belongs to the machine or to the agent takes a write or another mode."""
    found = probe.run(touch_settings)
    assert all(found.values()), found


@inside
def read_status():
    def status(pid):
        with open(f"/proc/{pid}/status") as file:
            return dict(line.rstrip("\n").partition(":")[::2] for line in file)

    keys = ("Pid", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
            "NoNewPrivs", "Seccomp")  # fmt: skip
    found = {who: {key: status(who)[key].strip() for key in keys} for who in ("self", "1")}
    try:
        os.setuid(0)
        found["setuid"] = 0
    except OSError as error:
        found["setuid"] = error.errno
    with open("/proc/1/cmdline") as file:
        found["agent"] = file.read().split("\0")[:3]
    found["parent"] = os.getppid()
    found["processes"] = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    found["own"] = os.getpid()
    return found


def test_code_is_nobody_with_no_powers(probe):
    """Agent and worker are uid 65534 without capabilities, new privileges or unfiltered calls."""
    found = probe.run(read_status)
    assert found["setuid"] in (errno.EPERM, errno.EINVAL)  # EINVAL: there is no such user
    for who in (found["self"], found["1"]):
        assert set(who["Uid"].split()) == set(who["Gid"].split()) == {str(NOBODY)}
        assert set(who["Groups"].split()) <= {str(NOBODY)}
        assert {int(who[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
        assert who["NoNewPrivs"] == "1"
        assert who["Seccomp"] == "2"


def test_the_agent_is_the_first_process_and_no_other_shows(probe):
    """Process 1 is the agent itself, parent of the worker; nothing else of the machine is there."""
    found = probe.run(read_status)
    assert found["agent"] == [sys.executable, "-I", "-c"]
    assert found["parent"] == 1
    assert found["processes"] == [1, found["own"]]


def test_root_outside_is_nobody_inside(probe):
    """To the machine the code is nobody where root started it, and else its caller: never root."""
    probe.begin()
    first, worker = descendants(probe.box.process.pid)
    for pid in (first, worker):
        users = Path(f"/proc/{pid}/status").read_text().split("Uid:")[1].split()[:4]
        assert set(users) == {str(NOBODY if os.geteuid() == 0 else os.geteuid())}
        if os.geteuid() == 0:  # others may not look
            for kind in ("pid", "net", "mnt", "ipc", "uts", "cgroup"):
                theirs, ours = (Path(f"/proc/{who}/ns/{kind}").readlink() for who in (pid, "self"))
                assert theirs != ours, kind


@inside
def look_at_the_agent():
    found = {}
    for name in ("fd", "environ", "mem", "maps", "cwd", "root", "exe", "fd/200"):
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
    return found


def test_the_agent_cannot_be_looked_into(probe):
    """The agent's descriptors, memory and environment are shut to code of the same user."""
    found = probe.run(look_at_the_agent)
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
    """kill(1) and kill(-1) with every signal there is leave the agent in the same box."""
    probe.begin()
    before = probe.box
    probe.go(signal_everything)
    assert probe.run(read_status)["self"]["Seccomp"] == "2"
    assert probe.box is before


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


def test_limits_are_in_force(probe, grouped):
    """Code sees one thread, hard limits on core dumps, files and descriptors; and one core."""
    found = probe.run(own_limits)
    cores = found.pop("cores")
    assert cores == 1 or not grouped, "cores are not limited without control groups"
    assert found == {
        "core dump": 0, "file size": LIMITS.scratch_mb * MB, "files": 1024, "threads": 1,
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


def test_processes_are_limited(bubblewrap_sandbox, pack):
    """Forking ends at the limit with EAGAIN, and the next worker of the box starts all the same."""
    limits = dataclasses.replace(LIMITS, pids=64)
    probe = Probe(bubblewrap_sandbox, pack.interface, limits)
    with probe.student:
        probe.begin()
        before = probe.box
        found = probe.run(fork_until_refused)
        assert found["errno"] == errno.EAGAIN
        assert 40 < found["forked"] < 64
        assert probe.run(own_limits)["threads"] == 1
        assert probe.box is before


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


def test_the_scratch_folder_is_small(bubblewrap_sandbox, pack):
    """A full scratch folder is an error of the file system, and is empty for the next worker."""
    limits = dataclasses.replace(LIMITS, scratch_mb=64)
    probe = Probe(bubblewrap_sandbox, pack.interface, limits)
    with probe.student:
        for _ in range(2):
            found = probe.run(fill_the_scratch_folder)
            assert found["errno"] == errno.ENOSPC
            assert 60 <= found["megabytes"] <= 64


# --- what is not known ----------------------------------------------------------------------------


@inside
def see_everything():
    stop = set(json.loads(Path("folders.json").read_text())) | {"/proc", "/dev", "/tmp"}
    seen = []
    for folder, below, files in os.walk("/"):
        seen += [os.path.join(folder, name) for name in (*below, *files)]
        below[:] = [name for name in below if os.path.join(folder, name) not in stop]
    links = [path for path in seen if os.path.islink(path)]
    return {
        "seen": sorted(set(seen) - set(links)),
        "links": {path: os.readlink(path) for path in links},
        "dev": sorted(os.listdir("/dev")),
        "passwd": Path("/etc/passwd").read_text(),
        "there": [p for p in ("/run/docker.sock", "/var/run/docker.sock", "/sys", "/home", "/mnt",
                              "/etc/shadow", "/etc/hostname", "/root/.ssh", "/boot")
                  if os.path.lexists(p)],
        "descriptors": sorted(os.listdir("/proc/self/fd"), key=int),
    }  # fmt: skip


def test_only_python_shows_of_the_machine(probe, bubblewrap_sandbox, pack):
    """The tree is Python's folders and empty ones between: no home, project, socket or state."""
    folders = bubblewrap_sandbox._view.folders
    looking = Probe(bubblewrap_sandbox, pack.interface)
    listing = SourceFile("folders.json", json.dumps(list(folders)).encode())
    looking.student._files = [*probe.student._files, listing]
    with looking.student:
        found = looking.run(see_everything)
    between = {str(path) for folder in folders for path in Path(folder).parents[:-1]}
    unmerged = {f"/{name}" for name in visible._MERGED}
    # The walk does not go into the writable folder, where a project may be tried out.
    bound = {path for path in (*folders, *between) if path[:5] != "/tmp/"}
    due = {*bound, "/proc", "/dev", "/tmp", "/etc/passwd"}
    seen = {path for path in found["seen"] if path[:5] != "/tmp/"}
    assert {path for path in seen if Path(path).parts[1] not in unmerged} - unmerged == due
    assert set(found["links"]) <= unmerged
    assert found["dev"] == sorted(
        ["fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero"]
    )
    assert found["passwd"].count("\n") == 1
    assert found["there"] == []
    assert not any(Path(folder).is_relative_to(ROOT / "rubrics") for folder in folders)
    assert not any(ROOT.is_relative_to(folder) for folder in folders)
    assert len(found["descriptors"]) < 10, "three standard ones, the worker's pipes"


@inside
def all_that_is_told():
    told = dict(os.environ)
    told["argv"] = sys.argv
    told["host"] = [socket.gethostname(), os.uname().nodename]
    for name in ("/proc/1/cmdline", "/proc/self/cmdline", "/proc/self/environ",
                 "/proc/self/cgroup"):  # fmt: skip
        with open(name, errors="replace") as file:
            told[name] = file.read()
    needles = json.loads(Path("needles.json").read_text())
    text = json.dumps(told)
    return {
        "found": [needle[::-1] for needle in needles if needle[::-1] in text],
        "names": sorted(os.environ),
        "size": len(text),
    }


def test_the_grader_is_not_named(probe, bubblewrap_sandbox, pack, monkeypatch):
    """Environment, names, groups and command lines say nothing of the grader or its keys."""
    monkeypatch.setenv("GRADER_TEST_SECRET", "a-key-of-the-caller")
    needles = [socket.gethostname(), "a-key-of-the-caller", cgroup.PREFIX, str(ROOT / "grader")]
    backwards = json.dumps([needle[::-1] for needle in needles]).encode()
    told = Probe(bubblewrap_sandbox, pack.interface)
    told.student._files = [*probe.student._files, SourceFile("needles.json", backwards)]
    with told.student:
        found = told.run(all_that_is_told)
    assert found["found"] == []
    assert found["size"] > 1000
    assert set(found["names"]) <= {
        "GLIBC_TUNABLES", "HOME", "LANG", "LC_CTYPE", "MKL_NUM_THREADS", "MPLBACKEND",
        "MPLCONFIGDIR", "OMP_NUM_THREADS", "PATH", "PWD", "PYTHONPYCACHEPREFIX",
    }  # fmt: skip


# --- what is left for the next worker -------------------------------------------------------------


@inside
def leave_traces():
    for folder in ("/tmp", "/dev/shm", "/tmp/submission"):
        os.makedirs(f"{folder}/deep/shut", exist_ok=True)
        Path(f"{folder}/deep/shut/left.txt").write_text("left")
        os.chmod(f"{folder}/deep/shut", 0)
    Path("transformer_skeleton.py").write_text("raise SystemExit('changed by the last worker')")
    for _ in range(2):
        if os.fork() == 0:  # a daemon: a session of its own, twice forked, deaf to signals
            os.setsid()
            if os.fork() == 0:
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                time.sleep(600)
            os._exit(0)
    time.sleep(0.1)
    return len([name for name in os.listdir("/proc") if name.isdigit()])


@inside
def find_traces():
    return {
        "/tmp": sorted(set(os.listdir("/tmp")) - {"matplotlib"}),
        "/dev/shm": os.listdir("/dev/shm"),
        "work": sorted(set(os.listdir(".")) - {"__pycache__"}),
        "processes": sorted(int(n) for n in os.listdir("/proc") if n.isdigit()) == [1, os.getpid()],
    }


def test_nothing_is_left_for_the_next_worker(probe, bubblewrap_sandbox):
    """Files and daemons of one worker are gone for the next in its box."""
    assert probe.run(leave_traces) >= 4, "the daemons were there"
    before = probe.box
    lent = {path.split("/")[2] for path in bubblewrap_sandbox._view.folders if path[:5] == "/tmp/"}
    assert probe.run(find_traces) == {
        "/tmp": sorted({"submission", *lent}),
        "/dev/shm": [],
        "work": ["transformer_skeleton.py"],
        "processes": True,
    }
    assert probe.box is before


# --- typed outcomes -------------------------------------------------------------------------------


@inside
def eat_memory():
    kept = []
    while True:
        kept.append(os.urandom(1 << 20))


def test_a_worker_without_memory_is_out_of_memory(probe, grouped):
    """A worker that eats memory is told so, by the kernel's counter or an error."""
    probe.begin()
    before = probe.box
    fault = probe.fault(eat_memory)
    assert fault.outcome == "out_of_memory"
    assert probe.box is before, "the agent outlives its worker"
    if grouped:
        assert f"{LIMITS.memory_mb} MB" in fault.message
        assert probe.box.oom_kills() == 1
        usage = probe.box.usage()
        assert 100 * MB < usage.peak_memory_bytes <= LIMITS.memory_mb * MB
        assert usage.cpu_seconds > 0.1
    else:
        assert "MemoryError" in fault.message
    assert probe.run(own_limits)["threads"] == 1
    assert (probe.box is before) == (not grouped), "after a kill the next worker has a new box"


@inside
def eat_files():
    written = 0
    for folder in ("/tmp", "/dev/shm"):
        for number in range(24):
            with open(f"{folder}/{number}", "wb") as file:
                file.writelines(os.urandom(1 << 20) for _ in range(10))
                written += 10
    return written


def test_a_box_full_of_files_is_out_of_memory(probe, grouped):
    """Files in memory count: with control groups they end the box as out of memory, and else they
    are limited by the size of their folders alone."""
    if grouped:
        assert probe.fault(eat_files).outcome == "out_of_memory"
    else:
        assert probe.run(eat_files) == 480
    assert probe.run(own_limits)["threads"] == 1


@inside
def loop_for_ever():
    while True:
        pass


@inside
def stop_itself():
    os.kill(os.getpid(), signal.SIGSTOP)


@pytest.mark.parametrize("function", [loop_for_ever, stop_itself])
def test_what_never_returns_is_a_timeout(function, bubblewrap_sandbox, pack):
    """A loop without end, or a stopped worker, is a timeout that names the limit; the box lives."""
    limits = dataclasses.replace(LIMITS, request_seconds=0.5)
    probe = Probe(bubblewrap_sandbox, pack.interface, limits)
    with probe.student:
        probe.begin()
        before = probe.box
        fault = probe.fault(function)
        assert fault.outcome == "timeout"
        assert "0.5 s" in fault.message
        probe.begin()
        assert probe.box is before


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


def test_a_limit_of_one_second_is_one_second(bubblewrap_sandbox, pack):
    """A call without end, limited to 1 s, is over after 1.2 s at most (best of 3: others work)."""
    limits = dataclasses.replace(LIMITS, request_seconds=1)
    probe = Probe(bubblewrap_sandbox, pack.interface, limits)
    with probe.student:
        seconds = [_seconds_to_a_timeout(probe) for _ in range(3)]
    assert 1 <= min(seconds) <= 1.2, seconds


def test_a_hung_agent_does_not_stretch_the_limit(bubblewrap_sandbox, pack):
    """With the agent stopped from outside, the host's own deadline ends the call by 1.2 s."""
    limits = dataclasses.replace(LIMITS, request_seconds=1)
    probe = Probe(bubblewrap_sandbox, pack.interface, limits)
    seconds = []
    with probe.student:
        for _ in range(3):
            stopped = []

            def stop(stopped=stopped):
                stopped += descendants(probe.box.process.pid)
                os.kill(stopped[0], signal.SIGSTOP)

            seconds.append(_seconds_to_a_timeout(probe, stop))
            assert probe.box is None, "a box whose agent is silent is not used again"
            assert not any(map(alive, stopped))
        assert probe.run(own_limits)["threads"] == 1
    assert 1 <= min(seconds) <= 1.2, seconds


@inside
def exit_quietly():
    os._exit(0)


@inside
def write_to_every_descriptor():
    for fd in range(3, 1024):
        try:
            os.write(fd, b"GRD1 here is my own answer, which is no frame at all")
        except OSError:
            pass
    time.sleep(600)


@pytest.mark.parametrize(
    ("function", "outcome", "words"),
    [(exit_quietly, "error", "exit code 0"),
     (write_to_every_descriptor, "protocol_violation", "not a frame")],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_each_end_has_its_type(probe, function, outcome, words):
    """Exits and abused pipes end in their own type, at once; the box lives on."""
    probe.begin()
    before = probe.box
    begin = time.monotonic()
    fault = probe.fault(function)
    assert fault.outcome == outcome, fault
    assert words in fault.message
    assert time.monotonic() - begin < LIMITS.request_seconds, "noticed, not waited for"
    assert probe.run(own_limits)["threads"] == 1
    assert probe.box is before


@inside
def flood_the_notes():
    written = 0
    try:
        while written < 2000 << 20:
            written += os.write(202, bytes(1 << 20))  # where the agent keeps its last words
    except OSError as error:
        return {"megabytes": written >> 20, "errno": error.errno}
    return {"megabytes": written >> 20, "errno": 0}


def test_the_agent_s_notes_cannot_fill_the_machine(probe):
    """What the agent writes about itself goes to memory, and a flood of it ends at the limit."""
    try:
        found = probe.run(flood_the_notes)
    except StudentFault as fault:
        found = fault.outcome
    else:
        assert found["megabytes"] <= LIMITS.scratch_mb
        found = errno.errorcode[found["errno"]]
    assert found in ("out_of_memory", "EFBIG", "EBADF")
    probe.student.close()  # what is full stays full


def test_a_box_ended_from_outside_is_our_fault(bubblewrap_sandbox, pack):
    """Nothing in a box can end its agent, so whoever did was not the student."""
    probe = Probe(bubblewrap_sandbox, pack.interface)
    with probe.student, concurrent.futures.ThreadPoolExecutor(1) as pool:
        probe.begin()
        first = descendants(probe.box.process.pid)[0]
        pool.submit(lambda: (time.sleep(0.3), os.kill(first, signal.SIGKILL)))
        with pytest.raises(HarnessError, match="137"):
            probe.go(loop_for_ever)


def test_a_dead_agent_is_out_of_memory_by_the_kernel_s_word(probe, grouped):
    """Where memory runs out for the agent itself, the counter tells, and the student is told so."""
    if not grouped:
        pytest.skip("no control group, so the kernel does not end a box for its memory")
    probe.begin()
    box = probe.box
    first = descendants(box.process.pid)[0]
    # The kernel is asked to take the agent first; nobody in the box could ask for that.
    Path(f"/proc/{first}/oom_score_adj").write_text("1000")
    with pytest.raises(StudentFault) as caught:
        probe.go(eat_memory)
    assert caught.value.outcome == "out_of_memory"
    assert probe.box is None
    assert probe.run(own_limits)["threads"] == 1


# --- what is left on the machine ------------------------------------------------------------------


def mounts():
    """Return what is mounted, but for containers, which come and go."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if "docker" not in line]


def test_nothing_is_left_after_a_box(bubblewrap_sandbox, pack):
    """Processes, control groups, mounts and descriptors of a box are gone when `kill` returns,
    within 150 ms, also of a worker with daemons (best of 3: others work)."""
    seconds = []
    for _ in range(3):
        open_before, mounts_before = len(os.listdir("/proc/self/fd")), mounts()
        folders_before = set(os.listdir("/tmp"))
        probe = Probe(bubblewrap_sandbox, pack.interface)
        with probe.student:
            probe.run(leave_traces)
            box = probe.box
            processes = [box.process.pid, *descendants(box.process.pid)]
            assert len(processes) >= 5
            names = {folder.name for folder in box.group.folders.values()} if box.group else set()
            assert names <= set(groups())
            begin = time.monotonic()
            box.kill()
            seconds.append(time.monotonic() - begin)
            assert [pid for pid in processes if alive(pid)] == []
            assert not names & set(groups())
        assert mounts() == mounts_before
        assert len(os.listdir("/proc/self/fd")) <= open_before
        assert not {n for n in set(os.listdir("/tmp")) - folders_before if f"-{os.getpid()}-" in n}
    assert min(seconds) < 0.15, seconds


def test_a_box_outlives_the_thread_that_asked_for_it(bubblewrap_sandbox):
    """The signal on a parent's death is a thread's: a box is not started by one that ends."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        box = pool.submit(bubblewrap_sandbox.start, LIMITS, device="cpu").result()
    try:
        time.sleep(0.2)
        assert box.process.poll() is None
        assert boot(box)["ready"] is True
        assert box.ending().exit_code == 0, "it ends by itself when the line is shut"
    finally:
        box.kill()


OWNER = """
import sys, time
from pathlib import Path
from grader import pack
from grader.intake import SourceFile
from grader.records import Limits
from grader.sandbox.bubblewrap import BubblewrapSandbox
from grader.student import Student
interface = pack.load(Path(sys.argv[1]), "e0294-a4").interface
source = b'''
import time, torch
class DecoderOnlyTransformer(torch.nn.Module):
    def __init__(self, *none):
        super().__init__()
        while True: pass
'''
files = [SourceFile("transformer_skeleton.py", source)]
student = Student(BubblewrapSandbox(), files, interface, Limits(request_seconds=600))
header = {"arguments": {}, "dtype": None, "device": "cpu"}
try:
    student.start()
    print(student._box.process.pid, flush=True)
    student.load()
    student.call("new", header)
finally:
    student.close()
"""


@pytest.fixture
def owner(root):
    """Start a grader of its own whose submission never returns; return it and its box."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(root)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=root,
        )  # fmt: skip
        started.append(process)
        box = int(process.stdout.readline())
        assert within(10, lambda: len(descendants(box)) == 2), "agent and worker"
        return process, [box, *descendants(box)]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_killed_grader_leaves_nothing(owner, probe):
    """After kill -9 its box ends by itself, the next grader removes its control groups, and the
    boxes of graders that live are spared."""
    dead, dead_processes = owner()
    living, living_processes = owner()
    probe.begin()
    ours = probe.box
    spared = groups_of(living.pid)
    dead.kill()
    dead.wait()
    assert within(2, lambda: not any(map(running, dead_processes)))
    BubblewrapSandbox()
    assert groups_of(dead.pid) == []
    assert groups_of(living.pid) == spared
    assert all(map(running, living_processes))
    assert probe.run(own_limits)["threads"] == 1
    assert probe.box is ours


def test_a_killed_grader_s_stopped_box_ends_too(owner):
    """A box that cannot notice anything, stopped from outside, ends by signal with its grader; or
    as root, where bwrap may not send that, by the next grader."""
    dead, processes = owner()
    for pid in reversed(processes):
        os.kill(pid, signal.SIGSTOP)
    dead.kill()
    dead.wait()
    if os.geteuid() == 0:
        assert within(2, lambda: not running(processes[0])), "bwrap itself"
        BubblewrapSandbox()
    assert within(2, lambda: not any(map(running, processes)))
    assert groups_of(dead.pid) == []


def running(pid):
    """Whether a process runs; one that waits to be reaped by the system does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def test_ctrl_c_leaves_nothing(owner):
    """Interrupting a grader in a call without end leaves no process and no control group."""
    process, processes = owner()
    process.send_signal(signal.SIGINT)
    process.wait(10)
    assert [pid for pid in processes if running(pid)] == []
    assert groups_of(process.pid) == []


# --- the whole story ------------------------------------------------------------------------------


def test_alice_gets_her_points(root, pack, draw, bubblewrap_sandbox, bubblewrap_oracle):
    """A right submission gets the points that it gets in a container, and the result says how."""
    alice = intake.read(root / "submissions" / "alice")
    result = grade(alice, pack, bubblewrap_sandbox, oracle=bubblewrap_oracle, draw=draw)
    assert result["total"] == {"points": 39, "max_points": 50, "pending_points": 11}
    environment = result["environment"]
    assert environment["sandbox"] == "bubblewrap"
    assert environment["isolation"] == "namespaces"
    assert environment["mode"] == ("root" if os.geteuid() == 0 else "user namespace")
    assert "processes" in environment["limits"]


@pytest.mark.parametrize("wanted", ["bubblewrap", "auto"])
def test_the_front_door_takes_it(wanted, quick_project, tmp_path):
    """By name, or where no Docker engine answers, `grader grade` grades in bubblewrap."""
    done = subprocess.run(
        [sys.executable, "-m", "grader", "grade", "submissions/alice", "--sandbox", wanted,
         "--out", str(tmp_path), "--device", "cpu"],
        env={**os.environ, "DOCKER_HOST": "unix:///nonexistent.sock"},
        cwd=quick_project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "bubblewrap on cpu" in done.stdout
    assert "NOT ISOLATED" not in done.stdout
    assert ("bubblewrap is used" in done.stderr) == (wanted == "auto")
    result = json.loads((tmp_path / "alice.json").read_text())
    assert result["environment"]["isolation"] == "namespaces"


# --- what is refused ------------------------------------------------------------------------------


def test_without_bubblewrap_it_says_what_to_install(monkeypatch):
    """A missing program is one sentence with the command that installs it."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(HarnessError, match="no bwrap; install it: apt-get install bubblewrap"):
        BubblewrapSandbox()


def test_an_old_bubblewrap_is_refused(monkeypatch, tmp_path):
    """One that cannot limit its folders is refused with the version that is needed."""
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.6.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(HarnessError, match=r"0\.6\.1, and 0\.8\.0 or newer"):
        BubblewrapSandbox()


def test_what_bubblewrap_says_is_passed_on(monkeypatch):
    """Where the machine refuses a namespace, its words come with what to do."""
    monkeypatch.setattr(bubblewrap, "ISOLATION", ("--no-such-option",))
    with pytest.raises(HarnessError, match=r"does not work here: bwrap: .*no-such-option"):
        BubblewrapSandbox()

"""The seccomp profile against a real container: what must work works, what must not is refused."""

import errno
import json
import os
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from grader.sandbox import image, seccomp

pytestmark = pytest.mark.docker

NUMBERS = {
    "x86_64": {
        "add_key": 248, "adjtimex": 159, "bpf": 321, "chroot": 161, "clock_settime": 227,
        "clone": 56, "clone3": 435, "init_module": 175, "io_uring_setup": 425, "kcmp": 312,
        "keyctl": 250, "mount": 165, "mq_open": 240, "msgget": 68, "name_to_handle_at": 303,
        "open_by_handle_at": 304, "perf_event_open": 298, "personality": 135, "pidfd_getfd": 438,
        "pivot_root": 155, "process_vm_readv": 310, "ptrace": 101, "quotactl": 179, "reboot": 169,
        "request_key": 249, "semget": 64, "setns": 308, "shmat": 30, "shmget": 29, "swapon": 167,
        "sync": 162, "syslog": 103, "unshare": 272, "userfaultfd": 323,
    },
    "aarch64": {
        "add_key": 217, "adjtimex": 171, "bpf": 280, "chroot": 51, "clock_settime": 112,
        "clone": 220, "clone3": 435, "init_module": 105, "io_uring_setup": 425, "kcmp": 272,
        "keyctl": 219, "mount": 40, "mq_open": 180, "msgget": 186, "name_to_handle_at": 264,
        "open_by_handle_at": 265, "perf_event_open": 241, "personality": 92, "pidfd_getfd": 438,
        "pivot_root": 41, "process_vm_readv": 270, "ptrace": 117, "quotactl": 60, "reboot": 142,
        "request_key": 218, "semget": 190, "setns": 268, "shmat": 196, "shmget": 194,
        "swapon": 224, "sync": 81, "syslog": 116, "unshare": 97, "userfaultfd": 282,
    },
}  # fmt: skip

ARGUMENTS = {
    "clone": [0x10000000 | 17],  # CLONE_NEWUSER | SIGCHLD
    "keyctl": [0xFFFF],
    "personality": [0x0040000],  # ADDR_NO_RANDOMIZE
    "mq_open": ["probe", os.O_CREAT | os.O_RDWR, 0o600, 0],
    "msgget": [0, 0o600],
    "process_vm_readv": ["pid", 0, 0, 0, 0, 0],
    "semget": [0, 1, 0o600],
    "shmget": [0, 4096, 0o600],
}
"""Arguments with which a call would do something; the others are made with zeros."""

HARMLESS = [
    "mq_open", "msgget", "personality", "process_vm_readv", "ptrace", "semget", "shmget", "sync",
    "unshare",
]  # fmt: skip
"""Calls that succeed in a container without the profile (ptrace 0 is TRACEME)."""

CALLS = """
import ctypes, json, os, platform, sys
numbers, arguments = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def call(name):
    given = (arguments.get(name, []) + [0] * 6)[:6]
    given = [os.getpid() if a == "pid" else a.encode() if isinstance(a, str) else a for a in given]
    words = [ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) for a in given]
    ctypes.set_errno(0)
    return ctypes.get_errno() if libc.syscall(numbers[name], *words) == -1 else 0
print(json.dumps({name: call(name) for name in numbers}))
"""

SOCKETS = """
import json, socket
families = {"AF_UNIX": 1, "AF_INET": 2, "AF_NETLINK": 16, "AF_PACKET": 17, "AF_INET6": 10,
            "AF_ALG": 38, "AF_VSOCK": 40}
def code(family):
    try:
        socket.socket(family, socket.SOCK_STREAM if family != 16 else socket.SOCK_RAW).close()
    except OSError as error:
        return error.errno
    return 0
print(json.dumps({name: code(number) for name, number in families.items()}))
"""

SETTERS = """
import json, os, resource
def code(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    return 0
def codes(pid):
    return [code(resource.prlimit, pid, resource.RLIMIT_NOFILE, (64, 64)),
            code(os.sched_setscheduler, pid, os.SCHED_BATCH, os.sched_param(0)),
            code(os.setpriority, os.PRIO_PROCESS, pid, 7)]
ready, go = os.pipe()
if (other := os.fork()) == 0:
    os.read(ready, 1)
    os._exit(0)
everybody = code(os.setpriority, os.PRIO_USER, 0, 6)
print(json.dumps([codes(0), codes(other), everybody]))
os.write(go, b"!")
os.wait()
"""

WORK = """
import multiprocessing, os, socket, subprocess, sys, tempfile, threading
import numpy, torch
def train(seed=0):
    layer = torch.nn.TransformerEncoderLayer(32, 4, batch_first=True)
    layer(torch.randn(2, 8, 32)).sum().backward()
    return float(layer.linear1.weight.grad.abs().sum())
assert train() > 0
threads = [threading.Thread(target=train) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True,
                      check=True).stdout == b"42\\n"
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(abs, [-1, -2, -3]) == [1, 2, 3]
left, right = socket.socketpair()
left.send(b"x")
assert right.recv(1) == b"x"
shared = torch.ones(3).share_memory_()
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.title("loss")
plt.savefig("/tmp/plot.pdf")
assert os.path.getsize("/tmp/plot.pdf") > 1000
with tempfile.NamedTemporaryFile() as file:
    torch.save({"w": torch.zeros(3)}, file.name)
    torch.load(file.name, mmap=True, weights_only=True)
print("done")
"""


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    """Return a client of the engine."""
    client = docker.from_env()
    yield client
    client.close()


def python(client: docker.DockerClient, *arguments: str, profile: str | None = None) -> bytes:
    """Run Python in a hardened container and return what it prints."""
    box = image.ensure(client, "cpu", print)
    return client.containers.run(
        box.id,
        [box.python, "-c", *arguments],
        remove=True,
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges", f"seccomp={profile or seccomp.profile()}"],
        user="65534:65534",
        pids_limit=64,
        mem_limit="2g",
        tmpfs={"/tmp": "mode=1777"},
        environment={"MPLCONFIGDIR": "/tmp", "OMP_NUM_THREADS": "2"},
    )


def calls(client: docker.DockerClient, names: list[str], profile: str | None = None) -> Any:
    """Return the errno, or 0, of each named call in a container."""
    machine = python(client, "import platform; print(platform.machine())").decode().strip()
    numbers = {name: NUMBERS[machine][name] for name in names}
    asked = json.dumps([numbers, ARGUMENTS])
    return json.loads(python(client, CALLS, asked, profile=profile))


def test_dangerous_calls_are_refused(client: docker.DockerClient) -> None:
    """Calls that leave state behind, look into others or open new parts of the kernel fail."""
    names = sorted(NUMBERS["x86_64"])
    expected = dict.fromkeys(names, errno.EPERM)
    expected["clone3"] = expected["io_uring_setup"] = errno.ENOSYS
    assert calls(client, names) == expected


def test_the_refusals_are_the_profile_s_doing(client: docker.DockerClient) -> None:
    """Without the profile the same probe gets through, so the test above can fail."""
    assert calls(client, HARMLESS, profile="unconfined") == dict.fromkeys(HARMLESS, 0)


def test_only_unix_sockets_open(client: docker.DockerClient) -> None:
    """No socket family but AF_UNIX can be used: not the network's, the hypervisor's, netlink."""
    found = json.loads(python(client, SOCKETS))
    assert found.pop("AF_UNIX") == 0
    assert set(found.values()) == {errno.EPERM}


def test_a_process_limits_only_itself(client: docker.DockerClient) -> None:
    """Limits and priorities are changed for oneself, and not for another process of the user."""
    own, other, everybody = json.loads(python(client, SETTERS))
    assert own == [0, 0, 0]
    assert other == [errno.EPERM] * 3
    assert everybody == errno.EPERM
    assert json.loads(python(client, SETTERS, profile="unconfined"))[1] == [0, 0, 0]


def test_what_coursework_does_works(client: docker.DockerClient) -> None:
    """Training, threads, child processes, pools, shared memory, plots and files all work."""
    assert python(client, WORK) == b"done\n"


def test_profile_names_no_call_twice() -> None:
    """Each call stands in one group, so that what is said about it is all there is."""
    rules = json.loads(seccomp.profile())["syscalls"]
    names = [name for rule in rules if not rule.get("args") for name in rule["names"]]
    conditional = {rule["names"][0] for rule in rules if rule.get("args")}
    assert len(names) == len(set(names))
    assert not conditional & set(names)

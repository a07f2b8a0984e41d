"""The container's settings, one at a time, and right submissions that look at what these leave.

Nothing here does harm where it succeeds: interfaces are counted, one small file is written, a
bounded number of children sleep for a moment. Whoever finds too much raises, and loses its points.
"""

import json

import docker

from grader.conversation import Conversation
from grader.sandbox import seccomp
from tests.proof import broken
from tests.proof.trials import Defence, Seen, graded, ground, probe

CHECKS = ["full_forward"]
SMALL_MB, MEMORY_MB = 16, 700


def looks(code, expected="passed", **limits):
    """Return a trial: a right submission that looks around, in a container."""
    return graded(probe(code), CHECKS, expected, docker=True, **limits)


def dropped(*keys):
    """Leave settings out."""

    def change(settings):
        for key in keys:
            del settings[key]

    return lambda: broken.setting(change)


def given(**values):
    """Give settings other values; a function is applied to the old one."""

    def change(settings):
        for key, value in values.items():
            settings[key] = value(settings[key]) if callable(value) else value

    return lambda: broken.setting(change)


def no_option(beginning):
    """Leave one of the security options out."""

    def change(settings):
        kept = [o for o in settings["security_opt"] if not o.startswith(beginning)]
        assert len(kept) == len(settings["security_opt"]) - 1
        unconfined = ["seccomp=unconfined"] if beginning == "seccomp" else []
        settings["security_opt"] = kept + unconfined

    return lambda: broken.setting(change)


def no_ulimit(name):
    """Leave one of the limits out."""

    def change(settings):
        kept = [limit for limit in settings["ulimits"] if limit.name != name]
        assert len(kept) == len(settings["ulimits"]) - 1
        settings["ulimits"] = kept

    return lambda: broken.setting(change)


def no_tmpfs(path, keep=""):
    """Mount nothing on a folder, or mount it with other options."""

    def change(settings):
        assert path in settings["tmpfs"]
        mounts = {p: options for p, options in settings["tmpfs"].items() if p != path}
        settings["tmpfs"] = mounts | ({path: keep} if keep else {})

    return lambda: broken.setting(change)


def allowed(change):
    """Change the rules of the seccomp profile; ``change`` gets the list of rules."""

    def broken_profile():
        profile = json.loads(seccomp.profile())
        rules = change(profile["syscalls"])
        assert rules != profile["syscalls"]
        return broken.name("grader.sandbox.docker.seccomp.profile",
                           lambda: json.dumps(profile | {"syscalls": rules}))  # fmt: skip

    return broken_profile


def unconditional(name):
    """Allow a call whatever its arguments are."""

    def change(rules):
        kept = [rule for rule in rules if rule["names"] != [name]]
        return [*kept, {"names": [name], "action": "SCMP_ACT_ALLOW"}]

    return allowed(change)


# --- what the probes do ---------------------------------------------------------------------------

INTERFACES = """
found = [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line]
if found != ["lo"]:
    raise RuntimeError(f"{len(found)} network interfaces")
"""
STATUS = """
lines = [line.rstrip().partition(":\\t") for line in open("/proc/self/status")]
fields = {{name: value for name, _, value in lines}}
if fields["{field}"].strip() != "{value}":
    raise RuntimeError("{field} is " + fields["{field}"].strip())
"""
USER = """
if os.getuid() == 0:
    raise RuntimeError("I am root")
"""
WRITE = """
try:
    os.close(os.open("{path}/proof-probe", os.O_CREAT | os.O_WRONLY))
except OSError:
    return
os.unlink("{path}/proof-probe")
raise RuntimeError("{path} was written to")
"""
CHILDREN = """
import signal, time
children = []
try:
    for _ in range(100):
        child = os.fork()
        if child == 0:
            time.sleep(20)
            os._exit(0)
        children.append(child)
except OSError:
    pass
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
if len(children) == 100:
    raise RuntimeError("100 children at once")
"""
MEMORY = f"""
taken = bytearray({MEMORY_MB + 200} << 20)
taken[::4096] = bytes(len(taken[::4096]))[:len(taken[::4096])].replace(b"\\0", b"\\1")
raise RuntimeError("{MEMORY_MB + 200} MB were given")
"""
SWAP = """
folder = "/sys/fs/cgroup/memory"
if os.path.exists(f"{folder}/memory.memsw.limit_in_bytes"):
    names = ("memory.memsw.limit_in_bytes", "memory.limit_in_bytes")
    both, memory = (int(open(f"{folder}/{name}").read()) for name in names)
    swap = both - memory
else:
    swap = open("/sys/fs/cgroup/memory.swap.max").read().strip()
if swap not in (0, "0"):
    raise RuntimeError("swap on top of memory")
"""
CORES = """
if len(os.sched_getaffinity(0)) > 1:
    raise RuntimeError(f"{len(os.sched_getaffinity(0))} cores")
"""
FILL = """
paths = ["{folder}/proof-probe-1", "{folder}/proof-probe-2"]
try:
    for path in paths:
        with open(path, "wb") as file:
            file.write(bytes(12 << 20))
except OSError:
    return
finally:
    for path in paths:
        if os.path.exists(path):
            os.unlink(path)
raise RuntimeError("{folder} holds 24 MB")
"""
SPARSE = """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open("/tmp/proof-probe", "wb") as file:
    try:
        file.truncate(1 << 30)
    except OSError:
        return
    finally:
        os.unlink("/tmp/proof-probe")
raise RuntimeError("a file of 1 GB, most of it a hole")
"""
DESCRIPTORS = """
opened = []
try:
    for _ in range(1100):
        opened.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
for descriptor in opened:
    os.close(descriptor)
if len(opened) == 1100:
    raise RuntimeError("1100 descriptors")
"""
CORE = """
import resource
if resource.getrlimit(resource.RLIMIT_CORE)[1] != 0:
    raise RuntimeError("a core dump would be written")
"""
SOCKET = """
import socket
try:
    socket.socket(socket.{family}, socket.SOCK_STREAM).close()
except OSError:
    return
raise RuntimeError("a socket of {family} was made")
"""
CALL = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
answer = libc.syscall({number}, 0, 0, 0, 0, 0)
if answer != -1 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
    raise RuntimeError("{name} was let through")
"""
FIRST = """
import resource
try:
    resource.prlimit(1, resource.RLIMIT_NOFILE)
except PermissionError:
    return
raise RuntimeError("the first process's limits are within reach")
"""


def _logged():
    """Let a box answer, and look at what the engine has written down of it."""
    with Conversation(ground().docker, [], ground().pack.sandbox) as conversation:
        conversation.start()
        box = conversation._box
        box.ending()
        try:
            kept = len(box._container.logs())
        except docker.errors.APIError:
            return Seen("no log", expected=True)
    return Seen(f"a log of {kept} bytes on the host", expected=False)


def _joined():
    """Try to start another container that shares a box's memory folder."""
    box = ground().docker.start(ground().pack.sandbox, device="cpu")
    client = ground().docker._client
    other = client.containers.create(
        ground().docker._image.id, ["-c", "pass"], entrypoint=ground().docker._image.python,
        ipc_mode=f"container:{box._container.id}", network_mode="none",
        labels=ground().docker._owner.labels(),
    )  # fmt: skip
    try:
        other.start()
    except docker.errors.APIError as error:
        return Seen("refused by the engine", expected="shareable" in str(error))
    finally:
        other.remove(force=True)
        box.kill()
    return Seen("another container shares its memory", expected=False)


UNLIMITED = "rw,nosuid,nodev,mode=1777"

DEFENCES = [
    Defence("no network", "the host's network", given(network_mode="host"),
            "counts interfaces", looks(INTERFACES), "network_mode"),
    Defence("the root is read-only", "it is not", given(read_only=False),
            "writes a small file to /var/tmp", looks(WRITE.format(path="/var/tmp")), "read_only"),
    Defence("no capabilities", "the engine's usual ones", dropped("cap_drop"),
            "reads what it could be given",
            looks(STATUS.format(field="CapBnd", value="0" * 16)), "cap_drop"),
    Defence("no way to new privileges", "without the option", no_option("no-new-privileges"),
            "reads its status", looks(STATUS.format(field="NoNewPrivs", value="1")),
            "security_opt"),
    Defence("an unprivileged user", "root", given(user="0:0"),
            "asks who it is", looks(USER), "user"),
    Defence("a limit of processes", "none", dropped("pids_limit"),
            "has 100 children sleep where 64 are allowed", looks(CHILDREN, pids=64), "pids_limit"),
    Defence("a limit of memory", "2 GB in place of 700 MB",
            given(mem_limit="2048m", memswap_limit="2048m"),
            "takes 900 MB", looks(MEMORY, "out_of_memory", memory_mb=MEMORY_MB), "mem_limit"),
    Defence("no swap on top of memory", "the engine's usual limit", dropped("memswap_limit"),
            "reads its limits", looks(SWAP), "memswap_limit"),
    Defence("a set of cores", "all", given(cpuset_cpus=None),
            "counts its cores", looks(CORES), "cpuset_cpus"),
    Defence("a largest size of /tmp", "none", no_tmpfs("/tmp", UNLIMITED),
            "writes 24 MB where 16 fit", looks(FILL.format(folder="/tmp"), scratch_mb=SMALL_MB),
            "tmpfs"),
    Defence("no message queues", "/dev/mqueue as it is", no_tmpfs("/dev/mqueue"),
            "makes one", looks(WRITE.format(path="/dev/mqueue")), "tmpfs"),
    Defence("a largest size of /dev/shm", "the engine's usual one", dropped("shm_size"),
            "writes 24 MB where 16 fit",
            looks(FILL.format(folder="/dev/shm"), scratch_mb=SMALL_MB), "shm_size"),
    Defence("shared memory is nobody else's", "to be shared", given(ipc_mode="shareable"),
            "another container asks to share it", _joined, "ipc_mode"),
    Defence("a largest size of files", "none", no_ulimit("fsize"),
            "makes a file of 1 GB without writing it", looks(SPARSE), "ulimits"),
    Defence("a largest number of descriptors", "the engine's usual one", no_ulimit("nofile"),
            "opens /dev/null 1100 times", looks(DESCRIPTORS), "ulimits"),
    Defence("no core dumps", "the engine's usual limit", no_ulimit("core"),
            "asks for the limit", looks(CORE), "ulimits"),
    Defence("the engine keeps no log", "its usual log", dropped("log_config"),
            "a box says something", _logged, "log_config"),
    Defence("a system call filter: VM sockets", "none", no_option("seccomp"),
            "makes one, without connecting it",
            looks(SOCKET.format(family="AF_VSOCK")), "security_opt"),
    Defence("a system call filter: io_uring", "none", no_option("seccomp"),
            "asks for one of no size", looks(CALL.format(name="io_uring", number=425)),
            "security_opt"),
    Defence("sockets are AF_UNIX", "`socket` is let through", unconditional("socket"),
            "makes one of AF_INET, without connecting it", looks(SOCKET.format(family="AF_INET"))),
    Defence("limits are one's own", "`prlimit64` is let through", unconditional("prlimit64"),
            "asks for the limits of the first process", looks(FIRST)),
]  # fmt: skip

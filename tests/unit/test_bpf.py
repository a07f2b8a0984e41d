"""The compiled filter: run by an interpreter of BPF, against the policy's own words and libseccomp.

The kernel's own verdicts are asked for in tests/sandbox/test_bubblewrap.py.
"""

import ctypes
import json
import os
import random
import struct

import pytest

from grader.errors import HarnessError
from grader.sandbox import bpf, seccomp

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
EPERM, ENOSYS = 1, 38
X32 = 0x40000000


def run(program, number, arguments=(0,) * 6, architecture=ARCHITECTURES["x86_64"]):
    """Return what the kernel would do about a call: the interpreter of a filter."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *arguments)
    code = list(struct.iter_unpack("=HBBI", program))
    accumulator, at = 0, 0
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x05:
                at += operand
            case 0x15:
                at += if_true if accumulator == operand else if_false
            case 0x35:
                at += if_true if accumulator >= operand else if_false
            case 0x25:
                at += if_true if accumulator > operand else if_false
            case 0x06:
                return operand
            case _:
                pytest.fail(f"instruction {operation:#x}")


def meant(number, arguments, machine):
    """Return what the policy says about a call, read rule by rule."""
    policy = json.loads(seccomp.profile())
    for rule in policy["syscalls"]:
        names = {n: bpf.numbers(machine).get(n) for n in rule["names"]}
        if number not in names.values():
            continue
        if all(_holds(condition, arguments) for condition in rule.get("args", [])):
            if rule["action"] == "SCMP_ACT_ALLOW":
                return ALLOW
            return ERRNO | rule["errnoRet"]
    return ERRNO | EPERM


def _holds(condition, arguments):
    value = arguments[condition["index"]]
    if condition["op"] == "SCMP_CMP_EQ":
        return value == condition["value"]
    return value & condition["value"] == condition["valueTwo"]


def some_arguments():
    """Return arguments around what the policy compares, in both halves of a word, and at random."""
    rng = random.Random(1)
    interesting = [0, 1, 2, 10, 16, 40, 0x11, 0x10000000, 0x7E020000, 0x7E020011, 0xFFFFFFFF,
                   0x02000000, 0x00020000, 0x01200011, 1 << 32,
                   (1 << 32) + 1, (1 << 64) - 1]  # fmt: skip
    interesting += [rng.getrandbits(64) for _ in range(10)]
    return [(value, *(rng.getrandbits(64) for _ in range(5))) for value in interesting]


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_program_does_what_the_policy_says(machine):
    """For every call there is, with every telling argument, program and policy agree."""
    program = bpf.compile_policy(seccomp.profile(), machine)
    known = bpf.numbers(machine)
    by_argument = {known[name] for name in ("clone", "socket", "socketpair", "personality")}
    for number in range(620):
        for arguments in some_arguments() if number in by_argument else [(0,) * 6]:
            found = run(program, number, arguments, ARCHITECTURES[machine])
            assert found == meant(number, arguments, machine), (number, arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "verdict"),
    [
        ("read", (), ALLOW),
        ("execve", (), ALLOW),
        ("socket", (1,), ALLOW),
        ("socket", (2,), ERRNO | EPERM),
        ("socket", (40,), ERRNO | EPERM),
        ("socket", (1 << 32 | 1,), ERRNO | EPERM),
        ("clone", (17,), ALLOW),
        ("clone", (0x10000000 | 17,), ERRNO | EPERM),
        ("clone3", (), ERRNO | ENOSYS),
        ("io_uring_setup", (), ERRNO | ENOSYS),
        ("personality", (0xFFFFFFFF,), ALLOW),
        ("personality", (0x0040000,), ERRNO | EPERM),
        ("ptrace", (), ERRNO | EPERM),
        ("unshare", (), ERRNO | EPERM),
        ("mount", (), ERRNO | EPERM),
        ("bpf", (), ERRNO | EPERM),
    ],
)
def test_calls_that_matter(name, arguments, verdict):
    """Each door has the verdict that is written here, on x86_64."""
    others = {"ptrace": 101, "unshare": 272, "mount": 165, "bpf": 321}
    number = others.get(name) or bpf.numbers("x86_64")[name]
    program = bpf.compile_policy(seccomp.profile(), "x86_64")
    assert run(program, number, (*arguments, *(0,) * 6)[:6]) == verdict


def test_other_architectures_and_numberings_end_the_process():
    """A 32-bit call, an x32 call and one of another machine do not get through as another one."""
    program = bpf.compile_policy(seccomp.profile(), "x86_64")
    i386 = 0x40000003
    assert run(program, 0, architecture=i386) == KILL
    assert run(program, 0, architecture=ARCHITECTURES["aarch64"]) == KILL
    assert run(program, X32) == KILL
    assert run(program, X32 + 59) == KILL
    assert run(program, -1) == KILL


def test_every_call_of_the_policy_has_a_number():
    """A name without a line in the table would be refused without a word."""
    policy = json.loads(seccomp.profile())
    named = {name for rule in policy["syscalls"] for name in rule["names"]}
    assert named == set(bpf.numbers("x86_64")), "a call lacks its line, or a line its call"
    assert set(bpf.numbers("aarch64")) < named


def test_an_unknown_machine_is_refused():
    """Without numbers there is no filter, and without a filter no sandbox."""
    with pytest.raises(HarnessError, match="riscv64"):
        bpf.compile_policy(seccomp.profile(), "riscv64")


def test_a_long_search_jumps_far():
    """Where halves are longer than a conditional jump, each number still finds its own run."""
    runs = [(number * 3, ((0x06, 0, 0, number),)) for number in range(2000)]
    head = ((0x20, 0, 0, 0),)
    program = b"".join(struct.pack("=HBBI", *i) for i in (*head, *bpf._search(runs)))
    for number in (0, 1, 2, 3, 1499, 1500, 3000, 4097, 5996, 5997, 5998, 9999):
        assert run(program, number) == min(number // 3, 1999)


# --- against the library that engines use ---------------------------------------------------------


class Compare(ctypes.Structure):
    """How libseccomp wants a comparison."""

    _fields_ = [
        ("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)
    ]  # fmt: skip


def _library():
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        if os.environ.get("CI"):
            raise
        pytest.skip("no libseccomp here")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    resolve = library.seccomp_syscall_resolve_name_arch
    resolve.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    add = library.seccomp_rule_add_exact_array
    add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    for name in ("seccomp_arch_add", "seccomp_arch_remove"):
        getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    return library


def _compiled_by(library, machine):
    """Return libseccomp's own program for the policy, and the calls that it knows."""
    context = library.seccomp_init(ERRNO | EPERM)
    known = set()
    try:
        if machine != os.uname().machine:
            assert library.seccomp_arch_remove(context, 0) == 0
            assert library.seccomp_arch_add(context, ARCHITECTURES[machine]) == 0
        for rule in json.loads(seccomp.profile())["syscalls"]:
            allow = rule["action"] == "SCMP_ACT_ALLOW"
            action = ALLOW if allow else ERRNO | rule["errnoRet"]
            compares = [
                Compare(c["index"], {"EQ": 4, "MASKED_EQ": 7}[c["op"].removeprefix("SCMP_CMP_")],
                        c["value"], c.get("valueTwo", 0))
                for c in rule.get("args", [])
            ]  # fmt: skip
            array = (Compare * len(compares))(*compares)
            for name in rule["names"]:
                number = library.seccomp_syscall_resolve_name_arch(
                    ARCHITECTURES[machine], name.encode()
                )
                if number < 0:
                    continue
                known.add(name)
                assert bpf.numbers(machine)[name] == number
                native = library.seccomp_syscall_resolve_name_arch(
                    ARCHITECTURES[os.uname().machine], name.encode()
                )
                added = library.seccomp_rule_add_exact_array(
                    context, action, native, len(compares), array
                )
                assert added == 0, (name, added)
        file = os.memfd_create("libseccomp")
        try:
            assert library.seccomp_export_bpf(context, file) == 0
            return os.pread(file, 1 << 20, 0), known
        finally:
            os.close(file)
    finally:
        library.seccomp_release(context)


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_libseccomp_agrees(machine):
    """The library that compiles the policy for containers has the same numbers and verdicts."""
    program, known = _compiled_by(_library(), machine)
    ours = bpf.compile_policy(seccomp.profile(), machine)
    newer = {n for name, n in bpf.numbers(machine).items() if name not in known}
    assert len(newer) < 20, "the library is too old to say much"
    for number in {*range(620), 1000, X32 - 1} - newer:
        for arguments in some_arguments():
            verdicts = [
                run(each, number, arguments, ARCHITECTURES[machine]) for each in (program, ours)
            ]
            assert verdicts[0] == verdicts[1], (number, arguments)
    if machine == "x86_64":
        kills = {run(each, X32 + 1) for each in (program, ours)}
        assert kills <= {KILL, 0}, "the library ends the thread, we the process"

"""The seccomp policy as a program for the kernel, where no engine compiles it.

Theory of operation
    `grader.sandbox.seccomp` states the policy once, as the JSON that a container engine wants.
    bubblewrap wants it compiled: classic BPF, an array of eight-byte instructions that the kernel
    runs on every system call. This module compiles that JSON, and only what that JSON uses:
    unconditional rules, and rules that compare one argument, in x86_64 and aarch64.

    The calls are sorted by number and merged into intervals of one action; a binary search over
    them keeps the program short and each call cheap. A call of another architecture, or of the
    x32 numbering, ends the process: it would be an unfiltered way to every call. An argument is
    compared in both of its 32-bit halves, as libseccomp does.
"""

from __future__ import annotations

import functools
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from grader.errors import HarnessError

_AUDIT: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_TABLE: Final = Path(__file__).parent / "syscalls.txt"
_X32_BIT: Final = 0x40000000
_LARGEST: Final = 4096  # instructions, the kernel's limit
_FARTHEST: Final = 255  # instructions that a conditional jump can skip

_LOAD, _AND, _RETURN, _JUMP = 0x20, 0x54, 0x06, 0x05
_IF_EQUAL, _IF_AT_LEAST = 0x15, 0x35
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in what the kernel hands over

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_ERRNO: Final = 0x00050000
_EPERM: Final = 1

Instruction = tuple[int, int, int, int]  # operation, jump if true, jump if false, operand
Code = tuple[Instruction, ...]


@functools.cache
def compile_policy(policy: str, machine: str) -> bytes:
    """Return the program for ``policy``, the engine's JSON, on ``machine`` (as uname names it).

    Raises HarnessError for a machine whose numbers are not known.
    """
    if machine not in _AUDIT:
        raise HarnessError(
            f"there is no system call filter for {machine}: use Docker, or a machine of "
            f"{' or '.join(_AUDIT)}"
        )
    parsed = json.loads(policy)
    default = _action(parsed["defaultAction"], parsed.get("defaultErrnoRet"))
    code: Code = (
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, _AUDIT[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        *_search(_intervals(_decisions(parsed["syscalls"], machine, default), machine, default)),
    )
    if len(code) > _LARGEST:
        raise HarnessError(f"the system call filter has {len(code)} instructions; {_LARGEST} fit")
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


@functools.cache
def numbers(machine: str) -> Mapping[str, int]:
    """Return the numbers of the calls that ``machine`` has, by name."""
    column = 1 + list(_AUDIT).index(machine)
    rows = [line.split() for line in _TABLE.read_text().splitlines() if line[:1] not in {"#", ""}]
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


def _decisions(
    rules: Sequence[Mapping[str, Any]], machine: str, default: int
) -> Mapping[int, Code]:
    """Return for each call that a rule names what is to be done, as code that ends in a return.

    Of several rules for one call the first that holds decides; if none does, the default does.
    """
    known = numbers(machine)
    conditional: dict[int, Code] = {}
    plain: dict[int, Code] = {}
    for rule in rules:
        action = _action(rule["action"], rule.get("errnoRet"))
        for number in (known[name] for name in rule["names"] if name in known):
            if rule.get("args"):
                before = conditional.get(number, ())
                conditional[number] = before + _comparison(rule["args"], action)
            else:
                plain[number] = ((_RETURN, 0, 0, action),)
    both = conditional.keys() & plain.keys()
    assert not both, f"calls with and without a condition: {both}"
    ends = {n: (*code, (_RETURN, 0, 0, default)) for n, code in conditional.items()}
    return plain | ends


def _comparison(conditions: Sequence[Mapping[str, Any]], action: int) -> Code:
    """Return code that returns ``action`` if all conditions hold and else falls through."""
    code: Code = ((_RETURN, 0, 0, action),)
    for condition in reversed(conditions):
        mask, value = (1 << 64) - 1, condition["value"]
        if condition["op"] == "SCMP_CMP_MASKED_EQ":
            mask, value = condition["value"], condition["valueTwo"]
        elif condition["op"] != "SCMP_CMP_EQ":
            raise HarnessError(f"the system call filter cannot compare by {condition['op']}")
        for half in (1, 0):  # both machines are little-endian
            code = _half(
                _ARGUMENTS + 8 * condition["index"] + 4 * half,
                mask >> 32 * half & 0xFFFFFFFF,
                value >> 32 * half & 0xFFFFFFFF,
                code,
            )
    return code


def _half(offset: int, mask: int, value: int, then: Code) -> Code:
    """Return code that goes on with ``then`` if a masked word has this value, else skips it."""
    return ((_LOAD, 0, 0, offset), (_AND, 0, 0, mask), (_IF_EQUAL, 0, len(then), value), *then)


def _intervals(decisions: Mapping[int, Code], machine: str, default: int) -> list[tuple[int, Code]]:
    """Return the first number and the code of each run of calls that are treated alike."""
    other: Code = ((_RETURN, 0, 0, default),)
    starts: dict[int, Code] = {0: other}
    if machine == "x86_64":
        starts[_X32_BIT] = ((_RETURN, 0, 0, _KILL),)
    for number in sorted(decisions):
        starts[number] = decisions[number]
        starts.setdefault(number + 1, other)
    runs: list[tuple[int, Code]] = []
    for start in sorted(starts):
        if not runs or runs[-1][1] != starts[start]:
            runs.append((start, starts[start]))
    return runs


def _search(runs: Sequence[tuple[int, Code]]) -> Code:
    """Return code that finds the run of the number in the accumulator, by halves."""
    if len(runs) == 1:
        return runs[0][1]
    middle = len(runs) // 2
    lower, upper = _search(runs[:middle]), _search(runs[middle:])
    start = runs[middle][0]
    if len(lower) <= _FARTHEST:
        return ((_IF_AT_LEAST, len(lower), 0, start), *lower, *upper)
    return ((_IF_AT_LEAST, 0, 1, start), (_JUMP, 0, 0, len(lower)), *lower, *upper)


def _action(name: str, errno: int | None) -> int:
    """Return the kernel's number for an action of the policy."""
    if name == "SCMP_ACT_ALLOW":
        return _ALLOW
    assert name == "SCMP_ACT_ERRNO", name
    return _ERRNO | (_EPERM if errno is None else errno)

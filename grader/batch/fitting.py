"""How many gradings fit side by side on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from grader.devices.device import Device
from grader.records import Limits

MB_BESIDE = 1024  # of a slot: its grader, the reference, the known mistakes
GPU_BYTES = 12 << 30  # of a slot: a submission, and the reference that it is timed against
SHARING = 4  # slots of one GPU: timings come one after the other, and more would only wait


def fitting(limits: Limits, devices: Sequence[str]) -> int:
    """Return how many gradings fit side by side.

    As many as cores allow, and memory where the system tells it; on a GPU no more than share its
    memory well, and one where nobody tells how much it has.
    """
    limits = limits.on(devices[0])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = (cores or 1) // limits.cpus
    free = free_memory()
    if free is not None:
        count = min(count, (free >> 20) // (limits.memory_mb + MB_BESIDE))
    if devices[0] != "cpu":
        share = min((Device(device).memory[1] or 0) // GPU_BYTES for device in devices)
        count = min(count, len(devices) * min(share, SHARING))
        return max(len(devices), count)
    return max(1, count)


def free_memory() -> int | None:
    """Return how many bytes of memory can be had; None where the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^MemAvailable: +(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) << 10 if found else None

"""Which device "cpu" or "cuda:N" is on this machine: a key that is its own, and its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from grader.devices import nvml

CPU_FILE = Path("/proc/cpuinfo")
GPUS_FOLDER = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True)
class Identity:
    """A device; ``key`` is the same for all who mean it: a GPU's UUID, or "cpu"."""

    device: str  # as asked for: "cpu", "cuda:N", "mps"
    key: str
    name: str


def of(device: str) -> Identity:
    """Return who a device is; a GPU whose UUID nobody tells is known by its number."""
    if device == "cpu":
        return Identity(device, "cpu", _cpu())
    index = number(device)
    if index is None:
        return Identity(device, device, device)
    known = nvml.identity(index) or _by_the_driver(index)
    uuid, name = known or (f"cuda-{index}", "NVIDIA GPU")
    return Identity(device, uuid, name)


def number(device: str) -> int | None:
    """Return N of "cuda:N"; None where the device is no CUDA device."""
    found = re.fullmatch(r"cuda(?::(\d+))?", device)
    return int(found[1] or 0) if found else None


def _by_the_driver(index: int) -> tuple[str, str] | None:
    """Return UUID and name as the driver's own files tell them, by the number of /dev/nvidiaN."""
    for path in sorted(GPUS_FOLDER.glob("*/information")):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        fields = dict(re.findall(r"^([^:\n]+):\s*(.*?)\s*$", text, re.MULTILINE))
        uuid = fields.get("GPU UUID", "")
        if fields.get("Device Minor") == str(index) and uuid.startswith("GPU-"):
            return uuid, fields.get("Model", "NVIDIA GPU")
    return None


def _cpu() -> str:
    try:
        text = CPU_FILE.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "CPU"
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else "CPU"

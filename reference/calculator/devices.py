"""GPUs by their datasheets, and the roofline: the least time that work can take on one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Device:
    """A GPU's peaks: dense fp16 or bf16 on tensor cores, and memory (1 GB = 1e9 bytes)."""

    name: str
    flops_per_second: float
    bytes_per_second: float
    memory_gb: float
    source: str = ""

    @property
    def memory_bytes(self) -> float:
        """Return the memory, in bytes, with 1 GB = 1e9 bytes."""
        return self.memory_gb * 1e9

    @property
    def ridge(self) -> float:
        """Return the intensity, in flops per byte, from which on compute is the bound."""
        return self.flops_per_second / self.bytes_per_second


@dataclass(frozen=True)
class Roofline:
    """The least time of some work on a device (Williams, Waterman, Patterson: Roofline, 2009)."""

    flops: float
    bytes: float
    device: Device

    @property
    def compute_seconds(self) -> float:
        """Return flops / peak flops per second."""
        return self.flops / self.device.flops_per_second

    @property
    def memory_seconds(self) -> float:
        """Return bytes / peak bytes per second."""
        return self.bytes / self.device.bytes_per_second

    @property
    def seconds(self) -> float:
        """Return the larger of the two: both go on at once at best."""
        return max(self.compute_seconds, self.memory_seconds)

    @property
    def bound(self) -> Literal["compute", "memory"]:
        """Return what the time is spent on."""
        return "compute" if self.compute_seconds >= self.memory_seconds else "memory"

    @property
    def intensity(self) -> float:
        """Return flops per byte; infinite where no byte moves."""
        return self.flops / self.bytes if self.bytes else float("inf")

    @property
    def flops_per_second(self) -> float:
        """Return the rate that can be attained: min(peak, intensity · bandwidth)."""
        return self.flops / self.seconds if self.seconds else 0.0


def roofline(flops: float, bytes_moved: float, device: Device) -> Roofline:
    """Return the roofline's estimate for ``flops`` and ``bytes_moved`` on a device."""
    if flops < 0 or bytes_moved < 0:
        raise ValueError("work has no negative flops or bytes")
    return Roofline(flops, bytes_moved, device)


_T4 = "NVIDIA T4 datasheet; elsewhere 320 GB/s"
_A100_40 = "NVIDIA A100 40GB datasheet (2020)"
_A100_80 = "NVIDIA A100 80GB datasheet (2021)"
_H100 = "NVIDIA H100 datasheet; half of the rate that it gives with sparsity"
_KNOWN = (
    Device("t4", 65e12, 300e9, 16, _T4),
    Device("a100-40gb-pcie", 312e12, 1.555e12, 40, _A100_40),
    Device("a100-40gb-sxm", 312e12, 1.555e12, 40, _A100_40),
    Device("a100-80gb-pcie", 312e12, 1.935e12, 80, _A100_80),
    Device("a100-80gb-sxm", 312e12, 2.039e12, 80, _A100_80),
    Device("h100-pcie", 756.5e12, 2.0e12, 80, _H100),
    Device("h100-sxm", 989.5e12, 3.35e12, 80, _H100),
)
DEVICES = {device.name: device for device in _KNOWN}

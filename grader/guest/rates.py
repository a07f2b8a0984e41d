"""What a device does at best: bytes moved and flops done in a second, in float32 or another type.

The largest of a few ways and sizes: a bound has to be one. Reading, as decoding does with weights,
and copying are tried for memory, products of square matrices for arithmetic.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

MEMORY_MB = {"cpu": (64, 256), "cuda": (256, 2048)}
WIDTHS = {"cpu": (512, 1024), "cuda": (4096, 8192)}
LEAST_RUNS = 3


def measure(device: str, seconds: float, dtype: torch.dtype = torch.float32) -> dict[str, float]:
    """Return both rates, within about so many seconds; float32 as torch computes by itself."""
    kind = device.partition(":")[0]
    memory, widths = (table.get(kind, table["cpu"]) for table in (MEMORY_MB, WIDTHS))
    share = seconds / (2 * len(memory) + len(widths))
    moved = [_moved(device, size << 20, share, dtype) for size in memory]
    computed = [_computed(device, width, share, dtype) for width in widths]
    return {"bytes_per_second": max(moved), "flops_per_second": max(computed)}


def _moved(device: str, size: int, seconds: float, dtype: torch.dtype) -> float:
    source = torch.ones(size // dtype.itemsize, device=device, dtype=dtype)
    target = torch.empty_like(source)
    read = size / _quickest(source.sum, device, seconds)
    return max(read, 2 * size / _quickest(lambda: target.copy_(source), device, seconds))


def _computed(device: str, width: int, seconds: float, dtype: torch.dtype) -> float:
    one, other = (torch.randn(width, width, device=device, dtype=dtype) for _ in range(2))
    target = torch.empty_like(one)
    return 2 * width**3 / _quickest(lambda: torch.mm(one, other, out=target), device, seconds)


def _quickest(work: Callable[[], Any], device: str, seconds: float) -> float:
    """Return the least time of a few runs; the first one warms up."""
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) <= LEAST_RUNS or time.perf_counter() - begin < seconds:
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _wait(device: str) -> None:
    """Wait until the device has done all that it was asked for."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device.startswith("mps"):
        torch.mps.synchronize()

"""NVIDIA's management library, asked for one GPU. Whatever it cannot tell is None.

The package nvidia-ml-py (the extra ``gpu``) is imported here and nowhere else, and only when
somebody asks: without it, or without a driver, everything is not known, and nothing fails.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from typing import Any, TypeVar

Answer = TypeVar("Answer")
MISSING = "nvidia-ml-py is not installed: pip install 'grader[gpu]'"

# Bits of nvmlDeviceGetCurrentClocksEventReasons (nvml.h). Those of the first table say that the GPU
# is kept slower than its load asks for; of the second, that it is as quick as its settings let it.
SLOWED = {
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
NOTED = {0x02: "application clocks", 0x04: "power cap", 0x10: "sync boost"}


class Gpu:
    """One GPU as the library sees it. Each question is answered by None where it cannot be."""

    def __init__(self, library: Any, handle: Any) -> None:  # noqa: ANN401 - the library is untyped
        self._library, self._handle = library, handle

    def _asked(self, question: Callable[[], Answer]) -> Answer | None:
        """Ask; a GPU or a container may keep any answer to itself."""
        try:
            return question()
        except (self._library.NVMLError, AttributeError):
            return None

    def uuid(self) -> str | None:
        """Return the UUID, of the whole GPU or of a part of one (MIG)."""
        found = self._asked(lambda: self._library.nvmlDeviceGetUUID(self._handle))
        return None if found is None else _text(found)

    def name(self) -> str | None:
        """Return the name of the product."""
        found = self._asked(lambda: self._library.nvmlDeviceGetName(self._handle))
        return None if found is None else _text(found)

    def driver(self) -> str | None:
        """Return the driver's version."""
        found = self._asked(self._library.nvmlSystemGetDriverVersion)
        return None if found is None else _text(found)

    def clocks(self) -> tuple[int | None, int | None]:
        """Return the clocks of processors and memory now, in MHz."""
        library = self._library

        def now(kind: int) -> int | None:
            return self._asked(lambda: int(library.nvmlDeviceGetClockInfo(self._handle, kind)))

        return now(library.NVML_CLOCK_SM), now(library.NVML_CLOCK_MEM)

    def highest_clock(self) -> int | None:
        """Return the highest clock of the processors that the GPU has, in MHz."""
        library = self._library
        return self._asked(
            lambda: int(library.nvmlDeviceGetMaxClockInfo(self._handle, library.NVML_CLOCK_SM))
        )

    def reasons(self) -> int | None:
        """Return the bits that say why the clocks are what they are."""
        library = self._library
        name = "nvmlDeviceGetCurrentClocksEventReasons"
        if not hasattr(library, name):  # as it was called before
            name = "nvmlDeviceGetCurrentClocksThrottleReasons"
        return self._asked(lambda: int(getattr(library, name)(self._handle)))

    def temperature(self) -> int | None:
        """Return the temperature, in degrees Celsius."""
        library = self._library
        return self._asked(
            lambda: int(
                library.nvmlDeviceGetTemperature(self._handle, library.NVML_TEMPERATURE_GPU)
            )
        )

    def memory(self) -> tuple[int | None, int | None]:
        """Return its memory in bytes: what is free, and what it has."""
        found = self._asked(lambda: self._library.nvmlDeviceGetMemoryInfo(self._handle))
        return (None, None) if found is None else (int(found.free), int(found.total))

    def processes(self) -> set[int] | None:
        """Return the processes that hold something on the GPU, by their numbers on this machine."""
        library = self._library
        found = self._asked(lambda: library.nvmlDeviceGetComputeRunningProcesses(self._handle))
        return None if found is None else {int(each.pid) for each in found}

    def shares(self, since: int) -> dict[int, int] | None:
        """Return by process the largest share of the processors' time that it had, in per cent.

        ``since`` is a moment in microseconds of the wall clock. Samples are a sixth of a second.
        """
        library = self._library
        try:
            samples = library.nvmlDeviceGetProcessUtilization(self._handle, since)
        except library.NVMLError as error:
            # Nobody has used the GPU since then.
            return {} if getattr(error, "value", None) == library.NVML_ERROR_NOT_FOUND else None
        shares: dict[int, int] = {}
        for sample in samples:
            if sample.timeStamp > since:
                pid = int(sample.pid)
                shares[pid] = max(shares.get(pid, 0), int(sample.smUtil))
        return shares

    def latest(self) -> int:
        """Return the moment of the latest sample of shares: what comes after it is new."""
        library = self._library
        found = self._asked(lambda: library.nvmlDeviceGetProcessUtilization(self._handle, 0))
        return max((int(sample.timeStamp) for sample in found or ()), default=0)


def gpu(index: int) -> Gpu | str:
    """Return GPU number ``index``, that of /dev/nvidiaN; or why there is none to ask."""
    try:
        library = importlib.import_module("pynvml")
    except ImportError:
        return MISSING
    try:
        library.nvmlInit()
        return Gpu(library, _handle(library, index))
    except library.NVMLError as error:
        return f"NVIDIA's management library does not answer: {error}"


def identity(index: int) -> tuple[str, str] | None:
    """Return a GPU's UUID and name; None where the library does not tell."""
    found = gpu(index)
    if isinstance(found, str) or (uuid := found.uuid()) is None:
        return None
    return uuid, found.name() or "NVIDIA GPU"


def _handle(library: Any, index: int) -> Any:  # noqa: ANN401 - the library is untyped
    """Return the handle of /dev/nvidiaN: a machine may show some of its GPUs, under new numbers."""
    for place in range(library.nvmlDeviceGetCount()):
        handle = library.nvmlDeviceGetHandleByIndex(place)
        with contextlib.suppress(library.NVMLError):
            if library.nvmlDeviceGetMinorNumber(handle) == index:
                return handle
    return library.nvmlDeviceGetHandleByIndex(index)


def _text(found: str | bytes) -> str:
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)

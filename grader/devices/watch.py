"""What went on at a device while something was timed there: written down beside the figures.

A timing on a machine that was disturbed is believed where it is clear, and never taken as a failure
where it is not; what counts as disturbed is said here, what follows from it in the checks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Protocol

from grader.devices import nvml
from grader.devices.identity import Identity, number

BUSY_PERCENT = 5  # of the processors' time; a desktop's cursor takes less


@dataclass
class Seen:
    """What was seen. Whatever could not be asked is None, and ``note`` says why."""

    device: str
    name: str
    key: str
    clock_mhz: list[int] = field(default_factory=list)  # of the processors, once a round
    memory_clock_mhz: list[int] = field(default_factory=list)
    highest_clock_mhz: int | None = None
    temperature: list[int] = field(default_factory=list)  # degrees Celsius
    slowed: list[str] = field(default_factory=list)  # why the GPU was kept slow
    remarks: list[str] = field(default_factory=list)  # why the clocks were what they were else
    foreign: dict[int, int | None] = field(default_factory=dict)  # process: share in per cent
    load: list[float] = field(default_factory=list)  # of the machine: before and after
    crowded: bool = False  # more to do than there are cores, where wall time is what counts
    waited: float = 0.0  # seconds, for the lease
    driver: str | None = None
    note: str = ""

    @property
    def disturbed(self) -> str:
        """Return in words what disturbed the timing; empty where nothing is known to have."""
        parts = []
        busy = [pid for pid, share in self.foreign.items() if share is None or share > BUSY_PERCENT]
        if busy:
            parts.append(f"{len(busy)} other process{'es' if len(busy) > 1 else ''} used the GPU")
        if self.slowed:
            parts.append(f"the GPU was kept slow ({', '.join(self.slowed)})")
        if self.crowded:
            parts.append("more programs ran than there are cores")
        return "; ".join(parts)

    def listing(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""

        def span(values: list[int]) -> list[int] | None:
            return [min(values), max(values)] if values else None

        return {
            "device": self.device,
            "name": self.name,
            "key": self.key,
            "driver": self.driver,
            "clock_mhz": span(self.clock_mhz),
            "highest_clock_mhz": self.highest_clock_mhz,
            "memory_clock_mhz": span(self.memory_clock_mhz),
            "celsius": span(self.temperature),
            "slowed_by": self.slowed,
            "clock_remarks": self.remarks,
            "foreign_processes": [
                {"pid": pid, "percent": share} for pid, share in sorted(self.foreign.items())
            ],
            "load": [round(each, 2) for each in self.load],
            "waited_seconds": round(self.waited, 1),
            "disturbed": self.disturbed,
            "note": self.note,
        }


class Watch(Protocol):
    """Looks at a device from time to time."""

    seen: Seen

    def look(self) -> None:
        """Look once; quick enough to be done between rounds."""
        ...

    def end(self) -> Seen:
        """Look for the last time, and return all that was seen."""
        ...


class MachineWatch:
    """Of a machine without a GPU: how busy it is."""

    def __init__(self, identity: Identity, note: str = "", *, by_wall_time: bool = False) -> None:
        self.seen = Seen(identity.device, identity.name, identity.key, note=note)
        self._by_wall_time = by_wall_time
        self._load()

    def look(self) -> None:
        """Do nothing: the load is asked for at the beginning and at the end."""

    def end(self) -> Seen:
        """Return how busy the machine was."""
        self._load()
        if self._by_wall_time:
            self.seen.crowded = max(self.seen.load, default=0.0) > (os.cpu_count() or 1)
        return self.seen

    def _load(self) -> None:
        self.seen.load.append(_load())


class GpuWatch:
    """Of a GPU: clocks, reasons, temperature, and who else is on it."""

    def __init__(
        self, identity: Identity, gpu: nvml.Gpu, ours: Callable[[], Collection[int]]
    ) -> None:
        self.seen = Seen(
            identity.device,
            identity.name,
            identity.key,
            highest_clock_mhz=gpu.highest_clock(),
            driver=gpu.driver(),
            load=[_load()],
        )
        self._gpu, self._ours = gpu, ours
        self._others: set[int] = set()
        self._own: set[int] = set()
        self._met = False  # whether one of ours was seen on the GPU
        self._since = gpu.latest()
        self.look()

    def look(self) -> None:
        """Look at the clocks, and at who is there."""
        for clock, kept in zip(
            self._gpu.clocks(), (self.seen.clock_mhz, self.seen.memory_clock_mhz), strict=True
        ):
            if clock is not None:
                kept.append(clock)
        if (temperature := self._gpu.temperature()) is not None:
            self.seen.temperature.append(temperature)
        bits = self._gpu.reasons() or 0
        for table, words in ((nvml.SLOWED, self.seen.slowed), (nvml.NOTED, self.seen.remarks)):
            words += [word for bit, word in table.items() if bits & bit and word not in words]
        self._own |= set(self._ours())
        there = self._gpu.processes() or set()
        self._met = self._met or bool(there & self._own)
        self._others |= there - self._own

    def end(self) -> Seen:
        """Add what share of the GPU each foreign process had."""
        self.look()
        shares = self._gpu.shares(self._since)
        others = self._others | (set() if shares is None else shares.keys())
        if others and not self._met:
            # As inside a container that has numbers of its own: nobody can be told from anybody.
            self.seen.note = "Processes on the GPU have other numbers than here."
            return self.seen
        self.seen.foreign = {
            pid: None if shares is None else shares.get(pid, 0) for pid in others - self._own
        }
        if shares is None:
            self.seen.note = "The GPU does not tell which process uses how much of it."
        self.seen.load.append(_load())
        return self.seen


def _load() -> float:
    """Return how many programs were ready to run, on average over a minute."""
    return os.getloadavg()[0]


def watch(
    identity: Identity, ours: Callable[[], Collection[int]], *, by_wall_time: bool = False
) -> Watch:
    """Begin to watch a device; ``ours`` are the processes that are meant to be on it."""
    index = number(identity.device)
    if index is None:
        return MachineWatch(identity, by_wall_time=by_wall_time)
    gpu = nvml.gpu(index)
    if isinstance(gpu, str):
        return MachineWatch(identity, f"The GPU was not watched: {gpu}.")
    return GpuWatch(identity, gpu, ours)

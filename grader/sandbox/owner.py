"""Who owns a sandbox: so that the leftovers of a killed grader can be told from a live one's.

A process id alone is reused; with the process's start time and the boot id of the machine it
names one process for ever.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PREFIX = "grader.owner"


@dataclass(frozen=True)
class Owner:
    """One grader process on one boot of one machine."""

    pid: int
    started: str  # clock ticks after boot; empty where the system does not say
    boot: str
    space: str  # the process namespace: a pid means nothing outside it

    @classmethod
    def current(cls) -> Owner:
        """Return this process."""
        return cls(os.getpid(), _start_time(os.getpid()), _boot_id(), _pid_namespace())

    @classmethod
    def of(cls, labels: dict[str, str]) -> Owner | None:
        """Return the owner that labels name, or None if they name none."""
        try:
            pid = int(labels[f"{PREFIX}.pid"])
            rest = (labels[f"{PREFIX}.{name}"] for name in ("started", "boot", "space"))
            return cls(pid, *rest)
        except (KeyError, ValueError):
            return None

    def labels(self) -> dict[str, str]:
        """Return what to write on a sandbox."""
        return {
            f"{PREFIX}.pid": str(self.pid),
            f"{PREFIX}.started": self.started,
            f"{PREFIX}.boot": self.boot,
            f"{PREFIX}.space": self.space,
        }

    def is_gone(self, *, one_machine: bool) -> bool:
        """Whether that process has ended, as far as that can be known from here.

        Another boot says so if there is only ``one_machine`` whose boots can be meant; of a live
        boot's other namespaces (a grader in a container) nothing is known.
        """
        if self.boot != _boot_id():
            return one_machine
        if self.space != _pid_namespace():
            return False
        return _start_time(self.pid) != self.started


def _start_time(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        # Without /proc (macOS) the start time is unknown, and only a live pid can be asked for.
        return "" if _exists(pid) else "gone"
    # The second field is a name in parentheses that may hold anything; the rest is plain.
    return text.rpartition(")")[2].split()[19]


def _exists(pid: int) -> bool:
    if os.name == "nt":  # where signal 0 ends the process; leftovers of others are left alone
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _pid_namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""

"""What a device can do at best, measured once by `grader doctor --measure` and kept for its user.

The figures are those of float32 and of what one submission is given of the device: on the CPU one
core. They make the roofline's lower bound; where there are none, nothing is said of it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from grader.devices import remembered
from grader.devices.identity import Identity

FILE, ENVIRONMENT = "rates.json", "GRADER_RATES"
MISSING = "no rates of this device were measured: grader doctor --measure"


@dataclass(frozen=True)
class Rates:
    """The best that was seen of a device, and in which kind of sandbox."""

    name: str
    bytes_per_second: float
    flops_per_second: float
    sandbox: str
    torch: str

    def least(self, flops: float, bytes_moved: float) -> float:
        """Return the least seconds that work can take: the roofline."""
        return max(flops / self.flops_per_second, bytes_moved / self.bytes_per_second)

    def __str__(self) -> str:
        """Return both rates in words."""
        return (
            f"{self.bytes_per_second / 1e9:.4g} GB/s, "
            f"{self.flops_per_second / 1e9:.4g} GFLOP/s in float32"
        )


def path() -> Path:
    """Return the file in which they are kept."""
    return remembered.path(FILE, ENVIRONMENT)


def of(identity: Identity) -> Rates | None:
    """Return what was measured of a device; None where nothing was, or it is not readable."""
    try:
        entry = remembered.read(path())[_key(identity)]
        found = Rates(
            name=str(entry["name"]),
            bytes_per_second=float(str(entry["bytes_per_second"])),
            flops_per_second=float(str(entry["flops_per_second"])),
            sandbox=str(entry["sandbox"]),
            torch=str(entry["torch"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
    return found if min(found.bytes_per_second, found.flops_per_second) > 0 else None


def keep(identity: Identity, rates: Rates) -> Path:
    """Keep what was measured of a device, beside that of others; return the file."""
    return remembered.write(
        path(), {**remembered.read(path()), _key(identity): asdict(rates)}, ENVIRONMENT
    )


def _key(identity: Identity) -> str:
    """Return the key of an entry: a processor is known by its name, a GPU by its UUID."""
    return identity.name if identity.device == "cpu" else identity.key

"""The work of one step in flops and bytes, and the two kinds of matrix product that make it up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Work of one step: flops, and bytes by what they are."""

    name: str
    flops: float = 0
    weight_bytes: float = 0  # read
    cache_bytes: float = 0  # keys and values of the KV cache, read
    input_bytes: float = 0  # activations, read
    output_bytes: float = 0  # activations, written; new keys and values are among them

    @property
    def bytes(self) -> float:
        """Return all bytes read and written."""
        return self.weight_bytes + self.cache_bytes + self.input_bytes + self.output_bytes

    @property
    def intensity(self) -> float:
        """Return flops per byte; infinite for a fused step, which moves none."""
        return self.flops / self.bytes if self.bytes else float("inf")

    def times(self, count: int, name: str | None = None) -> Cost:
        """Return the cost of doing this ``count`` times."""
        return Cost(
            self.name if name is None else name,
            *(count * getattr(self, field) for field in _NUMBERS),
        )


_NUMBERS = ("flops", "weight_bytes", "cache_bytes", "input_bytes", "output_bytes")


def total(costs: Iterable[Cost], name: str = "total") -> Cost:
    """Return the sum of costs, part by part."""
    costs = tuple(costs)
    return Cost(name, *(sum(getattr(cost, field) for cost in costs) for field in _NUMBERS))


def matmul(m: int, k: int, n: int, bytes_per_element: float = 2) -> Cost:
    """Return the cost of (m, k) @ (k, n) -> (m, n): 2·m·k·n flops, b·(m·k + k·n + m·n) bytes."""
    b = bytes_per_element
    return Cost("matmul", 2 * m * k * n, input_bytes=b * (m * k + k * n), output_bytes=b * m * n)


def linear(
    name: str,
    rows: int,
    size_in: int,
    size_out: int,
    b: float,
    w: float | None,
    biases: bool,
) -> Cost:
    """Return the cost of (rows, in) @ (in, out) in b bytes per element, w per weight (None: b).

    With ``biases`` a bias (out,) is added to every row.
    """
    w = b if w is None else w
    extra = size_out if biases else 0
    return Cost(
        name,
        2 * rows * size_in * size_out + rows * extra,
        w * (size_in * size_out + extra),
        0,
        b * rows * size_in,
        b * rows * size_out,
    )

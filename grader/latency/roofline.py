"""The least time that timed calls can take on a device, and what share of it was reached.

Flops and bytes are the assignment's (`Subject.cost`); what the device does at best was measured by
`grader doctor --measure`. The bound is the roofline's: the longer of computing and of moving
(Williams et al., Roofline, 2009).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from tabulate import tabulate

from grader.devices.rates import Rates
from grader.latency.arms import counted
from grader.latency.series import Figures
from grader.latency.sizing import Size
from grader.latency.subject import Cost, Dims


class Row(NamedTuple):
    """What a kind of call takes at least, and what it took each side (median), in seconds."""

    kind: str  # full, step or generate
    what: str
    least: float
    reference: float | None
    own: float | None


class Bounds:
    """Lower bounds, in seconds, for models of these sizes on a device with these rates."""

    def __init__(self, rates: Rates, cost: Cost, dims: Dims) -> None:
        self._rates, self._cost, self._dims = rates, cost, dims

    def full(self, tokens: int) -> float:
        """Return that of one forward over so many tokens, with the logits of all of them."""
        return self._rates.least(*self._cost(self._dims, tokens, None, tokens))

    def step(self, tokens: int) -> float:
        """Return that of one token after a cache, so many with it."""
        return self._rates.least(*self._cost(self._dims, tokens, 1, 1))

    def generate(self, prompt: int, new: int, *, use_cache: bool) -> float:
        """Return that of so many new tokens after a prompt; the last one is never fed."""
        after = range(prompt + 1, prompt + new)
        return self.full(prompt) + sum(map(self.step if use_cache else self.full, after))


def of_steps(bounds: Bounds, size: Size, rounds: Sequence[Figures]) -> list[Row]:
    """Return the rows of single steps."""
    n = size.length
    full = (_median(rounds, f"{side}_full_long") for side in ("reference", "student"))
    step = _median(rounds, "student_step_long")
    return [
        Row("full", f"full forward, {n + 1} tokens", bounds.full(n + 1), *full),
        Row("step", f"decode step after {n}", bounds.step(n + 1), size.step, step),
    ]


def of_generating(bounds: Bounds, size: Size, new: int, rounds: Sequence[Figures]) -> list[Row]:
    """Return the row of whole calls of generate."""
    n = size.length
    least = bounds.generate(n, new, use_cache=True)
    own = _median(rounds, "student_generate")
    return [Row("generate", f"generate, {new} tokens after {n}", least, None, own)]


def table(device: str, rates: Rates, rows: Sequence[Row]) -> str:
    """Return rows as text, with the shares that were reached."""
    cells = [
        [row.what, f"{1e3 * row.least:.4g}", *_share(row, row.reference), *_share(row, row.own)]
        for row in rows
    ]
    headers = ["", "least, ms", "reference, ms", "reached", "student, ms", "reached"]
    return (
        f"{device}: {rates} (measured in {rates.sandbox}, torch {rates.torch})\n\n"
        + tabulate(cells, headers=headers, disable_numparse=True, stralign="right")
        + "\n\nleast: the roofline's lower bound; reached: the share of it that was attained\n"
    )


def _median(rounds: Sequence[Figures], name: str) -> float | None:
    """Return the median by this name, by CPU time where the kernel counts it.

    That of the last call of a series that was broken off may not have been booked.
    """
    key = f"{name}_cpu" if counted(rounds[0]) else name
    found = [figures[key] for figures in rounds if key in figures]
    return statistics.median(found) if found else None


def _share(row: Row, seconds: float | None) -> tuple[str, str]:
    if not seconds:
        return "", ""
    return f"{1e3 * seconds:.4g}", f"{100 * row.least / seconds:.3g} %"

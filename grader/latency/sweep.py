"""Latency over prompt lengths, with and without the cache: measured to be looked at.

At the size that an assignment asks for, a quick device spends its time on launches, and a right
cache may look like none: what is measured here decides nothing.
"""

from __future__ import annotations

import io
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tabulate import tabulate

from grader.errors import StudentFault
from grader.latency.arms import Arm
from grader.latency.series import Figures
from grader.model import Ids

WAYS = ("without", "with")
PATIENCE = 4


@dataclass
class Sweep:
    """Seconds of each call, by prompt length and way; ``what`` says what was called."""

    what: str
    seconds: dict[tuple[int, str], list[float]] = field(default_factory=dict)
    trouble: str = ""  # why it ended early
    least: dict[tuple[int, str], float] = field(default_factory=dict)  # the roofline's bound

    @property
    def lengths(self) -> list[int]:
        """Return the lengths that both ways were measured at."""
        found = sorted({length for length, _ in self.seconds})
        return [n for n in found if all((n, way) in self.seconds for way in WAYS)]

    def table(self) -> str:
        """Return medians, spreads and ratios as text."""
        rows = []
        for length in self.lengths:
            slow, quick = (self.seconds[length, way] for way in WAYS)
            ratio = statistics.median(slow) / statistics.median(quick)
            row = [length, _spread(slow), _spread(quick), f"{ratio:.2f}", len(slow)]
            rows.append([*row, *(self._bound(length, way) for way in WAYS if self.least)])
        headers = ["prompt", "without cache, ms", "with cache, ms", "ratio", "runs"]
        headers += [f"least {way}, ms" for way in WAYS if self.least]
        text = f"{self.what}; median (least - most)\n\n" + tabulate(
            rows, headers, disable_numparse=True, stralign="right"
        )
        if self.least:
            text += "\n\nleast: the roofline's lower bound on this device (what was reached of it)"
        return text + (f"\n\nended early: {self.trouble}" if self.trouble else "")

    def _bound(self, length: int, way: str) -> str:
        if (least := self.least.get((length, way))) is None:
            return ""
        share = least / statistics.median(self.seconds[length, way])
        return f"{1e3 * least:.3g} ({100 * share:.2g} %)"


def generating(
    arm: Arm,
    prompt: Callable[[int], Ids],
    lengths: Sequence[int],
    new: int,
    *,
    tours: range,
    seconds: float,
    clock: Callable[[], float],
) -> Sweep:
    """Time `generate` for ``new`` tokens after prompts of these lengths, in turns."""

    def call(figures: Figures, length: int, way: str) -> None:
        arm.generate(figures, "call", prompt(length), new, use_cache=way == "with")

    what = f"generate, {new} new tokens"
    return _sweep(arm, what, call, lengths, tours=tours, seconds=seconds, clock=clock)


def processing(
    arm: Arm,
    prompt: Callable[[int], Ids],
    lengths: Sequence[int],
    *,
    tours: range,
    seconds: float,
    clock: Callable[[], float],
) -> Sweep:
    """Time one more token after prompts of these lengths, where there is no `generate`."""

    def call(figures: Figures, length: int, way: str) -> None:
        ids = prompt(length + 1)
        if way == "without":
            arm.full(figures, "call", ids, 1)
            return
        _, past = arm.cached({}, "prefill", ids[:, :-1])
        _, later = arm.cached(figures, "call", ids[:, -1:], past)
        for each in (past, later):
            arm.forget(each)

    what = "forward, one token after the prompt"
    return _sweep(arm, what, call, lengths, tours=tours, seconds=seconds, clock=clock)


def _sweep(
    arm: Arm,
    what: str,
    call: Callable[[Figures, int, str], None],
    lengths: Sequence[int],
    *,
    tours: range,
    seconds: float,
    clock: Callable[[], float],
) -> Sweep:
    """Warm up at the shortest length, then go round: a drift meets all lengths and ways alike.

    There are as many tours as the shortest of ``tours`` in any case, and up to the longest while
    the ``seconds`` last; what has not come to an end after `PATIENCE` times as long is broken off.
    """
    found, begin = Sweep(what), clock()
    try:
        for way in WAYS:
            call({}, min(lengths), way)
        for tour in range(1, tours.stop):
            if tour > tours.start and clock() - begin > seconds:
                break
            for length in lengths:
                for way in WAYS:
                    if clock() - begin > PATIENCE * seconds:
                        found.trouble = f"{PATIENCE * seconds:g} s are over"
                        return found
                    figures: Figures = {}
                    call(figures, length, way)
                    found.seconds.setdefault((length, way), []).append(figures[f"{arm.name}_call"])
    except StudentFault as fault:
        found.trouble = fault.message
    return found


def picture(sweep: Sweep) -> bytes:
    """Draw latency against prompt length, medians with their spreads; return a PNG."""
    # Imported here: it costs 0.4 s, which a check without a picture need not pay.
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import NullLocator  # noqa: PLC0415

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for way, marker in zip(WAYS, "os", strict=True):
        times = [[1e3 * s for s in sweep.seconds[length, way]] for length in sweep.lengths]
        middles = [statistics.median(each) for each in times]
        below = [middle - min(each) for middle, each in zip(middles, times, strict=True)]
        above = [max(each) - middle for middle, each in zip(middles, times, strict=True)]
        axes.errorbar(
            sweep.lengths,
            middles,
            (below, above),
            fmt=f"{marker}-",
            capsize=3,
            label=f"{way} cache",
        )
    axes.set(xscale="log", yscale="log", xlabel="prompt (tokens)", ylabel="latency (ms)")
    axes.set_xticks(sweep.lengths, [str(length) for length in sweep.lengths])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_title(sweep.what)
    axes.grid(alpha=0.3)
    axes.legend()
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()


def _spread(seconds: Sequence[float]) -> str:
    low, middle, high = (
        f"{1e3 * value:.3g}" for value in (min(seconds), statistics.median(seconds), max(seconds))
    )
    return f"{middle} ({low} - {high})"

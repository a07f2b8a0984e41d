"""Plots of what `hardware` has measured, for teaching: time per token, and the roofline."""

import numpy as np
from matplotlib.figure import Figure

from tests.bench.hardware.times import NO_CACHE

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#aa3377")  # Paul Tol's, told apart by all


def draw(found, folder):
    """Write the plots into a folder."""
    time_per_token(found).savefig(folder / "time-per-token.svg")
    roofline(found).savefig(folder / "roofline.svg")


def time_per_token(found):
    """Return time against context and against batch: measured points, predicted lines."""
    steps = [p for p in found["points"] if p["step"] or p["way"] == NO_CACHE]
    batch, tokens = (min(p[size] for p in steps) for size in ("batch", "tokens"))
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _against(left, "tokens", [p for p in steps if p["batch"] == batch])
    _against(right, "batch", [p for p in steps if p["tokens"] == tokens])
    left.set(xlabel=f"tokens, with the new one (batch {batch})", ylabel="milliseconds for a step")
    right.set(xlabel=f"sequences ({tokens} tokens each)")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False,
        title="dotted: the least time by the roofline",
    )  # fmt: skip
    figure.suptitle(f"One step of decoding: {found['model']} on {found['device']}")
    return figure


def _against(axes, size, points):
    """Draw the time of each way against one size."""
    for colour, way in zip(COLOURS, dict.fromkeys(p["way"] for p in points), strict=False):
        own = {p[size]: p for p in points if p["way"] == way}  # the last of each size
        at = sorted(own)
        axes.plot(at, [1e3 * own[n]["seconds"] for n in at], "o-", color=colour, label=way)
        axes.plot(at, [1e3 * own[n]["least"] for n in at], ":", color=colour)
    at = sorted({p[size] for p in points})
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(at, [f"{n:,}" for n in at])
    axes.minorticks_off()
    axes.grid(alpha=0.3)


def roofline(found):
    """Return the roofline of this device with every measured point below it."""
    peak, rate = found["flops_per_second"], found["bytes_per_second"]
    at = np.array([point["intensity"] for point in found["points"]])
    line = np.geomspace(min(at.min() / 2, 1), max(at.max() * 2, 2 * peak / rate), 200)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(line, np.minimum(peak, line * rate) / 1e12, color="#666666")
    ways = dict.fromkeys(point["way"] for point in found["points"])
    for colour, way in zip(COLOURS, ways, strict=False):
        points = [point for point in found["points"] if point["way"] == way]
        axes.plot(
            [p["intensity"] for p in points],
            [p["flops"] / p["seconds"] / 1e12 for p in points],
            "o", color=colour, label=way,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="intensity, flops per byte",
             ylabel="TFLOP/s", title=f"{found['model']} on {found['device']}")  # fmt: skip
    axes.legend(frameon=False)
    axes.grid(alpha=0.3, which="both")
    return figure

"""Plots of `grader calc`: intensity, roofline, KV memory.

``calculator`` is the module `reference/calculator`; no formula stands here. Figures are drawn
without pyplot, so no display is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from grader.calc import sheets
from grader.calc.choice import Asked, Calculator, Device, chosen, known_device
from grader.calc.costs import whole_model
from grader.errors import UsageError

CONTEXTS = tuple(2**power for power in range(7, 16))  # 128 to 32,768 tokens
BATCHES = tuple(2**power for power in range(9))  # 1 to 256 sequences
MARKERS = "os^Dv<>P*X"
BLUE, ORANGE, GREY = "tab:blue", "tab:orange", "0.35"


def save(figure: Figure, path: Path) -> None:
    """Write a figure; the kind is the file's suffix."""
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise UsageError(f"the plot cannot be written: {error}") from error


def intensity(calculator: Calculator, asked: Asked) -> Figure:
    """Draw the intensity of standard attention: prefill by context, decode by batch."""

    def value(tokens: int, batch: int, *, decode: bool) -> float:
        costs = calculator.standard_attention(
            tokens,
            asked.head_dim,
            asked.bytes,
            decode=decode,
            batch=batch,
            softmax_flops=asked.softmax_flops,
        )
        return float(calculator.total(costs).intensity)

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    contexts = sorted({*CONTEXTS, asked.tokens})
    points = [value(tokens, 1, decode=False) for tokens in contexts]
    left.plot(contexts, points, "o-", color=BLUE, markersize=4)
    left.set_title("Prefill, batch 1")
    left.set_xlabel("context N (tokens)")
    limit = value(2**40, 1, decode=False)
    left.axhline(limit, color=GREY, linestyle="--", linewidth=1)
    left.annotate(f"limit for long contexts: {limit:.4g}", (1, limit), (-4, 4), ha="right",
                  xycoords=("axes fraction", "data"), textcoords="offset points")  # fmt: skip
    batches = sorted({*BATCHES, asked.batch})
    flat = [value(asked.tokens, batch, decode=True) for batch in batches]
    right.plot(batches, flat, "o-", color=ORANGE, markersize=4)
    right.set_title(f"Decode, one query on N = {asked.tokens:,} keys")
    right.set_xlabel("batch (sequences)")
    _point(left, asked.tokens, value(asked.tokens, 1, decode=False), below=True)
    _point(right, asked.batch, value(asked.tokens, asked.batch, decode=True))
    for axes, highest in ((left, limit), (right, flat[0])):
        axes.set_ylim(0, highest * (1.15 if axes is left else 2))
        axes.set_ylabel("arithmetic intensity (FLOP/byte)")
        _powers_of_two(axes)
    figure.suptitle(
        f"Standard attention, one head: d = {asked.head_dim}, {asked.bytes:g} bytes per element"
    )
    return figure


def _point(axes: Axes, x: float, y: float, *, below: bool = False) -> None:
    """Mark a point and write its value beside it."""
    axes.plot([x], [y], "o", color="black", markersize=7, markerfacecolor="none")
    axes.annotate(sheets.digits(y), (x, y), (8, -16 if below else 8), textcoords="offset points")


def roofline(calculator: Calculator, asked: Asked) -> Figure:
    """Draw a device's roofline and each case on it, without and with a KV cache."""
    if asked.device is None:
        raise UsageError("a roofline is one device's: say which with --device")
    device = known_device(calculator, asked.device)
    model = chosen(calculator, asked.model, asked)
    new = asked.new_tokens or 1
    cached = "decode, cached" if new == 1 else f"{new} new tokens, cached"
    figure = Figure(figsize=(8.4, 5.2), layout="constrained")
    axes = figure.subplots()
    seen = [device.ridge]
    for number, (batch, tokens) in enumerate(product(asked.batch, asked.tokens)):
        for fresh, label in ((None, "no cache"), (new, cached)):
            if fresh is not None and fresh > tokens:
                continue
            cost = whole_model(calculator, model, asked, batch, tokens, fresh)
            line = calculator.roofline(cost.flops, cost.bytes, device)
            seen.append(line.intensity)
            axes.plot(
                [line.intensity],
                [line.flops_per_second],
                MARKERS[number % len(MARKERS)],
                color=BLUE if fresh is None else ORANGE,
                markerfacecolor=BLUE if fresh is None else "none",  # one behind another is seen
                markeredgewidth=1.8,
                markersize=9,
                linestyle="none",
                label=f"batch {batch}, {tokens:,} tokens: {label}, {sheets.seconds(line.seconds)}",
                zorder=3,
            )
    _roof(axes, device, min(seen) / 3, max(seen) * 4)
    axes.set_title(f"{model.name}, {model.layers} layers, on {device.name}")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.14), ncols=2, fontsize=8, frameon=False)
    return figure


def _roof(axes: Axes, device: Device, low: float, high: float) -> None:
    """Draw bandwidth, peak and ridge between two intensities."""
    peak, ridge = device.flops_per_second, device.ridge
    axes.loglog([low, ridge, high], [low * device.bytes_per_second, peak, peak],
                color="black", linewidth=1.5)  # fmt: skip
    axes.axvline(ridge, color=GREY, linestyle=":", linewidth=1)
    bottom = low * device.bytes_per_second / 2
    axes.set_xlim(low, high)
    axes.set_ylim(bottom, peak * 3)
    axes.annotate(f"ridge {sheets.digits(ridge)} FLOP/byte", (ridge, bottom), (5, 6),
                  textcoords="offset points", color=GREY, rotation=90)  # fmt: skip
    axes.annotate(f"peak {peak / 1e12:g} TFLOP/s", (high, peak), (-4, 12), ha="right",
                  textcoords="offset points")  # fmt: skip
    middle = (low * ridge) ** 0.5
    axes.annotate(f"{device.bytes_per_second / 1e9:g} GB/s",
                  (middle, middle * device.bytes_per_second), (14, -20),
                  textcoords="offset points")  # fmt: skip
    axes.set_xlabel("arithmetic intensity (FLOP/byte)")
    axes.set_ylabel("attainable rate (FLOP/s)")
    axes.grid(which="major", alpha=0.3)


def kv(calculator: Calculator, asked: Asked) -> Figure:
    """Draw the KV cache of one request against its context, with and without shared heads."""
    figure = Figure(figsize=(7.6, 5), layout="constrained")
    axes = figure.subplots()
    contexts = sorted({*CONTEXTS, asked.context})
    for number, name in enumerate(asked.model):
        model = chosen(calculator, name, asked)
        shared = model.kv_heads < model.query_heads
        for attention, style in (("gqa", "-"), ("mha", "--"))[: 2 if shared else 1]:
            held = [
                calculator.kv_bytes_per_request(
                    model, context, asked.bytes_per_kv, attention=attention
                )
                / sheets.GIB
                for context in contexts
            ]
            heads = model.kv_heads if attention == "gqa" else model.query_heads
            axes.plot(contexts, held, style, color=f"C{number}",
                      label=f"{model.name}: {heads} KV heads")  # fmt: skip
            axes.plot([asked.context], [held[contexts.index(asked.context)]], "o",
                      color=f"C{number}", markersize=6)  # fmt: skip
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(FuncFormatter(_binary))
    axes.set_title(f"KV cache of one request, {asked.bytes_per_kv:g} bytes per element")
    axes.set_xlabel("context (tokens)")
    axes.set_ylabel("KV cache")
    _powers_of_two(axes)
    axes.legend(frameon=False)
    return figure


def _binary(gib: float, _position: int) -> str:
    """Write GiB, or MiB where that is shorter."""
    return f"{gib:g} GiB" if gib >= 1 else f"{gib * 1024:g} MiB"


def _powers_of_two(axes: Axes) -> None:
    """Make the horizontal axis logarithmic, with whole numbers at powers of two."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelrotation=30)
    axes.grid(which="major", alpha=0.3)


PLOTS: Mapping[str, Callable[[Calculator, Asked], Figure]] = {
    "attention": intensity,
    "layer": roofline,
    "kv": kv,
}

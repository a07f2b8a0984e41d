"""1d's plots: which curve was drawn, judged at the student's own x values.

A curve is one of those of the attention algorithm with S and P in HBM (Algorithm 0 of the sheet),
or of a known way to count otherwise: F flops over M bytes, N tokens of context, d = 128 numbers per
head, b bytes each. What each is worth is the rubric's to say.
"""

from dataclasses import dataclass

import numpy as np

HEAD_DIM = 128
CLOSE = 0.005  # of a value
POINTS = 3  # a curve has at least so many
FLAT = 0.02  # a curve that varies by less is flat
WIDTHS = (2, 4, 1)  # bytes per element, the usual one first
CONTEXTS = tuple(2**power for power in range(7, 18))  # of a decode curve that says none
FULL = ("reference", "softmax", "exact")
BATCH_WORDS = ("batch", "requests", "sequences")
WEIGHT_WORDS = ("weight", "projection", "linear layer", "mlp", "ffn", "feed-forward")


def _prefill(N, d, a=0):
    return (4 * N**2 * d + a * N**2) / (4 * N**2 + 4 * N * d)


PREFILL = {
    "reference": _prefill,
    "softmax": lambda N, d: _prefill(N, d, 3),
    "softmax_4": lambda N, d: _prefill(N, d, 4),
    "softmax_5": lambda N, d: _prefill(N, d, 5),
    "exact": lambda N, d: (N**2 * (2 * d - 1) + N * d * (2 * N - 1)) / (4 * N**2 + 4 * N * d),
    "causal": lambda N, d: 2 * N * (N + 1) * d / (2 * N * (N + 1) + 4 * N * d),
    "causal_flops": lambda N, d: 2 * N * (N + 1) * d / (4 * N**2 + 4 * N * d),
    "single_pass": lambda N, d: 4 * N**2 * d / (2 * N**2 + 4 * N * d),
    "fused": lambda N, d: N + 0 * d,
}
"""Flops per element moved, of a whole prompt of N tokens; over b, the arithmetic intensity."""

DECODE = {
    "reference": lambda N, d: 4 * N * d / (2 * N * d + 4 * N + 2 * d),
    "softmax": lambda N, d: (4 * N * d + 3 * N) / (2 * N * d + 4 * N + 2 * d),
    "softmax_5": lambda N, d: (4 * N * d + 5 * N) / (2 * N * d + 4 * N + 2 * d),
    "exact": lambda N, d: (4 * N * d - N - d) / (2 * N * d + 4 * N + 2 * d),
    "append": lambda N, d: 4 * N * d / (2 * N * d + 4 * N + 4 * d),
    "fused": lambda N, d: 4 * N * d / (2 * N * d + 2 * d),
}
"""The same for one new token on a cache of N."""

SAYS = {
    "reference": "the curve of the given algorithm",
    "softmax": "the curve of the given algorithm, with the softmax counted",
    "exact": "the curve of the given algorithm, with k - 1 additions for a sum of k",
    "follows": "the curve of your own formula",
    "causal": "the curve of the causal half, of flops and of traffic",
    "causal_flops": "the curve of half of the flops over all of the traffic",
    "single_pass": "the curve of S and P moved once each, where the algorithm moves both twice",
    "fused": "the curve without any traffic of S and P, where the algorithm writes and reads both",
    "append": "the curve with the new key and value written",
    "flat": "flat, as it has to be",
    "flat_elsewhere": "flat, as it has to be, at a value that is not that of the algorithm",
    "rising": "rising, but each sequence brings a cache of its own, so flops and bytes grow alike",
    "against_context": "the right curve against the context length, where the batch was asked for",
}


@dataclass(frozen=True)
class Drawn:
    """A curve that was found. ``figure`` counts from 0 over all figures of all scripts."""

    variant: str
    says: str
    figure: int
    slips: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Curve:
    figure: int
    words: str
    x: np.ndarray
    y: np.ndarray
    labelled: bool


def prefill(figures, own=()):
    """Return the best curve of intensity against context; None where no curve could be it.

    ``own`` are the student's own intensities, as functions of (N, b): see `following`.
    """
    found = []
    for curve in _curves(figures):
        variant = _match(curve, PREFILL)
        if variant not in FULL and _follows(curve, own):
            variant = "follows"
        if variant:
            found.append(_drawn(variant, curve))
        elif _counted(curve):
            continue  # bars under words: where they stand says nothing
        elif _speaks_of(curve, ("prefill", "pre-fill", "prompt")) and not _about_decode(curve):
            found.append(_drawn("none", curve))
    return _best(found)


def decode(figures, own=()):
    """Return the best curve of intensity against batch size; None where no curve could be it.

    ``own`` are the student's own intensities, as functions of (N, b).
    """
    found = []
    for curve in _curves(figures):
        against_batch = any(word in curve.words for word in BATCH_WORDS)
        if np.ptp(curve.y) <= FLAT * np.abs(curve.y).max():
            if against_batch or _about_decode(curve):
                found.append(_drawn(_level(float(np.median(curve.y)), own), curve))
        elif _match(curve, DECODE) and not against_batch:
            found.append(_drawn("against_context", curve))
        elif against_batch and not _match(curve, PREFILL):
            rising = curve.y[-1] > curve.y[0] and _is_intensity(curve)
            found.append(_drawn("rising" if rising else "none", curve))
    return _best(found)


def weights_are_named(text):
    """Whether a text could state that weights are part of what is moved: for a human to confirm."""
    return any(word in text.lower() for word in WEIGHT_WORDS)


def _level(value, own):
    """Return what a flat curve's level is: of a known way to count, the student's own, or another.

    Where it lies depends on the context, by 1 % from 128 tokens to any number.
    """
    contexts = np.array([128.0, 1024.0, 1e9])
    for width in WIDTHS:
        for curve in DECODE.values():
            levels = curve(contexts, HEAD_DIM) / width
            if levels.min() * (1 - CLOSE) <= value <= levels.max() * (1 + CLOSE):
                return "flat"
    levels = [each(context, width) for each in own for context in CONTEXTS for width in WIDTHS]
    near = any(level and abs(value - level) <= CLOSE * abs(level) for level in levels)
    return "follows" if near else "flat_elsewhere"


def _follows(curve, own):
    """Whether a curve is one of the student's own formulas, at its own x values."""
    for formula in own:
        for width in WIDTHS:
            values = [formula(x, width) for x in curve.x]
            if all(v is not None and abs(y - v) <= CLOSE * abs(v)
                   for y, v in zip(curve.y, values, strict=True)):  # fmt: skip
                return True
    return False


def _match(curve, known):
    """Return the name of the known curve that a drawn one is, at its own x values."""
    for width in WIDTHS if curve.x.min() > 0 else ():
        for name, formula in known.items():
            right = formula(curve.x, HEAD_DIM) / width
            if np.all(np.abs(curve.y - right) <= CLOSE * right):
                return name.partition("_")[0] if name.startswith("softmax") else name
    return None


def _curves(figures):
    """Yield every series with enough points, sorted by x, with the words that stand around it."""
    for number, figure in enumerate(figures):
        for axes in figure.axes:
            around = " ".join((figure.title, axes.title, axes.x_label, axes.y_label, *axes.legend))
            for series in axes.series:
                pairs = sorted(zip(series.x, series.y, strict=True))
                x, y = (
                    (np.array(values) for values in zip(*pairs, strict=True)) if pairs else ((), ())
                )
                if len(set(x)) >= POINTS and min(x) >= 0:
                    alone = len(axes.series) == 1
                    words = f"{series.label} {around if alone else _of(axes, figure)}".lower()
                    labelled = bool(axes.x_label.strip() and axes.y_label.strip())
                    yield _Curve(number, words, x, y, labelled)


def _counted(curve):
    """Whether the points stand at 0, 1, 2 ..., as matplotlib puts words."""
    return np.array_equal(curve.x, np.arange(len(curve.x)))


def _of(axes, figure):
    """Return the words around one of several curves: what another's legend says is not its own."""
    return f"{figure.title} {axes.title} {axes.x_label} {axes.y_label}"


def _speaks_of(curve, words):
    return any(word in curve.words for word in words) and _is_intensity(curve)


def _is_intensity(curve):
    return any(word in curve.words for word in ("intensity", "flop", "ai ", "(ai)", "ops/byte"))


def _about_decode(curve):
    return "decod" in curve.words and _is_intensity(curve)


def _drawn(variant, curve):
    slips = () if curve.labelled else ("no_axis_labels",)
    says = SAYS.get(variant, "not a curve of the attention algorithm, nor of a known way to count")
    return Drawn(variant, says, curve.figure, slips)


def _best(found):
    """Return the best of several: right over known over unknown, labelled over not."""
    order = (*SAYS, "none")
    return min(found, key=lambda one: (order.index(one.variant), len(one.slips)), default=None)

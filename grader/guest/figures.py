"""Figures of a script, as data: what was drawn, on which scales, under which labels.

matplotlib is told to draw nowhere. A figure is described when it is saved or closed, when all are
shown, and at the end; of one that is seen several times, the last state counts.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import math
from collections.abc import Iterator
from typing import Any

FIGURES, AXES, SERIES, POINTS = 6, 6, 24, 2000
TEXT = 300
PICTURE = 1 << 20
DPI = 80


class Kept:
    """The figures seen so far, the oldest first."""

    def __init__(self) -> None:
        self.plt: Any = None
        self._seen: dict[int, tuple[Any, dict[str, Any], bytes]] = {}

    def keep(self, figure: Any) -> None:  # noqa: ANN401 - matplotlib's, or what passes for it
        """Describe a figure as it is now."""
        if len(self._seen) == FIGURES and id(figure) not in self._seen:
            return
        with contextlib.suppress(Exception):
            axes = [_axes(each) for each in figure.axes[:AXES]]
            if any(part["series"] for part in axes):
                title = figure._suptitle.get_text() if figure._suptitle else ""  # noqa: SLF001
                label = _text(figure.get_label())
                told = {"title": _text(title), "label": label, "axes": axes}
                self._seen[id(figure)] = (figure, told, self._drawn(figure))

    def keep_open_ones(self) -> None:
        """Describe every figure that was neither shown nor closed."""
        if self.plt is not None:
            for number in self.plt.get_fignums():
                self.keep(self.plt.figure(number))

    def described(self) -> list[dict[str, Any]]:
        """Return the figures as data."""
        return [told for _, told, _ in self._seen.values()]

    def pictures(self) -> list[bytes]:
        """Return their pictures, PNG; empty where one is too large."""
        return [picture for _, _, picture in self._seen.values()]

    def _drawn(self, figure: Any) -> bytes:  # noqa: ANN401
        stream = io.BytesIO()
        with contextlib.suppress(Exception):
            self.save(figure, stream, format="png", dpi=DPI)
        data = stream.getvalue()
        return data if len(data) <= PICTURE else b""

    save: Any = None  # Figure.savefig as it was


@contextlib.contextmanager
def kept(wanted: bool) -> Iterator[Kept]:  # noqa: FBT001 - the header's word
    """Watch matplotlib while a script runs, if figures are ``wanted`` and matplotlib is here."""
    shown = Kept()
    if not wanted:
        yield shown
        return
    try:
        matplotlib: Any = importlib.import_module("matplotlib")
        matplotlib.use("Agg")
        plt: Any = importlib.import_module("matplotlib.pyplot")
        figure_class: Any = importlib.import_module("matplotlib.figure").Figure
    except Exception:  # noqa: BLE001 - whatever is the matter: there are no figures to keep
        yield shown
        return
    shown.plt, save, close = plt, figure_class.savefig, plt.close
    shown.save = save

    def saved(figure: Any, *arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401
        shown.keep(figure)
        return save(figure, *arguments, **keywords)

    def shown_all(*_: Any, **__: Any) -> None:  # noqa: ANN401
        shown.keep_open_ones()
        close("all")  # as a window that is closed by hand

    def closed(which: Any = None) -> None:  # noqa: ANN401
        shown.keep_open_ones()
        close(which)

    figure_class.savefig, plt.show, plt.close = saved, shown_all, closed
    # A backend with windows would not start here.
    plt.switch_backend("Agg")
    matplotlib.use = plt.switch_backend = lambda *_, **__: None
    try:
        yield shown
    finally:
        close("all")
        figure_class.savefig, plt.close = save, close


def _axes(axes: Any) -> dict[str, Any]:  # noqa: ANN401
    legend = axes.get_legend()
    return {
        "title": _text(axes.get_title()),
        "x_label": _text(axes.get_xlabel()),
        "y_label": _text(axes.get_ylabel()),
        "x_scale": _text(axes.get_xscale()),
        "y_scale": _text(axes.get_yscale()),
        "legend": [_text(text.get_text()) for text in legend.get_texts()[:SERIES]]
        if legend
        else [],
        "x_ticks": [_text(tick.get_text()) for tick in axes.get_xticklabels()[:POINTS]],
        "series": _series(axes),
    }


def _series(axes: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return lines, bars and points, each as x and y."""
    found = [("line", line.get_label(), line.get_xdata(), line.get_ydata()) for line in axes.lines]
    for bars in getattr(axes, "containers", []):
        boxes = [bar for bar in bars if hasattr(bar, "get_height")]
        middles = [bar.get_x() + bar.get_width() / 2 for bar in boxes]
        found.append(("bars", bars.get_label(), middles, [bar.get_height() for bar in boxes]))
    for points in axes.collections:
        offsets: Any = getattr(points, "get_offsets", list)()
        found.append(
            ("points", points.get_label(), [xy[0] for xy in offsets], [xy[1] for xy in offsets])
        )
    told = []
    for kind, label, x, y in found[:SERIES]:
        pairs = [(_number(a), _number(b)) for a, b in zip(x, y, strict=False)][:POINTS]
        if pairs:
            xs, ys = zip(*pairs, strict=True)
            told.append({"kind": kind, "label": _text(label), "x": list(xs), "y": list(ys)})
    return told


def _number(value: Any) -> float | None:  # noqa: ANN401
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:  # noqa: ANN401
    return str(value)[:TEXT]

"""The submission's own plot of latency, judged in form: which lengths, both ways, labelled axes.

Its numbers are those of whatever machine it ran on, and are not compared with anything.
"""

from dataclasses import dataclass

from grader.beside import beside

LENGTHS = beside(__file__, "latency").LENGTHS
WITHOUT = ("without", "w/o", "no cache", "no kv", "no-cache", "no_cache", "nocache", "uncached",
           "non-cached", "off", "false", "disabled", "naive", "none")  # fmt: skip
WITH = ("with", "w/", "cache", "kv", "on", "true", "enabled")
ABOUT = ("latency", "time", "second", "ms", "cache", "kv")
OTHER = ("intensity", "flop", "memory")
GAIN = ("speedup", "speed-up", "speed up", "ratio")
BENCHMARK = ("--mode", "benchmark")
PLOTS = ("plt.", "matplotlib", "pyplot")
PROGRAMS = 2


@dataclass(frozen=True)
class Drawn:
    """A plot that was found; ``lengths`` counts those of the sheet that both ways have."""

    variant: str
    says: str
    lengths: int
    slips: tuple[str, ...]
    picture: bytes


@dataclass(frozen=True)
class _Line:
    words: str  # its own
    lengths: frozenset[int]
    way: str  # "without", "with", or "" where no word tells


class Plots:
    """The figures of a submission that could be about latency."""

    def __init__(self, problem1, scripts):
        self._work, self._scripts = problem1, scripts
        self._runs = None

    @property
    def figures(self):
        """Return figures about latency: of scripts, or else of the model's own benchmark mode."""
        found = [figure for figure in self._work.figures if _about_latency(figure)]
        if found:
            return found
        return [f for run in self._benchmarks() for f in run.figures if _about_latency(f)]

    def shown(self):
        """Return the pictures to look at."""
        drawn = [figure.picture for figure in self.figures if figure.picture]
        return drawn or [*self._work.sheet.pictures.values()]

    def find(self):
        """Return the best plot; None where no script draws any."""
        found = [judge(figure) for figure in self.figures]
        return max(found, key=lambda one: (one.lengths, -len(one.slips)), default=None)

    def missing(self, record):
        """Say that there is no plot; a picture or a sheet may show it all the same."""
        runs = [*self._work.drawn, *self._benchmarks()]
        troubles = [f"{run.file}: {run.trouble}" for run in runs if run.trouble]
        if self._work.pictures or self._work.sheets or troubles:
            why = f" ({'; '.join(troubles)[:300]})" if troubles else ""
            record.inconclusive(f"No script drew latency over prompt length{why}: a person looks.")
            for picture in self._work.sheet.pictures.values():
                record.attach("png", picture, own=True)
        else:
            record.not_submitted("No plot of latency over the length of the prompt was found.")

    def _benchmarks(self):
        """Run the files that hold the model and draw something, in the sheet's mode for it."""
        if self._runs is None:
            drawing = [
                path
                for path, data in sorted(self._scripts.files.items())
                if path.endswith(".py") and path not in self._work.files
                and any(word.encode() in data for word in PLOTS)
            ]  # fmt: skip
            chosen = drawing[:PROGRAMS]
            self._runs = self._scripts.draw(chosen, BENCHMARK) if chosen else []
        return self._runs


def judge(figure):
    """Judge one figure about latency."""
    lines = [line for axes in figure.axes for line in _lines(figure, axes)]
    slips = () if _labelled(figure) else ("no_axis_labels",)
    named = {line.way for line in lines}
    if {"without", "with"} <= named:
        both = _covered(lines, "without") & _covered(lines, "with")
    elif named == {""} and len(lines) == len(("without", "with")):
        both, slips = lines[0].lengths & lines[1].lengths, (*slips, "unnamed_lines")
    elif lines and all(any(word in line.words for word in GAIN) for line in lines):
        return Drawn("gain_only", "a ratio and not both latencies", 0, slips, figure.picture)
    else:
        return Drawn("one_way", "not both ways", 0, slips, figure.picture)
    listed = ", ".join(map(str, sorted(both)))
    if not both:
        return Drawn("other_lengths", "other lengths", 0, slips, figure.picture)
    says = f"both latencies at prompts of {listed}"
    for slip in slips:
        says += ", an axis without a label" if slip == "no_axis_labels" else ", lines without names"
    return Drawn(f"lengths_{len(both)}", says, len(both), slips, figure.picture)


def _covered(lines, way):
    return frozenset().union(*(line.lengths for line in lines if line.way == way))


def _lines(figure, axes):
    """Yield the lines, bars or points of one system of axes that have a length of the sheet."""
    alone = len(axes.series) == 1
    for series in axes.series:
        label = "" if series.label.startswith("_") else series.label
        words = f"{label} {axes.title} {figure.title}" if alone else label
        known = {*map(float, LENGTHS)}
        x = series.x if known & {*series.x} else _ticks(axes, series)
        pairs = zip(x, series.y, strict=False)
        lengths = {int(a) for a, y in pairs if a in known and y > 0}
        if len(series.x) > 1 or lengths:
            yield _Line(words.lower(), frozenset(lengths), _way(words.lower()))


def _ticks(axes, series):
    """Return what stands below the bars, or below points that are counted and not placed."""
    named = []
    for text in axes.x_ticks:
        digits = text.strip().removeprefix("N=").removeprefix("T=")
        if digits.isdecimal():
            named.append(float(digits))
    return named if len(named) == len(series.x) else ()


def _way(words):
    spoken = f" {words} "
    if any(word in spoken for word in WITHOUT[:-4]) or _is_word(spoken, WITHOUT[-4:]):
        return "without"
    if any(word in spoken for word in WITH[:4]) or _is_word(spoken, WITH[4:]):
        return "with"
    return ""


def _is_word(spoken, words):
    cleaned = "".join(c if c.isalnum() else " " for c in spoken)
    return any(f" {word} " in cleaned for word in words)


def _labelled(figure):
    """Whether both axes are labelled; axes beside or below each other may share a label."""
    drawn = [axes for axes in figure.axes if axes.series]
    return any(axes.x_label.strip() for axes in drawn) and any(
        axes.y_label.strip() for axes in drawn
    )


def _about_latency(figure):
    """Whether a figure speaks of time or of the cache, and of nothing that 1d asks for."""
    words = " ".join(
        f"{figure.title} {axes.title} {axes.x_label} {axes.y_label} {' '.join(axes.legend)} "
        f"{' '.join(series.label for series in axes.series)}"
        for axes in figure.axes
    ).lower()
    about = _is_word(f" {words} ", ABOUT) or any(word in words for word in ABOUT[:3])
    return about and not any(word in words for word in OTHER)

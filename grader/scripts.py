"""Scripts of a submission, as checks see them: run one, and look at what it printed and drew.

What comes back was written by student code, and is taken apart here with bounds on everything: text
is text, numbers are finite floats, pictures are bytes that nobody on the host decodes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.conversation import Conversation
from grader.errors import StudentFault
from grader.intake import SourceFile
from grader.wire import Header

PRINTED, FIGURES_DATA, PICTURE, FIGURES = 65 << 10, 4 << 20, 1 << 20, 6
REPLY_BYTES = PRINTED + FIGURES_DATA + FIGURES * PICTURE
AXES, SERIES, POINTS, TEXT = 6, 24, 2000, 300
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Series:
    """What was drawn in one go: a line, points or bars; x and y of the same length."""

    kind: str
    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Axes:
    """One system of axes."""

    title: str
    x_label: str
    y_label: str
    x_scale: str
    y_scale: str
    legend: tuple[str, ...]
    x_ticks: tuple[str, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Figure:
    """A figure as data, and its picture: PNG, or empty."""

    title: str
    axes: tuple[Axes, ...]
    picture: bytes
    label: str = ""  # a name that the script may have given it


@dataclass(frozen=True)
class Run:
    """What a script did. ``trouble`` is what it raised, in words; empty where it ended well."""

    file: str
    printed: str  # the first 48 KB and the last 16 KB
    printed_bytes: int
    exit_code: int
    trouble: str
    figures: tuple[Figure, ...] = ()


@dataclass
class Scripts:
    """The submission's files, and its scripts run in its sandbox.

    The same run is not made twice: several checks look at what one script printed.
    """

    conversation: Conversation
    handed_in: Sequence[SourceFile]
    _runs: dict[tuple[object, ...], Run | StudentFault] = field(default_factory=dict)

    @property
    def files(self) -> Mapping[str, bytes]:
        """Return what was handed in, by path."""
        return {file.path: file.data for file in self.handed_in}

    def run(
        self,
        file: str,
        *,
        argv: Sequence[str] = (),
        stdin: str = "",
        files: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Run:
        """Run one script in a clean folder; raises StudentFault where it was ended.

        ``files`` are written first, over those that were handed in where they have their names.
        ``seconds`` is its limit where that is not the one of any request.
        """
        key = (file, tuple(argv), stdin, tuple(sorted((files or {}).items())))
        if key not in self._runs:
            try:
                self.conversation.fresh_worker()
                self._runs[key] = self._run(
                    file, argv, stdin, files or {}, figures=False, seconds=seconds
                )
            except StudentFault as fault:
                self._runs[key] = fault
        done = self._runs[key]
        if isinstance(done, StudentFault):
            raise done.with_traceback(None)
        return done

    def draw(
        self,
        files: Sequence[str],
        argv: Sequence[str] = (),
        *,
        beside: Mapping[str, str] | None = None,
    ) -> list[Run]:
        """Run scripts one after the other in one folder, all with the same arguments.

        Their figures are kept. What lies ``beside`` them is written first.

        One may read what another has written, so those that fail are run again after the others. A
        script that has to be ended is left out, and those after it have a clean folder.
        """
        done: dict[str, Run] = {}
        ended = set()
        self.conversation.fresh_worker()
        for file in [*files, *files]:
            if file in ended or (file in done and not done[file].trouble):
                continue
            try:
                done[file] = self._run(file, argv, "", beside or {}, figures=True)
            except StudentFault as fault:
                ended.add(file)
                done[file] = Run(file, "", 0, 1, fault.message)
                self.conversation.fresh_worker()
        return list(done.values())

    def _run(
        self,
        file: str,
        argv: Sequence[str],
        stdin: str,
        files: Mapping[str, str],
        *,
        figures: bool,
        seconds: float | None = None,
    ) -> Run:
        texts = {path: text.encode() for path, text in files.items()}
        header: Header = {
            "file": file,
            "argv": list(argv),
            "figures": figures,
            "files": [[path, len(text)] for path, text in texts.items()],
        }
        body = b"".join([*texts.values(), stdin.encode()])
        if figures:
            seconds = self.conversation.limits.script_seconds  # benchmarks draw
        with self.conversation.apart():
            result, data = self.conversation.call(
                "run", header, body, reply_bytes=REPLY_BYTES, seconds=seconds
            )
        sizes = result.get("sizes")
        parts = _parts(sizes, data)
        if parts is None:
            raise StudentFault("protocol_violation", "What the script printed came back damaged.")
        printed, told, *pictures = parts
        fault = result.get("fault")
        return Run(
            file=file,
            printed=printed.decode(errors="replace"),
            printed_bytes=_count(result.get("printed")),
            exit_code=_count(result.get("exit")),
            trouble=_trouble(fault) if isinstance(fault, dict) else "",
            figures=_figures(told, pictures),
        )


def _parts(sizes: object, data: bytes) -> list[bytes] | None:
    """Cut a reply into its parts; None where the sizes do not fit."""
    if not isinstance(sizes, list) or len(sizes) not in range(2, FIGURES + 3):
        return None
    if not all(isinstance(size, int) and 0 <= size <= len(data) for size in sizes):
        return None
    if sum(sizes) != len(data) or sizes[0] > PRINTED:
        return None
    parts, start = [], 0
    for size in sizes:
        parts.append(data[start : start + size])
        start += size
    return parts


def _count(value: object) -> int:
    return min(value, 1 << 40) if isinstance(value, int) and value >= 0 else 1


def _trouble(fault: Mapping[str, Any]) -> str:
    """Return what a script raised, and where."""
    name, text, where = (str(fault.get(key, "")) for key in ("type", "text", "where"))
    place = f" ({where[:300]})" if where else ""
    return f"{name[:80]}: {text[:600]}{place}"


# --- figures --------------------------------------------------------------------------------------


def _figures(told: bytes, pictures: Sequence[bytes]) -> tuple[Figure, ...]:
    try:
        listed = json.loads(told)
    except (ValueError, RecursionError):
        return ()
    shown = [picture if picture.startswith(PNG) else b"" for picture in pictures]
    return tuple(
        Figure(
            _text(entry.get("title")),
            tuple(_axes(axes) for axes in _tables(entry.get("axes"), AXES)),
            picture,
            _text(entry.get("label")),
        )
        for entry, picture in zip(_tables(listed, FIGURES), shown, strict=False)
    )


def _axes(entry: Mapping[str, Any]) -> Axes:
    legend, ticks = entry.get("legend"), entry.get("x_ticks")
    return Axes(
        title=_text(entry.get("title")),
        x_label=_text(entry.get("x_label")),
        y_label=_text(entry.get("y_label")),
        x_scale=_text(entry.get("x_scale")),
        y_scale=_text(entry.get("y_scale")),
        legend=tuple(map(_text, legend[:SERIES])) if isinstance(legend, list) else (),
        x_ticks=tuple(map(_text, ticks[:POINTS])) if isinstance(ticks, list) else (),
        series=tuple(_series(each) for each in _tables(entry.get("series"), SERIES)),
    )


def _series(entry: Mapping[str, Any]) -> Series:
    """Return one series; points that are no numbers are left out."""
    lists = [found for found in (entry.get("x"), entry.get("y")) if isinstance(found, list)]
    pairs = zip(*(values[:POINTS] for values in lists), strict=False) if len(lists) > 1 else ()
    points = [(float(x), float(y)) for x, y in pairs if _is_number(x) and _is_number(y)]
    x, y = zip(*points, strict=True) if points else ((), ())
    return Series(_text(entry.get("kind")), _text(entry.get("label")), x, y)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e300 and math.isfinite(value)  # noqa: PLR2004 - an int may be any size


def _tables(value: object, most: int) -> list[dict[str, Any]]:
    found = value[:most] if isinstance(value, list) else []
    return [entry for entry in found if isinstance(entry, dict)]


def _text(value: object) -> str:
    return value[:TEXT] if isinstance(value, str) else ""

"""Pairs -> a folder for a human: a page of all pairs, a page for each of them, and JSON.

    index.html      the table, what was left out, and what it means
    pairs/1.html    both texts side by side, with what they have in common marked
    similar.json    the same as figures and places

Text of students is escaped, and what an eye misses in it is made visible. The pages load nothing
and run nothing: a policy in each of them says so to the browser.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import jinja2
from markupsafe import Markup

from grader.errors import HarnessError, UsageError
from grader.records import Json
from grader.similarity.pairs import Common, Found, Pair, Side, Work
from grader.similarity.tokens import Span
from grader.text import shown

FILE = "similar.json"
SCHEMA = "grader.similar/1"
NOTE = (
    "Nobody loses points by this. A share is a reason to look, and no more: short tasks have few "
    "solutions, and code may have a common source that is allowed."
)
MAX_LISTED = 20  # passages of a pair that are shown beside each other


def refuse(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier comparison; raises UsageError."""
    if folder.exists() and not (folder / FILE).is_file():
        raise UsageError(f"{folder} is there and no earlier comparison: give another --out")


def write(folder: Path, found: Found) -> None:
    """Write the folder, whole or not at all, in the place of an earlier comparison."""
    refuse(folder)
    parent = folder.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=f".{folder.name}.") as temporary:
            new, old = Path(temporary, "new"), Path(temporary, "old")
            _fill(new, found)
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
    except OSError as error:
        raise HarnessError(f"{folder} could not be written: {error}") from error


def _fill(folder: Path, found: Found) -> None:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"shown": shown, "percent": percent}
    (folder / "pairs").mkdir(parents=True)
    (folder / FILE).write_text(json.dumps(_json(found), indent=1) + "\n", encoding="utf-8")
    index = templates.get_template("index.html").render(found=found, note=NOTE)
    (folder / "index.html").write_text(index, encoding="utf-8")
    page = templates.get_template("pair.html")
    for number, pair in enumerate(found.pairs, 1):
        text = page.render(
            found=found,
            pair=pair,
            number=number,
            note=NOTE,
            listed=[(one, side(one.first), side(one.second)) for one in pair.common[:MAX_LISTED]],
            more=max(0, len(pair.common) - MAX_LISTED),
            left=whole(pair.first, [one.first.span for one in pair.common]),
            right=whole(pair.second, [one.second.span for one in pair.common]),
        )
        (folder / "pairs" / f"{number}.html").write_text(text, encoding="utf-8")


def percent(share: float) -> str:
    """Return a share as a whole per cent, rounded down: 100% is all of it."""
    return f"{int(share * 100 + 1e-9)}%"


# --- texts with marks -----------------------------------------------------------------------------


def side(one: Side) -> Markup:
    """Return one side of a passage as HTML, whole lines, the common part marked."""
    text = one.piece.text
    begin = text.rfind("\n", 0, one.span.begin) + 1
    end = begin + len(one.text)
    return marked(text, [(one.span.begin, one.span.end)], begin, end, one.first_line)


def whole(work: Work, spans: Sequence[Span]) -> list[tuple[str, Markup]]:
    """Return each piece of a submission: its name, and its text as HTML with marks."""
    return [
        (
            f"{shown(piece.path)}{f' cell {piece.cell}' if piece.cell else ''}",
            marked(
                piece.text,
                [(span.begin, span.end) for span in spans if span.piece == number],
                0,
                len(piece.text),
                1,
            ),
        )
        for number, piece in enumerate(work.pieces)
    ]


def marked(
    text: str, spans: Iterable[tuple[int, int]], begin: int, end: int, first_line: int
) -> Markup:
    """Return a part of a text as HTML, a number before each line, the spans in <mark>."""
    lines = []
    spans = list(_united(spans))
    for number, line in enumerate(text[begin:end].split("\n"), first_line):
        stop = begin + len(line)
        while spans and spans[0][1] <= begin:
            spans.pop(0)
        lines.append(Markup("<i>{}</i>{}").format(number, _line(text, begin, stop, spans)))
        begin = stop + 1
    return Markup("\n").join(lines)


def _line(text: str, at: int, stop: int, spans: Sequence[tuple[int, int]]) -> Markup:
    parts = []
    for begin, end in spans:
        if begin >= stop:
            break
        if max(begin, at) < min(end, stop):
            parts.append(Markup("{}<mark>{}</mark>").format(
                visible(text[at : max(begin, at)]),
                visible(text[max(begin, at) : min(end, stop)]),
            ))  # fmt: skip
            at = min(end, stop)
    return Markup("").join([*parts, visible(text[at:stop])])


def _united(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans in order, those that overlap as one."""
    last: tuple[int, int] | None = None
    for begin, end in sorted(spans):
        if last and begin <= last[1]:
            last = last[0], max(last[1], end)
        else:
            if last:
                yield last
            last = begin, end
    if last:
        yield last


def visible(text: str) -> str:
    """Return text with what an eye misses, or what turns text round, as escapes."""
    return "".join(
        char if char.isprintable() or char == "\t" else ascii(char)[1:-1] for char in text
    )


# --- figures --------------------------------------------------------------------------------------


def _json(found: Found) -> Json:
    return {
        "schema": SCHEMA,
        "note": NOTE,
        "pack": found.pack,
        "least": found.least,
        "submissions": [
            {"id": work.id, "own": work.own, "left_out": list(work.said)} for work in found.works
        ],
        "refused": found.refused,
        "too_little": found.too_little,
        "beyond": found.beyond,
        "pairs": [_pair(pair) for pair in found.pairs],
    }


def _pair(pair: Pair) -> Json:
    return {
        "first": pair.first.id,
        "second": pair.second.id,
        "share": round(pair.share, 4),
        "share_back": round(pair.share_back, 4),
        "common": [_common(one) for one in pair.common],
    }


def _common(one: Common) -> Json:
    return {
        "holders": one.holders,
        **{
            name: {
                "path": where.piece.path.encode(errors="replace").decode(),
                "cell": where.piece.cell,
                "first_line": where.first_line,
                "last_line": where.last_line,
            }
            for name, where in (("first", one.first), ("second", one.second))
        },
    }

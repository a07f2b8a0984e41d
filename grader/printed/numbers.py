"""Numbers as people and programs print them: 8,030,261,248, 8.03e9, 8,03,02,61,248, 0,134 GB.

A number keeps how exactly it was shown: `digits` significant digits, the last of which is worth
`step`. All quantifiers below are possessive, so that no text makes the scan go back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

MAX_DIGITS = 40
MAX_EXPONENT = 40
GROUP = 3

# Joins digits: thousands separators, decimal marks. U+202F stands for any narrow or hard space.
_RUN = r"[0-9]++(?:[,.'_\u202f][0-9]++)*+"
_TOKEN = re.compile(
    r"(?P<word>[^\W\d_][\w]*+(?:[-.][\w]++)*+)"
    rf"|(?P<run>{_RUN}|\.[0-9]++)"
    r"(?:[eE](?P<exp>[+-]?[0-9]{1,3})(?![\w])"
    r"|\x20?[x*]\x20?10(?:\^|\*\*)\{?(?P<ten>[+-]?[0-9]{1,3})\}?(?![0-9]))?+"
    r"(?P<dot>\.(?![\w.]))?+"
)
_UNIT = re.compile(r"[\x20\u202f]?(?P<unit>%|[A-Za-z]++)(?![\w])")

BYTES = {
    **dict.fromkeys(("byte", "bytes"), Fraction(1)),
    **{f"{letter}b": Fraction(10**power) for letter, power in
       (("k", 3), ("m", 6), ("g", 9), ("t", 12))},
    **{f"{letter}ib": Fraction(2**power) for letter, power in
       (("k", 10), ("m", 20), ("g", 30), ("t", 40))},
    **{name: Fraction(10**power) for names, power in
       ((("kilobytes", "kilobyte"), 3), (("megabytes", "megabyte"), 6),
        (("gigabytes", "gigabyte", "gbs"), 9)) for name in names},
    **{name: Fraction(2**power) for names, power in
       ((("mebibytes", "mebibyte"), 20), (("gibibytes", "gibibyte"), 30)) for name in names},
}  # fmt: skip
"""Units of memory, in lower case, in bytes."""

COUNTS = {
    **dict.fromkeys(("thousand", "thousands"), Fraction(10**3)),
    **dict.fromkeys(("million", "millions", "mn"), Fraction(10**6)),
    **dict.fromkeys(("billion", "billions", "bn"), Fraction(10**9)),
    **dict.fromkeys(("trillion", "trillions"), Fraction(10**12)),
    **dict.fromkeys(("lakh", "lakhs"), Fraction(10**5)),
    **dict.fromkeys(("crore", "crores"), Fraction(10**7)),
}
"""Units of a count, in lower case."""

LETTERS = {
    "b": {"bytes": Fraction(1), "count": Fraction(10**9)},
    "k": {"bytes": Fraction(10**3), "count": Fraction(10**3)},
    "m": {"bytes": Fraction(10**6), "count": Fraction(10**6)},
    "g": {"bytes": Fraction(10**9), "count": Fraction(10**9)},
    "t": {"bytes": Fraction(10**12), "count": Fraction(10**12)},
}
"""Letters whose meaning depends on what is counted: 16 B is sixteen bytes, or 16 billion."""

OTHER_UNITS = frozenset({"%", "bit", "bits", "ms", "s", "x"})


def unit_scale(unit: str, kind: str) -> Fraction | None:
    """Return what one ``unit`` is of a ``kind`` ("bytes" or "count"); None if it is not of it."""
    unit = unit.lower()
    if unit in LETTERS:
        return LETTERS[unit].get(kind)
    return (BYTES if kind == "bytes" else COUNTS).get(unit)


def is_unit(word: str) -> bool:
    """Whether a word is a unit."""
    word = word.lower()
    return word in LETTERS or word in BYTES or word in COUNTS or word in OTHER_UNITS


@dataclass(frozen=True)
class Number:
    """One number of a line: where it is, its value in its unit, and how exactly it was shown."""

    start: int
    end: int  # after the unit, if there is one
    value: Fraction
    digits: int  # significant digits shown
    step: Fraction  # worth of the last digit
    unit: str = ""  # as printed


def numbers(line: str) -> Iterator[Number]:
    """Yield the numbers of a line from left to right; digits inside words (fp16) are none."""
    for match in _TOKEN.finditer(line):
        run = match["run"]
        if run is None:
            continue
        start, end = match.span()
        if match["dot"]:
            end -= 1
        before = line[start - 1] if start else " "
        if before.isalnum() or before == "_":
            continue
        if end < len(line) and (line[end] == "_" or (line[end].isalpha() and not _unit(line, end))):
            continue  # 3D, 2x4, 0x1f: part of a word
        negative = before == "-" and (start < 2 or line[start - 2] in " \t(=:|,")  # noqa: PLR2004
        power = int(match["exp"] or match["ten"] or 0)
        if abs(power) > MAX_EXPONENT:
            continue
        yield from _parts(line, run, start, end, power, negative=negative)


def _unit(line: str, at: int) -> re.Match[str] | None:
    match = _UNIT.match(line, at)
    return match if match and is_unit(match["unit"]) else None


def _parts(
    line: str, run: str, start: int, end: int, power: int, *, negative: bool
) -> Iterator[Number]:
    """Yield the one number of a run of digits, or the several of a list without spaces."""
    pieces = _reading(run)
    at = start
    for index, (piece, plain) in enumerate(pieces):
        last = index == len(pieces) - 1
        whole, _, fraction = plain.partition(".")
        shown = (whole + fraction).lstrip("0")
        stop = end if last else at + len(piece)
        if len(whole) + len(fraction) <= MAX_DIGITS:
            ten = (power if last else 0) - len(fraction)
            step = Fraction(10**ten) if ten >= 0 else Fraction(1, 10**-ten)
            value = int(whole + fraction or "0") * step
            unit = _unit(line, stop) if last else None
            yield Number(
                start=at,
                end=unit.end() if unit else stop,
                value=-value if negative and not index else value,
                digits=max(1, len(shown)),
                step=step,
                unit=unit["unit"] if unit else "",
            )
        at += len(piece) + 1


def _reading(run: str) -> list[tuple[str, str]]:
    """Return the texts of a run's numbers, each also with a point and no separators.

    One number wherever a notation allows it; else a list separated by commas; else nothing.
    """
    marks = [char for char in run if not char.isdigit()]
    kinds = set(marks)
    if not marks:
        return [(run, run)]
    if marks == ["."]:
        return [(run, run)]
    if kinds <= {"_", "'", "\u202f"} and len(kinds) == 1:
        return [(run, run.replace(marks[0], ""))]
    if kinds <= {",", "."}:
        return _commas(run, marks, kinds)
    if len(kinds) == 2 and marks[-1] in ",." and len(set(marks[:-1])) == 1:  # noqa: PLR2004
        head, _, tail = run.rpartition(marks[-1])
        return [(run, f"{head.replace(marks[0], '')}.{tail}")]
    return []


def _commas(run: str, marks: list[str], kinds: set[str]) -> list[tuple[str, str]]:
    """Read a run whose separators are commas and points."""
    if len(kinds) == 1:
        parts = run.split(marks[0])
        if _grouped(parts):
            return [(run, "".join(parts))]
        whole, fraction = parts[0], parts[-1]
        if marks == [","] and (len(whole) < GROUP or len(fraction) < GROUP):
            return [(run, f"{whole}.{fraction}")]  # a decimal comma
        if marks[0] == ".":
            return []  # a version, an address
        return [(part, part) for part in parts]
    thousands, decimal = marks[0], marks[-1]
    if marks.count(decimal) == 1 and thousands != decimal:
        head, _, tail = run.rpartition(decimal)
        if _grouped(head.split(thousands)):
            return [(run, f"{head.replace(thousands, '')}.{tail}")]
    listed = run.split(",")
    return [(part, part) for part in listed] if all(p.count(".") < 2 for p in listed) else []  # noqa: PLR2004 - one decimal point


def _grouped(parts: list[str]) -> bool:
    """Whether digits are grouped in threes, or as in India in twos and a last three."""
    first, *middle, last = parts
    if len(last) != GROUP or not 1 <= len(first) <= GROUP or first.startswith("0"):
        return False
    sizes = {len(part) for part in middle}
    return sizes <= {GROUP} or (sizes == {2} and len(first) < GROUP)


def joined(found: list[Number], line: str) -> list[Number]:
    """Join groups of three digits that single spaces part, as in 8 030 261 248.

    Three groups at least, or a group that begins with 0: 476 520 are two numbers.
    """
    done: list[Number] = []
    at = 0
    while at < len(found):
        stop = at + 1
        while stop < len(found) and _continues(found[stop - 1], found[stop], line):
            stop += 1
        texts = [line[n.start : n.start + GROUP] for n in found[at + 1 : stop]]
        first = line[found[at].start : found[at].end].rstrip()
        if texts and len(first) <= GROUP and (
            len(texts) > 1 or any(text.startswith("0") for text in texts)
        ):  # fmt: skip
            value = Fraction(int("".join([first, *texts])[:MAX_DIGITS]))
            last = found[stop - 1]
            done.append(Number(found[at].start, last.end, value, len(str(value)), Fraction(1),
                               last.unit))  # fmt: skip
            at = stop
        else:
            done.append(found[at])
            at += 1
    return done


def _continues(one: Number, other: Number, line: str) -> bool:
    """Whether a number is three plain digits after one space and a whole number without unit."""
    return (
        not one.unit
        and one.step == 1
        and other.start == one.end + 1
        and line[one.end] == " "
        and line[other.start : other.start + GROUP].isdigit()
        and other.step == 1
        and not line[other.start + GROUP : other.start + GROUP + 1].isdigit()
        and line[other.start + GROUP : other.start + GROUP + 1] not in tuple(",.'_")
    )

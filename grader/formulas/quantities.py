"""Numbers as students show them: digits, powers of ten, units; and when one equals another.

A number is accepted if it is the reference rounded or truncated to the digits shown, of which
there are at least two, or within 0.5 % of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from grader.formulas import identity
from grader.formulas.scanning import Token
from grader.formulas.trees import Tree

TOLERANCE = Fraction(1, 200)
_LEAST_DIGITS = 2
_TIMES_POWER = ["number", "*", "number", "^", "number"]  # 5.37 * 10^8
_THOUSAND = {
    "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "kilo": 1, "mega": 2, "giga": 3, "tera": 4,
    "thousand": 1, "million": 2, "billion": 3, "bn": 3, "trillion": 4,
}  # fmt: skip
_PREFIXED = re.compile(
    r"(?P<prefix>[kKMGTP]i?|kilo|mega|giga|tera)?[ -]?"
    r"(?P<unit>[bB]ytes?|[fF][lL][oO][pP][sS]?|ops?|elements?|B)(?![A-Za-z])"
)


@dataclass(frozen=True)
class Shown:
    """A number as it stands on the sheet."""

    value: Fraction
    place: Fraction | None  # the value of a one in its last digit; None for a calculation
    digits: int
    scales: tuple[Fraction, ...] = (Fraction(1),)  # what its unit may multiply it by


def scales_of(unit: str) -> tuple[Fraction, ...]:
    """Return what a unit may multiply by: GB 1e9, GiB 2**30; a lone B is bytes or billions."""
    unit = unit.strip()
    if unit == "B":
        return Fraction(1), Fraction(10**9)
    return (Fraction(10) ** power,) if (power := _seconds(unit)) is not None else _counted(unit)


def _counted(unit: str) -> tuple[Fraction, ...]:
    if unit in _THOUSAND:
        return (Fraction(1000) ** _THOUSAND[unit],)
    first = unit.split(" ", maxsplit=1)[0] if unit else ""
    if first in {"million", "billion", "trillion", "thousand"}:
        return (Fraction(1000) ** _THOUSAND[first],)
    found = _PREFIXED.match(unit)
    if not found or not found["prefix"]:
        return (Fraction(1),)
    prefix = found["prefix"]
    if prefix.endswith("i") and len(prefix) == len("Gi"):
        return (Fraction(1024) ** _THOUSAND[prefix[0]],)
    return (Fraction(1000) ** _THOUSAND[prefix],)


_SECONDS = {"s": 0, "sec": 0, "secs": 0, "second": 0, "seconds": 0, "ms": -3, "msec": -3,
            "millisecond": -3, "milliseconds": -3, "us": -6, "µs": -6, "μs": -6, "usec": -6,
            "microsecond": -6, "microseconds": -6, "ns": -9, "nanoseconds": -9}  # fmt: skip
_MICRO = re.compile(r"\\?(?:mu|µ|μ)\s*(?:s|\\?text\{s\})")
_TIMES = re.compile(r"(?:x|times|faster|speed-?\s?up|fold)\b", re.IGNORECASE)


def _seconds(unit: str) -> int | None:
    """Return the power of ten that a unit of time stands for; None where it is none."""
    first = _MICRO.sub("us", unit.strip()).split(" ")[0].strip(".,;()")
    return _SECONDS.get(first)


def kind_of(unit: str) -> str:
    """Return what a unit counts: "flop", "byte", "s" or "x"; empty where it does not say."""
    if _seconds(unit) is not None:
        return "s"
    if _TIMES.match(unit.strip()):
        return "x"
    found = _PREFIXED.search(unit)
    if found and "/" in unit:
        return "flop/byte"
    if found:
        name = found["unit"].lower()
        if name.startswith("b"):
            return "byte" if found["prefix"] or name != "b" else ""
        return "flop" if name.startswith(("f", "o")) else ""
    return ""


def shown(tokens: Sequence[Token], value: Fraction, unit: str) -> Shown:
    """Return a numeric formula of this value as a number: its digits, if it is a plain one."""
    scales = scales_of(unit)
    plain = [t for t in tokens if t.kind not in {"word", "open", "close", "+", "bad", ","}]
    if plain and plain[0].kind == "-":
        plain = plain[1:]
    kinds = [token.kind for token in plain]
    power = Fraction(1)
    if [k for k in kinds if k != "-"] == _TIMES_POWER and plain[2].text == "10":
        power = Fraction(10) ** int(plain[-1].value * (-1 if "-" in kinds else 1))
    elif kinds != ["number"]:
        return Shown(value, None, 0, scales)
    mantissa, _, exponent = plain[0].text.partition("e")
    decimals = len(mantissa.partition(".")[2])
    place = Fraction(10) ** (int(exponent or 0) - decimals) * power
    return Shown(value, place, len(mantissa.replace(".", "").lstrip("0")), scales)


def as_shown(number: Shown, reference: Fraction) -> bool:
    """Whether it is the reference, rounded or truncated to the digits that it shows."""
    if number.place is None:
        return any(number.value * scale == reference for scale in number.scales)
    if number.digits < _LEAST_DIGITS:
        return any(number.value * scale == reference for scale in number.scales)
    for scale in number.scales:
        short = abs(reference) - abs(number.value * scale)
        same_side = (reference < 0) == (number.value < 0)
        if same_side and -number.place * scale / 2 <= short < number.place * scale:
            return True
    return False


def close(number: Shown, reference: Fraction) -> bool:
    """Whether it is the reference to the digits shown, or within 0.5 %."""
    near = any(
        abs(number.value * scale - reference) <= TOLERANCE * abs(reference)
        for scale in number.scales
    )
    return near or as_shown(number, reference)


def value_of(tree: Tree) -> Fraction | None:
    """Return the value of a tree without symbols; None where there is none."""
    try:
        return identity.value(tree, {})
    except (identity.NoValue, KeyError):
        return None

"""What a rubric says about timing: its table [timing], read and validated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from grader.latency.decision import rank
from grader.tables import BadPack, Table


@dataclass(frozen=True)
class Settings:
    """How latency is measured. Limits on what comes out are the rubric's, beside all others."""

    sizes: tuple[tuple[int, int], ...]  # (width, prompt length) to try, the smallest first
    ratio: float  # a full forward takes so many decode steps, by the reference, at the chosen size
    round_trips: float  # and so many requests that ask for nothing
    short: int  # the short prompt is the long one divided by this
    new_tokens: int  # of each timed call of `generate`
    looks: tuple[int, ...]  # numbers of rounds after which it is asked whether all is decided
    error: float  # probability of deciding one question wrongly, over all looks together
    seconds: float  # after this no further round begins
    clear: float  # on a disturbed machine a limit counts as missed by this factor only

    def error_at(self, rounds: int) -> float:
        """Return what of the error a look after so many rounds may spend.

        Half of it is the first look's, where nearly all that is clear is decided, and the others
        share the rest: together they are the whole (Bonferroni), whenever it is that one stops.
        """
        if len(self.looks) == 1:
            return self.error
        return self.error / 2 / (1 if rounds <= self.looks[0] else len(self.looks) - 1)


def read(table: Table) -> Settings:
    """Read the table; raises BadPack where it could never come to a decision."""
    table.only("sizes", "ratio", "round_trips", "short", "new_tokens", "looks", "error", "seconds",
               "clear")  # fmt: skip
    found = Settings(
        sizes=_sizes(table),
        ratio=table.number("ratio"),
        round_trips=table.number("round_trips"),
        short=int(table.number("short")),
        new_tokens=int(table.number("new_tokens")),
        looks=_whole(table, "looks"),
        error=table.number("error"),
        seconds=table.number("seconds"),
        clear=table.number("clear"),
    )
    if not found.looks or any(a >= b for a, b in pairwise(found.looks)):
        raise BadPack(f"{table.where}: looks have to be numbers of rounds that rise")
    if not 0 < found.error < 1:
        raise BadPack(f"{table.where}: error has to be a probability")
    if not rank(found.looks[-1], found.error_at(found.looks[-1])):
        raise BadPack(f"{table.where}: with so few rounds nothing is ever decided at this error")
    if found.clear < 1:
        raise BadPack(f"{table.where}: clear is a factor, 1 at least")
    if found.short <= 1 or found.new_tokens <= 1:
        raise BadPack(f"{table.where}: short and new_tokens have to be above 1")
    return found


def _sizes(table: Table) -> tuple[tuple[int, int], ...]:
    rows = table.values.get("sizes")
    if not isinstance(rows, list) or not rows:
        raise BadPack(f"{table.where}: sizes have to be a list of [width, prompt length]")
    sizes = []
    for row in rows:
        if not (isinstance(row, list) and len(row) == 2 and all(map(_is_count, row))):  # noqa: PLR2004 - a pair
            raise BadPack(f"{table.where}: {row!r} is no [width, prompt length]")
        sizes.append((row[0], row[1]))
    return tuple(sizes)


def _whole(table: Table, key: str) -> tuple[int, ...]:
    values = table.values.get(key)
    if not isinstance(values, list) or not all(map(_is_count, values)):
        raise BadPack(f"{table.where}: {key!r} has to be a list of whole numbers")
    return tuple(values)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0

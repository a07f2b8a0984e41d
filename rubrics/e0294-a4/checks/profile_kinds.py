"""The records of problem 1's profile, the ways of counting, and what a printed number may mean."""

import functools
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

from grader.beside import by_path

GB, GIB = Fraction(10**9), Fraction(2**30)
MB, MIB = Fraction(10**6), Fraction(2**20)
BINARY = (Fraction(2**10), MIB, GIB, Fraction(2**40))
CLOSE = Fraction(5, 1000)  # of a rounded number
WIDTHS = (Fraction(2), Fraction(1), Fraction(4), Fraction(1, 2))
"""Bytes per weight or element of the cache, the usual one first."""

FORMULAS = {
    "gqa": "2·L·K·hd·s·c",
    "mha": "2·L·h1·s·c, without the KV heads",
    "no_factor_2": "L·K·hd·s·c, without the 2 for keys and values",
    "no_layers": "2·K·hd·s·c, without the layers",
    "per_token": "2·L·K·hd·c, which is one token's",
}
"""Formulas of the KV cache per request, the right one first."""

NORMS = {
    "none": (0, 0),
    "all": (2, 1),
    "without_last": (2, 0),
    "one_per_layer": (1, 0),
    "one_per_layer_and_last": (1, 1),
    "layernorm_without_last": (4, 0),
    "layernorm": (4, 2),
}
"""Vectors of width d_model that are counted for norms: in each layer, and after the last."""


@functools.cache
def calculator():
    """Return the reference calculator; a handout holds none, and needs none."""
    return by_path(Path(__file__).resolve().parents[3] / "reference" / "calculator" / "__init__.py")


@dataclass(frozen=True)
class Spec:
    """A model and a device; memory in GB, sizes in elements. The defaults are the sheet's."""

    layers: int = 32
    query_heads: int = 32
    kv_heads: int = 8
    d_model: int = 4096
    d_ff: int = 14336
    vocab: int = 128256
    device: float = 80
    context: int | None = None
    weight_bytes: float | None = None
    kv_bytes: float | None = None
    tp: int | None = None

    def model(self):
        """Return it as the calculator's model."""
        return calculator().Model("the model", self.layers, self.query_heads, self.kv_heads,
                                  self.d_model, self.d_ff, self.vocab)  # fmt: skip

    def values(self):
        """Return what `grader.inputs.plan` takes, without what is not set."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Way:
    """One way of counting parameters, and what it comes to."""

    attention: str  # gqa | mha
    ffn_matrices: int
    tied: bool
    norms: str  # one of NORMS
    total: Fraction


@dataclass
class Profile:
    """The assumptions that printed numbers follow; None where nothing says."""

    way: Way | None = None
    norms: str | None = None  # one of NORMS, where the digits shown tell
    parameters: Fraction | None = None  # the student's own, exact where they were identified
    weight_bytes: Fraction | None = None
    unit: Fraction | None = None  # bytes of what is printed as GB
    kv_formula: str | None = None  # one of FORMULAS
    context: int | None = None
    context_from: str = ""  # given | printed | source | solved
    kv_bytes: Fraction | None = None
    weights: Fraction | None = None  # own bytes of all weights
    kv: Fraction | None = None  # own bytes of one request
    device: Fraction | None = None  # own bytes of a GPU
    rounding: str | None = None  # floor | ceil | none
    mixed: tuple | None = None  # units of weights and cache in the batch line, where they differ

    def sentence(self):
        """Return the sentence that tells the student which profile was found."""
        parts = self._model()
        if self.weight_bytes:
            parts.append(f"{float(self.weight_bytes):g} bytes per weight")
        if self.unit:
            parts.append("GB as 2^30 bytes" if self.unit == GIB else "GB as 10^9 bytes")
        if self.kv_formula:
            parts.append(f"a KV cache of {FORMULAS[self.kv_formula]}")
        if self.context:
            solved = " (not stated: solved from your numbers)" * (self.context_from == "solved")
            parts.append(f"a context of {self.context} tokens{solved}")
        if self.kv_bytes:
            parts.append(f"{float(self.kv_bytes):g} bytes per element of the cache")
        if self.device:
            parts.append(f"a device of {float(self.device / 10**9):.5g}e9 bytes")
        if not parts:
            return "Your numbers follow no profile that is known."
        return f"Your numbers are those of {', '.join(parts)}."

    def _model(self):
        if not self.way:
            return []
        counted = {None: [], "none": ["norms left out"], "all": ["norms counted"]}
        return [
            {"gqa": "grouped-query attention", "mha": "multi-head attention"}[self.way.attention],
            f"an FFN of {self.way.ffn_matrices} matrices",
            "a head tied to the embedding" if self.way.tied else "a head of its own",
            *counted.get(self.norms, ["some of the norms counted"]),
        ]


@dataclass(frozen=True)
class Verdict:
    """What a row is: a variant and slips by name, for the rubric to price.

    ``variant`` is "missing" where nothing was found, "none" where it follows nothing known, and
    "unsure" where a human has to look. ``confirm`` says that a human should confirm the variant,
    since it depends on words that only a human understands, or on a guess; ``evidence`` are the
    lines to look at.
    """

    variant: str
    says: str  # a sentence for the student
    slips: tuple[str, ...] = ()
    confirm: bool = False
    evidence: tuple[str, ...] = ()


# --- ways of counting -----------------------------------------------------------------------------


@functools.lru_cache(maxsize=8)
def ways(spec):
    """Return every way of counting a model's parameters, the right ones first."""
    model, found = spec.model(), []
    for attention in ("gqa", "mha"):
        for matrices in (3, 2):
            for tied in (False, True):
                bare = (
                    calculator()
                    .parameters(
                        model, attention=attention, ffn_matrices=matrices, tied=tied, norms=False
                    )
                    .total
                )
                for name, (inside, after) in NORMS.items():
                    norms = (inside * spec.layers + after) * spec.d_model
                    found.append(Way(attention, matrices, tied, name, Fraction(bare + norms)))
    return found


@functools.lru_cache(maxsize=64)
def per_token(formula, spec):
    """Return the elements that one token has in the cache by one of FORMULAS."""
    ask = calculator().kv_bytes_per_token
    gqa = Fraction(ask(spec.model(), 1))
    return {
        "gqa": gqa,
        "mha": Fraction(ask(spec.model(), 1, attention="mha")),
        "no_factor_2": gqa / 2,
        "no_layers": gqa / spec.layers,
        "per_token": gqa,
    }[formula]


def request(formula, spec, width, context):
    """Return the bytes of one request by one of FORMULAS."""
    return per_token(formula, spec) * width * (1 if formula == "per_token" else context)


# --- what a printed number may mean ---------------------------------------------------------------


def scales(found, kind):
    """Return what a printed unit may stand for, in bytes or ones, as it says itself first.

    GB may be either of two. Where no unit is said, it may be any.
    """
    if found.scale is None:
        return (Fraction(1), GB, MB) if kind == "count" else (Fraction(1), GB, GIB, MB, MIB)
    if kind == "count" or found.scale == 1 or found.scale in BINARY:
        return (found.scale,)
    thousands = (len(str(int(found.scale))) - 1) // 3
    return found.scale, Fraction(2 ** (10 * thousands))


def decimal_twin(found):
    """Return 10^9 for GiB, 10^6 for MiB: what a wrong name may stand for; () for other units."""
    if found.scale in BINARY:
        return (Fraction(1000 ** (BINARY.index(found.scale) + 1)),)
    return ()


def shown(found, exact, tried):
    """Return the scale in which a quantity is exact to the digits shown, or None."""
    quantity = found.quantity
    for scale in tried:
        whole = scale == 1 and quantity.step == 1
        if quantity.value == exact if whole else quantity.shows(exact, scale):
            return scale
    return None


def close(found, exact, tried):
    """Return the scale in which a rounded quantity is within half a percent, or None.

    A whole number shown in full is exact or it is not.
    """
    quantity = found.quantity
    for scale in tried:
        whole = scale == 1 and quantity.step == 1
        if not whole and abs(quantity.value * scale - exact) <= exact * CLOSE:
            return scale
    return None


def vague(found, exact, tried):
    """Return the scale in which a quantity of a single digit may be ``exact``, or None."""
    quantity = found.quantity
    for scale in tried:
        if quantity.digits < 2 and abs(exact / scale - quantity.value) < quantity.step:
            return scale
    return None


def rounds(found, quotient, rounding):
    """Whether a printed batch is a quotient rounded as said: "floor", "ceil", or "none"."""
    value = found.quantity.value
    if rounding == "none":
        near = abs(value - quotient) < Fraction(1, 100)
        return value.denominator != 1 and (near or found.quantity.shows(quotient))
    return value == (floor(quotient) if rounding == "floor" else ceil(quotient))


def by_hand(table, profile):
    """Return memory and cache as they are printed, in one unit, or None.

    Who reckons with these digits gets another batch than the exact bytes give.
    """
    memory, cache = table.best("memory"), table.best("kv")
    if not (memory and cache and profile.unit and cache.quantity.value):
        return None
    same = memory.unit.lower() == cache.unit.lower()
    return (memory.quantity.value, cache.quantity.value) if same else None

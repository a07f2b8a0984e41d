r"""The questions of a pack that ask for a formula: `formulas.toml`, read and validated.

schema = "grader.formulas/1"
[facets.phase]                        words that tell questions apart, by facet and value; a
prefill = ["prefill*", "prompt"]      word with * may go on; of two values in one sentence the
                                      one listed first wins
[symbols.N]
aliases = ["seq_len", 'N_{\\text{ctx}}']
given = [2, 4]                        numbers that may stand in the symbol's place
factor = true                         the whole may be a multiple of it (heads, batch)
[[questions]]
id, says, place = "1c", facets = { phase = "prefill" }
reference = "4*N**2*d"
at = { N = 1024, d = 128 }            where the formula's number is asked for
[[questions.variants]]
name, says, formula                   what else is accepted under a name; what a name is worth
                                      is the rubric's business
free = { a = [3, 6] }                 a coefficient, any whole number in this range
from = { F = "id" }                   a symbol that stands for the student's own answer to id
leading = true                        only the terms of highest degree have to agree
ask = "..."                           a question that a person answers before points are given
"""

from __future__ import annotations

import dataclasses
import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from grader.formulas import identity, trees
from grader.formulas.reading import read as read_tokens
from grader.formulas.scanning import scan
from grader.formulas.spelling import Unreadable, canonical, table_of
from grader.formulas.trees import Tree
from grader.tables import BadPack, Table, hint

FILE = "formulas.toml"
SCHEMA = "grader.formulas/1"


@dataclass(frozen=True)
class Variant:
    """Another formula that is accepted under a name."""

    name: str
    says: str  # completes "Read as ...; "; {a} stands for the coefficient
    formula: str
    free: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)  # symbol -> question
    leading: bool = False
    ask: str = ""


@dataclass(frozen=True)
class Question:
    """What is asked, how its answer is found, and what counts as one. Plain data, as JSON is."""

    id: str
    says: str
    place: str
    facets: Mapping[str, str]
    reference: str
    symbols: Mapping[str, tuple[str, ...]]  # with all their spellings
    given: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    factors: tuple[str, ...] = ()
    at: Mapping[str, float] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()
    number_only: bool = False  # only the number at `at` is asked for
    words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)  # all facets

    @property
    def table(self) -> dict[str, str]:
        """Return every spelling -> symbol, for `scanning.scan`."""
        return table_of({n: symbol for symbol, names in self.symbols.items() for n in names})

    def tree(self, formula: str, extra: Sequence[str] = ()) -> Tree:
        """Return the tree of a formula of the pack; raises `Unreadable`."""
        table = {name: name for name in (*self.symbols, *extra)}
        return read_tokens(scan(formula, table))[0].tree


def as_json(question: Question) -> dict[str, Any]:
    """Return a question as plain data."""
    return dataclasses.asdict(question)


def from_json(data: Mapping[str, Any]) -> Question:
    """Return the question that `as_json` wrote."""
    variants = tuple(
        Variant(**{**v, "free": {n: (r[0], r[1]) for n, r in v["free"].items()}})
        for v in data["variants"]
    )
    return Question(**{**data, "variants": variants})


def load(path: Path) -> tuple[Question, ...]:
    """Read and validate a pack's questions; none where the file is missing. Raises `BadPack`."""
    if not path.exists():
        return ()
    try:
        table = Table(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadPack(f"{path}: {error}") from error
    table.only("schema", "facets", "symbols", "questions")
    if table.text("schema") != SCHEMA:
        raise BadPack(f"{path}: schema has to be {SCHEMA!r}")
    shared = _Shared(_facets(table), _symbols(table))
    found: dict[str, Question] = {}
    for entry in table.tables("questions"):
        question = _question(entry, shared, found)
        if question.id in found:
            raise BadPack(f"{path}: the question {question.id!r} is listed twice")
        found[question.id] = question
    return tuple(found.values())


@dataclass(frozen=True)
class _Shared:
    facets: Mapping[str, Mapping[str, tuple[str, ...]]]
    symbols: Mapping[str, Table]


def _facets(table: Table) -> dict[str, dict[str, tuple[str, ...]]]:
    facets = table.table("facets", optional=True)
    return {
        name: {value: facets.table(name).texts(value) for value in facets.table(name).values}
        for name in facets.values
    }


def _symbols(table: Table) -> dict[str, Table]:
    symbols = table.table("symbols")
    found = {name: symbols.table(name) for name in symbols.values}
    spelt: dict[str, str] = {}
    for name, entry in found.items():
        entry.only("says", "aliases", "given", "factor")
        for alias in (name, *_optional_texts(entry, "aliases")):
            if (other := spelt.setdefault(canonical(alias), name)) != name:
                raise BadPack(f"{entry.where}: {alias!r} is a name of {other!r} already")
    return found


def _question(table: Table, shared: _Shared, before: Mapping[str, Question]) -> Question:
    table.only("id", "says", "place", "facets", "symbols", "reference", "at", "variants",
               "number_of")  # fmt: skip
    own = Question(
        id=table.text("id"),
        says=table.text("says"),
        place=table.text("place"),
        facets=_chosen_facets(table, shared.facets),
        reference="",
        symbols={},
        at={name: float(v) for name, v in table.table("at", optional=True).numbers().items()},
        words=shared.facets,
    )
    if "number_of" in table.values:
        other = table.text("number_of")
        if other not in before:
            raise BadPack(f"{table.where}: no question {other!r} before it{hint(other, before)}")
        like = before[other]
        follows = Variant("follows", "it follows from your own formula", "F", own={"F": other})
        others = (variant for variant in like.variants if variant.name != follows.name)
        question = replace(own, reference=like.reference, symbols=like.symbols, given=like.given,
                           factors=like.factors, number_only=True,
                           variants=(follows, *others))  # fmt: skip
        _values_needed(table, question)
        return question
    names = _optional_texts(table, "symbols") or tuple(shared.symbols)
    for name in names:
        if name not in shared.symbols:
            raise BadPack(f"{table.where}: no symbol {name!r}{hint(name, shared.symbols)}")
    chosen = {name: shared.symbols[name] for name in names}
    question = replace(
        own,
        reference=table.text("reference"),
        symbols={name: (name, *_optional_texts(e, "aliases")) for name, e in chosen.items()},
        given={
            name: _whole_numbers(e, "given") for name, e in chosen.items() if "given" in e.values
        },
        factors=tuple(name for name, e in chosen.items() if e.values.get("factor") is True),
        variants=tuple(
            _variant(entry, before) for entry in table.tables("variants", optional=True)
        ),
    )
    _validate(table, question)
    return question


def _variant(table: Table, before: Mapping[str, Question]) -> Variant:
    table.only("name", "says", "formula", "free", "from", "leading", "ask")
    free = {}
    bounds = table.table("free", optional=True)
    for name in bounds.values:
        low_high = _whole_numbers(bounds, name)
        if len(low_high) != 2 or low_high[0] > low_high[1]:  # noqa: PLR2004 - from, to
            raise BadPack(f"{bounds.where}: {name!r} has to be a range, [from, to]")
        free[name] = (low_high[0], low_high[1])
    if len(free) > 1:
        raise BadPack(f"{table.where}: at most one coefficient may be free")
    sources = table.table("from", optional=True)
    own = {name: sources.text(name) for name in sources.values}
    for other in own.values():
        if other not in before:
            raise BadPack(f"{table.where}: no question {other!r} before it{hint(other, before)}")
    return Variant(
        table.text("name"),
        table.text("says"),
        table.text("formula"),
        free,
        own,
        leading=table.values.get("leading") is True,
        ask=table.text("ask") if "ask" in table.values else "",
    )


def _chosen_facets(
    table: Table, known: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> dict[str, str]:
    chosen = table.table("facets", optional=True)
    found = {name: chosen.text(name) for name in chosen.values}
    for name, value in found.items():
        if name not in known:
            raise BadPack(f"{table.where}: no facet {name!r}{hint(name, known)}")
        if value not in known[name]:
            raise BadPack(f"{table.where}: no {name} {value!r}{hint(value, known[name])}")
    return found


def _optional_texts(table: Table, key: str) -> tuple[str, ...]:
    return table.texts(key) if key in table.values else ()


def _whole_numbers(table: Table, key: str) -> tuple[int, ...]:
    values = table.values[key]
    if not (isinstance(values, list) and values and all(type(value) is int for value in values)):
        raise BadPack(f"{table.where}: {key!r} has to be a list of whole numbers")
    return tuple(values)


def _validate(table: Table, question: Question) -> None:
    """Refuse formulas that cannot be read, or that two names claim."""
    reference = _tree(table.where, question, question.reference)
    named: dict[str, tuple[Tree, Variant | None]] = {"reference": (reference, None)}
    for variant in question.variants:
        where = f"{table.where}, variant {variant.name!r}"
        if variant.name in {*named, "none", "unreadable", "missing"}:
            raise BadPack(f"{where}: the name is taken")
        try:
            variant.says.format(**dict.fromkeys(variant.free, 1))
        except (KeyError, IndexError, ValueError) as error:
            raise BadPack(f"{where}: 'says' has a {{field}} that is not free: {error}") from error
        tree = _tree(where, question, variant.formula, (*variant.free, *variant.own))
        missing = (set(variant.free) | set(variant.own)) - trees.symbols(tree)
        if missing:
            raise BadPack(f"{where}: its formula has no {min(missing)!r}")
        if not variant.own:
            named[variant.name] = (tree, variant)
    exact = {name: t for name, (t, v) in named.items() if not (v and v.leading)}
    for first, second in itertools.combinations(exact, 2):
        if _meet(named[first], named[second]):
            raise BadPack(f"{table.where}: {first!r} and {second!r} are the same formula")
    _values_needed(table, question)


def _meet(first: tuple[Tree, Variant | None], second: tuple[Tree, Variant | None]) -> bool:
    """Whether one formula, for some coefficient in its range, is the other."""

    def versions(tree: Tree, variant: Variant | None) -> list[Tree]:
        if variant is None or not variant.free:
            return [tree]
        ((name, (low, high)),) = variant.free.items()
        return [
            trees.substitute(tree, trees.numbers({name: Fraction(value)}))
            for value in range(low, min(high, low + 20) + 1)
        ]

    pairs = itertools.product(versions(*first), versions(*second))
    return any(identity.same(left, right) for left, right in pairs)


def _tree(where: str, question: Question, formula: str, extra: Sequence[str] = ()) -> Tree:
    try:
        return question.tree(formula, extra)
    except Unreadable as stop:
        raise BadPack(f"{where}: {formula!r} cannot be read: it stops at {stop}") from None


def _values_needed(table: Table, question: Question) -> None:
    """Refuse numbers that are asked for at a point that lacks a symbol."""
    needed = trees.symbols(question.tree(question.reference))
    if question.at or question.number_only:
        for name in sorted(needed - set(question.at)):
            raise BadPack(f"{table.where} [at]: {name!r} has no value")
    for name in question.at:
        if name not in question.symbols:
            raise BadPack(f"{table.where} [at]: no symbol {name!r}{hint(name, question.symbols)}")

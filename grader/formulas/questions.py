r"""The questions of a pack that ask for a formula: `formulas.toml`, read and validated.

schema = "grader.formulas/1"
sheet = "README.md"                   the file of the template that holds all questions, if answers
                                      are found by their places in it
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
[[questions.variants]]                what is worth more before what is worth less
name, says, formula                   what else is accepted under a name; what a name is worth
                                      is the rubric's business
free = { a = [3, 6] }                 a coefficient, any whole number in this range
from = { F = "id" }                   a symbol that stands for the student's own answer to id;
                                      "id@D=D/H": with something put in for its symbols
leading = true                        only the terms of highest degree have to agree
ask = "..."                           a question that a person answers before points are given

Of a sheet whose questions are found by their places in it:

put = { D = "1600" }                  what symbols stand for here, in all formulas
number = true, unit = "s"             only a number is asked for; of this kind: flop, byte, s, x
between = [49, 51]                    any number from here to there is right
[verdicts.bound]                      words of verdicts, and in [short.bound] words that are one
memory = ["memory bound"]             where they are all of a table's cell
prose = true                          a person grades it, and is shown what is written
verdict = "bound", right = "memory"   a question for one of them
bound = { over, under = "id", ridge,  what follows from the quotient of own answers to two questions
          above, below = "memory" }
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from grader.formulas import identity, trees
from grader.formulas.asked import Question, Variant, as_json, from_json, unanswered
from grader.formulas.spelling import Unreadable, canonical
from grader.formulas.trees import Tree
from grader.tables import BadPack, Table, hint

__all__ = ["FILE", "SCHEMA", "Question", "Variant", "as_json", "from_json", "load", "sheet_of",
           "unanswered"]  # fmt: skip

FILE = "formulas.toml"
SCHEMA = "grader.formulas/1"


def load(path: Path) -> tuple[Question, ...]:
    """Read and validate a pack's questions; none where the file is missing. Raises `BadPack`."""
    if not path.exists():
        return ()
    table = _table(path)
    table.only("schema", "sheet", "facets", "symbols", "verdicts", "short", "questions")
    if table.text("schema") != SCHEMA:
        raise BadPack(f"{path}: schema has to be {SCHEMA!r}")
    shared = _Shared(_facets(table), _symbols(table), _words(table, "verdicts"),
                     _words(table, "short"))  # fmt: skip
    found: dict[str, Question] = {}
    for entry in table.tables("questions"):
        question = _question(entry, shared, found)
        if question.id in found:
            raise BadPack(f"{path}: the question {question.id!r} is listed twice")
        found[question.id] = question
    return tuple(found.values())


def sheet_of(path: Path) -> str:
    """Return the name of the file that students fill in; "" where none is named."""
    if not path.exists():
        return ""
    table = _table(path)
    return table.text("sheet") if "sheet" in table.values else ""


def _table(path: Path) -> Table:
    try:
        return Table(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadPack(f"{path}: {error}") from error


@dataclass(frozen=True)
class _Shared:
    facets: Mapping[str, Mapping[str, tuple[str, ...]]]
    symbols: Mapping[str, Table]
    verdicts: Mapping[str, Mapping[str, tuple[str, ...]]]
    short: Mapping[str, Mapping[str, tuple[str, ...]]]


def _facets(table: Table) -> dict[str, dict[str, tuple[str, ...]]]:
    return _words(table, "facets")


def _words(table: Table, key: str) -> dict[str, dict[str, tuple[str, ...]]]:
    facets = table.table(key, optional=True)
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
               "number_of", "number", "put", "unit", "between", "verdict", "right",
               "bound", "prose")  # fmt: skip
    own = Question(
        id=table.text("id"),
        says=table.text("says"),
        place=table.text("place"),
        facets=_chosen_facets(table, shared.facets),
        reference="",
        symbols={},
        at={name: float(v) for name, v in table.table("at", optional=True).numbers().items()},
        words=shared.facets,
        put={name: str(v) for name, v in table.table("put", optional=True).values.items()},
        unit=table.text("unit") if "unit" in table.values else "",
        between=_between(table),
    )
    if table.values.get("prose") is True:
        return replace(own, prose=True)
    if "verdict" in table.values:
        return _verdict(table, own, shared, before)
    if "number_of" in table.values:
        other = table.text("number_of")
        if other not in before:
            raise BadPack(f"{table.where}: no question {other!r} before it{hint(other, before)}")
        like = before[other]
        follows = Variant("follows", "it follows from your own formula", "F", own={"F": other})
        others = (variant for variant in like.variants if variant.name != follows.name)
        question = replace(own, reference=like.reference, symbols=like.symbols, given=like.given,
                           factors=like.factors, number_only=True, put={**like.put, **own.put},
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
        number_only=table.values.get("number") is True,
    )
    _validate(table, question)
    return question


def _between(table: Table) -> tuple[float, ...]:
    """Return the range in which any number is right; () where there is none."""
    if "between" not in table.values:
        return ()
    ends = table.values["between"]
    if not (isinstance(ends, list) and len(ends) == 2 and ends[0] < ends[1]):  # noqa: PLR2004
        raise BadPack(f"{table.where}: between has to be a range, [from, to]")
    return float(ends[0]), float(ends[1])


def _verdict(
    table: Table, own: Question, shared: _Shared, before: Mapping[str, Question]
) -> Question:
    """Return a question that asks for one of several verdicts in words."""
    name, right = table.text("verdict"), table.text("right")
    if name not in shared.verdicts:
        raise BadPack(f"{table.where}: no verdict {name!r}{hint(name, shared.verdicts)}")
    stances = shared.verdicts[name]
    if right not in stances:
        raise BadPack(f"{table.where}: no {name} {right!r}{hint(right, stances)}")
    bound = {k: str(v) for k, v in table.table("bound", optional=True).values.items()}
    if bound and bound.keys() != {"over", "under", "ridge", "above", "below"}:
        raise BadPack(f"{table.where}: bound has over, under, ridge, above and below")
    for key in ("over", "under") if bound else ():
        if bound[key] not in before:
            raise BadPack(f"{table.where}: no question {bound[key]!r}{hint(bound[key], before)}")
    return replace(own, reference=right, stances=stances, short=shared.short.get(name, {}),
                   bound=bound)  # fmt: skip


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
    for other in (source.partition("@")[0] for source in own.values()):
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
        needed |= {n for text in question.put.values() for n in trees.symbols(question.tree(text))}
        for name in sorted(needed - set(question.at) - set(question.put)):
            raise BadPack(f"{table.where} [at]: {name!r} has no value")
    for name in question.at:
        if name not in question.symbols:
            raise BadPack(f"{table.where} [at]: no symbol {name!r}{hint(name, question.symbols)}")

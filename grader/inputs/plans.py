"""Other numbers for a program → how to run it with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from grader.inputs import ways
from grader.inputs.slots import Slot, replaced, slots
from grader.inputs.source import Source, parse, quantity, written
from grader.inputs.ways import Asked
from grader.printed import Row

MAX_CONFIG = 65_536
MAX_NESTING = 20


@dataclass(frozen=True)
class Plan:
    """How to run a program with other numbers.

    ``way`` is how most of them go in: "flags", "positions", "config", "prompts" or "edits" (of
    numbers typed into the source). ``files`` are to be written beside the program before it runs,
    the program itself among them where its source was edited. ``missing`` are the quantities that
    it gives no place: it then runs with its own.
    """

    way: str
    argv: tuple[str, ...] = ()
    stdin: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    covered: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class NoPlan:
    """Why a program cannot be run with other numbers, as half a sentence about the program."""

    reason: str


def defaults(text: str, rows: tuple[Row, ...]) -> dict[str, float]:
    """Return the numbers that a source has for declared quantities, where it has only one of each.

    Memory is in whatever unit the source has it in. Empty where the source cannot be read.
    """
    source = parse(text)
    if isinstance(source, str):
        return {}
    seen: dict[str, set[float]] = {}
    for slot in slots(source, rows):
        seen.setdefault(slot.name, set()).add(slot.value)
    asked = ways.prompts(source, rows)
    for one in [*ways.flags(source, rows), *([] if isinstance(asked, str) else asked)]:
        if one.quantity and one.default is not None:
            seen.setdefault(one.quantity, set()).add(one.default)
    return {name: values.pop() for name, values in seen.items() if len(values) == 1}


def plan(
    name: str,
    text: str,
    rows: tuple[Row, ...],
    values: Mapping[str, float],
    beside: Mapping[str, str] | None = None,
) -> Plan | NoPlan:
    """Return how to run the program ``name`` with ``values``, or why that cannot be.

    ``values`` maps declared quantities to numbers, a memory in GB. ``beside`` holds the texts of
    configuration files handed in with the program. What no flag, prompt or file takes is edited in
    the source where it is typed in.
    """
    source = parse(text)
    if isinstance(source, str):
        return NoPlan(source)
    given = {row.name: (values[row.name], row.kind) for row in rows if row.name in values}
    found = _best(source, rows, given, beside or {})
    if isinstance(found, NoPlan):
        return found
    typed = [slot for slot in slots(source, rows) if slot.name in given.keys() - found.covered]
    files, way = dict(found.files), found.way
    covered = found.covered | {slot.name for slot in typed if _on_one_line(slot)}
    if typed:
        files[name] = replaced(source, typed, given)
    if not covered:
        return NoPlan("takes none of the numbers asked for, and none are typed in by a name")
    missing = frozenset(given) - covered
    return Plan(way, found.argv, found.stdin, files, frozenset(covered), missing)


def _on_one_line(slot: Slot) -> bool:
    return slot.node.lineno == slot.node.end_lineno


Given = Mapping[str, tuple[float, str]]


def _best(
    source: Source, rows: tuple[Row, ...], given: Given, beside: Mapping[str, str]
) -> Plan | NoPlan:
    """Return the way that takes most; a program that asks in two ways is answered in both."""
    prompted = ways.prompts(source, rows)
    if isinstance(prompted, str):
        return NoPlan(prompted)
    answered = _prompts(prompted, given)
    if isinstance(answered, NoPlan):
        return answered
    flagged = _arguments(ways.flags(source, rows) or ways.positions(source, rows), given)
    if isinstance(flagged, NoPlan):
        return flagged
    configured = _config(source, rows, given, beside)
    parts = [part for part in (flagged, configured, answered) if part.covered]
    if not parts:
        return Plan("edits", stdin=answered.stdin, argv=flagged.argv)
    first = max(parts, key=lambda part: len(part.covered))
    covered = frozenset().union(*(part.covered for part in parts))
    return Plan(first.way, flagged.argv, answered.stdin, configured.files, covered)


def _arguments(asked: list[Asked], given: Given) -> Plan | NoPlan:
    """Return the command line; flags first, then positions as far as they are needed."""
    argv: list[str] = []
    covered = set()
    ordered = sorted((a for a in asked if a.position > 0), key=lambda a: a.position)
    for one in asked:
        if one.position > 0:
            continue
        if one.quantity in given and one.quantity not in covered:
            argv += [one.key, _text(one, given)]
            covered.add(one.quantity)
        elif not one.optional and one.default is None:
            return NoPlan(f"needs {one.key}, which is none of the numbers asked for")
    for one in ordered:
        if one.quantity in given and one.quantity not in covered:
            argv.append(_text(one, given))
            covered.add(one.quantity)
        elif one.default is not None:
            argv.append(written(one.default, None, "count"))
        elif one.optional:
            break
        else:
            return NoPlan(f"takes {one.key!r} by position, which is none of the numbers asked for")
    way = "positions" if ordered else "flags"
    return Plan(way, tuple(argv), covered=frozenset(filter(None, covered)))


def _prompts(asked: list[Asked], given: Given) -> Plan | NoPlan:
    """Return the answers to prompts, a line each; an empty line where that will do."""
    answers, covered = [], set()
    for one in asked:
        if one.quantity in given:
            answers.append(_text(one, given))
            covered.add(one.quantity)
        elif one.optional:
            answers.append("")
        else:
            return NoPlan(f"asks {one.key[:60]!r}, which is none of the numbers asked for")
    stdin = "".join(f"{answer}\n" for answer in answers)
    return Plan("prompts", stdin=stdin, covered=frozenset(filter(None, covered)))


def _text(one: Asked, given: Given) -> str:
    number, kind = given[one.quantity or ""]
    return written(number, one.default, kind)


# --- configuration files --------------------------------------------------------------------------


def _config(source: Source, rows: tuple[Row, ...], given: Given, beside: Mapping[str, str]) -> Plan:
    """Return the one configuration file that is opened, with other numbers in it."""
    names = ways.config_files(source)
    if len(names) != 1:
        return Plan("config")
    name = names[0]
    text = beside.get(name, beside.get(name.rpartition("/")[2], ""))
    covered: set[str] = set()
    if name.endswith(".toml"):
        new = _toml(text[:MAX_CONFIG], rows, given, covered)
    else:
        new = _json(source, text[:MAX_CONFIG], rows, given, covered)
    return Plan("config", files={name: new} if covered else {}, covered=frozenset(covered))


def _json(source: Source, text: str, rows: tuple[Row, ...], given: Given, covered: set[str]) -> str:
    try:
        table = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        table = {}
    if not table:  # it was not handed in: make it from the keys that are looked up
        for path in ways.config_keys(source):
            known = quantity(path[-1], rows)
            if known in given:
                inner = table
                for key in path[:-1]:
                    inner = inner.setdefault(key, {})
                    if not isinstance(inner, dict):
                        return ""
                inner[path[-1]] = None
    try:
        return json.dumps(_changed(table, rows, given, covered, 0), indent=2)
    except RecursionError:
        covered.clear()
        return ""


def _changed(
    node: object, rows: tuple[Row, ...], given: Given, covered: set[str], depth: int
) -> object:
    """Return a JSON value with the numbers of known keys replaced."""
    if not isinstance(node, dict) or depth > MAX_NESTING:
        return node
    new: dict[str, object] = {}
    for key, item in node.items():
        known = quantity(key, rows)
        plain = item is None or (isinstance(item, int | float) and not isinstance(item, bool))
        if known in given and known is not None and plain:
            number, kind = given[known]
            new[key] = json.loads(written(number, item, kind))
            covered.add(known)
        else:
            new[key] = _changed(item, rows, given, covered, depth + 1)
    return new


def _toml(text: str, rows: tuple[Row, ...], given: Given, covered: set[str]) -> str:
    """Return TOML with the numbers of known keys replaced, line by line."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        key, equals, item = line.partition("=")
        plain = item.partition("#")[0].strip().replace("_", "")
        known = quantity(key.strip().strip("\"'"), rows) if equals else None
        try:
            old = float(plain)
        except ValueError:
            continue
        if known in given and known is not None:
            number, kind = given[known]
            lines[at] = f"{key.rstrip()} = {written(number, old, kind)}"
            covered.add(known)
    return "\n".join(lines)

"""The rubric of an assignment: rubric.toml, read and validated against the checks that are there.

What is wrong is refused with one sentence that names the file, the place and, where a word was
probably meant otherwise, the word.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from grader import accepted, adapting, late, marks, recognition, style
from grader.accepted import Ruling
from grader.adapting import Adapter
from grader.latency import settings
from grader.latency.settings import Settings
from grader.notebook import declared
from grader.notebook.form import Form
from grader.records import Interface, Limits
from grader.tables import BadPack, Table, hint

FILE = "rubric.toml"
SCHEMA = "grader.rubric/1"
RULES = ("all", "sum", "best_of", "manual")
ATOL = 1e-2  # where the rubric names no limit of that name


@dataclass(frozen=True)
class Condition:
    """Bounds on what a check measured; each is a number, or was looked up in [limits]."""

    at_most: Mapping[str, float]
    at_least: Mapping[str, float]


@dataclass(frozen=True)
class Check:
    """One check of the rubric."""

    id: str
    points: float
    says: str
    visibility: str  # public | hidden
    passes: Condition
    review: Condition | None  # where a failed check is for a human to decide
    credit: Mapping[str, float]  # fraction of the points by the answer that was given
    minus: Mapping[str, float]  # fraction that a slip costs
    manual: bool  # a human's, with what the check collects beside it
    accepted: Mapping[str, Ruling] = field(default_factory=dict)  # answers by their digest


@dataclass(frozen=True)
class Criterion:
    """One line of the sheet."""

    id: str
    title: str
    points: float
    rule: str
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Deduction:
    """What a human may deduct points for; nothing is suggested where the condition holds."""

    id: str  # one of `grader.style.MEASURES`
    points: float
    says: str
    passes: Condition


@dataclass(frozen=True)
class Further:
    """Another model of the same submission, which may be missing."""

    interface: Interface
    adapter: Adapter


@dataclass(frozen=True)
class Rubric:
    """What rubric.toml says; each part is valid, and `validate` says whether they fit together."""

    where: str  # the file
    id: str
    title: str
    version: str
    points: float
    criteria: tuple[Criterion, ...]
    interface: Interface
    sandbox: Limits
    limits: Mapping[str, float]  # [limits], by name
    timing: Settings | None  # how latency is measured; None where it is not
    atol: float  # largest difference of a number that counts as equal
    deductions: tuple[Deduction, ...]
    late: late.Policy | None  # what lateness costs; None where it costs nothing
    signs: recognition.Signs
    form: Form | None  # of a notebook that is filled in
    adapter: Adapter | None  # that makes a model of a function
    further: Mapping[str, Further]  # other models, by name
    marks: Mapping[str, str]  # of all checks in the folder, whether the rubric uses them or not


def read(folder: Path) -> Rubric:
    """Read a pack's rubric.toml and the marks of its checks; raises BadPack."""
    path = folder / FILE
    try:
        table = Table(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadPack(f"{path}: {error}") from error
    table.only("schema", "id", "title", "version", "points", "interface", "sandbox", "limits",
               "timing", "deductions", "criteria", recognition.KEY, declared.KEY, late.KEY,
               adapting.KEY, adapting.FURTHER)  # fmt: skip
    if table.text("schema") != SCHEMA:
        raise BadPack(f"{path}: schema has to be {SCHEMA!r}")
    limits = {name: float(value) for name, value in table.table("limits").numbers().items()}
    checks = marks.read(folder / "checks")
    rulings = accepted.standing(accepted.read(folder))
    return Rubric(
        where=str(path),
        id=table.text("id"),
        title=table.text("title"),
        version=table.text("version"),
        points=table.number("points"),
        criteria=tuple(_criterion(t, limits, checks, rulings) for t in table.tables("criteria")),
        interface=_interface(table.table("interface")),
        sandbox=_limits(table.table("sandbox")),
        limits=limits,
        timing=settings.read(table.table("timing")) if "timing" in table.values else None,
        atol=limits.get("atol", ATOL),
        deductions=_deductions(table.table("deductions", optional=True), limits),
        late=late.read(table.table(late.KEY, optional=True)),
        signs=recognition.read(table.table(recognition.KEY, optional=True)),
        form=declared.read(table.table(declared.KEY, optional=True), folder),
        adapter=adapting.read(table.table(adapting.KEY, optional=True), folder),
        further=_further(table.table(adapting.FURTHER, optional=True), folder),
        marks=checks,
    )


def validate(rubric: Rubric) -> None:
    """Raise BadPack if the parts of a rubric do not fit together."""
    where, criteria, points = rubric.where, rubric.criteria, rubric.points
    if not criteria:
        raise BadPack(f"{where}: there are no criteria")
    if not math.isclose(total := sum(c.points for c in criteria), points):
        raise BadPack(f"{where}: the criteria add up to {total:g} points, not to {points:g}")
    for criterion in criteria:
        place = f"{where}: criterion {criterion.id!r}"
        if (criterion.rule == "manual") != (not criterion.checks):
            raise BadPack(f"{place}: a manual criterion has no checks, and any other has some")
        parts = [check.points for check in criterion.checks]
        if criterion.rule == "sum" and not math.isclose(sum(parts), criterion.points):
            raise BadPack(f"{place}: its checks add up to {sum(parts):g}, not {criterion.points:g}")
        if criterion.rule == "best_of" and max(parts) != criterion.points:
            raise BadPack(
                f"{place}: its best check is worth {max(parts):g}, not {criterion.points:g}"
            )
    used = [check.id for criterion in criteria for check in criterion.checks]
    for kind, ids in (("criterion", [c.id for c in criteria]), ("check", used)):
        if twice := [name for name in ids if ids.count(name) > 1]:
            raise BadPack(f"{where}: the {kind} {twice[0]!r} is listed twice")
    if unused := sorted(rubric.marks.keys() - set(used)):
        raise BadPack(f"{where}: the check {unused[0]!r} belongs to no criterion")


# --- the parts of a rubric ------------------------------------------------------------------------


Rulings = Mapping[str, Mapping[str, Ruling]]


def _criterion(
    table: Table, limits: Mapping[str, float], found: Mapping[str, str], rulings: Rulings
) -> Criterion:
    table.only("id", "title", "points", "rule", "checks")
    rule = table.text("rule")
    if rule not in RULES:
        raise BadPack(f"{table.where}: no rule {rule!r}{hint(rule, RULES)}")
    return Criterion(
        id=table.text("id"),
        title=table.text("title"),
        points=table.number("points"),
        rule=rule,
        checks=tuple(
            _check(t, limits, found, rulings) for t in table.tables("checks", optional=True)
        ),
    )


def _check(
    table: Table, limits: Mapping[str, float], found: Mapping[str, str], rulings: Rulings
) -> Check:
    table.only("id", "points", "says", "at_most", "at_least", "review_if", "credit", "minus",
               "manual")  # fmt: skip
    check = table.text("id")
    if check not in found:
        raise BadPack(f"{table.where}: no check {check!r}{hint(check, found)}")
    passes = _condition(table, limits)
    credit, minus = _fractions(table, "credit"), _fractions(table, "minus")
    manual = table.values.get("manual", False) is True
    if sum((bool(passes.at_most or passes.at_least), bool(credit), manual)) != 1:
        raise BadPack(
            f"{table.where}: {check!r} has to have bounds (at_most, at_least), or credit, or "
            "manual = true"
        )
    if minus and not credit:
        raise BadPack(f"{table.where}: {check!r} has minus, but no credit to take it from")
    review = None
    if "review_if" in table.values:
        inner = table.table("review_if")
        inner.only("at_most", "at_least")
        review = _condition(inner, limits)
    return Check(
        id=check,
        points=table.number("points"),
        says=table.text("says"),
        visibility=found[check],
        passes=passes,
        review=review,
        credit=credit,
        minus=minus,
        manual=manual,
        accepted=rulings.get(check, {}),
    )


def _fractions(table: Table, key: str) -> dict[str, float]:
    inner = table.table(key, optional=True)
    for name, value in (found := inner.numbers()).items():
        if value > 1:
            raise BadPack(f"{inner.where}: {name!r} has to be a fraction, from 0 to 1")
    return found


def _deductions(table: Table, limits: Mapping[str, float]) -> tuple[Deduction, ...]:
    table.only(*style.MEASURES)
    found = []
    for name in table.values:
        entry = table.table(name)
        entry.only("points", "says", "at_most", "at_least")
        passes = _condition(entry, limits)
        if not (measures := [*passes.at_most, *passes.at_least]):
            raise BadPack(f"{entry.where}: there is neither at_most nor at_least")
        for measure in measures:
            if measure not in (known := style.MEASURES[name]):
                raise BadPack(f"{entry.where}: nothing measures {measure!r}{hint(measure, known)}")
        found.append(Deduction(name, entry.number("points"), entry.text("says"), passes))
    return tuple(found)


def _condition(table: Table, limits: Mapping[str, float]) -> Condition:
    bounds: dict[str, dict[str, float]] = {}
    for side in ("at_most", "at_least"):
        bounds[side] = {}
        for name, value in table.table(side, optional=True).values.items():
            if isinstance(value, str):
                if value not in limits:
                    raise BadPack(f"{table.where}: no limit {value!r}{hint(value, limits)}")
                bounds[side][name] = limits[value]
            elif (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and math.isfinite(value)
            ):
                bounds[side][name] = float(value)
            else:
                raise BadPack(f"{table.where}: {side}.{name} has to be a number or a limit's name")
    return Condition(bounds["at_most"], bounds["at_least"])


def _interface(table: Table) -> Interface:
    table.only(*(field.name for field in fields(Interface)))
    forward, generate = table.texts("forward"), table.texts("generate")
    if len(forward) != 2 or len(generate) != 3:  # noqa: PLR2004 - cache, flag; count, temperature, flag
        raise BadPack(f"{table.where}: forward takes two names and generate three")
    interface = Interface(
        model=table.text("model"),
        classes=table.texts("classes"),
        expected=table.texts("expected"),
        constructor=table.texts("constructor"),
        forward=(forward[0], forward[1]),
        generate=(generate[0], generate[1], generate[2]),
        vocabulary=table.text("vocabulary"),
        probe={name: int(value) for name, value in table.table("probe").numbers().items()},
        devices_asked=table.values.get("devices_asked", False) is True,
    )
    if set(interface.probe) != set(interface.constructor):
        raise BadPack(f"{table.where}: probe has to name each of constructor's arguments")
    if interface.vocabulary not in interface.constructor:
        raise BadPack(f"{table.where}: vocabulary has to be one of constructor's arguments")
    return interface


def _further(table: Table, folder: Path) -> dict[str, Further]:
    found = {}
    for name in table.values:
        inner = table.table(name)
        inner.only("interface", adapting.KEY)
        if not name.isidentifier():
            raise BadPack(f"{inner.where}: {name!r} has to be a name of letters and digits")
        adapter = adapting.read(inner.table(adapting.KEY), folder)
        if adapter is None:
            raise BadPack(f"{inner.where}: [{adapting.KEY}] has to name a file and a function")
        found[name] = Further(_interface(inner.table("interface")), adapter)
    return found


def _limits(table: Table) -> Limits:
    known = {field.name: field.type for field in fields(Limits)}
    table.only(*known)
    numbers = table.numbers()
    return Limits(**{n: int(v) if known[n] == "int" else float(v) for n, v in numbers.items()})  # type: ignore[arg-type]

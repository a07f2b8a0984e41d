"""What of a result is shown to whom: the one place that keeps hidden data from students.

Everything here is text that is harmless on one line (`grader.text.shown`) or, where it has lines of
its own, on each of them. Templates only lay it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from grader.records import ACCEPTED, DEDUCTION, Json
from grader.report.exhibits import Picture, Text, lines, pictures, texts, visible
from grader.report.told import LONGEST, covered, decided, left_out, messages, sentence
from grader.text import shown

Audience = Literal["student", "staff"]

STATES = {
    "graded": "",
    "needs_review": "waits for a person",
    "withheld": "withheld: the grader failed, which is not your fault",
}
_WORDS = {
    "passed": "",
    "by_hand": "",
    "inconclusive": "waits for a person",
    "harness_error": "the grader failed",
}
_OPEN = ("inconclusive", "harness_error", "by_hand")


@dataclass(frozen=True)
class Bar:
    """Points of something: as text, and as shares of the whole in percent."""

    points: str  # a dash where nothing can be said yet
    most: str
    waiting: str  # points that wait, or nothing
    got_share: float
    waiting_share: float


_TIMED = {
    "full": "A forward without a cache",
    "step": "A decode step with the cache",
    "generate": "generate with the cache",
}


@dataclass(frozen=True)
class Criterion:
    """A row of the table."""

    id: str
    title: str
    bar: Bar
    state: str


@dataclass(frozen=True)
class Entry:
    """Checks of a criterion that ended alike, with what there is to say about it."""

    criterion: str
    names: tuple[str, ...]
    hidden: bool
    outcome: str  # as in the result; "by_hand" for what no check judges
    points: str
    most: str
    sentence: str
    figures: tuple[str, ...]  # what was measured, beside its limit
    staff: tuple[str, ...]  # lines for staff alone

    @property
    def ended(self) -> str:
        """Return the outcome in words; nothing where there is nothing to add."""
        return _WORDS.get(self.outcome, self.outcome.replace("_", " "))

    @property
    def told(self) -> tuple[str, ...]:
        """Return what is said, a line each."""
        return tuple(filter(None, (self.sentence, *self.figures)))


@dataclass(frozen=True)
class Page:
    """All that a page on one submission shows."""

    title: str
    pack: str
    staff: bool
    total: Bar
    standing: str
    criteria: tuple[Criterion, ...]
    lost: tuple[Entry, ...]
    waiting: tuple[Entry, ...]
    read: tuple[Entry, ...]
    diagnosis: tuple[str, ...]
    deducted: tuple[str, ...]
    style: tuple[str, ...]
    remarks: tuple[str, ...]
    by_hand: tuple[str, ...]
    verdict: str
    pictures: tuple[Picture, ...]
    texts: tuple[Text, ...]
    files: tuple[str, ...]
    made: tuple[str, ...]
    more: tuple[tuple[str, tuple[str, ...]], ...]  # titles and lines


def page(
    result: Json,
    attachments: Mapping[str, bytes],
    audience: Audience,
    more: Sequence[tuple[str, Sequence[str]]] = (),
) -> Page:
    """Return what this audience sees. ``attachments`` are the files beside the result, by name.

    A student sees no message for staff, no seed, nothing that a hidden check measured but the share
    of the roofline, and of the attachments those that are nothing but their own work.
    """
    staff = audience == "staff"
    if shares := tuple(_roofline(result)):
        more = [("Speed, beside the least time that this device allows", shares), *more]
    entries = tuple(_entries(result, staff=staff))
    files = dict(visible(result, attachments, staff=staff))
    return Page(
        title=shown(result["submission"]["id"]),
        pack=shown(f"{result['pack']['id']}, version {result['pack']['version']}"),
        staff=staff,
        total=bar(result["total"]),
        standing=_standing(result),
        criteria=tuple(_criteria(result)),
        lost=tuple(e for e in entries if e.outcome not in ("passed", *_OPEN)),
        waiting=tuple(e for e in entries if e.outcome in _OPEN),
        read=tuple(e for e in entries if e.outcome == "passed" and e.sentence),
        diagnosis=tuple(shown(entry["sentence"], LONGEST) for entry in result["diagnosis"]),
        deducted=tuple(_deductions(result, advice=False)),
        style=tuple(_deductions(result, advice=True)),
        remarks=tuple(shown(flag, LONGEST) for flag in result["flags"]),
        by_hand=tuple(_by_hand(result, staff=staff)),
        verdict=", ".join(f"{shown(m)} {shown(v)}" for m, v in result["course_verdict"].items()),
        pictures=tuple(pictures(files)),
        texts=tuple(texts(files)),
        files=tuple(
            f"{shown(file['path'])} ({file['bytes']:,} bytes)"
            for file in result["submission"]["files"]
        ),
        made=tuple(_made(result, staff=staff)),
        more=tuple((title, tuple(shown(line, LONGEST) for line in found)) for title, found in more),
    )


def _roofline(result: Json) -> Iterator[str]:
    """Yield which share of the roofline was reached, where its rates have been measured."""
    found = [check["measured"] for each in result["criteria"] for check in each["checks"]]
    known = {name: value for measured in found for name, value in measured.items()}
    for kind, what in _TIMED.items():
        own, reference = (known.get(f"{kind}_reached_by_{side}") for side in ("own", "reference"))
        if own:
            beside = f", the reference's {100 * reference:.3g} %" if reference else ""
            yield f"{what}: yours reaches {100 * own:.3g} % of the roofline{beside}"
    if any(name.endswith("_reached_by_own") for name in known):
        yield "This decides no points."


def _standing(result: Json) -> str:
    if result["status"] == "withheld":
        return (
            "The grader failed on a part of this, which is not your fault: there is no total until "
            "it is graded again."
        )
    if result["status"] == "needs_review":
        waiting = f"{result['total']['pending_points']:g}"
        return f"Open points: {waiting}. They wait for a person, and are neither given nor lost."
    return ""


def bar(entry: Json) -> Bar:
    """Return the points of a result's total or of one of its criteria."""
    known, most, waiting = entry["points"], entry["max_points"], entry["pending_points"]
    only_waiting = known is None or (not known and waiting)
    return Bar(
        points="–" if only_waiting else f"{known:g}",
        most=f"{most:g}",
        waiting=f"{waiting:g}" if waiting else "",
        got_share=round(100 * (known or 0) / most, 2) if most else 0.0,
        waiting_share=round(100 * waiting / most, 2) if most else 0.0,
    )


def _criteria(result: Json) -> Iterator[Criterion]:
    for each in result["criteria"]:
        state = STATES[each["status"]]
        if each["status"] == "needs_review":
            waiting = f"{each['pending_points']:g}"
            state = f"{waiting} {'waits' if waiting == '1' else 'wait'} for a person"
        yield Criterion(shown(each["id"]), shown(each["title"], LONGEST), bar(each), state)


def _entries(result: Json, *, staff: bool) -> Iterator[Entry]:
    """Yield all there is to say of checks; those that say the same stand together."""
    public = messages(result)
    for criterion in result["criteria"]:
        groups: dict[tuple[str, ...], list[Json]] = {}
        by_hand = covered(result, criterion)
        for check in criterion["checks"]:
            if check["id"] in by_hand or left_out(check):
                continue
            told = shown(check["message"], LONGEST) if staff else sentence(check, public)
            groups.setdefault((check["outcome"], told, check["visibility"]), []).append(check)
        for (outcome, told, visibility), checks in groups.items():
            yield Entry(
                criterion=shown(criterion["id"]),
                names=tuple(shown(check["id"]) for check in checks),
                hidden=visibility == "hidden",
                outcome=outcome,
                points="–"
                if outcome in _OPEN
                else f"{sum(check['points'] or 0 for check in checks):g}",
                most=f"{sum(check['max_points'] for check in checks):g}",
                sentence=told,
                figures=tuple(measured(checks)) if staff or visibility == "public" else (),
                staff=tuple(_for_staff(checks)) if staff else (),
            )
        if not criterion["checks"] and criterion["status"] == "needs_review":
            most = f"{criterion['max_points']:g}"
            told = "A person grades this."
            yield Entry(shown(criterion["id"]), (), False, "by_hand", "–", most, told, (), ())


def measured(checks: Sequence[Json]) -> Iterator[str]:
    """Yield what was measured of what these checks limit, where that did not suffice."""
    for check in checks:
        for name, limit in check["limits"].items():
            value = check["measured"].get(name)
            if value is not None and check["outcome"] != "passed":
                yield f"{shown(name)}: measured {value:.4g}, limit {limit:g}"


def _for_staff(checks: list[Json]) -> Iterator[str]:
    for check in checks:
        name = shown(check["id"])
        if check["staff_message"] and check["staff_message"] != check["message"]:
            yield from (f"{name}: {line}" for line in lines(check["staff_message"]))
        more = {k: v for k, v in check["measured"].items() if k not in check["limits"]}
        if more:
            yield f"{name}: " + ", ".join(f"{shown(k)} {v}" for k, v in more.items())
        if check.get("variant"):
            slips = "".join(f", {slip}" for slip in check.get("slips", ()))
            yield shown(f"{name}: counted as {check['variant']}{slips}", LONGEST)


def _deductions(result: Json, *, advice: bool) -> Iterator[str]:
    """Yield what is taken off, or what is only remarked on; lateness is never mere advice."""
    for entry in result["deductions"]:
        if advice == bool(entry["points"] or entry["id"] == "late"):
            continue
        text = f"{entry['message']}"
        if entry["evidence"]:
            text += f" See {'; '.join(entry['evidence'][:6])}."
        if entry["points"]:
            text += f" {entry['points']:g} points are taken off."
        elif decided(result, entry):
            text += " A person has decided that this costs nothing."
        elif entry["suggested"]:
            text += f" A person decides whether this costs {entry['suggested']:g} points."
        yield shown(text, LONGEST)


def _by_hand(result: Json, *, staff: bool) -> Iterator[str]:
    """Yield points given by people, with their notes; who they are is for staff."""
    for entry in result["manual"]:
        about = " ".join([entry["criterion"], *entry.get("checks", ())])
        whose = ", for everybody who gave this answer" if entry.get(ACCEPTED) else ""
        who = f" ({entry['by']}, {entry['at']}{whose})" if staff else ""
        note = f": {entry['note']}" if entry["note"] else ""
        did = "took off" if entry["criterion"].startswith(DEDUCTION) else "gave"
        yield shown(f"{about}: a person {did} {entry['points']:g}{who}{note}", LONGEST)


def _made(result: Json, *, staff: bool) -> Iterator[str]:
    environment = result["environment"]
    yield shown(f"Graded on {environment['device']}, torch {environment['torch']}")
    yield shown(f"What was handed in: {result['submission']['digest']}")
    if staff:
        yield shown(f"Seed of the draw: {result['draw']['seed']}")
        for name, value in environment.items():
            if value is not None and name not in ("device", "torch"):
                yield shown(f"{name}: {value}")
        yield f"{result['timing']['seconds_total']:.1f} s"
    if environment["isolation"] == "none":
        yield "Not isolated: the submission ran as a plain process."

"""What a human does, as an event: checked against the result and its history.

Each function returns a maker of the event, which is called once nobody else can write. A maker
raises UsageError for what cannot be, and returns None where nothing would change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from grader import history, results
from grader.errors import UsageError
from grader.records import ACCEPTED, Json
from grader.score import open_checks, open_deductions
from grader.tables import hint

Maker = Callable[[Json, Sequence[Json]], Json | None]
MAX_TEXT = 4000  # characters of a note, a request or an answer


def points(line: str, given: float, note: str, by: str) -> Maker:
    """Give points for a criterion, which covers all that is open in it, or for one open check.

    For a deduction that a human confirms they are what it takes off.
    """

    def make(result: Json, _events: Sequence[Json]) -> Json:
        if (most := open_deductions(result).get(line)) is not None:
            if not 0 <= given <= most:
                raise UsageError(f"{line} takes 0 to {most:g} points, not {given:g}")
            return _points_event(result, line, [], given, bounded(note, "note"), by)
        criterion, checks, room = _room(result, line)
        if not 0 <= given <= room:  # NaN is not, either
            raise UsageError(f"{line} leaves 0 to {room:g} points to a human, not {given:g}")
        return _points_event(result, criterion["id"], checks, given, bounded(note, "note"), by)

    return make


def undo(line: str, note: str, by: str) -> Maker:
    """Take points by hand back: those of a check, or all of a criterion."""

    def make(result: Json, _events: Sequence[Json]) -> Json:
        if line in open_deductions(result):
            criterion, check = {"id": line}, None
        else:
            criterion, check = _line(result, line)
        checks = [check] if check else []
        about = {"criterion": criterion["id"], "checks": checks}
        _refuse_halves(result, about)
        given = [entry for entry in result["manual"] if history.overlap(entry, about)]
        if given and all(entry.get(ACCEPTED) for entry in given):
            raise UsageError(
                f"the points for {line} are those of everybody who gave this answer: --for-all "
                "takes them back, and points by hand make an exception"
            )
        if not given:
            raise UsageError(f"there are no points by hand for {line}")
        return _points_event(result, criterion["id"], checks, None, bounded(note, "note"), by)

    return make


def state(wanted: str, why: str, by: str) -> Maker:
    """Hold, preview or publish a result. To hold what was never shown is an event, too."""

    def make(_result: Json, events: Sequence[Json]) -> Json | None:
        if _last_state(events) == wanted:
            return None
        return history.event("state", by, bounded(why, "note"), state=wanted)

    return make


def request(line: str, text: str, by: str) -> Maker:
    """Note a dispute on a criterion or a check."""

    def make(result: Json, events: Sequence[Json]) -> Json:
        if not text.strip():
            raise UsageError("a request has to say what is disputed")
        _line(result, line)
        number = 1 + sum(each["event"] == "request" for each in events)
        whose = by or result["submission"]["id"]
        return history.event(
            "request", whose, number=number, line=line, text=bounded(text, "request")
        )

    return make


def answer(number: int, text: str, by: str) -> Maker:
    """Answer a request; a later answer takes the place of an earlier one."""

    def make(_result: Json, events: Sequence[Json]) -> Json:
        asked = [each["number"] for each in events if each["event"] == "request"]
        if number not in asked:
            there = ", ".join(map(str, asked)) or "none"
            raise UsageError(f"there is no request {number}; requests here: {there}")
        if not text.strip():
            raise UsageError("an answer has to say something")
        return history.event("answer", by, number=number, text=bounded(text, "answer"))

    return make


def state_of(events: Sequence[Json]) -> str:
    """Return the state that a history comes to."""
    return _last_state(events) or "held"


def held_back(histories: Mapping[str, Sequence[Json]]) -> dict[str, str]:
    """Return what must not be given to students yet, and why, of the histories of a folder.

    That is what somebody holds; and once anything is published, all that is not.
    """
    states = {name: _last_state(events) for name, events in histories.items()}
    begun = "published" in states.values()
    return {
        name: f"it is {state or 'held'}, and not published"
        for name, state in states.items()
        if state == "held" or (begun and state != "published")
    }


def _last_state(events: Sequence[Json]) -> str | None:
    states = [str(each["state"]) for each in events if each["event"] == "state"]
    return states[-1] if states else None


def _room(result: Json, line: str) -> tuple[Json, list[str], float]:
    """Return the criterion, the checks that are covered, and the most that they are worth."""
    criterion, check = _line(result, line)
    if criterion["points"] is None:
        raise UsageError(
            f"the points of {criterion['id']} are withheld by a fault of the grader: grade it again"
        )
    open_ = open_checks(criterion)
    if not open_:
        raise UsageError(
            f"nothing of {line} is for a human to judge: its points are the checks', and a limit "
            f"that is wrong is changed in the rubric{_waiting(result)}"
        )
    if "" in open_:
        if check:
            raise UsageError(f"{check} is judged with all of {criterion['id']}: give its points")
        return criterion, [], open_[""]
    if check and check not in open_:
        raise UsageError(
            f"{check} is not for a human to judge; of {criterion['id']} that is {', '.join(open_)}"
        )
    covered = [check] if check else list(open_)
    _refuse_halves(result, {"criterion": criterion["id"], "checks": covered})
    return criterion, covered, sum(open_[name] for name in covered)


def _line(result: Json, line: str) -> tuple[Json, str | None]:
    """Return the criterion that is meant, and the check if it is one's; criteria go first."""
    criteria = result["criteria"]
    for criterion in criteria:
        if criterion["id"] == line:
            return criterion, None
    for criterion in criteria:
        if any(check["id"] == line for check in criterion["checks"]):
            return criterion, line
    known = [c["id"] for c in criteria] + [k["id"] for c in criteria for k in c["checks"]]
    where = result["submission"]["id"]
    raise UsageError(
        f"the result of {where} has no criterion and no check {line!r}{hint(line, known)}"
        f"{_waiting(result)}"
    )


def _refuse_halves(result: Json, about: Json) -> None:
    """Raise UsageError where points stand for more than this at once."""
    for entry in result["manual"]:
        together = entry.get("checks") or []
        if (
            about["checks"]
            and history.overlap(entry, about)
            and not set(together) <= set(about["checks"])
        ):
            names = " and ".join(together) or f"all of {entry['criterion']}"
            raise UsageError(
                f"points were given for {names} together: give points for {entry['criterion']} "
                "again, or take them back first"
            )


def _points_event(
    result: Json, criterion: str, checks: list[str], given: float | None, note: str, by: str
) -> Json:
    return history.event(
        "points",
        by,
        note,
        criterion=criterion,
        checks=checks,
        points=given,
        **results.summary(result),
    )


def _waiting(result: Json) -> str:
    names = [c["id"] for c in result["criteria"] if c["status"] == "needs_review"]
    return f"; what waits for a human: {', '.join(names)}" if names else ""


def bounded(text: str, what: str) -> str:
    """Return a text without blanks around it; raises UsageError where it is too long."""
    if len(text) > MAX_TEXT:
        raise UsageError(f"this {what} has {len(text):,} characters; {MAX_TEXT:,} are the most")
    return text.strip()

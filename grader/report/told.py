"""What a student is told about a check, of which there may be hidden data."""

from __future__ import annotations

import builtins
import re

from grader.records import DEDUCTION, Json
from grader.text import shown

LONGEST = 2000  # characters of one sentence
# What a student's code raised is in its words; while a hidden check runs these can be its data.
_OF_THE_CODE = ("error", "out_of_memory", "protocol_violation")
_RAISED = re.compile(r"(?P<verb>\w+) raised (?P<kind>\w+).*?(?:\((?P<place>[^()]*)\))?$", re.DOTALL)
_OURS = re.compile(
    r"Your code ended (its process|the sandbox) during \w+( \((signal|exit code) -?\d{1,3}\))?\."
    r"|The memory limit of [\d.]+ MB was reached during \w+\."
)


def sentence(check: Json, public: frozenset[str]) -> str:
    """Return what a student is told about a check.

    ``public`` are the messages of public checks (`messages`): what these say is no secret. The
    words of an exception in a hidden check are the submission's own, and could hold what it was
    given; only which of Python's own it is, and where it was raised, is told.
    """
    message = str(check["message"])
    hidden = check["visibility"] == "hidden" and message not in public
    if not (hidden and check["outcome"] in _OF_THE_CODE) or _OURS.fullmatch(message):
        return shown(message, LONGEST)
    found = _RAISED.match(message)
    if found is not None and found["verb"] == "load":  # before it was given anything
        return shown(message, LONGEST)
    what = f"ended with {check['outcome'].replace('_', ' ')}"
    if found is not None:
        line = re.search(r"line \d{1,6}\b", found["place"] or "")
        where = f" at {line[0]}" if line else ""
        what = f"raised {_kind(found['kind'])}{where} in {found['verb']}"
    return (
        f"Your code {what} while this hidden check ran; its words are kept back, since they could "
        "hold the check's data."
    )


def _kind(name: str) -> str:
    """Return the name of one of Python's own exceptions; others are named by the submission."""
    known = getattr(builtins, name, None)
    own = isinstance(known, type) and issubclass(known, BaseException)
    return name if own else "an exception"


def left_out(check: Json) -> bool:
    """Whether a check is of an optional part, worth nothing, that was not handed in."""
    return check["outcome"] == "not_submitted" and not check["max_points"]


def messages(result: Json) -> frozenset[str]:
    """Return what the public checks of a result say."""
    return frozenset(
        check["message"]
        for criterion in result["criteria"]
        for check in criterion["checks"]
        if check["visibility"] == "public"
    )


def covered(result: Json, criterion: Json) -> set[str]:
    """Return the open checks of a criterion that a person has given points for."""
    open_ = {each["id"] for each in criterion["checks"] if each["outcome"] == "inconclusive"}
    entries = [each for each in result["manual"] if each["criterion"] == criterion["id"]]
    return {name for each in entries for name in each.get("checks") or open_} & open_


def decided(result: Json, deduction: Json) -> bool:
    """Whether a person has said what a deduction costs."""
    line = f"{DEDUCTION}{deduction['id']}"
    return any(each["criterion"] == line for each in result["manual"])

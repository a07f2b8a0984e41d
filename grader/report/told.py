"""What a student is told about a check, of which there may be hidden data."""

from __future__ import annotations

import re

from grader.records import Json
from grader.text import shown

LONGEST = 2000  # characters of one sentence
# What a student's code raised is in its words; while a hidden check runs these can be its data.
_RAISED = re.compile(r"(?P<verb>\w+) raised \w.*?(?:\((?P<place>[^()]*)\))?$", re.DOTALL)
_OF_THE_CODE = ("error", "out_of_memory", "protocol_violation")


def sentence(check: Json, public: frozenset[str]) -> str:
    """Return what a student is told about a check.

    ``public`` are the messages of public checks (`messages`): what these say is no secret. The
    words of an exception in a hidden check are the submission's own, and could hold what it was
    given; only where it was raised is told.
    """
    message = str(check["message"])
    hidden = check["visibility"] == "hidden" and message not in public
    if not (hidden and check["outcome"] in _OF_THE_CODE):
        return shown(message, LONGEST)
    if (found := _RAISED.search(message)) is None or found["verb"] == "load":
        own_words = check["outcome"] == "protocol_violation"
        return "The sandbox's protocol was broken." if own_words else shown(message, LONGEST)
    line = re.search(r"line \d{1,6}\b", found["place"] or "")
    where = f" at {line[0]}" if line else ""
    return (
        f"Your code raised an exception{where} in {found['verb']} while this hidden check ran; its "
        "words are kept back, since they could hold the check's data."
    )


def messages(result: Json) -> frozenset[str]:
    """Return what the public checks of a result say."""
    return frozenset(
        check["message"]
        for criterion in result["criteria"]
        for check in criterion["checks"]
        if check["visibility"] == "public"
    )

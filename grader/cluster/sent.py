"""What travels, as JSON: a hand-in on its way there, a result and its files on the way back.

Bytes are in base64. Both ends are graders; a result is validated all the same when it is stored.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence

from grader.handed import Handed
from grader.intake import SourceFile, Submission
from grader.records import Attachment, Json


def hand_in(submission: Submission, handed: Handed | None) -> Json:
    """Return a submission with all that is known of when it was handed in."""
    return {
        "submission": {
            "id": submission.id,
            "digest": submission.digest,
            "flags": list(submission.flags),
            "files": [[file.path, _text(file.data)] for file in submission.files],
        },
        "handed": dataclasses.asdict(handed) if handed else None,
    }


def submission(told: Json) -> Submission:
    """Return the submission that `hand_in` was given."""
    whole = told["submission"]
    files = tuple(SourceFile(path, base64.b64decode(data)) for path, data in whole["files"])
    return Submission(whole["id"], files, whole["digest"], tuple(whole["flags"]))


def handed(told: Json) -> Handed | None:
    """Return what `hand_in` was told of when."""
    known = told["handed"]
    if known is None:
        return None
    return Handed(**{**known, "names": tuple(known["names"]), "people": tuple(known["people"])})


def graded(result: Json, attachments: Sequence[Attachment]) -> Json:
    """Return a result with the files beside it."""
    return {"result": result, "files": [[each.name, _text(each.data)] for each in attachments]}


def result(told: Json) -> tuple[Json, list[Attachment]]:
    """Return what `graded` was given."""
    files = [Attachment(name, base64.b64decode(data)) for name, data in told["files"]]
    return dict(told["result"]), files


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

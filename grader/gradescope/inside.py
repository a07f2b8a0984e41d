"""One submission in a container of Gradescope's: from /autograder/submission to results.json.

What is to be kept from student code is closed to all but root before anything runs, and the sandbox
tries that out. Where the grader or the container is at fault no results.json is written: then the
platform says that the autograder failed, and nobody has a zero for it. Lateness is the platform's
own affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from grader import intake
from grader import pack as packs
from grader.checking.draw import Draw
from grader.errors import HarnessError
from grader.export import files, gradescope
from grader.export.given import Given
from grader.handed import Handed
from grader.intake import NothingToGrade
from grader.records import Json
from grader.report import table
from grader.sandbox.user import UserSandbox
from grader.session import Session

CLOSED: Final = ("source", "submission", "results", "leases")
METADATA: Final = "submission_metadata.json"  # which names the student
SHARED: Final = tuple(
    f"/{name}" for name in ("tmp", "var/tmp", "dev/shm", "dev/mqueue", "run/lock")
)
"""Where everybody may write: what one check leaves there the next could find."""

RESULT: Final = "results/results.json"


def run(place: Path, root: Path, shared: Sequence[str] = SHARED) -> str:
    """Grade what lies in ``place``; write its result, and return what staff may read.

    ``root`` has the one pack; ``shared`` are folders of the container to be closed. Raises
    HarnessError, and writes nothing, where the fault is ours.
    """
    wanted = [*(place / name for name in (*CLOSED, METADATA)), *map(Path, shared)]
    closed = [path for path in wanted if path.exists()]
    try:
        for path in closed:
            path.chmod(0o700)
    except OSError as error:
        raise HarnessError(f"what student code must not see cannot be closed: {error}") from error
    sandbox = UserSandbox(closed)
    pack = packs.find(root, None)
    try:
        submission = intake.read(place / "submission")
    except NothingToGrade as error:
        files.write(place / RESULT, gradescope.refused(str(error), pack.points))
        return str(error)
    with Session(pack, sandbox, Draw.fresh(), "cpu", place / "results") as session:
        result, _ = session.graded(submission)
    files.write(place / RESULT, gradescope.write(given(result)))
    (place / "results").chmod(0o755)  # nothing of the student's is left
    return table.render(result)


def given(result: Json) -> Given:
    """Return what the platform is told: the points so far, with what waits named beside them.

    There they are a part of the assignment's points, to which people add theirs. Raises
    HarnessError where points are withheld.
    """
    if result["status"] == "withheld":
        why = [check["staff_message"] for criterion in result["criteria"]
               for check in criterion["checks"] if check["outcome"] == "harness_error"]  # fmt: skip
        raise HarnessError(f"points are withheld: {why[0] if why else 'the grader failed'}")
    return Given(result, Handed(names=()), float(result["total"]["points"]), "")

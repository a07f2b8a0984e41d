"""One slot on a machine of a cluster: `grader.batch.slot`, but told everything, storing nothing.

    python -m grader.cluster.slot

Contract: that of `grader.batch.slot` with three differences. The first line has the pack itself
(``files``, a zip in base64, and its ``digest``), which is laid out for this user alone, in memory,
and goes when the slot ends. An order is a whole hand-in (`grader.cluster.sent.hand_in`). And the
answer of a grading is the result with its files (`grader.cluster.sent.graded`): nothing stays here.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path

from grader import handed
from grader.batch.slot import Say, Settings, serve
from grader.cluster import packing, private, sent
from grader.errors import HarnessError, UsageError
from grader.records import Json
from grader.session import Session

OUT = "results"  # of which nothing but who handed in when is ever here


def main() -> None:
    """Serve hand-ins that are sent."""
    with private.folder() as root:
        out = root / OUT
        serve(
            lambda told: _laid_out(told, root),
            lambda session, order, say: _grade(session, order, say, out),
        )


@contextlib.contextmanager
def _laid_out(told: Json, root: Path) -> Iterator[Settings]:
    packing.laid_out(base64.b64decode(told.pop("files")), root, told["pack"], told.pop("digest"))
    yield Settings(root=str(root), out=str(root / OUT), **told)


def _grade(session: Session, order: Json, say: Say, out: Path) -> Json:
    """Grade one submission, or say why not."""
    try:
        submission, known = sent.submission(order), sent.handed(order)
        handed.write(out, handed.Index("folder", {submission.id: known} if known else {}))
        result, files = session.graded(submission, lambda check: say({"at": check}))
    except UsageError as error:
        return {"refused": str(error)}
    except HarnessError as error:
        return {"trouble": str(error)}
    return sent.graded(result, files)


if __name__ == "__main__":
    main()

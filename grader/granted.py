"""Points for open answers that a human has accepted for everybody, beside points by hand.

Pure, as scoring is. An accepted answer is an entry like those of a human, which gives way to one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from grader import accepted, history
from grader.records import ACCEPTED, Evidence, Json
from grader.rubric import Criterion
from grader.score import judged


def with_accepted(
    criteria: Sequence[Criterion], evidence: Mapping[str, Evidence], manual: Sequence[Json] = ()
) -> list[Json]:
    """Return points by hand, and those for open answers that are accepted for everybody.

    Of checks with accepted answers the attachments have to have their data. Points that a human
    has given for an answer stand; what checks decide is never touched.
    """
    found = (each for criterion in criteria for each in _granted(criterion, evidence))
    return history.merged(manual, list(found))


def _granted(criterion: Criterion, evidence: Mapping[str, Evidence]) -> Iterator[Json]:
    ruled = [check for check in criterion.checks if check.accepted and not check.manual]
    open_ = judged(criterion, evidence)[2] if ruled else {}
    for check in ruled:
        answer = accepted.digest(evidence[check.id].attachments) if check.id in open_ else ""
        ruling = check.accepted.get(answer)
        if ruling is not None and ruling.fraction is not None:
            yield {
                "criterion": criterion.id,
                "checks": [check.id],
                "points": round(ruling.fraction * check.points, 6),
                "by": ruling.by,
                "at": ruling.at,
                "note": ruling.why,
                ACCEPTED: answer,
            }

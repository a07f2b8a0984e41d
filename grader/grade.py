"""The story of one submission, from bytes to a result."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from grader import __version__
from grader.checking import runner
from grader.checking.draw import Draw
from grader.checking.oracle import Oracle
from grader.intake import SourceFile, Submission
from grader.pack import Pack
from grader.records import CheckResult, CriterionResult, Evidence, Json, Limits
from grader.sandbox import Sandbox
from grader.score import score, status, total
from grader.student import Student

SLOW_IMPORTS = ("matplotlib.pyplot", "pandas")  # imported once, before workers are forked
REFERENCE_LIMITS = Limits(request_seconds=60, submission_seconds=3600, import_seconds=30)


def grade(
    submission: Submission,
    pack: Pack,
    sandbox: Sandbox,
    *,
    oracle: Oracle,
    draw: Draw,
    device: str = "cpu",
    manual: Sequence[Json] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Json:
    """Grade one submission. A student's faults become outcomes; ours are withheld points.

    ``oracle`` may serve many submissions, as long as they share ``draw``.
    """
    begin = time.monotonic()
    with Student(
        sandbox,
        submission.files,
        pack.interface,
        pack.sandbox,
        device=device,
        given=pack.public_files,
        preload=_preload(submission.files),
    ) as student:
        _start_together(student, oracle.reference)
        checks = [check.id for check in pack.checks]
        evidence = runner.run(pack.checks_folder, checks, student, oracle, draw, say)
    criteria = score(pack.criteria, {e.check: e for e in evidence}, manual)
    return {
        "schema": "grader.result/1",
        "submission": _describe(submission),
        "pack": {"id": pack.id, "version": pack.version, "digest": pack.digest},
        "status": status(criteria),
        "total": total(criteria),
        "criteria": [_criterion_json(criterion) for criterion in criteria],
        "deductions": [],
        "flags": [*submission.flags, *student.flags],
        "diagnosis": [],
        "manual": list(manual),
        "course_verdict": _course_verdict(evidence),
        "draw": {"seed": draw.seed, "digest": draw.digest},
        "environment": _environment(sandbox, device, oracle.reference.ready),
        "timing": {
            "seconds_total": round(time.monotonic() - begin, 3),
            "seconds_student": round(student.seconds, 3),
        },
    }


@contextlib.contextmanager
def oracle_for(pack: Pack, sandbox: Sandbox) -> Iterator[Oracle]:
    """Hold the reference in a sandbox of its own; it starts when it is first asked."""
    reference = Student(
        sandbox, pack.reference, pack.interface, REFERENCE_LIMITS, given=pack.public_files
    )
    with reference:
        yield Oracle(reference)


def _preload(files: Sequence[SourceFile]) -> list[str]:
    """Return the slow imports that the submission mentions."""
    text = b"".join(file.data for file in files if file.path.endswith(".py"))
    return [name for name in SLOW_IMPORTS if name.partition(".")[0].encode() in text]


def _start_together(*students: Student) -> None:
    """Start the boxes side by side: each spends a second on importing torch."""
    with concurrent.futures.ThreadPoolExecutor(len(students)) as pool:
        for started in [pool.submit(student.start) for student in students]:
            started.result()


def _describe(submission: Submission) -> Json:
    return {
        "id": submission.id,
        "digest": submission.digest,
        "files": [
            {
                "path": file.path,
                "bytes": len(file.data),
                "sha256": hashlib.sha256(file.data).hexdigest(),
            }
            for file in submission.files
        ],
    }


def _criterion_json(criterion: CriterionResult) -> Json:
    return {
        **dataclasses.asdict(dataclasses.replace(criterion, checks=())),
        "checks": [_check_json(check) for check in criterion.checks],
    }


def _check_json(check: CheckResult) -> Json:
    return {
        **{f.name: getattr(check, f.name) for f in dataclasses.fields(check)},
        "measured": {name: _plain(value) for name, value in check.measured.items()},
        "limits": dict(check.limits),
    }


def _plain(value: float | None) -> float | None:
    """Return a number that JSON has: infinite and NaN become null."""
    return value if value is None or abs(value) < float("inf") else None


def _course_verdict(evidence: Sequence[Evidence]) -> dict[str, str]:
    return {mode: verdict for e in evidence for mode, verdict in e.course.items()}


def _environment(sandbox: Sandbox, device: str, ready: Mapping[str, object]) -> Json:
    facts = {"image": None, "driver": None, **sandbox.facts()}
    return {
        "sandbox": sandbox.name,
        "isolation": sandbox.isolation,
        "device": device,
        "torch": str(ready.get("torch", "")),
        "python": str(ready.get("python", "")),
        "grader": __version__,
        **facts,
    }

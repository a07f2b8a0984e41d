"""The story of one submission, from bytes to a result."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from grader import __version__, late, style
from grader.checking import runner
from grader.checking.diagnosis import diagnose
from grader.checking.draw import Draw
from grader.checking.family import RIGHT_FILE, Family, LiveFamily
from grader.checking.oracle import LiveOracle, Oracle
from grader.checking.probing import Questions, load_vectors
from grader.devices.device import Device
from grader.errors import StudentFault
from grader.evidence import kept, plain
from grader.granted import with_accepted
from grader.handed import Handed
from grader.intake import SourceFile, Submission
from grader.mistakes import edited_file, file_of, variants
from grader.notebook.form import Filled
from grader.pack import Pack
from grader.records import Attachment, CheckResult, CriterionResult, Evidence, Json, Limits
from grader.sandbox import Sandbox
from grader.score import advise, deducted, score, status, total
from grader.student import Student

SLOW_IMPORTS = {
    "matplotlib": "matplotlib.pyplot",
    "pandas": "pandas",
    "torch.compile": "torch.export._trace",  # and with it torch._dynamo
    "use_deterministic_algorithms": "torch._inductor.config",  # which that sets, and so imports
}
"""Imported once, before workers are forked, where a submission has the word."""

REFERENCE_LIMITS = Limits(request_seconds=60, submission_seconds=3600, import_seconds=30)


def grade(
    submission: Submission,
    pack: Pack,
    sandbox: Sandbox,
    *,
    oracle: Oracle,
    draw: Draw,
    family: Family | None = None,
    device: str = "cpu",
    handed: Handed | None = None,
    say: Callable[[str], None] = lambda _: None,
    watch: Callable[[float, str], None] | None = None,
    attach: Callable[[Sequence[Attachment]], None] = lambda _: None,
) -> Json:
    """Grade one submission. A student's faults become outcomes; ours are withheld points.

    ``say`` is told which check runs; ``watch``, while a script of the submission runs, once a
    second for how many seconds it has, and the end of what it has printed, as it is.

    ``attach`` is given what the result refers to: pictures and texts for a human.

    ``oracle`` and ``family`` may serve many submissions, as long as they share ``draw``. Without
    a family nothing is diagnosed. ``handed`` is what is known of when it was handed in.
    """
    begin = time.monotonic()
    work = _Work.of(submission, pack)
    with Student(
        sandbox,
        work.files,
        pack.interface,
        pack.sandbox,
        device=device,
        given=pack.public_files,
        handed_in=submission.files,
        nothing=work.nothing,
        place=work.place,
        preload=_preload(work.files),
        also={
            name: another(submission, other, sandbox, device) for name, other in pack.also.items()
        },
    ) as student:
        _together(student.start, oracle.start)
        student.watch = watch
        checks = [check.id for check in pack.checks]
        evidence = runner.run(pack.checks_folder, checks, student, oracle, draw, say)
        beside = [*work.attachments, *(each for e in evidence for each in e.attachments)]
        attach([*beside, kept(evidence, pack.checks_digest)])
        found = {e.check: e for e in evidence}
        manual = with_accepted(pack.criteria, found)
        criteria = score(pack.criteria, found, manual)
        diagnosis: list[Json] = []
        if family is not None and _is_wrong(criteria):
            say("diagnosis")
            with Device(device, say).computing():
                diagnosis = _diagnosis(student, family, pack, draw)
                for name, other in pack.also.items():
                    if (known := family.of(name)) is not None:
                        diagnosis += _diagnosis(student.also[name], known, other, draw)
    deductions = [*_advice(work.files, pack), *work.deductions]
    deductions += late.deduct(pack.late, handed, pack.points)
    deductions = deducted(deductions, criteria, manual)
    boxes = (student, *student.also.values())
    return {
        "schema": "grader.result/1",
        "submission": _describe(submission),
        "pack": {"id": pack.id, "version": pack.version, "digest": pack.digest},
        "status": status(criteria),
        "total": total(criteria, deductions),
        "criteria": [criterion_json(criterion) for criterion in criteria],
        "deductions": deductions,
        "flags": [*submission.flags, *work.flags, *(flag for box in boxes for flag in box.flags)],
        "diagnosis": diagnosis,
        "manual": manual,
        "course_verdict": _course_verdict(evidence),
        "draw": {"seed": draw.seed, "digest": draw.digest},
        "environment": _environment(sandbox, device, oracle.ready or student.ready),
        "timing": {
            "seconds_total": round(time.monotonic() - begin, 3),
            "seconds_student": round(sum(box.seconds + box.spent_apart for box in boxes), 3),
        },
    }


@dataclasses.dataclass(frozen=True)
class _Work:
    """What of a submission is run, and what there is to say about how it came to that."""

    files: tuple[SourceFile, ...]
    flags: tuple[str, ...] = ()
    deductions: tuple[Json, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    nothing: str = "No Python file was handed in."
    place: Callable[[int], str] = lambda _: ""

    @classmethod
    def of(cls, submission: Submission, pack: Pack) -> _Work:
        """Return the files as they are, or a notebook's blocks in the clean copy."""
        if pack.adapter is not None:
            return cls(pack.adapter.fitted(submission.files, pack.interface.expected))
        if pack.form is None:
            return cls(submission.files)
        filled = pack.form.fill(submission.files)
        told = filled.difference() if filled.policy != "ignore" else ""
        return cls(
            (filled.module,) if filled.module else (),
            filled.flags,
            _for_changes(filled, pack.form.points),
            (Attachment("outside-the-blocks.txt", told.encode()),) if told else (),
            f"{'; '.join(filled.remarks)[:600]}.",
            filled.place,
        )


def another(submission: Submission, other: Pack, sandbox: Sandbox, device: str) -> Student:
    """Return a further model of a submission; there is no file where it was not handed in."""
    adapter, interface = other.adapter, other.interface
    assert adapter is not None
    files = adapter.optional(submission.files, interface.expected, other.given)
    nothing = f"No file that was handed in defines the function {adapter.function}."
    return Student(sandbox, files, interface, other.sandbox, device=device,
                   given=other.public_files, nothing=nothing, preload=_preload(files))  # fmt: skip


def _for_changes(filled: Filled, points: float) -> tuple[Json, ...]:
    """Return what a human may deduct for changes outside the blocks."""
    if not filled.counted or not points:
        return ()
    return (
        {
            "id": "outside_the_blocks",
            "points": 0.0,
            "suggested": points,
            "status": "needs_confirmation",
            "message": f"Cells changed outside the solution blocks: {len(filled.counted)}.",
            "evidence": [change.sentence for change in filled.counted[:20]],
        },
    )


@contextlib.contextmanager
def oracle_for(pack: Pack, sandbox: Sandbox, device: str = "cpu") -> Iterator[LiveOracle]:
    """Hold the reference in a sandbox of its own; it starts when it is first asked.

    Values are the CPU's. What students are timed against runs on their device.
    """
    with reference(pack, sandbox) as exact, reference(pack, sandbox, device) as timed:
        yield LiveOracle(exact, exact if device == "cpu" else timed)


def reference(pack: Pack, sandbox: Sandbox, device: str = "cpu") -> Student:
    """Return the reference as it is handed in, with all its models."""
    also = {name: reference(other, sandbox, device) for name, other in pack.also.items()}
    return Student(sandbox, pack.reference, pack.interface, REFERENCE_LIMITS, device=device,
                   given=pack.public_files, also=also)  # fmt: skip


@contextlib.contextmanager
def family_for(pack: Pack, sandbox: Sandbox, draw: Draw) -> Iterator[LiveFamily | None]:
    """Hold the known mistakes in a sandbox of their own; it starts when it is first asked."""
    if not pack.mistakes:
        yield None
        return
    right = edited_file(pack.reference, pack.interface.expected, pack.id)
    files = [*variants(pack.mistakes, right, pack.id), SourceFile(file_of(RIGHT_FILE), right.data)]
    with contextlib.ExitStack() as boxes:
        host = boxes.enter_context(Student(sandbox, files, pack.interface, REFERENCE_LIMITS))
        also = {
            name: boxes.enter_context(family_for(other, sandbox, draw))
            for name, other in pack.also.items()
        }
        questions = Questions.of(load_vectors(pack.checks_folder, pack.model), draw)
        yield LiveFamily(host, pack.mistakes, questions, also)


def _preload(files: Sequence[SourceFile]) -> list[str]:
    """Return the slow imports that the submission mentions."""
    text = b"".join(file.data for file in files if file.path.endswith(".py"))
    return [module for word, module in SLOW_IMPORTS.items() if word.encode() in text]


def _together(*starts: Callable[[], None]) -> None:
    """Start the boxes side by side: each spends a second on importing torch."""
    with concurrent.futures.ThreadPoolExecutor(len(starts)) as pool:
        for started in [pool.submit(start) for start in starts]:
            started.result()


def _is_wrong(criteria: Sequence[CriterionResult]) -> bool:
    """Whether any check found something wrong that a known mistake could explain."""
    outcomes = {check.outcome for criterion in criteria for check in criterion.checks}
    return not outcomes.isdisjoint({"failed", "inconclusive", "error"})


def _diagnosis(student: Student, family: Family, pack: Pack, draw: Draw) -> list[Json]:
    """Return what is wrong, as far as that is known; trouble on the way costs nobody anything."""
    try:
        questions = Questions.of(load_vectors(pack.checks_folder, pack.model), draw)
        return diagnose(student, family, questions, pack.atol)
    except StudentFault:
        return []  # out of time, say: the checks have said so already
    except Exception as error:  # noqa: BLE001 - whatever it is, the grade stands
        return [{"mistake": None, "sentence": "No diagnosis was made: the grader failed here.",
                 "staff_message": f"{type(error).__name__}: {error}"}]  # fmt: skip


def _advice(files: Sequence[SourceFile], pack: Pack) -> list[Json]:
    """Return what there is to say on style; trouble on the way costs nobody anything."""
    try:
        return advise(pack.deductions, style.look(files, pack.given))
    except Exception as error:  # noqa: BLE001 - whatever it is, the grade stands
        return [{"id": "style", "points": 0.0, "suggested": 0.0, "status": "advice",
                 "message": f"None was found: the grader failed here ({type(error).__name__}).",
                 "evidence": []}]  # fmt: skip


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


def criterion_json(criterion: CriterionResult) -> Json:
    """Return a criterion as results have it."""
    return {
        **dataclasses.asdict(dataclasses.replace(criterion, checks=())),
        "checks": [_check_json(check) for check in criterion.checks],
    }


def _check_json(check: CheckResult) -> Json:
    return {
        **{f.name: getattr(check, f.name) for f in dataclasses.fields(check)},
        "measured": {name: plain(value) for name, value in check.measured.items()},
        "limits": dict(check.limits),
        "slips": list(check.slips),
        "attachments": list(check.attachments),
    }


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

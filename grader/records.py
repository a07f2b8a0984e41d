"""The records that rooms hand to each other. This module imports nothing of ours but errors.

Units are in the names or beside the field. JSON is their only serialised form
(`grader.results` writes and checks it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

# Every way in which a check can end. The list is closed: reports, exports and rubrics rely on it.
Outcome = Literal[
    "passed",
    "failed",
    "error",  # the submission raised, or ended its process
    "timeout",
    "out_of_memory",
    "protocol_violation",
    "not_submitted",
    "inconclusive",  # measured, but a human decides
    "harness_error",  # our fault: points are withheld, never zero
]
FAULTS = ("failed", "error", "timeout", "out_of_memory", "protocol_violation", "not_submitted")

OWN = ".own"  # in the name of an attachment that may be shown to the student: it is theirs
DEDUCTION = "deduction "  # before the id of one, where points by hand are about it
ACCEPTED = "answer"  # in points by hand: they are those of all who have given this answer

Number = float | int | None
Json = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What one submission may use. A rubric may change each of them."""

    import_seconds: float = 5.0  # for importing the submission, per attempt
    request_seconds: float = 10.0  # for one call into the submission
    script_seconds: float = 20.0  # for one script that draws
    submission_seconds: float = 120.0  # for all calls of one grading together
    memory_mb: int = 2048  # memory and swap together
    cuda_memory_mb: int = 8192  # the same where a GPU is used: the driver takes its share, and a
    # model that is wide enough to be timed there is built in memory first
    scratch_mb: int = 256  # each writable folder; counts towards memory
    pids: int = 256  # processes and threads
    cpus: int = 1

    def on(self, device: str) -> Limits:
        """Return what holds on a device."""
        return replace(self, memory_mb=self.cuda_memory_mb) if device.startswith("cuda") else self


@dataclass(frozen=True)
class Interface:
    """What the assignment imposes on the submission's code (from the rubric)."""

    model: str  # the class to build
    classes: tuple[str, ...]  # all classes of the skeleton
    expected: tuple[str, ...]  # the usual file names
    constructor: tuple[str, ...]  # its arguments, in order
    forward: tuple[str, str]  # the names of the cache and of the flag
    generate: tuple[str, str, str]  # the names of count, temperature and flag
    vocabulary: str  # the constructor argument that is the vocabulary's size
    probe: Mapping[str, int]  # dimensions to try loading with
    devices_asked: bool = False  # whether tensors on another device than the model's are a mistake


@dataclass(frozen=True)
class Usage:
    """What a sandbox has used, seen from outside it. None where it cannot be seen."""

    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None


@dataclass(frozen=True)
class Ending:
    """How a sandbox came to its end, by the engine's word and not the guest's."""

    exit_code: int | None  # None where it is unknown
    out_of_memory: bool
    text: str  # the last of what the agent wrote about itself


@dataclass(frozen=True)
class Attachment:
    """Something to look at beside a result: a picture of what was drawn, a text as handed in."""

    name: str  # of a file: the check, a number, the extension of its kind
    data: bytes


@dataclass
class Evidence:
    """What a check measured. What it is worth is the rubric's to say.

    ``outcome`` is "measured", or the fault that kept it from measuring.
    ``message`` is for the student, ``staff_message`` may hold hidden data.
    """

    check: str
    outcome: str = "measured"
    measured: dict[str, Number] = field(default_factory=dict)
    message: str = ""
    staff_message: str = ""
    course: dict[str, str] = field(default_factory=dict)  # what the course's harness would say
    variant: str = ""  # which of the answers that the rubric gives credit for; "none" is none
    slips: list[str] = field(default_factory=list)  # what the rubric takes off for
    attachments: list[Attachment] = field(default_factory=list)  # for the human who decides


@dataclass(frozen=True)
class Finding:
    """What was found on one point of style. It is advice, and costs nothing by itself."""

    id: str
    measured: Mapping[str, Number]
    message: str  # one sentence
    evidence: tuple[str, ...]  # where, each with file and line


@dataclass(frozen=True)
class CheckResult:
    """A check with its points."""

    id: str
    outcome: Outcome
    points: float | None
    max_points: float
    visibility: str
    measured: Mapping[str, Number]
    limits: Mapping[str, float]
    message: str
    staff_message: str
    variant: str = ""
    slips: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()  # files beside the result


@dataclass(frozen=True)
class CriterionResult:
    """A criterion of the sheet with its points and the checks behind them."""

    id: str
    title: str
    points: float | None  # None where withheld
    max_points: float
    pending_points: float
    status: str  # graded | needs_review | withheld
    checks: tuple[CheckResult, ...]
    by_checks: Json = field(default_factory=dict)  # points and pending_points before a human's

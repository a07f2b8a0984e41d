"""Every exception of the project, as one tree.

    GraderError
    ├── UsageError       the caller's input: no such submission, a bad pack      exit code 1
    ├── HarnessError     our fault: the engine is gone, the oracle crashed       exit code 2
    └── StudentFault     what the submission did wrong, as a typed outcome       never one

A fault of the student is data: it becomes the outcome of a check. A fault of ours withholds
points and is never a zero. Mixing the two up is the worst bug this project can have.
"""

from __future__ import annotations


class GraderError(Exception):
    """Base of all errors raised on purpose."""


class UsageError(GraderError):
    """Bad input of the caller; the message is one sentence: what, where, what to do."""


class HarnessError(GraderError):
    """A fault of the grader or of its machine; the message says what to do about it."""


class StudentFault(GraderError):  # noqa: N818 - whose fault it is, is the point
    """What went wrong in the submission.

    ``outcome`` is one of `grader.records.FAULTS`, or "inconclusive" where only a human can say
    whether it is one; ``message`` is a sentence for the student; ``detail`` is for staff (where it
    happened, the tail of what was printed). ``device_missing`` is whether it may be due to a device
    that is not here, ``misplaced`` to tensors on another one than the model is.
    """

    def __init__(
        self,
        outcome: str,
        message: str,
        detail: str = "",
        *,
        device_missing: bool = False,
        misplaced: bool = False,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.detail = detail
        self.device_missing, self.misplaced = device_missing, misplaced
        self.while_timed = False  # what it came of was asked to see how long it takes

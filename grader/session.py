"""What gradings share: one pack, one draw, one reference, one sandbox, one folder of results.

One submission or a thousand are graded by the same few lines; `grader.grade` tells what happens to
each.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Self

from grader import handed, results
from grader.checking.draw import Draw
from grader.devices.device import Device
from grader.errors import HarnessError
from grader.grade import family_for, grade, oracle_for
from grader.intake import Submission
from grader.pack import Pack
from grader.records import Attachment, Json
from grader.sandbox import Sandbox


class Session:
    """A context manager; the reference and the known mistakes end with it."""

    def __init__(self, pack: Pack, sandbox: Sandbox, draw: Draw, device: str, out: Path) -> None:
        self.draw = draw
        self._pack, self._sandbox, self._device, self._out = pack, sandbox, device, out
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Get the reference and the known mistakes; they start when they are first asked."""
        self._oracle = self._open.enter_context(oracle_for(self._pack, self._sandbox, self._device))
        self._family = self._open.enter_context(family_for(self._pack, self._sandbox, self.draw))
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        self._open.close()

    def grade(
        self,
        submission: Submission,
        say: Callable[[str], None] = lambda _: None,
        watch: Callable[[float, str], None] | None = None,
    ) -> tuple[Json, Path]:
        """Grade and store; return the result and its file. A human's points are carried over."""
        result, attachments = self.graded(submission, say, watch)
        result = results.write(self._out, result, attachments)
        return result, results.place(self._out, result)

    def graded(
        self,
        submission: Submission,
        say: Callable[[str], None] = lambda _: None,
        watch: Callable[[float, str], None] | None = None,
    ) -> tuple[Json, list[Attachment]]:
        """Grade and store nothing; return the result, without points by hand, and its files.

        On a GPU that is shared, what ran out of memory or time is graded once more, without
        neighbours. Raises HarnessError where memory runs out again and others than graders hold
        most of it.
        """
        device = Device(self._device, say)
        with device.beside_others():
            result, attachments = self._graded(submission, say, watch)
        if not device.is_gpu or _ended(result).isdisjoint(("out_of_memory", "timeout")):
            return result, attachments
        with device.by_itself() as crowded:
            result, attachments = self._graded(submission, say, watch)
        if crowded and "out_of_memory" in _ended(result):
            raise HarnessError(
                f"memory ran out on {device.identity.name} ({device.name}), of which others than "
                "graders hold more than half: grade again when they have ended, or elsewhere"
            )
        return result, attachments

    def _graded(
        self,
        submission: Submission,
        say: Callable[[str], None],
        watch: Callable[[float, str], None] | None,
    ) -> tuple[Json, list[Attachment]]:
        attachments: list[Attachment] = []
        result = grade(
            submission,
            self._pack,
            self._sandbox,
            oracle=self._oracle,
            draw=self.draw,
            family=self._family,
            device=self._device,
            handed=handed.of(self._out, submission.id),
            say=say,
            watch=watch,
            attach=attachments.extend,
        )
        return result, attachments


def _ended(result: Json) -> set[str]:
    """Return the ways in which checks ended."""
    return {check["outcome"] for each in result["criteria"] for check in each["checks"]}

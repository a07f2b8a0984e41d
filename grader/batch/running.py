"""Handing submissions out to slots. A slot that is lost costs nobody anything: another goes on.

Each slot is a process (`grader.batch.slot`) with a thread here that waits for it. What a slot is
told and says is bytes between two processes of ours; no student code is in either.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from grader.batch.engine import Screen
from grader.batch.handins import HandIn
from grader.batch.slot import Settings
from grader.errors import HarnessError
from grader.records import Json

PROGRAM = "grader.batch.slot"
ATTEMPTS = 2  # a submission that meets trouble of ours twice waits for `--resume`
PATIENCE = 30.0  # seconds for a slot to leave nothing behind
NOTES = 1 << 16  # bytes that are kept of what a slot prints over one submission


class Slot:
    """The parent's end of one slot; ``settings`` and orders are as its ``program`` takes them."""

    def __init__(self, settings: Json, program: str = PROGRAM) -> None:
        self._notes = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the slot
        self._noted = 0  # bytes of it that were asked for
        self._process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-m", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._notes,
            start_new_session=True,  # Ctrl-C is for the parent, which lets its slots finish
            text=True,
            encoding="utf-8",
        )
        self._tell(settings)

    def grade(self, order: Json, at: Callable[[str], None]) -> Json:
        """Return how the grading ended; HarnessError if the slot was lost over it."""
        self._tell(order)
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # half a line: it was killed
            for line in self._process.stdout:
                answer = json.loads(line)
                if "at" not in answer:
                    return dict(answer)
                at(answer["at"])
        raise self._lost()

    def notes(self) -> str:
        """Return what it has printed since this was last asked, which is no answer of its."""
        end = os.fstat(self._notes.fileno()).st_size
        begin, self._noted = max(self._noted, end - NOTES), end
        # Not by seeking: the slot writes where the descriptor that both have stands.
        return os.pread(self._notes.fileno(), end - begin, begin).decode(errors="replace")

    def hang_up(self) -> None:
        """Tell it to end, whatever it does."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def close(self) -> None:
        """Hang up, and wait until it has cleaned up; a slot that does not is killed."""
        self._end()
        self._notes.close()

    def _end(self) -> None:
        self.hang_up()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _tell(self, order: Json) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):  # it is gone, or was told to end
            raise self._lost() from None

    def _lost(self) -> HarnessError:
        """Say what is known of the end of a slot."""
        self._end()
        code, text = self._process.returncode, ""
        if not self._notes.closed:  # as it is where it was ended on purpose
            size = self._notes.seek(0, 2)
            self._notes.seek(max(0, size - 600))
            text = self._notes.read().decode(errors="replace").strip()
        return HarnessError(f"a grader process ended ({code}): {text or 'no message'}")


class Running:
    """Grades all of a batch; `stop` lets what has begun come to its end."""

    def __init__(self, slots: Sequence[Settings], screen: Screen) -> None:
        self._settings = slots
        self._screen = screen
        self._waiting: deque[HandIn] = deque()
        self._stopped = threading.Event()
        self._aborted = threading.Event()
        self._slots: set[Slot] = set()
        self._ended: list[threading.Event] = []  # one for each thread

    def start(self, hand_ins: Iterable[HandIn]) -> None:
        """Begin; no more slots than there is work for."""
        self._waiting.extend(hand_ins)
        for number, settings in list(enumerate(self._settings))[: len(self._waiting)]:
            ended = threading.Event()
            self._ended.append(ended)
            work = threading.Thread(target=self._work, args=(number, settings, ended), daemon=True)
            work.start()

    def wait(self) -> None:
        """Return when all is done, or stopped and drained; Ctrl-C gets through."""
        for ended in self._ended:  # a `join` that is interrupted takes its thread for ended
            while not ended.wait(0.1):
                pass

    def stop(self) -> None:
        """Begin with nothing more."""
        self._stopped.set()

    def abort(self) -> None:
        """End what has begun, too; `wait` returns once nothing is left running."""
        self._stopped.set()
        self._aborted.set()
        for slot in list(self._slots):
            slot.hang_up()

    def _work(self, number: int, settings: Settings, ended: threading.Event) -> None:
        try:
            self._grade_on(number, settings)
        finally:
            ended.set()

    def _grade_on(self, number: int, settings: Settings) -> None:
        slot: Slot | None = None
        while (hand_in := self._next()) is not None:
            self._screen.begins(number, hand_in)
            answer: Json = {}
            notes = ""
            for _ in range(ATTEMPTS):
                try:
                    slot = slot or self._opened(settings)
                    order = hand_in.bundle.to_json()
                    answer = slot.grade(order, lambda check: self._screen.at(number, check))
                    notes += slot.notes()
                except HarnessError as error:
                    answer = {"trouble": str(error)}
                    self._close(slot)
                    slot = None
                if "trouble" not in answer or self._stopped.is_set():
                    break
            if "trouble" in answer and self._stopped.is_set():
                break  # it was ended under way
            self._screen.ends(number, hand_in, {**answer, "notes": notes})
        self._close(slot)

    def _next(self) -> HandIn | None:
        if self._stopped.is_set():
            return None
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def _opened(self, settings: Settings) -> Slot:
        try:
            slot = Slot(dataclasses.asdict(settings))
        except OSError as error:
            raise HarnessError(f"no grader process could be started: {error}") from error
        self._slots.add(slot)
        if self._aborted.is_set():  # just now
            slot.hang_up()
        return slot

    def _close(self, slot: Slot | None) -> None:
        if slot is not None:
            self._slots.discard(slot)
            slot.close()

"""What is seen of a batch while it runs: a bar with the time left, and a line for each result.

On a terminal the bar stays below the lines; anywhere else there are the lines alone.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from grader.batch.handins import HandIn
from grader.records import Json
from grader.text import shown

LONGEST = 800  # characters of what is said of one submission
WORDS = {
    "graded": "graded",
    "needs_review": "waiting for a human",
    "withheld": "withheld",
    "refused": "not graded",
    "trouble": "trouble of ours",
}


class Terminal:
    """A screen, and the record of how each submission ended."""

    def __init__(self, count: int, *, done: int = 0) -> None:
        self.answers: dict[str, Json] = {}
        self._counts: Counter[str] = Counter()
        self._at: dict[int, str] = {}
        self._lock = threading.Lock()
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            MofNCompleteColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=count, completed=done)
        self._done, self._count = done, count

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self._bar.stop()

    def begins(self, slot: int, hand_in: HandIn) -> None:
        """Show which submission a slot is at."""
        with self._lock:
            self._at[slot] = shown(hand_in.id)
            self._describe()

    def at(self, slot: int, check: str) -> None:
        """Show the check as well."""
        with self._lock:
            self._at[slot] = f"{self._at.get(slot, '').partition(' ')[0]} {check}"
            self._describe()

    def ends(self, slot: int, hand_in: HandIn, answer: Json) -> None:
        """Say the result in one line."""
        with self._lock:
            self.answers[hand_in.id] = answer
            self._at.pop(slot, None)
            self._done += 1
            self._counts[_kind(answer)] += 1
            self.say(f"{self._done:>{len(str(self._count))}}/{self._count}  "
                     f"{shown(hand_in.id)}: {sentence(answer)}")  # fmt: skip
            self._bar.advance(self._task)
            self._describe()

    def say(self, text: str) -> None:
        """Show a line above the bar."""
        self._bar.console.print(escape(shown(text, LONGEST)), soft_wrap=True)

    def _describe(self) -> None:
        counts = ", ".join(f"{n} {WORDS[kind]}" for kind, n in sorted(self._counts.items()))
        busy = ", ".join(each for _, each in sorted(self._at.items()))
        self._bar.update(self._task, description=escape(f"{counts}  {busy}"))


def sentence(answer: Json) -> str:
    """Return how a grading ended, in a line."""
    graded = answer.get("graded")
    if graded is None:
        return str(answer.get("refused") or answer.get("trouble"))
    if graded["status"] == "withheld":
        return f"points withheld by a fault of ours; {graded['seconds']:.1f} s"
    waiting = f", {graded['pending_points']:g} waiting" if graded["pending_points"] else ""
    points = f"{graded['points']:g} of {graded['max_points']:g}"
    return f"{points}{waiting}; {graded['seconds']:.1f} s"


def _kind(answer: Json) -> str:
    return str(answer["graded"]["status"]) if "graded" in answer else next(iter(answer))

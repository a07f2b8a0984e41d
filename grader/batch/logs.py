"""A log of each submission: when and where it was graded, what took how long, what its slot said.

A file for each in a folder of the caller's; whoever is graded again gets another entry at its end.
What student code prints is not in it: that stays in its sandbox, or is beside the result.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from grader import history
from grader.batch.engine import Screen
from grader.batch.handins import HandIn
from grader.batch.screen import sentence
from grader.records import Json
from grader.text import shown

WIDEST = 400  # characters of a line
MOST = 200  # different lines that a slot said


class Logged:
    """A screen that writes logs beside what another one shows; none where there is no folder.

    A log that cannot be written costs nobody a grading: ``trouble`` says so, once.
    """

    def __init__(self, screen: Screen, folder: Path | None) -> None:
        self._screen, self._folder = screen, folder
        self._lines: dict[int, list[str]] = {}  # by slot, of what it is at
        self._begun: dict[int, float] = {}
        self.trouble = ""

    def begins(self, slot: int, hand_in: HandIn) -> None:
        """Begin an entry."""
        self._begun[slot] = time.monotonic()
        self._lines[slot] = [f"{history.now().isoformat(timespec='seconds')}  slot {slot + 1}"]
        self._screen.begins(slot, hand_in)

    def at(self, slot: int, check: str) -> None:
        """Note when a check began."""
        self._note(slot, shown(check, WIDEST))
        self._screen.at(slot, check)

    def ends(self, slot: int, hand_in: HandIn, answer: Json) -> None:
        """Write the entry."""
        notes = str(answer.get("notes", ""))
        self._note(slot, shown(sentence(answer), WIDEST))
        lines = [*self._lines.pop(slot), *folded(notes), ""]
        if self._folder is not None:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with (self._folder / f"{hand_in.id}.log").open("a", encoding="utf-8") as file:
                    file.write("\n".join([*lines, ""]))
            except OSError as error:
                self.trouble = self.trouble or f"no logs: {error}"
        self._screen.ends(slot, hand_in, answer)

    def say(self, text: str) -> None:
        """Pass it on."""
        self._screen.say(text)

    def _note(self, slot: int, text: str) -> None:
        self._lines[slot].append(f"{time.monotonic() - self._begun[slot]:8.1f} s  {text}")


def folded(notes: str) -> list[str]:
    """Return the lines of what was printed, each different one once, with how often it came."""
    counts = Counter(shown(line.rstrip(), WIDEST) for line in notes.splitlines() if line.strip())
    kept = [f"{count:7} x  {line}" for line, count in list(counts.items())[:MOST]]
    more = [f"and {len(counts) - MOST} other lines"] if len(counts) > MOST else []
    return ["what its process printed:", *kept, *more] if kept else []

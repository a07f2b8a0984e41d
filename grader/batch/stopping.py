"""Stopping a batch by itself: once something that it uses up is used up."""

from __future__ import annotations

from collections.abc import Callable

from grader.batch.engine import Screen
from grader.batch.handins import HandIn
from grader.records import Json


class Stopping:
    """A screen that asks after each submission whether there is enough for another one.

    A sentence from ``enough`` calls ``stop``, and is kept in ``why``.
    """

    def __init__(self, screen: Screen, enough: Callable[[], str]) -> None:
        self.why = ""
        self.stop: Callable[[], None] = lambda: None
        self._screen, self._enough = screen, enough

    def begins(self, slot: int, hand_in: HandIn) -> None:
        """Pass it on."""
        self._screen.begins(slot, hand_in)

    def at(self, slot: int, check: str) -> None:
        """Pass it on."""
        self._screen.at(slot, check)

    def ends(self, slot: int, hand_in: HandIn, answer: Json) -> None:
        """Pass it on; then ask."""
        self._screen.ends(slot, hand_in, answer)
        if not self.why and (why := self._enough()):
            self.why = why
            self.stop()

    def say(self, text: str) -> None:
        """Pass it on."""
        self._screen.say(text)

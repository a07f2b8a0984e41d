"""One device, as the checks of a pack get it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from functools import cached_property

from grader.devices import identity, lease, rates, watch
from grader.devices.identity import Identity
from grader.devices.rates import Rates
from grader.devices.watch import Watch

Stopped = Callable[[], contextlib.AbstractContextManager[None]]


class Device:
    """The device of one grading: "cpu", "cuda:N" or "mps".

    ``say`` is told who is waited for; ``unhurried`` is entered while somebody is, so that waiting
    is no part of what a check may take.
    """

    def __init__(
        self,
        name: str,
        say: Callable[[str], None] = lambda _: None,
        unhurried: Stopped = contextlib.nullcontext,
    ) -> None:
        self.name = name
        self._say, self._unhurried = say, unhurried

    @cached_property
    def identity(self) -> Identity:
        """Return which device it is."""
        return identity.of(self.name)

    @property
    def rates(self) -> Rates | None:
        """Return what it can do at best; None where that was never measured."""
        return rates.of(self.identity)

    @contextlib.contextmanager
    def alone(self) -> Iterator[float]:
        """Be the only one who times here; yields the seconds that were waited."""
        with contextlib.ExitStack() as stack:
            with self._unhurried():
                waited = stack.enter_context(lease.held(self.identity.key, self._say))
            yield waited

    def watch(self, ours: Callable[[], Collection[int]], *, by_wall_time: bool = False) -> Watch:
        """Begin to watch it; ``ours`` are the processes that are meant to be on it."""
        return watch.watch(self.identity, ours, by_wall_time=by_wall_time)

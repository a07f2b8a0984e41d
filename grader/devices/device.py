"""One device, as gradings and the checks of a pack get it.

Several gradings may share a GPU. A grading shares it while checks run that may compute there, so
that nobody computes while another one's check times; who has shared it for long makes way between
two checks. And each grading shares it as a whole: what
ran out of memory or time may have done so by its neighbours' doing, and is graded once more when
they are gone, before others come.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from typing import Any

from grader.devices import identity, lease, nvml, rates, remembered, watch
from grader.devices.identity import Identity
from grader.devices.rates import Rates
from grader.devices.watch import Watch
from grader.errors import UsageError

LONG_SECONDS = 3.0  # as long as the checks of a usual submission take together
REMEMBERED = "sizes.json", "GRADER_SIZES"
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
        self._shared = contextlib.ExitStack()  # while a check runs that may compute here
        self._inside = False
        self._since = 0.0
        self.is_gpu = identity.number(name) is not None

    @cached_property
    def identity(self) -> Identity:
        """Return which device it is."""
        return identity.of(self.name)

    @property
    def rates(self) -> Rates | None:
        """Return what it can do at best; None where that was never measured."""
        return rates.of(self.identity)

    def recall(self, what: str) -> int | None:
        """Return a number that was remembered of this GPU; None where there is none."""
        value = _remembered().get(f"{self.identity.key} {what}")
        return value if self.is_gpu and isinstance(value, int) else None

    def remember(self, what: str, value: int) -> None:
        """Remember a number of this GPU; where that cannot be, time is lost and nothing else."""
        if self.is_gpu:
            _remember({**_remembered(), f"{self.identity.key} {what}": value})

    def forget(self) -> None:
        """Forget all that was remembered of it."""
        own = f"{self.identity.key} "
        _remember({k: v for k, v in _remembered().items() if not k.startswith(own)})

    @contextlib.contextmanager
    def alone(self) -> Iterator[float]:
        """Be the only one who times here; yields the seconds that were waited."""
        inside = self._inside
        self.leave()
        try:
            with contextlib.ExitStack() as stack:
                with self._unhurried():
                    waited = stack.enter_context(lease.held(self.identity.key, self._say))
                yield waited
        finally:
            if inside:
                self.enter()

    def enter(self) -> None:
        """Begin what may compute here: wait while somebody times."""
        if self.is_gpu and not self._inside:
            with self._unhurried():
                self._shared.enter_context(lease.shared(self.identity.key, self._say))
            self._inside, self._since = True, time.monotonic()

    def make_way(self) -> None:
        """Let those in who wait to time, where this has gone on for long.

        Going out after each check would have a grading wait for all of another's timings, one
        after the other, at each of its checks.
        """
        if time.monotonic() - self._since > LONG_SECONDS:
            self.leave()

    def leave(self) -> None:
        """End it."""
        self._shared.close()
        self._inside = False

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Compute here outside of any check, with whoever else does."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    @contextlib.contextmanager
    def beside_others(self) -> Iterator[None]:
        """Grade here, with whoever else does."""
        with contextlib.ExitStack() as stack:
            if self.is_gpu:
                stack.enter_context(lease.shared(self._gradings, self._say))
            yield

    @contextlib.contextmanager
    def by_itself(self) -> Iterator[bool]:
        """Grade here when nobody else does; yields whether strangers hold most of its memory."""
        with lease.held(self._gradings, self._say):
            free, total = self.memory
            yield bool(free is not None and total and free < total / 2)

    @property
    def memory(self) -> tuple[int | None, int | None]:
        """Return its memory in bytes, what is free and what it has; None where nobody tells."""
        index = identity.number(self.name)
        gpu = "" if index is None else nvml.gpu(index)
        return (None, None) if isinstance(gpu, str) else gpu.memory()

    @property
    def _gradings(self) -> str:
        return f"{self.identity.key}-gradings"

    def watch(self, ours: Callable[[], Collection[int]], *, by_wall_time: bool = False) -> Watch:
        """Begin to watch it; ``ours`` are the processes that are meant to be on it."""
        return watch.watch(self.identity, ours, by_wall_time=by_wall_time)


def _remembered() -> dict[str, Any]:
    return remembered.read(remembered.path(*REMEMBERED))


def _remember(known: Mapping[str, Any]) -> None:
    with contextlib.suppress(UsageError):
        remembered.write(remembered.path(*REMEMBERED), known, REMEMBERED[1])

"""A scheduler, its client and its machines as one thing that can break, and be made anew."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable
from typing import Any

from distributed import Client

from grader.cluster.machines import LOOK_SECONDS, Machines
from grader.cluster.starting import Cluster
from grader.errors import HarnessError
from grader.records import Json

AGAIN_SECONDS = 2.0
GIVE_UP_SECONDS = 600.0  # without any machine


class Connection:
    """What is behind `--engine`; ``told`` is what `grader.cluster.bench.prepare` takes."""

    client: Client
    machines: Machines

    def __init__(self, cluster: Cluster, told: bytes, say: Callable[[str], None]) -> None:
        self.batch = ""
        self.say = say
        self.hear: Callable[[Json], None] = lambda _: None  # is told what a grading is at
        self._cluster, self._told = cluster, told
        self._known_lost: dict[str, str] = {}
        self._is_open = False

    async def open(self) -> None:
        """Connect, and wait for the first machines; raises HarnessError where there is none."""
        self._known_lost = {}
        self.batch = f"grader-{uuid.uuid4().hex}"  # another one each time: the last one is over
        try:
            self.client = await self._cluster.start()
            self._is_open = True
            self.machines = Machines(self.client, self.batch, self._told, self._say)
            self.client.subscribe_topic(self.batch, self._heard)
            await self._first_machines()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Leave nothing of the batch on any machine."""
        if self._is_open:
            self._is_open = False
            await self.machines.close()
        await self._cluster.close()

    async def again(self, wanted: Callable[[], bool]) -> None:
        """Make all of it anew, as long as it is wanted; HarnessError where that does not work."""
        with contextlib.suppress(HarnessError):
            await self.close()
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while wanted():
            try:
                await self.open()
            except HarnessError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    @property
    def is_empty(self) -> bool:
        """Whether no machine is left, nor one that may become one."""
        return not self.machines.ready and not self.machines.asking

    @property
    def is_over(self) -> bool:
        """Whether no machine will ever come by itself."""
        return self.is_empty and self._cluster.ends and self._cluster.expected <= len(self._gone())

    @property
    def remedy(self) -> str:
        """Return what to do where there is no machine."""
        return self._cluster.remedy

    def tell_losses(self) -> None:
        """Say which machines could not be started, or have ended."""
        for name, why in self._cluster.lost.items():
            if self._known_lost.get(name) != why:
                self._known_lost[name] = why
                self._say(f"{name} is not used: {why}")

    async def _first_machines(self) -> None:
        """Wait until all that are expected can grade, or cannot."""
        begin = time.monotonic()
        while True:
            await self.machines.look()
            self.tell_losses()
            settled = len(self._gone()) + len(self.machines.ready) >= self._cluster.expected
            late = time.monotonic() - begin > self._cluster.patience
            if late or (settled and not self.machines.asking):
                break
            await asyncio.sleep(LOOK_SECONDS)
        if not self.machines.ready:
            why = "as said above" if self._gone() else self._cluster.remedy
            raise HarnessError(f"no machine can grade: {why}")
        self.machines.agree()

    def _gone(self) -> set[str]:
        return set(self._cluster.lost) | {name for name, _ in self.machines.refused.values()}

    def _say(self, text: str) -> None:
        self.say(text)

    def _heard(self, event: tuple[float, Any]) -> None:
        self.hear(event[1])

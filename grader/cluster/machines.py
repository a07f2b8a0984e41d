"""The machines of a batch, as it sees them: who can grade, who is gone, who seems to be there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from distributed import Client

from grader.cluster import bench
from grader.cluster.machine import Facts
from grader.errors import HarnessError

FROZEN_SECONDS = 20.0  # without a sign of life, which Dask's workers give every few seconds
ANSWER_SECONDS = 20.0  # for a scheduler
PREPARE_SECONDS = 180.0  # an image that is not in any cache is slow to start
FORGET_SECONDS = 60.0
LOOK_SECONDS = 0.5
STILL_SECONDS = 5.0  # between two words to a machine that the batch goes on


@dataclass(eq=False)
class Machine:
    """A worker that is ready for the batch."""

    address: str
    name: str
    facts: Facts
    busy: int = 0

    @property
    def free(self) -> int:
        """Return how many hand-ins it can be given."""
        return self.facts.slots - self.busy


class Gone(HarnessError):  # noqa: N818 - what happened, and no fault of anybody
    """The scheduler does not answer any more."""


class Machines:
    """Those of one client; ``told`` is what `bench.prepare` takes."""

    def __init__(self, client: Client, batch: str, told: bytes, say: Callable[[str], None]) -> None:
        self._client, self._batch, self._told, self._say = client, batch, told, say
        self._seen: dict[str, tuple[float, float]] = {}  # the sign of life, and when it came
        self._asked: dict[str, asyncio.Task[Machine]] = {}
        self._told_still: dict[str, asyncio.Task[None]] = {}  # done when the next word is due
        self._kind: tuple[str, str, str] | None = None  # None until it is agreed on
        self.ready: dict[str, Machine] = {}
        self.refused: dict[str, tuple[str, str]] = {}  # name and why, by address

    async def look(self) -> list[Machine]:
        """See who is there, and ask who is new; return machines that were lost. Raises `Gone`."""
        alive = await self._alive()
        lost = [machine for address, machine in self.ready.items() if address not in alive]
        for machine in lost:
            del self.ready[machine.address]
        for address in self._asked.keys() - alive.keys():
            self._asked.pop(address).cancel()
        for address in self.refused.keys() - alive.keys():
            del self.refused[address]  # whoever comes anew is asked anew
        for address in alive.keys() - self.ready.keys() - self._asked.keys() - self.refused.keys():
            self._asked[address] = asyncio.create_task(self._prepared(address, alive[address]))
        for address, asked in list(self._asked.items()):
            if asked.done():
                del self._asked[address]
                self._take(address, alive[address], asked)
        for address in self.ready:
            if address not in self._told_still or self._told_still[address].done():
                self._told_still[address] = asyncio.create_task(self._tell_still(address))
        return lost

    @property
    def asking(self) -> bool:
        """Whether one is being asked."""
        return bool(self._asked)

    def agree(self) -> None:
        """Settle on how most machines grade; those that grade otherwise are not used."""
        kinds = Counter(machine.facts.kind for machine in self.ready.values())
        self._kind = max(sorted(kinds), key=kinds.__getitem__)
        for machine in list(self.ready.values()):
            if machine.facts.kind != self._kind:
                del self.ready[machine.address]
                self._refuse(machine.address, machine.name, self._differs(machine.facts))

    def next_free(self) -> Machine | None:
        """Return the machine that has most to spare, or None."""
        free = [machine for machine in self.ready.values() if machine.free > 0]
        return max(free, key=lambda machine: machine.free, default=None)

    def unprepared(self, machine: Machine) -> None:
        """Ask a machine anew that has forgotten the batch."""
        self.ready.pop(machine.address, None)

    async def close(self) -> None:
        """Let all machines forget the batch; returns when they have, and nothing of it runs."""
        for task in (*self._asked.values(), *self._told_still.values()):
            task.cancel()
        known = [*self.ready, *self._asked, *self.refused]
        if known and self._client.status == "running":
            forgotten = self._client.run(
                bench.forget, self._batch, workers=known, on_error="ignore"
            )
            try:
                await asyncio.wait_for(forgotten, FORGET_SECONDS)
            except (OSError, TimeoutError):  # frozen, or gone: it forgets by itself
                return

    async def _alive(self) -> dict[str, str]:
        """Return names by address of those who have given a sign of life lately."""
        if self._client.status != "running":
            raise Gone("the scheduler has gone")
        try:
            identity = self._client.scheduler.identity(n_workers=-1)
            found = (await asyncio.wait_for(identity, ANSWER_SECONDS))["workers"]
        except (OSError, TimeoutError) as error:
            raise Gone(f"the scheduler does not answer: {error}") from error
        now = time.monotonic()
        for address, worker in found.items():
            if self._seen.get(address, (None,))[0] != worker["last_seen"]:
                self._seen[address] = worker["last_seen"], now
        return {
            address: str(worker["name"])
            for address, worker in found.items()
            if now - self._seen[address][1] < FROZEN_SECONDS
        }

    async def _prepared(self, address: str, name: str) -> Machine:
        asked = self._client.run(
            bench.prepare, self._batch, self._told, workers=[address], on_error="return"
        )
        answer: Any = (await asyncio.wait_for(asked, PREPARE_SECONDS))[address]
        if isinstance(answer, ImportError | AttributeError):
            raise HarnessError(f"it has no grader of this version ({answer})") from answer
        if isinstance(answer, Exception):
            raise HarnessError(f"it failed when it was asked ({answer!r})") from answer
        told = json.loads(answer)
        if "cannot" in told:
            raise HarnessError(told["cannot"])
        return Machine(address, name, Facts(**{**told, "devices": tuple(told["devices"])}))

    async def _tell_still(self, address: str) -> None:
        """Say that the batch goes on; who does not hear it clears away, and is asked anew."""
        with contextlib.suppress(OSError, TimeoutError):
            told = self._client.run(bench.still, self._batch, workers=[address], on_error="ignore")
            await asyncio.wait_for(told, ANSWER_SECONDS)
        await asyncio.sleep(STILL_SECONDS)

    def _take(self, address: str, name: str, asked: asyncio.Task[Machine]) -> None:
        try:
            machine = asked.result()
        except (HarnessError, OSError, TimeoutError, KeyError) as error:
            self._refuse(address, name, str(error) or "it does not answer")
            return
        if self._kind not in {None, machine.facts.kind}:
            self._refuse(address, name, self._differs(machine.facts))
        else:
            self.ready[address] = machine

    def _refuse(self, address: str, name: str, why: str) -> None:
        self.refused[address] = name, why
        self._say(f"{name} is not used: {why}")

    def _differs(self, facts: Facts) -> str:
        assert self._kind is not None
        sandbox, device, torch = self._kind
        return (
            f"it grades in {facts.described}, and the batch in {sandbox} on {device} with {torch}"
        )

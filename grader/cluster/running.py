"""Giving hand-ins to machines, and taking their results: once each, whatever happens meanwhile.

All of it runs in an event loop beside the story of the batch. A grading is a task of that loop;
where its machine is lost the task is cancelled, and its hand-in waits again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import json
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

from grader import __version__, handed, results
from grader.batch.engine import Screen, Wanted
from grader.batch.fitting import SHARING
from grader.batch.handins import HandIn
from grader.batch.journal import Journal
from grader.batch.running import ATTEMPTS
from grader.batch.slot import summary
from grader.cluster import bench, loop, sent
from grader.cluster.connection import GIVE_UP_SECONDS, Connection
from grader.cluster.machine import Facts
from grader.cluster.machines import LOOK_SECONDS, Gone, Machine
from grader.cluster.queue import Queue
from grader.errors import GraderError, HarnessError, UsageError
from grader.records import Json

LOSSES = 3  # machines that are lost over one hand-in before it is thought to be its doing
CANCEL_SECONDS = 5.0


@dataclass(eq=False)
class Given:
    """A hand-in that a machine has."""

    key: str
    number: int  # as the screen knows it
    hand_in: HandIn
    machine: Machine
    digest: str = ""  # of what was sent
    lost: bool = False  # its machine is


def needs(facts: Facts) -> dict[str, float]:
    """Return what a grading takes of a machine, as Dask's resources: of a GPU a share.

    Within its share it times alone all the same, by the lease of the device.
    """
    share = {} if facts.devices[0] == "cpu" else {bench.GPU: 1 / SHARING}
    return {bench.GRADINGS: 1.0, **share}


class Running:
    """A batch on machines of a connection."""

    def __init__(
        self,
        beside: loop.Loop,
        connection: Connection,
        wanted: Wanted,
        batch: Journal,
        screen: Screen,
    ) -> None:
        self._beside, self._connection, self._screen = beside, connection, screen
        self._wanted, self._batch = wanted, batch
        connection.say, connection.hear = screen.say, self._hear
        self._waiting: deque[HandIn] = deque()
        self._tasks: dict[asyncio.Task[Json], Given] = {}
        self._troubles: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._stopped = False
        self._connecting: asyncio.Task[None] | None = None  # to a scheduler that had gone
        self._empty_since: float | None = None
        self._done: concurrent.futures.Future[None] | None = None

    def start(self, hand_ins: Iterable[HandIn]) -> None:
        """Begin."""
        self._waiting.extend(hand_ins)
        if self._waiting:
            self._done = self._beside.begin(self._all())

    def wait(self) -> None:
        """Return when all is done, or stopped and drained; Ctrl-C gets through."""
        if self._done is not None:
            loop.wait(self._done)

    def stop(self) -> None:
        """Begin with nothing more."""
        self._stopped = True
        self._beside.begin(self._stop_connecting())

    def abort(self) -> None:
        """End what has begun, too; `wait` returns once nothing is left running."""
        self._stopped = True
        self._beside.begin(self._cancel_all())

    async def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._stop_connecting()

    async def _stop_connecting(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()

    async def _all(self) -> None:
        """Grade until nothing waits; a scheduler that is lost is found again, or made anew."""
        with contextlib.closing(Queue(self._wanted.out, self._run)) as self._queue:
            self._queue.fill(self._waiting)
            while True:
                try:
                    await self._grade_on()
                except Gone as error:
                    await self._take_all_back()
                    if not await self._connected_again(error):
                        return
                else:
                    return

    async def _connected_again(self, gone: Gone) -> bool:
        """Connect to what has gone; return whether there is anybody to go on with."""
        if self._stopped:
            return False
        self._screen.say(f"{gone}; what has no result is given again")
        again = self._connection.again(lambda: not self._stopped)
        self._connecting = asyncio.create_task(again)
        try:
            await self._connecting
        except HarnessError as error:
            self._screen.say(str(error))
            return False
        except asyncio.CancelledError:  # by whoever pressed Ctrl-C
            return False
        finally:
            self._connecting = None
        return not self._stopped

    async def _grade_on(self) -> None:
        """Grade until nothing waits, or no machine is left; raises `Gone`."""
        looked = float("-inf")
        while True:
            if time.monotonic() - looked > LOOK_SECONDS:
                for machine in await self._connection.machines.look():
                    self._lose(machine)
                self._connection.tell_losses()
                looked = time.monotonic()
            self._give()
            if not self._tasks and (self._stopped or not self._waiting or self._waited_enough()):
                return
            if self._tasks:
                done, _ = await asyncio.wait(
                    self._tasks, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    self._end(task, self._tasks.pop(task))
            else:
                await asyncio.sleep(LOOK_SECONDS)

    def _waited_enough(self) -> bool:
        """Whether no machine has been there for long; raises `Gone` where none can come."""
        if not self._connection.is_empty:
            self._empty_since = None
            return False
        if self._connection.is_over:
            raise Gone("no machine is left")
        if self._empty_since is None:
            self._empty_since = time.monotonic()
            remedy = self._connection.remedy
            self._screen.say(f"no machine is left that can grade; waiting for one: {remedy}")
        return time.monotonic() - self._empty_since > GIVE_UP_SECONDS

    def _give(self) -> None:
        """Give each machine as much as it takes."""
        machines = self._connection.machines
        while not self._stopped and self._waiting and (machine := machines.next_free()):
            hand_in, number = self._waiting.popleft(), next(self._numbers)
            given = Given(f"{self._connection.batch}-{number}", number, hand_in, machine)
            self._queue.give(hand_in, machine.name)
            machine.busy += 1
            self._screen.begins(number, hand_in)
            self._tasks[asyncio.create_task(self._graded(given))] = given

    async def _graded(self, given: Given) -> Json:
        """Return the answer of a machine, or why there is none; cancelled, it ends the grading."""
        client = self._connection.client
        try:
            work = await asyncio.to_thread(self._work, given)
        except UsageError as error:
            return {"refused": str(error)}
        except Exception as error:  # noqa: BLE001 - one hand-in never ends a batch
            return {"trouble": f"it could not be sent: {error!r}"}
        future = client.submit(
            bench.grade, given.key, self._connection.batch, work, key=given.key, pure=False,
            workers=[given.machine.address], resources=needs(given.machine.facts),
        )  # fmt: skip
        try:
            return dict(json.loads(await future))
        except Exception as error:  # noqa: BLE001 - whatever Dask has met; it is never a student's
            if client.status != "running":
                return {"gone": True}
            return {"trouble": f"{given.machine.name}: {error!r}"}
        finally:
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(client.cancel([future], force=True), CANCEL_SECONDS)

    def _work(self, given: Given) -> bytes:
        submission = given.hand_in.bundle.read()
        given.digest = submission.digest
        known = handed.of(self._wanted.out, submission.id)
        return json.dumps({"seed": self._batch.seed, **sent.hand_in(submission, known)}).encode()

    def _end(self, task: asyncio.Task[Json], given: Given) -> None:
        """Take note of an answer, or let the hand-in wait again."""
        given.machine.busy -= 1
        if given.lost:
            self._after_loss(given)
        elif task.cancelled():
            self._queue.take_back(given.hand_in)
        else:
            answer = task.result()
            if "result" in answer:
                answer = self._stored(given, answer)
            if "gone" in answer:
                self._wait_again(given)
                raise Gone("the scheduler has gone")
            if "unprepared" in answer:
                self._connection.machines.unprepared(given.machine)
                self._wait_again(given)
            elif "trouble" in answer and self._is_worth_another(given):
                self._wait_again(given)
            elif answer and ("trouble" not in answer or not self._stopped):
                self._tell(given, answer)

    def _stored(self, given: Given, told: Json) -> Json:
        """Store a result as a local slot does; return what there is to tell of it, if anything."""
        out = self._wanted.out
        stored: list[Json] = []
        try:
            result, files = sent.result(told)
            self._check(given, result)
            self._queue.finish(
                given.hand_in, lambda: stored.append(results.write(out, result, files))
            )
            return {"graded": summary(stored[0])} if stored else {}
        except UsageError as error:
            return {"refused": str(error)}
        except (GraderError, KeyError, TypeError, ValueError) as error:
            return {"trouble": f"{given.machine.name}: {error}"}

    def _check(self, given: Given, result: Json) -> None:
        """Raise HarnessError where a result is not of what was asked."""
        wanted = (given.hand_in.id, given.digest, self._wanted.pack.digest, self._batch.draw.digest,
                  __version__)  # fmt: skip
        found = (result["submission"]["id"], result["submission"]["digest"],
                 result["pack"]["digest"], result["draw"]["digest"],
                 result["environment"]["grader"])  # fmt: skip
        if found != wanted:
            raise HarnessError("a result came back that is of something else")

    def _is_worth_another(self, given: Given) -> bool:
        self._troubles[given.hand_in.id] += 1
        return self._troubles[given.hand_in.id] < ATTEMPTS and not self._stopped

    def _lose(self, machine: Machine) -> None:
        """Take back what a machine has that is gone, or frozen."""
        has = [task for task, given in self._tasks.items() if given.machine is machine]
        more = f"; {len(has)} to be graded elsewhere" if has else ""
        self._screen.say(f"{machine.name} gives no sign of life{more}")
        for task in has:
            self._tasks[task].lost = True
            task.cancel()

    def _after_loss(self, given: Given) -> None:
        if self._queue.lose(given.hand_in) < LOSSES:
            self._waiting.appendleft(given.hand_in)
        else:
            self._tell(given, {"trouble": f"{LOSSES} machines were lost while they graded it"})

    def _wait_again(self, given: Given) -> None:
        self._queue.take_back(given.hand_in)
        self._waiting.appendleft(given.hand_in)

    def _tell(self, given: Given, answer: Json) -> None:
        if "graded" not in answer:
            self._queue.take_back(given.hand_in)
        self._screen.ends(given.number, given.hand_in, answer)

    async def _take_all_back(self) -> None:
        """Let all wait again that is given: the scheduler knows nothing of it any more."""
        tasks, self._tasks = self._tasks, {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for given in tasks.values():
            self._wait_again(given)

    def _hear(self, told: Json) -> None:
        given = next((each for each in self._tasks.values() if each.key == told["key"]), None)
        if given is not None:
            self._screen.at(given.number, str(told["at"]))

    @property
    def _run(self) -> str:
        """Return what of a grading is the same for all hand-ins of this batch."""
        pack = self._wanted.pack
        return f"{pack.digest} {pack.checks_digest} {__version__} {self._batch.draw.digest}"

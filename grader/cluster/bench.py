"""What is in the process of a Dask worker: for each batch a bench of slots, which stay warm.

Dask calls four functions of this module: `prepare` when a batch meets the machine, `grade` for
each hand-in, in a thread, `still` every few seconds, and `forget` at the end. A grading that nobody
waits for any more, since it was cancelled or its batch has died, is ended with its sandbox; and a
bench of which nothing is heard, since its batch was killed or is frozen, is cleared away: a batch
that lives after all prepares the machine anew.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import Callable
from typing import Any, Final

from distributed import WorkerPlugin, get_worker

from grader.batch.running import Slot
from grader.cluster.machine import Asked, Facts, examined
from grader.errors import GraderError, HarnessError
from grader.records import Json

PROGRAM: Final = "grader.cluster.slot"
PLUGIN: Final = "grader"
SILENT_SECONDS: Final = 30.0  # without a word of its batch
GRADINGS, GPU = "gradings", "GPU"  # what a worker has, as Dask's resources

most: int | None = None  # gradings at a time, where whoever started this worker has said so


class Bench:
    """The slots of one batch on this machine."""

    def __init__(self, told: Json, facts: Facts) -> None:
        self._told, self._facts = told, facts
        self._free: queue.LifoQueue[int] = queue.LifoQueue()  # who was last is warm
        for number in reversed(range(facts.slots)):
            self._free.put(number)
        self._slots: dict[int, Slot] = {}
        self._running: dict[str, Slot] = {}  # by the key of the task
        self._ended: set[str] = set()  # keys that nobody waits for any more
        self.is_closed = False
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self.still()

    def grade(self, key: str, work: Json, at: Callable[[str], None]) -> Json:
        """Grade one hand-in in a slot that is free; trouble is an answer, too."""
        number = self._free.get()
        try:
            return self._at_work(number, key, work.pop("seed")).grade(work, at)
        except (HarnessError, OSError) as error:
            self._drop(number)
            return {"trouble": str(error)}
        finally:
            with self._lock:
                self._running.pop(key, None)
            self._free.put(number)
            self.still()

    def hang_up(self, key: str) -> None:
        """End a grading with its sandbox."""
        with self._lock:
            self._ended.add(key)
            slot = self._running.get(key)
        if slot is not None:
            slot.hang_up()

    def still(self) -> None:
        """Begin to count anew how long nothing was heard; not while something is graded."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if not self.is_closed and not self._running:
                self._timer = threading.Timer(SILENT_SECONDS, self._silent)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """End all slots; returns when nothing is left of them."""
        with self._lock:
            self.is_closed = True
            self._told = {}  # the pack is in it
            slots, self._slots = list(self._slots.values()), {}
            if self._timer is not None:
                self._timer.cancel()
        for slot in slots:
            slot.hang_up()
        for slot in slots:
            slot.close()

    def _at_work(self, number: int, key: str, seed: str) -> Slot:
        """Return the slot of this number, which is ours alone, and note what it is at."""
        slot = self._slots.get(number) or self._opened(number, seed)
        with self._lock:
            wanted = not self.is_closed and key not in self._ended
            if wanted:
                if self._timer is not None:
                    self._timer.cancel()
                self._slots[number] = self._running[key] = slot
        if not wanted:
            slot.close()
            raise HarnessError("nobody waits for this grading any more")
        return slot

    def _opened(self, number: int, seed: str) -> Slot:
        devices = self._facts.devices
        settings = {
            "pack": self._told["pack"],
            "digest": self._told["digest"],
            "files": self._told["files"],
            "sandbox": self._facts.sandbox,
            "device": devices[number % len(devices)],
            "seed": seed,
            "first_core": 2 * number,
        }
        return Slot(settings, PROGRAM)

    def _drop(self, number: int) -> None:
        with self._lock:
            slot = self._slots.pop(number, None)
        if slot is not None:
            slot.close()

    def _silent(self) -> None:
        with self._lock:
            if self._running:
                return
        self.close()


_benches: dict[str, Bench] = {}  # by batch
_over: set[str] = set()  # batches that have ended, whatever is still being prepared for them


class _HangUp(WorkerPlugin):  # type: ignore[misc]  # Dask has no types here
    """Ends what nobody waits for."""

    def transition(self, key: str, start: str, finish: str, **_: object) -> None:
        """Hear what becomes of a task; one that runs can only be told that it is not wanted."""
        if start in {"executing", "long-running"} and finish in {"released", "forgotten"}:
            for bench in list(_benches.values()):
                bench.hang_up(key)


async def prepare(batch: str, told: bytes, dask_worker: Any = None) -> bytes:  # noqa: ANN401
    """Make ready for a batch; return how this machine grades, or why it cannot, as JSON."""
    order = json.loads(told)
    try:
        asked = Asked.of(order["asked"])
        facts = await asyncio.to_thread(examined, asked, most)
    except (GraderError, OSError) as error:
        return json.dumps({"cannot": str(error)}).encode()
    except (TypeError, KeyError) as error:  # it asks for what this version has never heard of
        return json.dumps({"cannot": f"its grader is of another version ({error})"}).encode()
    if batch in _over:
        return json.dumps({"cannot": "the batch has ended"}).encode()
    await _clear_away(batch)
    _benches[batch] = Bench(order, facts)
    if PLUGIN not in dask_worker.plugins:
        await dask_worker.plugin_add(_HangUp(), name=PLUGIN)
    has = {GRADINGS: facts.slots}
    if facts.devices[0] != "cpu":
        has[GPU] = len(facts.devices)
    if any(dask_worker.state.total_resources.get(name) != count for name, count in has.items()):
        await dask_worker.set_resources(**has)
    return json.dumps(facts.__dict__).encode()


def grade(key: str, batch: str, work: bytes) -> bytes:
    """Grade one hand-in of a batch; answer as a slot does, in JSON.

    The answer {"unprepared": true} asks for `prepare`: the bench has been cleared away.
    """
    bench = _benches.get(batch)
    if bench is None or bench.is_closed:
        return b'{"unprepared": true}'
    worker = get_worker()

    def at(check: str) -> None:
        worker.log_event(batch, {"key": key, "at": check})

    return json.dumps(bench.grade(key, json.loads(work), at)).encode()


async def still(batch: str) -> None:
    """Hear that a batch goes on."""
    bench = _benches.get(batch)
    if bench is not None:
        bench.still()


async def forget(batch: str) -> None:
    """End the slots of a batch, and with them all that this machine has of it."""
    _over.add(batch)
    await _clear_away(batch)


async def forget_all() -> None:
    """End the slots of all batches: the worker ends, or its scheduler has."""
    await asyncio.gather(*(forget(batch) for batch in list(_benches)))


async def _clear_away(batch: str) -> None:
    bench = _benches.pop(batch, None)
    if bench is not None:
        await asyncio.to_thread(bench.close)

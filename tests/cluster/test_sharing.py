"""A GPU of a worker: so many gradings share it, and a timing has it to itself.

There is no GPU here: it is a number that a real worker announces to a real scheduler, and a lease.
"""

import asyncio
import time

from distributed import Client, Scheduler, Worker

from grader.batch.fitting import SHARING
from grader.cluster import bench
from grader.cluster.machine import Facts
from grader.cluster.running import needs
from grader.devices import lease

FACTS = Facts("docker", "2.13", ("cuda:0",), 8)
TASKS, SECONDS = 12, 0.1


def at_work(number):
    """Compute beside others or, every third one, time alone; return when, by which clock."""
    take = lease.held if number % 3 == 0 else lease.shared
    begun = time.monotonic()
    with take("GPU-of-a-test", lambda _: None):
        got = time.monotonic()
        time.sleep(SECONDS)
        return begun, got, time.monotonic(), number % 3 == 0


async def all_at_work():
    """Let a worker of one GPU, with room for more gradings than share it, do all of it."""
    quiet = {"dashboard_address": ":0", "host": "127.0.0.1"}
    has = {bench.GRADINGS: FACTS.slots, bench.GPU: len(FACTS.devices)}
    async with (
        Scheduler(port=0, **quiet) as scheduler,
        Worker(scheduler.address, nthreads=16, resources=has, memory_limit=0, host="127.0.0.1"),
        Client(scheduler.address, asynchronous=True, set_as_default=False) as client,
    ):
        asked = [
            client.submit(at_work, number, pure=False, resources=needs(FACTS))
            for number in range(TASKS)
        ]
        return await client.gather(asked)


def test_a_gpu_is_shared_by_some_and_timed_by_one(tmp_path, monkeypatch):
    """No more gradings than its shares are on a GPU at a time, and nobody is beside a timing."""
    monkeypatch.setenv(lease.ENVIRONMENT, str(tmp_path))
    seen = asyncio.run(all_at_work())
    assert len(seen) == TASKS
    assert max(sum(b <= at < e for b, _, e, _ in seen) for at, *_ in seen) == SHARING
    for _, got, end, alone in seen:
        beside = [each for each in seen if each[1] < end and got < each[2]]
        assert len(beside) == 1 or not (alone or any(each[3] for each in beside))

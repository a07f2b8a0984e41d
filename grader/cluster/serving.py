"""`grader worker`: a Dask worker, which knows nothing until a batch meets it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dask
from distributed import Worker
from distributed.core import Status

from grader.cluster import bench, tls
from grader.cluster.addresses import Dask
from grader.cluster.loop import quiet
from grader.errors import HarnessError

THREADS = 256  # which only wait for slots; how many there are is a resource
AGAIN_SECONDS = 2.0
LOOK_SECONDS = 0.2
_ENDING = {Status.closing, Status.closed, Status.failed}


@dataclass(frozen=True)
class Serving:
    """Which scheduler to serve, and how."""

    scheduler: Dask
    pem: dict[str, str] | None
    name: str = ""
    jobs: int | None = None
    once: bool = False  # it ends with its scheduler
    leashed: bool = False  # and when its stdin does


def serve(order: Serving, say: Callable[[str], None]) -> int:
    """Serve until SIGTERM or Ctrl-C; a scheduler that has gone is waited for."""
    quiet()
    bench.most = order.jobs
    address, security = tls.line(order.scheduler.host, order.scheduler.port, order.pem)
    return asyncio.run(_Served(order, address, security, say).run())


class _Served:
    """A worker for as long as it is wanted."""

    def __init__(
        self,
        order: Serving,
        address: str,
        security: Any,  # noqa: ANN401 - distributed's, which has no types here
        say: Callable[[str], None],
    ) -> None:
        self._order, self._address, self._security, self._say = order, address, security, say
        self._unwanted = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._unwanted.set)
        if self._order.leashed:
            loop.add_reader(sys.stdin.fileno(), self._leash)
        waited = False
        while not self._unwanted.is_set():
            try:
                with tempfile.TemporaryDirectory() as scratch:
                    await self._once(scratch)
                waited = False
            except (OSError, TimeoutError, RuntimeError) as error:  # as Dask says it
                if self._order.once:
                    raise HarnessError(f"no scheduler at {self._address}: {error}") from error
                if not waited:
                    self._say(f"no scheduler answers at {self._address}; waiting for one")
                waited = True
            if self._order.once:
                break
            await self._sleep(AGAIN_SECONDS)
        return 0

    async def _once(self, scratch: str) -> None:
        """Serve one scheduler until it goes, or nobody wants this worker any more."""
        host = _address_towards(self._order.scheduler)
        name = self._order.name or f"{socket.gethostname()}-{os.getpid()}"
        worker = Worker(
            self._address,
            name=name,
            nthreads=THREADS,
            memory_limit=0,  # nothing of a task is ever written to disk
            security=self._security,
            host=host,
            local_directory=scratch,
            death_timeout=10,
        )
        with dask.config.set({"distributed.comm.timeouts.connect": "5s"}):
            async with worker:
                self._say(f"{name} serves {self._address}")
                while worker.status not in _ENDING and not self._unwanted.is_set():
                    await self._sleep(LOOK_SECONDS)
                await bench.forget_all()  # first: closing waits for what is being graded
        if not self._unwanted.is_set():
            self._say(f"the scheduler at {self._address} has gone")

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._unwanted.wait(), seconds)

    def _leash(self) -> None:
        """Whoever started this worker is gone, or has hung up."""
        if not os.read(sys.stdin.fileno(), 1 << 10):
            self._unwanted.set()


def _address_towards(scheduler: Dask) -> str:
    """Return the address of this machine that a scheduler sees; nothing is sent for it."""
    found = socket.getaddrinfo(scheduler.host, scheduler.port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, place = found[0]
    with socket.socket(family, kind, protocol) as asked:
        asked.connect(place)
        return str(asked.getsockname()[0])

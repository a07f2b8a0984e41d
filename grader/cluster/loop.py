"""An event loop beside the program, whose main thread hears Ctrl-C."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
import warnings
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.1
LAST_SECONDS = 15.0  # to leave nothing behind


class Loop:
    """A loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def begin(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Let something run; return what will have its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of something; Ctrl-C ends it, and lets it clean up."""
        ended = threading.Event()

        async def watched() -> T:
            try:
                return await work
            finally:
                ended.set()

        begun = self.begin(watched())
        try:
            return wait(begun)
        except KeyboardInterrupt:
            begun.cancel()
            ended.wait(LAST_SECONDS)
            raise

    def close(self) -> None:
        """End the loop, and whatever still runs in it."""
        self.begin(_cancelled_others()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancelled_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=LAST_SECONDS)


def wait(begun: concurrent.futures.Future[T]) -> T:
    """Return the result of what was begun; Ctrl-C gets through, and ends nothing."""
    while True:
        done, _ = concurrent.futures.wait([begun], LOOK_SECONDS)
        if done:
            return begun.result()


def quiet() -> None:
    """Keep Dask from writing between our lines; what counts is said by us."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in {"distributed", "tornado", "asyncio"}:
            logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="distributed|dask_jobqueue|tornado")

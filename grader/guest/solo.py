"""The agent of one process, for systems where workers cannot be forked (Windows) or should not be.

It serves a plain process only, which isolates nothing, and keeps the agent's contract with these
differences:

    1. It is the worker as well. READY says so (``fresh_workers`` is false): the host then gives all
       checks this one worker, as it does on a GPU.
    2. A second `worker` request cannot be met. It ends the process, and the host starts another.
    3. A request that takes too long is ended by the host, with the whole process.
    4. What is printed goes to a file of no name, and the end of it with each reply.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any, NoReturn

from grader.guest import frames
from grader.guest.folder import Folder
from grader.guest.frames import Header
from grader.guest.preloading import preload

PRINTS_KEPT = 2048


def run(config: dict[str, Any]) -> NoReturn:
    """Serve the host until it hangs up. ``config`` is what `grader.sandbox.boot` sends."""
    requests, replies = os.dup(0), os.dup(1)
    prints = tempfile.TemporaryFile(dir=config["wiped"][-1])  # noqa: SIM115 - open to the end
    null = os.open(os.devnull, os.O_RDONLY)
    for source, fd in ((null, 0), (prints.fileno(), 1), (prints.fileno(), 2)):
        os.dup2(source, fd)
    ready = preload([])
    frames.write(replies, {"ready": True, "fresh_workers": False, **ready})
    try:
        _serve(Folder(config["work"]), requests, replies, prints.fileno())
    except (frames.EndOfStream, OSError):
        os._exit(0)


def _serve(folder: Folder, requests: int, replies: int, prints: int) -> NoReturn:
    from grader.guest.worker import Worker  # noqa: PLC0415 - imports torch: after the preload

    worker: Worker | None = None
    while True:
        header, body = frames.read(requests)
        array: bytes | memoryview = b""
        reply: Header
        if header["verb"] == "submission":
            reply = folder.store(header, body)
        elif header["verb"] == "preload":
            preload(header["modules"])
            reply = {"ok": True}
        elif header["verb"] == "worker":
            if worker is not None:
                os._exit(0)
            folder.lay_out()
            os.chdir(folder.work)
            worker = Worker(folder.work, requests, replies)
            reply = {"ok": True}
        elif worker is None:
            reply = {"fault": {"outcome": "error", "text": "no worker is running"}}
        else:
            reply, array = worker.answer(header, body)
        reply["id"] = header["id"]
        reply["prints"] = _end_of(prints)
        frames.write(replies, reply, array)


def _end_of(prints: int) -> Header:
    size = os.fstat(prints).st_size
    os.lseek(prints, max(0, size - PRINTS_KEPT), os.SEEK_SET)
    tail = os.read(prints, PRINTS_KEPT)
    os.lseek(prints, 0, os.SEEK_END)  # descriptors 1 and 2 share this position
    return {"bytes": size, "tail": tail.decode(errors="replace")}

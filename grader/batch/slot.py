"""One slot of a batch: a grader process of its own, told by its parent what to grade.

    python -m grader.batch.slot

Contract: JSON, one object to a line. The first line in says what all gradings share (`Settings`);
each further one says where a hand-in lies (`grader.downloads.download.Bundle`). For each of those
come {"at": check} lines, and then one of {"graded": {...}}, {"refused": sentence}, {"trouble":
sentence}. Where the parent goes away, the slot stops what it does and leaves no sandbox behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from grader import pack
from grader.checking.draw import Draw
from grader.downloads.download import Bundle
from grader.errors import HarnessError, UsageError
from grader.records import Json
from grader.sandbox import choosing
from grader.sandbox.warm import WarmSandbox
from grader.session import Session

Say = Callable[[Json], None]


@dataclass(frozen=True)
class Settings:
    """What the gradings of a slot share."""

    root: str
    pack: str
    sandbox: str
    device: str
    out: str
    seed: str
    first_core: int


def main() -> None:
    """Serve the hand-ins of this machine."""
    serve(lambda told: contextlib.nullcontext(Settings(**told)), _grade)


def serve(
    settings_of: Callable[[Json], AbstractContextManager[Settings]],
    grade: Callable[[Session, Json, Say], Json],
) -> None:
    """Serve until there is nothing more to come.

    ``settings_of`` makes the settings of the first line, and ``grade`` answers each further one.
    """
    signal.signal(signal.SIGTERM, _stop)
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever is printed is no answer

    def say(answer: Json) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    told = json.loads(orders.readline())
    waiting: queue.SimpleQueue[Json | None] = queue.SimpleQueue()
    busy = threading.Event()
    threading.Thread(target=_listen, args=(orders, waiting, busy), daemon=True).start()
    with (
        contextlib.suppress(KeyboardInterrupt, BrokenPipeError),
        settings_of(told) as settings,
        _session(settings) as session,
    ):
        while (order := waiting.get()) is not None:
            answer = grade(session, order, say)
            busy.clear()
            say(answer)


def _listen(
    orders: IO[str], waiting: queue.SimpleQueue[Json | None], busy: threading.Event
) -> None:
    """Take orders; once the parent is gone, what is being graded is of use to nobody."""
    for line in orders:
        busy.set()
        waiting.put(json.loads(line))
    waiting.put(None)
    if busy.is_set():
        os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def _session(settings: Settings) -> Iterator[Session]:
    assignment = pack.load(Path(settings.root), settings.pack)
    cold = choosing.named(
        settings.sandbox, settings.device, lambda _: None, first_core=settings.first_core
    )
    limits = assignment.sandbox.on(settings.device)  # as `grader.conversation` asks for them
    with (
        WarmSandbox(cold, limits, settings.device) as sandbox,
        Session(
            assignment, sandbox, Draw(settings.seed), settings.device, Path(settings.out)
        ) as session,
    ):
        yield session


def _grade(session: Session, order: Json, say: Say) -> Json:
    """Grade one submission, or say why not."""
    try:
        submission = Bundle.of(order).read()
        result, _ = session.grade(submission, lambda check: say({"at": check}))
    except UsageError as error:
        return {"refused": str(error)}
    except HarnessError as error:
        return {"trouble": str(error)}
    return {"graded": summary(result)}


def summary(result: Json) -> Json:
    """Return what a batch tells of a result."""
    open_ = [c["id"] for c in result["criteria"] if c["status"] == "needs_review"]
    return {
        "id": result["submission"]["id"],
        "status": result["status"],
        **result["total"],
        "open": open_,
        "deducted": sum(each["points"] for each in result["deductions"]),
        "seconds": result["timing"]["seconds_total"],
    }


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

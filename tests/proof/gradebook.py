"""The gradebook under several writers, one of which is killed (SIGKILL) at any moment."""

import functools
import os
import random
import signal
import tempfile
import time
from pathlib import Path

from grader import history, results
from grader.score import by_hand
from tests.proof.ledger import Row
from tests.unit.test_gradebook import busy, dump, graded, now, overview, rebuilt

TITLE = "The gradebook, killed"
ABOUT = """
Each round three processes write about the same submission at the same time: points by hand for two
lines, and gradings. One of them is killed at a moment drawn over its work. A row holds where, after
its last round, the others have done all of theirs, every event that was acknowledged is in the
history once and in order, the result has the points of the last ones, its totals agree with them,
nothing half-written is left, and the database has the rows of one made anew.
"""
ROUNDS, SEEDS = 25, 8
EVENTS = 4  # of each writer in a round
LONGEST = 0.3  # seconds until one is killed


def rows():
    """Return a row for each seed."""
    return [Row(f"seed {seed}", functools.partial(_cells, seed)) for seed in range(SEEDS)]


def _cells(seed):
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        results.write(folder, graded("alice"))
        said = {"words": [], "2": []}
        rounds = [_round(folder, rng, number, said) for number in range(ROUNDS)]
        wrong = [f"writers failed in {n} rounds" for n in [sum(f for _, f in rounds)] if n]
        wrong += _wrong(folder, said)
    return {
        "rounds": str(ROUNDS),
        "killed at work": str(sum(killed for killed, _ in rounds)),
        "acknowledged": str(sum(map(len, said.values()))),
        "held": "; ".join(wrong) or "yes",
    }


def _round(folder, rng, number, said):
    """Let three write, and kill one; return whether it was at work, and whether others failed."""
    writers = {me: _started(folder, me, number) for me in ("words", "2", "grader")}
    victim = writers[rng.choice(sorted(writers))][0]
    time.sleep(rng.uniform(0, LONGEST))
    os.kill(victim, signal.SIGKILL)
    killed = failed = False
    for me, (child, told) in writers.items():
        _, ended = os.waitpid(child, 0)
        killed |= os.WIFSIGNALED(ended)
        failed |= os.waitstatus_to_exitcode(ended) > 0
        with os.fdopen(told) as lines:
            said.get(me, []).extend(lines.read().splitlines())
    return killed, failed


def _started(folder, me, number):
    """Start a writer; return its process and the end of a pipe with what it has done."""
    told, tell = os.pipe()
    if child := os.fork():
        os.close(tell)
        return child, told
    code = 1
    try:
        for n in range(EVENTS):
            note = f"{me} {number}.{n}"
            busy(folder, me, 1, note)
            os.write(tell, f"{note}\n".encode())
        code = 0
    finally:
        os._exit(code)


def _wrong(folder, said):
    """Yield what is not as it has to be."""
    overview(folder)
    events = history.read(folder, "alice")
    stored = results.read(folder, "alice")
    for me, notes in said.items():
        found = [each["why"] for each in events if each["by"] == me]
        if len(set(found)) != len(found) or [note for note in found if note in set(notes)] != notes:
            yield f"events of {me}: {len(found)} of {len(notes)}"
        last = next(each["why"] for each in reversed(events) if each["by"] == me)
        if last not in {each["note"] for each in stored["manual"]}:
            yield f"{last} does not stand"
    if stored != by_hand(stored, stored["manual"]):
        yield f"totals that do not agree: {now(folder)}"
    results.write(folder, graded("alice"))
    if left := [path.name for path in folder.iterdir() if path.name.startswith(".")]:
        yield f"left over: {left}"
    overview(folder)
    kept = dump(folder)
    if rebuilt(folder) != kept:
        yield "other rows when made anew"

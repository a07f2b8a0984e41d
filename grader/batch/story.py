"""The story of a batch, from a folder of hand-ins to a folder of results."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from grader import handed, late
from grader import pack as packs
from grader.batch import engine, journal, local
from grader.batch.engine import Engine, Run
from grader.batch.handins import HandIn, HandIns
from grader.batch.logs import Logged
from grader.batch.screen import Terminal
from grader.batch.slot import summary
from grader.batch.stopping import Stopping
from grader.batch.tally import tally
from grader.downloads.taking import report, take
from grader.errors import UsageError
from grader.pack import Pack
from grader.records import Json
from grader.times import moment


@dataclass(frozen=True)
class Order:
    """What is to be graded, and how."""

    root: Path
    path: Path
    out: Path
    pack: str | None
    sandbox: str
    devices: tuple[str, ...]  # those of another machine may be "auto"
    jobs: int | None
    resume: bool
    form: str | None = None  # of the download; None where it tells by itself
    roster: Path | None = None
    due: str | None = None  # with its time and zone; the rubric's where it is None
    logs: Path | None = None  # folder for a log of each submission
    memory_mb: int | None = None  # for all slots together; None: what the machine has
    enough: Callable[[], str] = lambda: ""  # asked after each one: why to begin with no more


@dataclass(frozen=True)
class Done:
    """How a batch ended."""

    summary: str
    code: int  # the exit code
    data: Json  # the summary for a program; `grader batch --help` has its form


def run(order: Order, say: Callable[[str], None], opening: engine.Opening = local.opened) -> Done:
    """Grade all submissions of a download or a folder; one that is bad never stops the others.

    ``opening`` opens what grades them: this machine, or others.
    """
    if order.jobs is not None and order.jobs < 1:
        raise UsageError(f"--jobs {order.jobs}: give at least 1")
    if order.due and moment(order.due, ZoneInfo("UTC")) is None:
        raise UsageError(
            f"--due {order.due}: give a date and a time, such as 2026-11-20T23:59+01:00"
        )
    names = packs.file_names(order.root, order.pack)
    hand_ins = HandIns(take(order.path, order.form, names, order.roster))
    pack = _pack(order, hand_ins)
    if not hand_ins.taken:
        raise UsageError(f"{order.path} holds no submission that can be graded")
    wanted = engine.Wanted(order.root, order.out, pack, order.sandbox, order.devices, order.jobs,
                            order.memory_mb)  # fmt: skip
    with opening(wanted, say) as machines:
        return _graded(order, hand_ins, pack, machines, say)


def _graded(
    order: Order, hand_ins: HandIns, pack: Pack, machines: Engine, say: Callable[[str], None]
) -> Done:
    """Grade what has no result yet."""
    batch = journal.begun(order.out, pack, order.path, resume=order.resume)
    index = _index(order, hand_ins, pack)
    told = report(hand_ins.taking, index)
    answers: dict[str, Json] = {}
    outdated = moved = 0
    for each in hand_ins.taken.values() if order.resume else ():
        if (stored := batch.result(order.out, each)) is not None:
            answers[each.id] = {"graded": summary(stored)}
            outdated += stored["pack"]["digest"] != pack.digest
            moved += late.is_other(pack.late, index.handed[each.id], stored)
    waiting = [each for each in hand_ins.taken.values() if each.id not in answers]
    say(_plan(hand_ins, waiting, pack, machines))
    if outdated:
        say(f"{outdated} results are by an earlier rubric: `grader rescore {order.out}` says whose "
            "points that moves")  # fmt: skip
    if moved:
        say(f"{moved} results were handed in, or due, at other times than was known before: "
            f"`grader rescore {order.out}` says whose points that moves")  # fmt: skip
    count = len(hand_ins.taken)
    with Terminal(count, done=count - len(waiting)) as screen:
        logged = Logged(screen, order.logs)
        seen = Stopping(logged, order.enough)
        running = machines.run(batch, seen)
        seen.stop = running.stop
        running.start(waiting)
        stopped = _to_the_end(running, screen)
    answers |= screen.answers
    told += filter(None, [seen.why, logged.trouble])
    return Done(*tally(order.out, hand_ins, answers, told, stopped=stopped))


def _to_the_end(running: Run, screen: Terminal) -> bool:
    """Wait; Ctrl-C once lets what has begun finish, twice ends it. Return whether it was used."""
    try:
        running.wait()
    except KeyboardInterrupt:
        running.stop()
        screen.say("stopping: what has begun is graded to its end; Ctrl-C again ends it now")
    else:
        return False
    try:
        running.wait()
    except KeyboardInterrupt:
        screen.say("ending")
        running.abort()
        running.wait()
    return True


def _index(order: Order, hand_ins: HandIns, pack: Pack) -> handed.Index:
    """Keep who handed in what beside the results; of earlier ones of the same form, too."""
    index = hand_ins.taking.index(hand_ins.handed_in(), pack.late, order.due)
    before = handed.read(order.out)
    if before is not None and before.form == index.form:
        index = dataclasses.replace(index, handed={**before.handed, **index.handed})
    handed.write(order.out, index)
    return index


def _pack(order: Order, hand_ins: HandIns) -> Pack:
    """Read the submissions; return the pack that they are of.

    What fits none is graded as the others are; what fits another one alone is not graded.
    """
    pack = packs.find(order.root, order.pack) if order.pack else None
    fitting = packs.fitting(order.root)
    fits = {each.id: fitting(each.files) for each in hand_ins.submissions()}
    wanted = pack.id if pack else _common(order.root, fits)
    for name, found in fits.items():
        if found and wanted not in found:
            hand_ins.refuse(name, f"It is of {' or '.join(found)}; this batch is of {wanted}.")
    return pack or packs.load(order.root, wanted)


def _common(root: Path, fits: Mapping[str, list[str]]) -> str:
    """Return the one pack that all submissions fit which fit any; else UsageError."""
    found = [set(packs) for packs in fits.values() if packs]
    shared = set.intersection(*found) if found else set()
    if len(shared) == 1:
        return shared.pop()
    examples = {pack: name for name, packs in fits.items() for pack in packs}
    what = " and ".join(f"{pack} ({name})" for pack, name in sorted(examples.items()))
    raise UsageError(
        f"the submissions fit {what or 'no assignment'}: say which with --pack; packs here: "
        f"{', '.join(packs.names(root))}"
    )


def _plan(hand_ins: HandIns, waiting: list[HandIn], pack: Pack, machines: Engine) -> str:
    count = len(hand_ins.taken)
    done = f", {count - len(waiting)} of them graded before" if len(waiting) < count else ""
    return f"{pack.id}: {count} submissions{done}; {machines.described}"

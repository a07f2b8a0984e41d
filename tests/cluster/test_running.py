"""Giving hand-ins to machines that die, freeze and forget: every result once, and nobody's zero."""

import asyncio
import json
from collections import Counter

import pytest

from grader import __version__
from grader.batch.engine import Wanted
from grader.batch.handins import HandIn
from grader.batch.journal import Journal
from grader.cluster import loop, running, sent
from grader.cluster.machine import Facts
from grader.cluster.machines import Machine
from grader.cluster.running import Running
from grader.downloads.download import Bundle
from grader.downloads.sorting import Found
from grader.records import Attachment
from tests.cluster.samples import within
from tests.result_samples import result
from tests.small import NET

FACTS = Facts("bubblewrap", "2.13", ("cpu",), 1)


class Screen:
    """Keeps what it is told."""

    def __init__(self):
        self.answers, self.said, self.begun = {}, [], []

    def begins(self, slot, hand_in):
        self.begun.append(hand_in.id)

    def at(self, slot, check):
        self.said.append(check)

    def ends(self, slot, hand_in, answer):
        assert hand_in.id not in self.answers, "told twice"
        self.answers[hand_in.id] = answer

    def say(self, text):
        self.said.append(text)


class Machines:
    """As many as are named; each does with a hand-in what its own function says."""

    def __init__(self, *, come_back=False, **does):
        self.does, self.come_back = does, come_back
        self.ready = {name: Machine(name, name, FACTS) for name in does}
        self.dead, self.asking = set(), False

    async def look(self):
        lost = [self.ready.pop(name) for name in sorted(self.dead)]
        self.dead.clear()
        if self.come_back:
            self.ready |= {each.name: Machine(each.name, each.name, FACTS) for each in lost}
        return lost

    def next_free(self):
        return next((each for each in self.ready.values() if each.free > 0), None)

    def unprepared(self, machine):
        self.ready[machine.name] = Machine(machine.name, machine.name, FACTS)


class Client:
    """Sends work to such machines, and keeps what was cancelled."""

    def __init__(self, machines):
        self.machines, self.status, self.cancelled = machines, "running", []

    def submit(self, _function, _key, _batch, work, *, workers, **_):
        does = self.machines.does[workers[0]]
        return asyncio.ensure_future(does(self.machines, json.loads(work)))

    async def cancel(self, futures, **_):
        self.cancelled += [each for each in futures if not each.done() or each.cancelled()]


class Connection:
    """Such machines behind a scheduler that may go."""

    batch, remedy, is_over = "batch", "start one", False

    def __init__(self, machines, *, never=False):
        self.machines, self.client = machines, Client(machines)
        self.made, self.never = 0, never

    async def again(self, wanted):
        self.made += 1
        if self.never:
            await asyncio.Event().wait()
        self.client = Client(self.machines)

    def tell_losses(self):
        pass

    @property
    def is_empty(self):
        return not self.machines.ready


@pytest.fixture
def graded(tmp_path, pack, monkeypatch):
    """Grade four hand-ins on such machines; return the connection, the screen and the results."""
    monkeypatch.setattr(running, "LOOK_SECONDS", 0.01)
    batch = Journal((pack.digest,), pack.checks_digest, "00" * 16)

    def grade(connection, during=lambda _: None):
        hand_ins = []
        for name in ALL:
            (tmp_path / "in" / name).mkdir(parents=True)
            (tmp_path / "in" / name / "net.py").write_text(NET)
            bundle = Bundle(str(tmp_path / "in" / name))
            hand_ins.append(HandIn(name, bundle, bundle.read().digest, Found(name, name, ())))
        (tmp_path / "out").mkdir()
        screen, beside = Screen(), loop.Loop()
        wanted = Wanted(tmp_path, tmp_path / "out", pack, "auto", ("cpu",), None)
        run = Running(beside, connection, wanted, batch, screen)
        try:
            run.start(hand_ins)
            during(run)
            run.wait()
        finally:
            beside.close()
        stored = sorted(path.stem for path in (tmp_path / "out").glob("*.json"))
        return screen, stored

    async def right(_machines, work, **more):
        """Grade what a machine was given, at once."""
        told = work["submission"]
        whole = result(
            told["id"],
            submission={"id": told["id"], "digest": told["digest"], "files": []},
            pack={"id": pack.id, "version": "1", "digest": pack.digest},
            draw={"seed": work["seed"], "digest": batch.draw.digest},
            **more,
        )
        whole["environment"]["grader"] = __version__
        return json.dumps(sent.graded(whole, [Attachment("look.txt", b"at it")]))

    grade.right = right
    return grade


ALL = ["a", "b", "c", "d"]


def assert_all_graded(screen, stored):
    assert stored == sorted(screen.answers) == ALL
    assert all(answer["graded"]["points"] == 46 for answer in screen.answers.values())


def test_every_hand_in_has_its_result_once(graded, tmp_path):
    """Two machines share the hand-ins; each result is stored with its files, and told once."""
    screen, stored = graded(Connection(Machines(x=graded.right, y=graded.right)))
    assert_all_graded(screen, stored)
    assert sorted(screen.begun) == ALL
    assert len(list(tmp_path.glob("out/*.files-*/look.txt"))) == 4


def test_a_machine_that_is_lost_costs_nobody_anything(graded):
    """What a machine has that dies or freezes is cancelled there, and graded elsewhere."""

    async def dies(machines, _work):
        machines.dead.add("x")
        await asyncio.sleep(60)

    connection = Connection(Machines(x=dies, y=graded.right))
    screen, stored = graded(connection)
    assert_all_graded(screen, stored)
    assert Counter(screen.begun)["a"] == 2
    assert len(connection.client.cancelled) == 1
    assert "x gives no sign of life; 1 to be graded elsewhere" in screen.said


def test_a_hand_in_that_loses_machines_is_no_endless_loop(graded):
    """After three machines that were lost over a hand-in it is trouble of ours; others go on."""

    async def dies(machines, work):
        if work["submission"]["id"] == "b":
            machines.dead.add("x")
            await asyncio.sleep(60)
        return await graded.right(machines, work)

    screen, stored = graded(Connection(Machines(x=dies, come_back=True)))
    assert stored == ["a", "c", "d"]
    assert screen.answers["b"] == {"trouble": "3 machines were lost while they graded it"}


def test_trouble_is_met_twice_before_it_is_said(graded):
    """Trouble of ours is tried once more, as on one machine; it never is a result."""
    met = Counter()

    async def sometimes(machines, work):
        met[name := work["submission"]["id"]] += 1
        if name == "c" or (name == "a" and met[name] == 1):
            return json.dumps({"trouble": "no room"})
        return await graded.right(machines, work)

    screen, stored = graded(Connection(Machines(x=sometimes)))
    assert (stored, met["a"], met["c"]) == (["a", "b", "d"], 2, 2)
    assert screen.answers["c"] == {"trouble": "no room"}


def test_a_machine_that_has_forgotten_the_batch_is_told_again(graded):
    """Where a bench was cleared away the hand-in is given again, and that is no trouble."""
    met = Counter()

    async def forgets(machines, work):
        met["all"] += 1
        if met["all"] in {1, 2, 3}:
            return json.dumps({"unprepared": True})
        return await graded.right(machines, work)

    assert_all_graded(*graded(Connection(Machines(x=forgets))))


def test_a_scheduler_that_goes_is_found_again(graded):
    """What a lost scheduler had is given again to the next one, and every result is there once."""
    met = Counter()
    connection = Connection(None)

    async def goes(machines, work):
        met["all"] += 1
        if met["all"] == 2:
            connection.client.status = "closed"
            raise OSError("gone")
        return await graded.right(machines, work)

    connection.machines = Machines(x=goes, y=graded.right)
    connection.client = Client(connection.machines)
    screen, stored = graded(connection)
    assert_all_graded(screen, stored)
    assert connection.made == 1


@pytest.mark.parametrize("wrong", ["submission", "pack", "draw"])
def test_a_result_of_something_else_is_never_stored(graded, wrong):
    """A result that names another hand-in, pack or draw is trouble of ours."""

    async def mixes_up(machines, work):
        told = json.loads(await graded.right(machines, work))
        told["result"][wrong]["digest"] = "sha256:" + "7" * 64
        return json.dumps(told)

    screen, stored = graded(Connection(Machines(x=mixes_up)))
    assert stored == []
    assert all("something else" in each["trouble"] for each in screen.answers.values())


def test_a_result_that_is_none_is_never_stored(graded):
    """Half an answer, or one that the schema refuses, is trouble of ours."""

    async def half(machines, work):
        told = json.loads(await graded.right(machines, work))
        del told["result"]["total"]
        return json.dumps(told)

    screen, stored = graded(Connection(Machines(x=half)))
    assert stored == []
    assert all("trouble" in each for each in screen.answers.values())


def test_stopping_lets_what_has_begun_finish(graded):
    """After `stop` nothing begins, and what a machine has is still stored."""

    async def slow(machines, work):
        await asyncio.sleep(0.1)
        return await graded.right(machines, work)

    def stop(run):
        assert within(5, lambda: len(run._tasks) == 1)
        run.stop()

    screen, stored = graded(Connection(Machines(x=slow)), stop)
    assert stored == sorted(screen.answers) == ["a"]


def test_aborting_cancels_what_has_begun(graded):
    """After `abort` the machine's grading is cancelled, and its hand-in is left for --resume."""

    async def endless(_machines, _work):
        await asyncio.sleep(60)

    def abort(run):
        assert within(5, lambda: run._tasks)
        run.stop()
        run.abort()

    connection = Connection(Machines(x=endless))
    screen, stored = graded(connection, abort)
    assert (stored, screen.answers, len(connection.client.cancelled)) == ([], {}, 1)


@pytest.mark.timeout(20)
def test_nobody_who_waits_for_a_lost_scheduler_waits_for_ever(graded):
    """Ctrl-C ends the batch where its scheduler has gone, also while it is being looked for."""

    async def goes(_machines, _work):
        connection.client.status = "closed"
        raise OSError("gone")

    def stopped(run):
        assert within(5, lambda: connection.made)
        run.stop()

    connection = Connection(Machines(one=goes), never=True)
    _, stored = graded(connection, stopped)
    assert stored == []
    assert connection.made == 1

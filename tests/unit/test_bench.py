"""The bench on scripted models: what is measured, under which conditions, and what is kept."""

import contextlib
import json
from types import SimpleNamespace

import pytest

from grader.checking.record import Record
from grader.devices.rates import Rates
from grader.devices.watch import Seen
from grader.errors import StudentFault
from grader.latency import notes, sizing
from grader.latency.bench import Bench
from grader.latency.subject import Subject
from tests.unit.test_latency import LIMITS, VOCABULARY, Box, Scripted, World, prompts, read

RATES = Rates("a device", 1e9, 1e3, "docker", "2.13")


class Side(Box):
    """A submission, or the reference, as the bench sees it: it builds scripted models."""

    def __init__(self, world, *, counts=True, **how):
        super().__init__(counts=counts)
        self.world, self.how, self.device = world, how, "cpu"
        self.built, self.frozen_times, self.started = 0, 0, False
        self.seconds_left = 120.0

    def start(self):
        self.started = True

    def usage(self):
        assert self.started, "nobody counts what a box spends that was never started"
        return super().usage()

    def build(self, dims, weights):
        self.built += 1
        self.start()
        if self.how.get("fault"):
            raise StudentFault("error", "new raised")
        assert weights == dict(dims)
        self.model = Scripted(self.world, self, **self.how)
        return self.model

    def holds(self, model):
        return model is self.model

    def processes(self):
        return {id(self)}

    @contextlib.contextmanager
    def frozen(self):
        self.frozen_times += 1
        before = self.spent
        yield True
        assert self.spent == before, "it worked while it was stopped"


class Place:
    """The device: who had it alone, who watched it, and what was seen."""

    def __init__(self, **seen):
        self.leased, self.looks, self.ours, self.rates = 0, 0, [], None
        self.identity = SimpleNamespace(name="a device")
        self._seen, self.known = seen, {}
        self.recall, self.remember = self.known.get, self.known.__setitem__

    @contextlib.contextmanager
    def alone(self):
        self.leased += 1
        yield 7.0

    def watch(self, ours, *, by_wall_time):
        self.by_wall_time = by_wall_time
        self.ours.append(ours())
        return SimpleNamespace(look=self._look, end=lambda: Seen("cpu", "a", "cpu", **self._seen))

    def _look(self):
        self.looks += 1


def benched(
    *,
    oracle=True,
    ends=True,
    device="cpu",
    counts=True,
    seen=None,
    limits=None,
    room=None,
    **how,
):
    """Return a bench and the student who is measured on it; ``how`` is what the student does."""
    world, place = World(), Place(**(seen or {}))
    reference, student = Side(world, counts=counts), Side(world, counts=counts, **how)
    reference.device = student.device = device
    made = SimpleNamespace(timed=reference, timed_model=reference.build, kept={})
    subject = Subject(
        VOCABULARY,
        "a draw",
        lambda width, room: {"width": width, "room": room},
        dict,
        prompts(),
        lambda _dims, tokens, new, _logits: (tokens if new is None else new, 0),
        room,
    )
    bench = Bench(
        made if oracle else SimpleNamespace(),
        subject,
        read(),
        {**LIMITS, "atol": 0.01, "tie": 0.02, **(limits or {})},
        place,
        ends_at_wrong_replies=ends,
        clock=world.clock,
    )
    return bench, student


def stepped(bench, student):
    """Return the last attempt at single steps."""
    assert bench.obstacle(student) == ""
    return bench.steps(student)[-1]


def test_a_bench_measures_once_for_all_who_ask():
    """Two checks that ask for the same have the same rounds; a cache is known as one."""
    bench, student = benched()
    last = stepped(bench, student)
    assert bench.steps(student)[-1] is last
    assert bench.generating(student) is bench.generating(student)
    assert len(bench.steps(student)) == len(bench.generating(student)) == 1
    assert student.built == 2
    assert last.series.intervals["speedup"].low > LIMITS["speedup"]
    assert bench.pace(student) == pytest.approx(1)


@pytest.mark.parametrize(
    ("device", "kernel_counts", "by_wall_time"),
    [("cpu", True, False), ("cpu", False, True), ("cuda:0", True, True)],
)
def test_where_wall_time_decides_the_device_is_leased_and_the_student_stopped(
    device, kernel_counts, by_wall_time
):
    """CPU time says nothing on a GPU, nor where nobody counts it; else no one has to wait."""
    bench, student = benched(device=device, counts=kernel_counts)
    last = stepped(bench, student)
    bench.generating(student)
    assert ("student_step_long_cpu" in last.series.rounds[0]) != by_wall_time
    assert bench.device.leased == (3 if by_wall_time else 0), "for the size and for both kinds"
    assert last.seen.waited == (7 if by_wall_time else 0)
    rounds = last.series.count + bench.generating(student)[-1].series.count + 2
    assert student.frozen_times == (rounds + 1 if by_wall_time else 0)
    assert bench.device.by_wall_time == by_wall_time
    assert last.series.intervals["speedup"].low > LIMITS["speedup"]


def test_a_size_that_is_known_keeps_nobody_waiting():
    """What was found for the first submission of a draw is not measured for the next."""
    bench, student = benched(device="cuda:0")
    assert bench.obstacle(student) == ""
    assert bench.device.leased == student.frozen_times == 1
    again = Bench(bench._oracle, bench.subject, bench.settings, bench.limits, bench.device)
    assert again.obstacle(student) == ""
    assert again.size() == bench.size()
    assert bench.device.leased == student.frozen_times == 1


def test_the_device_is_watched_after_each_round():
    """The watch begins with each series, and knows the processes of both sides."""
    bench, student = benched()
    last = stepped(bench, student)
    assert bench.device.ours == [{id(student), id(bench._oracle.timed)}]
    assert bench.device.looks == last.series.count + 1


def test_what_was_not_clear_is_measured_again_and_all_of_it_is_kept():
    """Too slow by a little on a disturbed machine: two attempts, both beside the result."""
    seen = {"foreign": {4711: 60}}
    how = {"seen": seen, "device": "cuda:0", "limits": {"speedup": 15}}  # it is 12.6
    bench, student = benched(**how)
    record = Record("step_time")
    stepped(bench, student)
    last = notes.keep(record, bench, bench.steps(student))
    assert len(bench.steps(student)) == 2
    notes.settle(record, bench, last, ("speedup",))
    evidence = record.evidence
    assert evidence.outcome == "inconclusive"
    assert "1 other process used the GPU" in evidence.message
    assert (evidence.measured["attempts"], evidence.measured["disturbed"]) == (2, 1)
    calm, student = benched(**{**how, "seen": {}})
    stepped(calm, student)
    assert len(calm.steps(student)) == 1
    notes.settle(record := Record("step_time"), calm, calm.steps(student)[-1], ("speedup",))
    assert record.evidence.outcome != "inconclusive"


def test_all_rounds_of_all_attempts_are_kept_with_what_was_seen():
    """Whoever doubts a verdict has every round, the device, and what is known of its best."""
    bench, student = benched(seen={"foreign": {4711: 60}}, limits={"speedup": 15}, device="cuda:0")
    bench.obstacle(student)
    record = Record("step_time")
    notes.keep(record, bench, bench.steps(student))
    names = [each.name for each in record.evidence.attachments]
    assert names == ["step_time-1.json", "step_time-2.json"]
    for each, attempt in zip(record.evidence.attachments, bench.steps(student), strict=True):
        kept = json.loads(each.data)
        assert len(kept["rounds"]) == attempt.series.count
        assert kept["device"]["disturbed"] == "1 other process used the GPU"
        assert "grader doctor --measure" in kept["roofline"]


def test_what_was_reached_of_the_roofline_stands_beside_it():
    """At 1000 flops a second 129 tokens of one flop take 0.129 s at least, one token 1 ms."""
    bench, student = benched()
    bench.device.rates = RATES
    bench.obstacle(student)
    size = bench.size()
    assert size.length == 128
    record = Record("step_time")
    notes.keep(record, bench, bench.steps(student))
    told = record.evidence.measured
    assert told["full_least_ms"] == pytest.approx(129)
    assert told["step_least_ms"] == pytest.approx(1)
    took = 1e-3 + 1e-4  # seconds of a scripted step
    assert told["step_reached_by_own"] == pytest.approx(1e-3 / took, rel=0.02)
    notes.keep(record, bench, bench.generating(student))
    assert told["generate_least_ms"] == pytest.approx(128 + 7)  # the last token is never fed
    tables = [each.data.decode() for each in record.evidence.attachments if "txt" in each.name]
    assert [table.split(":")[0] for table in tables] == ["a device"] * 2


def test_a_series_that_was_broken_off_has_its_roofline_all_the_same():
    """Nobody has booked what the last call of such a series cost."""
    bench, student = benched(sleeps=1.0)
    bench.device.rates = RATES
    bench.obstacle(student)
    assert bench.generating(student)[-1].series.end == "out of time"
    record = Record("generate_time")
    last = notes.keep(record, bench, bench.generating(student))
    notes.settle(record, bench, last, ("generate_speedup",))
    assert "rounds could be measured" in record.evidence.message
    assert record.evidence.measured["generate_least_ms"] > 0


def test_what_a_draw_shares_is_made_once():
    """The next submission of a draw has the size, and on a GPU the reference's model as it is."""
    bench, student = benched(device="cuda:0")
    stepped(bench, student)
    built = bench._oracle.timed.built
    assert built == 1, "the size was found with the model that is timed"
    other = Side(student.world)
    other.device = "cuda:0"
    again = Bench(
        bench._oracle, bench.subject, bench.settings, bench.limits, bench.device,
        clock=bench.clock,
    )  # fmt: skip
    assert again.obstacle(other) == ""
    assert again.size() is bench.size()
    again.steps(other)
    again.generating(other)
    assert (bench._oracle.timed.built, other.built) == (built, 1)


def test_a_bench_tells_who_computes_again():
    """No cache behind the same replies."""
    bench, student = benched(recomputes=True)
    assert stepped(bench, student).series.intervals["speedup"].high < LIMITS["speedup"]
    assert bench.generating(student)[-1].series.intervals["generate_speedup"].high < 1.5


@pytest.mark.parametrize(("ends", "end"), [(True, "wrong reply"), (False, "decided")])
def test_wrong_replies_end_a_series_only_if_told(monkeypatch, ends, end):
    """What is wrong was charged elsewhere: its speed may be asked for all the same."""
    bench, student = benched(ends=ends)
    right = Scripted._logits

    def logits(self, ids):  # the student's steps are off, and its own forward is not
        return right(self, ids) + (self.box is student) * float(len(self.pasts) % 2)

    monkeypatch.setattr(Scripted, "_logits", logits)
    last = stepped(bench, student)
    assert last.series.end == end
    assert last.rounds.error == pytest.approx(1)


def test_a_fault_is_raised_by_all_who_ask():
    """The model is built once, however many checks want to time it."""
    bench, student = benched(fault=True)
    bench.obstacle(student)
    for _ in range(2):
        with pytest.raises(StudentFault, match="new raised"):
            bench.steps(student)
    assert student.built == 1


def test_nothing_is_timed_beside_recorded_answers_or_another_device():
    """The reference has to be there, on the same device; else a human is told."""
    bench, student = benched(oracle=False)
    record = Record("step_time")
    assert not notes.possible(record, bench, student)
    assert record.evidence.outcome == "inconclusive"
    assert "which is not here" in record.evidence.message
    bench, student = benched()
    student.device = "cuda:0"
    assert "which is not here" in bench.obstacle(student)


def test_the_size_of_a_device_is_remembered(monkeypatch):
    """A rung that had to be climbed to is where the next grading begins; the first one is not."""
    tried = []
    plain = sizing.find
    monkeypatch.setattr(
        "grader.latency.sides.sizing.find",
        lambda build, prompt, how, first: tried.append(first) or plain(build, prompt, how, first),
    )
    bench, student = benched()
    assert bench.obstacle(student) == ""
    assert bench.device.known == {}
    bench, student = benched()
    monkeypatch.setattr("grader.latency.sizing.Size.dominates", lambda size, _: size.length > 128)
    assert bench.obstacle(student) == ""
    (ladder,) = bench.device.known
    another, student = benched()
    another.device.known[ladder] = 2
    assert another.obstacle(student) == ""
    assert another.size().length == bench.size().length == 256
    assert tried == [0, 0, 2]


# --- where the size is too large for a submission -------------------------------------------------


@pytest.mark.parametrize(
    ("too_long", "outcome"),
    [((True, False), "inconclusive"), ((True,), "timeout"), ((False,), "timeout")],
    ids=["in everything", "with the cache", "without it"],
)
def test_only_who_is_slow_in_everything_is_a_humans(too_long, outcome):
    """The size is ours; whoever is slow on one side alone has made that side slow."""
    bench, student = benched(too_long=too_long)
    assert bench.obstacle(student) == ""
    for _ in range(2):  # the second who asks is told the same
        with pytest.raises(StudentFault) as caught:
            bench.steps(student)
        assert caught.value.outcome == outcome


def test_what_breaks_behind_the_assignments_longest_prompt_is_timed_at_that_one():
    """A mask that is as long as the sheet asks for is right, and passes where it is quick."""
    bench, student = benched(breaks_at=100, room=100)
    last = stepped(bench, student)
    assert bench.size().length == 92, "eight new tokens follow"
    assert last.series.intervals["speedup"].low > LIMITS["speedup"]
    record = Record("step_latency")
    notes.settle(record, bench, last, ["speedup"])
    assert record.evidence.outcome == "measured"


def test_what_is_too_slow_at_a_prompt_that_we_would_not_have_chosen_is_a_humans():
    """Where launches may count for more than work nobody loses points for being slow."""
    bench, student = benched(breaks_at=100, room=100, recomputes=True)
    last = stepped(bench, student)
    record = Record("step_latency")
    notes.settle(record, bench, last, ["speedup"])
    assert record.evidence.outcome == "inconclusive"
    assert "92 tokens" in record.evidence.message


@pytest.mark.parametrize("longest", [None, 100, 500])
def test_what_breaks_at_the_assignments_own_prompts_is_an_error(longest):
    """Only a longer prompt than the assignment's is our choice."""
    bench, student = benched(breaks_at=50, room=longest)
    assert bench.obstacle(student) == ""
    with pytest.raises(StudentFault, match="IndexError"):
        bench.steps(student)

"""The timing engine on scripted arms, with a clock that moves only when work is done."""

import itertools
import json
import math
import tomllib

import numpy as np
import pytest

from grader.errors import HarnessError, StudentFault
from grader.latency import generating, series, settings, sizing, steps, sweep
from grader.latency.arms import Arm
from grader.latency.decision import Interval, interval, rank
from grader.model import Generated, Past
from grader.records import Usage
from grader.tables import BadPack, Table
from tests.bench import latency as bench

VOCABULARY = 23
LIMITS = {"speedup": 2.5, "waiting": 2.5, "slowdown": 3.0, "growth": 0.33, "generate_speedup": 1.5}
TIMING = """
sizes = [[64, 128], [128, 128], [128, 256]]
ratio = 10
round_trips = 20
short = 8
new_tokens = 8
looks = [11, 15, 20, 27, 36, 48, 60]
error = 0.01
seconds = 20
clear = 1.5
"""


def read(text=TIMING):
    """Read a table of settings."""
    return settings.read(Table(tomllib.loads(text), "rubric.toml [timing]"))


# --- the decision ---------------------------------------------------------------------------------


def test_no_decision_comes_before_the_eleventh_round():
    """At 1 % over seven looks, ten rounds that all agree do not exclude chance; eleven do."""
    error = 0.01 / 7
    assert rank(10, error) == 0
    assert rank(11, error) == 1
    assert 2 * 0.5**10 > error > 2 * 0.5**11


@pytest.mark.parametrize("count", [5, 11, 12, 20, 37, 60])
@pytest.mark.parametrize("error", [0.2, 0.05, 0.01, 0.01 / 7])
def test_the_rank_is_the_exact_binomial_one(count, error):
    """The interval's order statistic is the last one whose exact error is still allowed."""
    tosses = [math.comb(count, heads) / 2**count for heads in range(count + 1)]
    errors = [2 * sum(tosses[:k]) for k in range(count // 2 + 1)]
    assert rank(count, error) == max(k for k, e in enumerate(errors) if e <= error)


def test_the_interval_misses_the_median_as_rarely_as_it_says():
    """Of 4,000 samples with heavy tails, at most 5 % of the 5 % intervals miss the median."""
    rng = np.random.default_rng(5)
    samples = rng.standard_cauchy((4000, 15))
    missed = sum(not (i.low <= 0 <= i.high) for i in (interval(s, 0.05) for s in samples))
    assert 0 < missed / 4000 < 0.05


def test_too_few_values_decide_nothing():
    """An interval of few values is all numbers, and decides no limit."""
    assert not interval([9.0] * 4, 0.001).decides(2)
    assert interval([], 0.01).count == 0
    with pytest.raises(ValueError, match="no number"):
        interval([1.0, float("nan")], 0.01)


def test_one_wild_value_moves_nothing():
    """An outlier counts as one value, however large it is."""
    calm, wild = [3 + i / 100 for i in range(20)], [3 + i / 100 for i in range(19)] + [1e9]
    assert interval(calm, 0.01).low == interval(wild, 0.01).low
    assert interval(wild, 0.01).high < 4


# --- scripted arms --------------------------------------------------------------------------------


class World:
    """One clock for all, and what each box has spent."""

    def __init__(self):
        self.now = 0.0

    def clock(self):
        return self.now


class Box:
    """A sandbox as seen from outside; where ``counts`` is off, nothing is seen."""

    def __init__(self, *, counts=True):
        self.spent = 0.0
        self.counts = counts

    def usage(self):
        return Usage(cpu_seconds=self.spent if self.counts else None)


class Scripted:
    """A model whose time is set: seconds by what is asked. Its logits depend on all ids so far."""

    def __init__(self, world, box, **how):
        self.world, self.box = world, box
        self.full, self.launch = how.get("full", 1e-4), how.get("launch", 1e-3)
        self.recomputes = how.get("recomputes", False)
        self.sandbag = how.get("sandbag", 0.0)
        self.sleeps = how.get("sleeps", 0.0)
        self.later = how.get("later", 0.0)  # spent after the reply, in the background
        self.noise = how.get("noise", lambda: 1.0)
        self.wrong = how.get("wrong", 0.0)
        self.room = how.get("breaks_at", 1 << 30)  # more tokens than these it does not take
        self.too_long = how.get("too_long", ())  # what takes longer than it may: by use_cache
        self.pasts = {}

    def _spend(self, seconds, sleep=0.0):
        self.world.now += seconds * self.noise() + sleep
        self.box.spent += seconds

    def _logits(self, ids):
        sums = np.cumsum(ids, axis=1)[..., None] + np.arange(VOCABULARY)
        return 9 * np.sin(sums) + self.wrong

    def forward(self, ids, past=None, *, use_cache=False, last=None):
        whole = ids if past is None else np.concatenate([self.pasts[past.handle], ids], axis=1)
        fed = whole.shape[1] if self.recomputes else ids.shape[1]
        if whole.shape[1] > self.room:
            raise StudentFault("error", "forward raised IndexError")
        if use_cache in self.too_long:
            raise StudentFault("timeout", "forward took longer than its limit of 10 s.")
        self._spend(self.launch + self.full * fed, self.sleeps if past else 0.0)
        if not use_cache:
            self._spend(self.sandbag)
        logits = self._logits(whole)[:, -(last or ids.shape[1]) :]
        self.box.spent += self.later if past else 0.0
        if not use_cache:
            return logits, None
        self.pasts[len(self.pasts) + 1] = whole
        return logits, Past(len(self.pasts), 1)

    def generate(self, ids, n, *, temperature, use_cache, seed):
        assert temperature < 0.01
        past, fed, tokens = None, ids, ids
        for _ in range(n):
            logits, past = self.forward(fed, past if use_cache else None, use_cache=use_cache)
            new = logits[:, -1].argmax(axis=-1)[:, None]
            tokens = np.concatenate([tokens, new], axis=1)
            fed = new if use_cache else tokens
        return Generated(tokens, (ids.shape[1], *[1] * (n - 1)))

    def drop(self, _past):
        self._spend(1e-5)


def pair(*, counts=True, noise=lambda: 1.0, **student):
    """Return a world with a reference and a student, each an arm."""
    world = World()
    boxes = [Box(counts=counts), Box(counts=counts)]
    models = [
        Scripted(world, boxes[0], noise=noise),
        Scripted(world, boxes[1], **{"noise": noise, **student}),
    ]
    reference = Arm("reference", models[0], boxes[0], trusted=True, clock=world.clock)
    return world, reference, Arm("student", models[1], boxes[1], clock=world.clock)


def prompts():
    """Return a source of fresh prompts."""
    rng = np.random.default_rng(3)
    return lambda length: rng.integers(0, VOCABULARY, (1, length))


def stepped(*, counts=True, noise=lambda: 1.0, chosen=None, **student):
    """Run a series of single steps."""
    world, reference, own = pair(counts=counts, noise=noise, **student)
    rounds = steps.Steps(reference, own, prompts(), {"long": 400, "short": 50}, VOCABULARY)
    found = series.run(
        rounds.measure,
        steps.ratios,
        lambda known: steps.enough(LIMITS, known),
        chosen or read(),
        clock=world.clock,
        wrong=lambda: min(rounds.error, rounds.gap_to_own) > 0.01,
        settle=rounds.settle,
    )
    return found, rounds


# --- steps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [True, False])
def test_a_cache_is_known_after_eleven_rounds(counts):
    """A true cache clears every limit, by CPU time and by wall time."""
    found, rounds = stepped(counts=counts)
    assert (found.end, found.count, rounds.error) == ("decided", 11, 0.0)
    assert found.intervals["speedup"].low > 20
    assert found.intervals["growth"].high < 0.01
    assert found.intervals["slowdown"].high < 1.1
    assert ("waiting" in found.intervals) == counts


@pytest.mark.parametrize("counts", [True, False])
def test_computing_again_is_no_speedup(counts):
    """A cache of ids has a speedup and a growth of 1."""
    found, _ = stepped(counts=counts, recomputes=True)
    assert found.intervals["speedup"].high < 1.1
    assert found.intervals["growth"].low > 0.9


def test_work_put_off_until_after_the_reply_is_counted_with_it():
    """Quick replies do not help where the sandbox goes on working: CPU time says what it cost."""
    found, _ = stepped(later=0.04)
    assert found.intervals["waiting"].low > 20
    assert found.intervals["speedup"].high < 1.1


def test_work_in_the_background_is_booked_until_the_next_request():
    """However often it is looked, CPU time goes to the last request until another begins."""
    _, _, own = pair()
    box, figures = own._box, {}
    own.nothing(figures, "asked")
    for _ in range(2):
        box.spent += 1.0
        own.settle()
    assert figures["student_asked_cpu"] == pytest.approx(2, abs=1e-3)
    own.nothing({}, "other")
    box.spent += 1.0
    own.settle()
    assert figures["student_asked_cpu"] == pytest.approx(2, abs=1e-3)


def test_a_busy_core_under_the_student_alone_changes_no_verdict():
    """Where everything of the student takes five times as long by the clock, CPU time decides."""
    calm, _ = stepped()
    world, reference, own = pair()
    own.model.noise = lambda: 5.0
    rounds = steps.Steps(reference, own, prompts(), {"long": 400, "short": 50}, VOCABULARY)
    found = series.run(
        rounds.measure, steps.ratios, lambda known: steps.enough(LIMITS, known), read(),
        clock=world.clock, settle=rounds.settle,
    )  # fmt: skip
    assert found.intervals["speedup"].low == pytest.approx(calm.intervals["speedup"].low)
    assert found.intervals["waiting"].low > 20
    assert found.intervals["slowdown"].high < 1.1


def test_what_is_lost_already_ends_a_series():
    """A sandbagged side loses all, so nothing else has to be decided; an open question does not."""
    open_ = Interval(1, 2.5, 9, 11)
    known = {"speedup": open_, "growth": Interval(0.1, 0.3, 0.5, 11)}
    sandbagged, honest = Interval(3.5, 5, 6, 11), Interval(0.9, 1, 1.1, 11)
    assert steps.enough(LIMITS, {**known, "slowdown": sandbagged})
    assert not steps.enough(LIMITS, {**known, "slowdown": honest})
    lost = {"speedup": Interval(0.9, 1, 1.1, 11), "growth": Interval(0.9, 1, 1.1, 11)}
    assert steps.enough(LIMITS, {**lost, "slowdown": open_})


@pytest.mark.parametrize(("low", "high", "settled"), [
    (0.01, 0.1, True), (0.29, 0.34, True), (0.6, 1.1, True),
    (0.1, 0.3, False), (0.3, 0.6, False), (0.1, 1.1, False),
])  # fmt: skip
def test_a_growth_is_known_when_both_its_limits_are(low, high, settled):
    """Flat, doubtful or steep: the series ends when it is one of the three."""
    known = {"speedup": Interval(2.6, 2.7, 2.8, 11), "slowdown": Interval(1, 1, 1.1, 11),
             "growth": Interval(low, (low + high) / 2, high, 11)}  # fmt: skip
    limits = {**LIMITS, "growth": 0.2, "growth_doubtful": 0.5}
    assert steps.enough(limits, known) is settled


def test_a_round_without_any_growth_says_nothing():
    """Where the reference itself takes no longer for a longer prompt, the round is left out."""
    growth = steps.ratios({"reference_full_long": 1.0})["growth"]
    figures = {"reference_full_short": 1.0, "reference_full_long": 1.9,
               "student_step_short": 1.0, "student_step_long": 5.0}  # fmt: skip
    assert growth(figures) is None
    assert growth({**figures, "reference_full_long": 3.0}) == pytest.approx(2)


def test_each_look_has_its_share_of_the_error():
    """The first look has half of the error, and all looks together have no more than the whole."""
    chosen = read()
    assert sum(map(chosen.error_at, chosen.looks)) == pytest.approx(chosen.error)
    assert chosen.error_at(chosen.looks[0]) == chosen.error / 2
    rounds = [{"x": 5.0 + i} for i in range(8)]
    found = series.intervals(rounds, {"x": lambda figures: figures["x"]}, chosen)
    assert found["x"].low == -math.inf  # 2 * 0.5**8 is more than half of the error
    assert interval([each["x"] for each in rounds], chosen.error).low == 5


def test_the_looks_of_the_rubric_keep_the_error():
    """Whoever stands exactly at a limit is decided upon, at any look, no more often than stated."""
    chosen = bench.RULES.timing
    rng = np.random.default_rng(8)
    decided = 0
    for signs in rng.choice([-1.0, 1.0], (4000, chosen.looks[-1])):
        found = (interval(signs[:look], chosen.error_at(look)) for look in chosen.looks)
        decided += any(each.decides(0) for each in found)
    assert decided / 4000 <= 2 * chosen.error  # 16 of 4,000; the mean is 8 at most


def test_time_slept_away_in_a_step_is_seen():
    """A step that sleeps spends no CPU time, and is slow all the same."""
    found, _ = stepped(sleeps=0.04)
    assert found.intervals["speedup"].low > 20
    assert found.intervals["waiting"].high < 1.2


def test_a_sandbagged_side_is_found_and_does_not_help():
    """Time wasted without the cache shows beside the same work with an empty one."""
    found, _ = stepped(sandbag=0.2)
    assert found.intervals["slowdown"].low > 3
    honest, _ = stepped()
    assert found.intervals["speedup"].high <= honest.intervals["speedup"].high


def test_a_wrong_reply_ends_the_series():
    """Replies that are neither the reference's nor the own forward's are not timed further."""
    world, reference, own = pair(wrong=0.0)
    forward = own.model.forward

    def stale(ids, past=None, **how):
        logits, later = forward(ids, past, **how)
        return (logits + 1 if past else logits), later

    own.model.forward = stale
    rounds = steps.Steps(reference, own, prompts(), {"long": 400, "short": 50}, VOCABULARY)
    found = series.run(
        rounds.measure, steps.ratios, lambda known: steps.enough(LIMITS, known), read(),
        clock=world.clock, wrong=lambda: min(rounds.error, rounds.gap_to_own) > 0.01,
    )  # fmt: skip
    assert found.end == "wrong reply"
    assert found.count <= 1
    assert (rounds.error, rounds.gap_to_own) == pytest.approx((1, 1))


def test_another_model_is_measured_and_its_error_kept():
    """A model that is wrong in itself agrees with its own forward: measured, for a human."""
    found, rounds = stepped(wrong=5.0)
    assert found.end == "decided"
    assert (rounds.error, rounds.gap_to_own) == pytest.approx((5, 0))


def test_agreeing_with_oneself_is_worth_what_the_past_does():
    """A model whose logits ignore the tokens before has no effect of the past; nothing is timed."""
    _, rounds = stepped()
    assert rounds.effect_of_past > 1
    _, reference, own = pair()
    own.model._logits = lambda ids: 9.0 * np.sin(ids)[..., None] + np.zeros(VOCABULARY)
    rounds = steps.Steps(reference, own, prompts(), {"long": 40, "short": 5}, VOCABULARY)
    figures = rounds.measure(0)
    assert rounds.effect_of_past == 0
    assert not any("effect" in name for name in figures)
    own.model._logits = lambda ids: np.full((*ids.shape, VOCABULARY), np.nan)
    rounds.measure(0)
    assert rounds.effect_of_past is None


def test_the_reference_and_the_student_take_turns():
    """Who begins changes from round to round, on the same fresh prompts."""
    _, reference, own = pair()
    asked = []
    for arm in (reference, own):
        forward = arm.model.forward

        def noted(ids, past=None, *, forward=forward, name=arm.name, **how):
            asked.append((name, ids.tobytes()))
            return forward(ids, past, **how)

        arm.model.forward = noted
    rounds = steps.Steps(reference, own, prompts(), {"long": 9, "short": 3}, VOCABULARY)
    firsts = []
    for number in range(4):
        asked.clear()
        rounds.measure(number)
        firsts.append(asked[0][0])
    assert firsts == ["student", "reference"] * 2
    whole = [ids for name, ids in asked if name == "reference"]
    assert len(set(whole)) == 2
    assert whole[0] in [ids for name, ids in asked if name == "student"]


def test_who_is_slow_in_everything_is_told_from_who_has_no_cache():
    """The pace is by the own full forward: 1 for who computes again, 6 for who is slow."""
    slow, _ = stepped(full=6e-4, launch=6e-3)
    again, _ = stepped(recomputes=True)
    assert steps.pace(slow.rounds) == pytest.approx(6, rel=0.01)
    assert steps.pace(again.rounds) == pytest.approx(1, rel=0.01)


def test_the_time_for_a_series_is_bounded():
    """Who is too slow for a verdict gets none: no further round begins after the time is over."""
    found, _ = stepped(sleeps=3.0)
    assert found.end == "out of time"
    assert found.count <= 4
    assert not found.intervals


def test_undecided_stays_undecided():
    """Noise that hides on which side of a limit the median lies ends without a verdict."""
    flips = itertools.cycle([0.2, 0.2, 0.2, 5.0, 5.0, 5.0, 1.0])
    world, _, _ = pair()
    found = series.run(
        lambda _: {"x": next(flips)}, lambda _: {"x": lambda f: f["x"]},
        lambda known: known["x"].decides(1.0), read(), clock=world.clock,
    )  # fmt: skip
    assert (found.end, found.count) == ("undecided", 60)
    assert found.intervals["x"].low < 1 < found.intervals["x"].high


def test_all_rounds_are_kept_and_a_changed_limit_is_answered_by_them():
    """What is attached repeats the decision; another limit needs no new measurement."""
    found, _ = stepped()
    kept = json.loads(found.listing())
    assert len(kept["rounds"]) == found.count
    assert len(found.listing()) < 64 << 10
    again = series.intervals(kept["rounds"], steps.ratios(kept["rounds"][0]), read())
    assert again["speedup"].low == pytest.approx(found.intervals["speedup"].low, rel=1e-3)
    assert again["speedup"].decides(30)


# --- generate -------------------------------------------------------------------------------------


def generated(*, counts=True, vocabulary=VOCABULARY, **student):
    """Run a series of generate calls."""
    world, reference, own = pair(counts=counts, **student)
    rounds = generating.Generating(reference, own, prompts(), 400, 8, vocabulary)
    found = series.run(
        rounds.measure,
        lambda figures: generating.ratios(figures, 8),
        lambda known: generating.enough(LIMITS, known),
        read(),
        clock=world.clock,
        settle=rounds.settle,
    )
    return found, rounds


@pytest.mark.parametrize("counts", [True, False])
def test_generate_with_a_cache_is_told_from_one_without(counts):
    """With a cache n tokens cost about one forward, without one n of them."""
    cached, rounds = generated(counts=counts)
    assert cached.intervals[generating.QUESTION].low > 5
    assert rounds.below_best == 0
    assert rounds.fed_per_new_token == pytest.approx(7 / 8)
    again, rounds = generated(counts=counts, recomputes=True)
    assert again.intervals[generating.QUESTION].high < 1.1
    assert rounds.fed_per_new_token == pytest.approx(7 / 8), "the count claims what it likes"


def test_tokens_that_are_not_the_best_are_seen():
    """Each returned token is looked up in the reference's logits over what was returned."""
    _, reference, own = pair()
    generate = own.model.generate

    def other(ids, n, **how):
        done = generate(ids, n, **how)
        tokens = done.tokens.copy()
        tokens[0, -1] = (tokens[0, -1] + 5) % VOCABULARY
        return Generated(tokens, done.fed)

    own.model.generate = other
    rounds = generating.Generating(reference, own, prompts(), 40, 8, VOCABULARY)
    rounds.measure(1)
    assert rounds.below_best > 1
    assert rounds.own_below_best == rounds.below_best


def test_ids_that_do_not_exist_are_the_submissions_fault():
    """Ids outside of the vocabulary, or a changed prompt, never reach the reference."""
    with pytest.raises(StudentFault, match="outside the vocabulary"):
        generated(vocabulary=2)
    _, reference, own = pair()
    own.model.generate = lambda ids, n, **_: Generated(np.zeros((1, ids.shape[1] + n), int), ())
    with pytest.raises(StudentFault, match="prompt changed"):
        generating.Generating(reference, own, prompts(), 40, 8, VOCABULARY).measure(1)


def test_a_fault_of_the_reference_is_ours():
    """What the reference raises is never the student's."""
    _, reference, own = pair()

    def broken(*_, **__):
        raise StudentFault("error", "no memory")

    reference.model.forward = broken
    own.model.forward = broken
    with pytest.raises(HarnessError, match="reference failed: no memory"):
        reference.full({}, "full", np.zeros((1, 3), int), 1)
    with pytest.raises(StudentFault):
        own.full({}, "full", np.zeros((1, 3), int), 1)


# --- size -----------------------------------------------------------------------------------------


def found_size(full_by_width, round_trip=1e-5, first=0):
    """Look for a size on a device that needs so many seconds a token, by width."""
    world, box = World(), Box()
    built = []

    def build(width, length):
        built.append((width, length))
        model = Scripted(world, box, full=full_by_width[width])
        model.drop = lambda _: model._spend(round_trip)
        return Arm("reference", model, box, trusted=True, clock=world.clock)

    return sizing.find(build, prompts(), read(), first), built


def test_the_first_size_at_which_work_dominates_is_taken():
    """The ladder is climbed until a full forward takes ten steps, and no further."""
    found, built = found_size({64: 1e-5, 128: 1e-3})
    assert built == [(64, 128), (128, 128)]
    size, rung = found
    assert (size.width, size.length) == (128, 128)
    assert size.full > 10 * size.step
    assert rung == 1


@pytest.mark.parametrize(("full", "built"), [(1e-3, [(128, 128)]), (1e-7, None)])
def test_a_known_size_is_looked_at_first(full, built):
    """The ladder begins where it ended before; what is below is not climbed again."""
    found, seen = found_size({64: 1.0, 128: full}, first=1)
    assert seen == (built or [(128, 128), (128, 256)])
    assert (found is not None) == (built is not None)


def test_a_device_too_quick_for_the_ladder_gets_no_verdict():
    """Where launches hide the work at every size, nothing is chosen."""
    assert found_size({64: 1e-7, 128: 1e-7})[0] is None


def test_a_slow_line_is_not_taken_for_work():
    """A full forward has to take twenty round trips as well."""
    assert found_size({64: 1e-3, 128: 1e-3}, round_trip=0.02)[0] is None


# --- the sweep ------------------------------------------------------------------------------------


def test_the_sweep_measures_both_ways_at_all_lengths():
    """Each length is measured in turns, and the table and the picture show all of them."""
    world, _, own = pair()
    how = {"tours": range(3, 4), "seconds": 99, "clock": world.clock}
    found = sweep.generating(own, prompts(), (10, 50, 100), 5, **how)
    assert found.lengths == [10, 50, 100]
    assert all(len(times) == 3 for times in found.seconds.values())
    lines = found.table().splitlines()
    assert [line.split()[0] for line in lines[-3:]] == ["10", "50", "100"]
    assert sweep.picture(found).startswith(b"\x89PNG")


def test_the_sweep_goes_without_generate():
    """Where generate fails the trouble is kept, and prompts alone show the effect."""
    world, _, own = pair()

    def missing(*_, **__):
        raise StudentFault("error", "generate raised NotImplementedError")

    own.model.generate = missing
    how = {"tours": range(1, 2), "seconds": 99, "clock": world.clock}
    assert sweep.generating(own, prompts(), (10, 50), 5, **how).lengths == []
    found = sweep.processing(own, prompts(), (10, 50), **how)
    assert found.lengths == [10, 50]
    slow, quick = (found.seconds[50, way][0] for way in sweep.WAYS)
    assert slow > quick


def test_the_sweep_ends_in_time():
    """Who is slow is measured at fewer lengths, and it is said."""
    world, _, own = pair(launch=1.0)
    found = sweep.processing(
        own, prompts(), (10, 50, 100), tours=range(3, 4), seconds=1.2, clock=world.clock
    )
    assert "are over" in found.table()
    assert len(found.lengths) < 3


# --- the rubric's table ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[11, 15, 20, 27, 36, 48, 60]", "[]", "that rise"),
        ("[11, 15, 20, 27, 36, 48, 60]", "[11, 11]", "that rise"),
        ("[11, 15, 20, 27, 36, 48, 60]", "[3, 5]", "nothing is ever decided"),
        ("error = 0.01", "error = 1", "a probability"),
        ("error = 0.01", "", "'error' is missing"),
        ("[64, 128],", "[64],", "no \\[width, prompt length\\]"),
        ("short = 8", "short = 1", "above 1"),
        ("seconds = 20", "second = 20", "did you mean 'seconds'"),
    ],
)
def test_settings_that_decide_nothing_are_refused(old, new, says):
    """A table that could never come to a verdict is refused with a sentence that says why."""
    assert read().looks[0] == 11
    assert old in TIMING
    with pytest.raises(BadPack, match=says):
        read(TIMING.replace(old, new))


# --- error rates ----------------------------------------------------------------------------------


def test_no_replay_of_recorded_or_synthetic_noise_is_judged_wrongly():
    """At 1.5 times a limit, on either side, the decision is right or none; the reference passes."""
    found = list(bench.rows(60))
    assert len(found) >= 20
    assert [row for row in found if row["wrong"]] == []
    assert {row["no verdict"] for row in found if row["truth"] == "as it is"} == {"0.0 %"}

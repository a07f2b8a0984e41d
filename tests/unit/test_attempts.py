"""What follows from a timing that was not clear, or from a machine that was disturbed."""

import contextlib
import dataclasses

import pytest

from grader.devices.watch import Seen
from grader.latency.attempts import Attempt, attempts
from grader.latency.decision import Interval
from grader.latency.series import Series
from tests.bench.latency import LIMITS, RULES

TIMING = RULES.timing
CALM = Seen("cuda:0", "GPU", "GPU-1")
DISTURBED = dataclasses.replace(CALM, foreign={4711: 60})


def attempt(end, seen=CALM, count=11, **intervals):
    """Return an attempt that ended so, with these intervals."""
    found = {name: Interval(low, (low + high) / 2, high, count)
             for name, (low, high) in intervals.items()}  # fmt: skip
    return Attempt(Series([{}] * count, found, end), None, seen)


def tried(*ends, seconds_left=120.0):
    """Return the attempts that come of these, each made when it is asked for."""
    made = iter(ends)
    return attempts(lambda: next(made), LIMITS, TIMING, lambda: seconds_left)


GOOD = {"speedup": (6, 9), "waiting": (6, 9), "growth": (0, 0.1), "slowdown": (0.9, 1.1)}
NO_CACHE = {**GOOD, "speedup": (0.9, 1.1), "waiting": (0.9, 1.1)}
JUST_TOO_SLOW = {**GOOD, "speedup": (1.9, 2.4), "waiting": (1.9, 2.4)}


@pytest.mark.parametrize("seen", [CALM, DISTURBED])
@pytest.mark.parametrize("known", [GOOD, NO_CACHE])
def test_what_is_clear_is_measured_once(known, seen):
    """Decided far from the limit, a timing counts, whatever else went on."""
    only = attempt("decided", seen, **known)
    assert tried(only) == [only]
    assert not only.in_doubt(known, LIMITS, TIMING.clear)


def test_what_is_undecided_is_measured_once_more_and_both_are_kept():
    """The second attempt counts, even where it decides nothing either."""
    first, second = attempt("undecided", **GOOD), attempt("undecided", **GOOD)
    assert tried(first, second, "never asked for") == [first, second]


def test_no_attempt_is_begun_that_could_use_up_the_submissions_time():
    """Who is undecided is a human's; who runs out of time would have lost points."""
    first = attempt("undecided", **GOOD)
    assert tried(first, seconds_left=TIMING.seconds) == [first]


def test_a_near_miss_on_a_disturbed_machine_is_tried_again_and_then_a_humans():
    """Missed by a little is a failure on a calm machine, and in doubt on a disturbed one."""
    calm = attempt("decided", CALM, **JUST_TOO_SLOW)
    assert tried(calm) == [calm]
    assert not calm.in_doubt(["speedup"], LIMITS, TIMING.clear)
    disturbed = attempt("decided", DISTURBED, **JUST_TOO_SLOW)
    assert tried(disturbed, calm) == [disturbed, calm]
    assert disturbed.in_doubt(["speedup"], LIMITS, TIMING.clear)
    assert not disturbed.in_doubt(["growth", "slowdown"], LIMITS, TIMING.clear)


def test_one_clear_miss_is_enough():
    """Who is just too slow in one question and far too slow in another is not in doubt."""
    known = {**JUST_TOO_SLOW, "slowdown": (5, 9)}
    assert not attempt("decided", DISTURBED, **known).in_doubt(known, LIMITS, TIMING.clear)
    near = {**GOOD, "slowdown": (3.1, 4.0)}
    assert attempt("decided", DISTURBED, **near).in_doubt(near, LIMITS, TIMING.clear)


def test_a_wrong_reply_is_never_in_doubt_nor_tried_again():
    """A wrong answer is not a matter of time."""
    wrong = attempt("wrong reply", DISTURBED, **JUST_TOO_SLOW)
    assert tried(wrong) == [wrong]
    assert not wrong.in_doubt(JUST_TOO_SLOW, LIMITS, TIMING.clear)


def test_who_is_far_too_slow_for_a_verdict_is_not_asked_twice():
    """Out of time near the first look is tried again; far from it there is no point."""
    near, far = attempt("out of time", count=8), attempt("out of time", count=2)
    assert tried(far) == [far]
    assert len(tried(near, near)) == 2


def test_a_fault_in_the_second_attempt_is_the_submissions():
    """What is raised while it is tried again comes through."""

    def measure():
        yield attempt("undecided", **GOOD)
        raise TimeoutError

    steps = measure()
    with contextlib.suppress(StopIteration), pytest.raises(TimeoutError):
        attempts(lambda: next(steps), LIMITS, TIMING, lambda: 120.0)

"""What of the cache is timed, and how what was measured is written down."""

from grader.latency.bench import Bench, Subject

LAYERS, HEADS = 1, 4
"""Wide, not deep: launches grow with the layers, work with the square of the width."""

SLOWDOWN = 3.0
"""Where the side without a cache is slow alone. Its code is the template's: it only has to be known
before all is decided, and is no question of points."""


def bench(oracle, draw, vectors, rules, device):
    """Return where this pack's model is timed, against the reference."""
    vocabulary = vectors.DIMS["vocab_size"]
    rng = draw.rng("prompts to time")
    subject = Subject(
        vocabulary=vocabulary,
        dims=lambda width, room: {
            "vocab_size": vocabulary,
            "block_size": room,
            "n_layer": LAYERS,
            "n_head": HEADS,
            "n_embd": width,
        },
        weights=lambda dims: vectors.draw_weights(draw.rng("weights to time"), dims),
        prompt=lambda length: rng.integers(0, vocabulary, (1, length)),
    )
    # What is wrong was charged in Q7, and its speed is a question all the same.
    limits = {**rules.limits, "slowdown": SLOWDOWN}
    return Bench(oracle, subject, rules.timing, limits, device, ends_at_wrong_replies=False)


def possible(bench, student, left_behind, record):
    """Whether anything can be timed here; else a human is told why not."""
    if left_behind is not None:
        record.inconclusive(
            "It runs on the CPU alone, which was charged: its speed on the GPU was not measured."
        )
        return False
    obstacle = bench.obstacle(student)
    if obstacle:
        record.inconclusive(obstacle)
    return not obstacle


def asked(record, found, name):
    """Write down where the median of a ratio lies; return that, or None."""
    interval = found.intervals.get(name)
    if interval is not None:
        record.set(**{
            name: interval.middle, f"{name}_low": interval.low, f"{name}_high": interval.high
        })  # fmt: skip
    return interval


def whole_calls(bench, student, record):
    """Write down what whole calls of generate_with_cache take: all of it has to be of use there."""
    found, rounds = bench.generating(student)
    interval = asked(record, found, "generate_speedup")
    if interval is not None:
        record.set(own_generate_speedup=own(interval, bench.pace(student)))
    return found, rounds


def own(interval, pace):
    """Return what a speedup may be by the submission's own forward: ``pace`` times as slow.

    Above a limit it is undecided, or slow in everything; below it there is no cache.
    """
    return max(interval.high, interval.middle * pace)


def settle(record, found):
    """Leave what could not be measured to a human."""
    record.set(rounds=found.count)
    if not found.intervals:
        record.inconclusive(f"Only {found.count} rounds could be measured in the time there is.")


def said(interval):
    """Return a median with the interval it lies in."""
    return f"{interval.middle:.3g} ({interval.low:.3g} to {interval.high:.3g})"

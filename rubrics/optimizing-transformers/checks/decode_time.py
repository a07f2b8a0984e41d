"""What decode is timed by: whole calls, beside as many full forwards of the reference."""

from grader.latency.bench import Bench, Subject
from grader.latency.generating import QUESTION

LAYERS, HEADS = 1, 4
"""Wide, not deep: launches grow with the layers, work with the square of the width."""

OTHERS = {"speedup": 1.0, "slowdown": 1.0, "growth": 1.0}
"""Limits of questions that are not asked: single steps are not timed, a cache has no set form."""


def measure(decoding, draw, rules, device, record):
    """Write down how many times as quick decode is, with the interval that it lies in."""
    vectors = decoding.vectors
    vocabulary = vectors.DIMS["vocabulary"]
    rng = draw.rng("prompts to time")
    subject = Subject(
        vocabulary=vocabulary,
        dims=lambda width, room: {
            **vectors.DIMS, "longest": room, "layers": LAYERS, "heads": HEADS, "width": width
        },
        weights=lambda dims: vectors.draw_weights(draw.rng("weights to time"), dims),
        prompt=lambda length: rng.integers(0, vocabulary, (1, length)),
    )  # fmt: skip
    decoding.student.load()  # what was not handed in is not timed
    bench = Bench(decoding.oracle, subject, rules.timing, {**OTHERS, **rules.limits}, device)
    if obstacle := bench.obstacle(decoding.student):
        record.inconclusive(obstacle)
        return
    found, rounds = bench.generating(decoding.student)
    record.set(logits_below_best=rounds.below_best, rounds=found.count)
    record.attach("json", found.listing())
    if (interval := found.intervals.get(QUESTION)) is None:
        if rounds.below_best <= rules.limits["tie"]:
            record.inconclusive(f"Only {found.count} rounds could be measured.")
        return
    record.set(generate_speedup=interval.middle, generate_speedup_low=interval.low,
               generate_speedup_high=interval.high)  # fmt: skip
    size = bench.size()
    record.say(
        f"decode makes {rules.timing.new_tokens} tokens after {size.length} (width {size.width}) "
        f"{interval.middle:.3g} ({interval.low:.3g} to {interval.high:.3g}) times as quickly as as "
        f"many forwards of the reference without a cache; {found.count} rounds."
    )

"""The private part, performance: what the cache saves, in work and in time.

Time is measured where work dominates, beside the reference and in turns with it. What is quick but
wrong, as Q7 has charged, is left to a human (`beyond_q7`, `review_if`); what is not quick is lost.
"""

import pytest

from grader.latency import notes

LENGTHS, BATCH, NEW = (1, 16, 32, 64), 2, 16
"""The notebook's prompt lengths and new tokens, as far as the sizes of Q7 have room."""


@pytest.mark.hidden
def test_work_counts(
    bench, performance, student, left_behind, vectors, dims, weights, prompt, record, beyond
):
    """After any prompt, and for a batch, each new token is fed once; the time must not deny it."""
    if not performance.possible(bench, student, left_behind, record):
        return
    model = student.build(dims, weights)
    with_it = without = 0
    record.set(fed_per_new_token=0.0, tokens_not_fed=0)
    for length in LENGTHS:
        ids = prompt(BATCH, length, dims)
        done = model.generate(ids, NEW, temperature=vectors.COLD, use_cache=True, seed=1)
        if not done.fed:
            record.inconclusive("How many tokens generate_with_cache feeds could not be seen.")
            return
        record.worst("fed_per_new_token", (sum(done.fed) - length) / NEW)
        record.worst("tokens_not_fed", max(0, length + NEW - 1 - sum(done.fed)))
        with_it += work(done.fed, dims)
        without += sum(flops(length + step, length + step, dims) for step in range(NEW))
    record.set(work_saved=without / max(1, with_it))
    last = performance.whole_calls(bench, student, record)[-1]
    record.set(logits_below_best=last.rounds.below_best)
    record.say(
        f"After prompts of {LENGTHS} {NEW} tokens take {without / max(1, with_it):.3g} times less "
        "work than without a cache, by the tokens fed."
    )
    if record.evidence.measured["fed_per_new_token"] <= bench.limits["fed"]:
        # Else what it says of itself is enough.
        notes.settle(record, bench, last, ("generate_speedup",))
    beyond("logits_below_best")


@pytest.mark.hidden
def test_step_time(bench, performance, student, left_behind, record, beyond):
    """A step with the cache takes a fraction of the time of a forward without one."""
    if not performance.possible(bench, student, left_behind, record):
        return
    last = notes.keep(record, bench, bench.steps(student))
    speedup = last.series.intervals.get("speedup")
    notes.interval(record, "speedup", speedup)
    if speedup is not None:
        waiting, size = last.series.intervals.get("waiting", speedup), bench.size()
        record.set(waiting_low=waiting.low, waiting_high=waiting.high)
        record.set(own_speedup=performance.own(speedup, bench.pace(student)))
        record.set(max_abs_error=last.rounds.error)
        record.say(
            f"A step after {size.length} tokens (width {size.width}) is "
            f"{notes.said(speedup)} times as quick as the reference's forward without a "
            f"cache; {last.series.count} rounds."
        )
    performance.whole_calls(bench, student, record)
    notes.settle(record, bench, last, ("speedup", "waiting"))
    beyond("max_abs_error")


@pytest.mark.hidden
def test_time_growth(bench, performance, student, left_behind, record, beyond):
    """The time for a token hardly grows with the tokens before it."""
    if not performance.possible(bench, student, left_behind, record):
        return
    last = bench.steps(student)[-1]
    record.set(max_abs_error=last.rounds.error)
    growth = last.series.intervals.get("growth")
    notes.interval(record, "growth", growth)
    if growth is not None:
        record.say(
            f"After a prompt {bench.settings.short} times as long a step takes longer, by "
            f"{notes.said(growth)} of what a forward without a cache takes longer."
        )
    performance.whole_calls(bench, student, record)
    notes.settle(record, bench, last, ("growth",))
    beyond("max_abs_error")


@pytest.mark.hidden
def test_generate_time(bench, performance, student, left_behind, record, beyond):
    """generate_with_cache takes little more for n tokens than for the prompt."""
    if not performance.possible(bench, student, left_behind, record):
        return
    last = notes.keep(record, bench, performance.whole_calls(bench, student, record))
    record.set(logits_below_best=last.rounds.below_best)
    speedup = last.series.intervals.get("generate_speedup")
    if speedup is not None:
        record.say(
            f"generate_with_cache makes {bench.settings.new_tokens} tokens "
            f"{notes.said(speedup)} times as quickly as as many forwards of the reference "
            "without a cache."
        )
    notes.settle(record, bench, last, ("generate_speedup",))
    beyond("logits_below_best")


def work(fed, dims):
    """Flops of calls that were fed so many tokens each, with all before them in the cache."""
    total, before = 0, 0
    for tokens in fed:
        before += tokens
        total += flops(tokens, before, dims)
    return total


def flops(tokens, seen, dims):
    """Flops of a forward of so many tokens that see so many: 2 for a multiply-add, of matrices."""
    width = dims["n_embd"]
    each_layer = 24 * tokens * width**2 + 4 * tokens * seen * width
    return dims["n_layer"] * each_layer + 2 * tokens * width * dims["vocab_size"]

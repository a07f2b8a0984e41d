"""2d: what the cache is worth in time; and the submission's own plot of it."""

import pytest

from grader.latency import notes, sweep


@pytest.mark.hidden
def test_step_latency(bench, student, record):
    """A decode step with the cache takes a fraction of the time of a full forward."""
    if not notes.possible(record, bench, student):
        return
    last = notes.keep(record, bench, bench.steps(student))
    found, size, ask = last.series, bench.size(), last.series.intervals
    replies(record, last.rounds)
    notes.interval(record, "speedup", ask.get("speedup"))
    notes.interval(record, "waiting", ask.get("waiting", ask.get("speedup")))
    notes.interval(record, "slowdown", ask.get("slowdown"))
    if "speedup" in ask:
        record.set(own_speedup=ask["speedup"].high * bench.pace(student))
        record.say(
            f"A decode step after {size.length} tokens (width {size.width}) is "
            f"{notes.said(ask['speedup'])} times as quick as the reference's forward without a "
            f"cache; {found.count} rounds.{slow(ask['slowdown'], bench.limits)}"
        )
    notes.settle(record, bench, last, ("speedup", "waiting", "slowdown"))


@pytest.mark.hidden
def test_latency_growth(bench, student, record):
    """The time of a decode step hardly grows with the prompt."""
    if not notes.possible(record, bench, student):
        return
    last = bench.steps(student)[-1]
    ask = last.series.intervals
    replies(record, last.rounds)
    notes.interval(record, "growth", ask.get("growth"))
    notes.interval(record, "slowdown", ask.get("slowdown"))
    if "growth" in ask:
        record.say(
            f"After a prompt {bench.settings.short} times as long a decode step takes longer, by "
            f"{notes.said(ask['growth'])} of what a forward without a cache takes longer."
        )
    notes.settle(record, bench, last, ("growth", "slowdown"))


@pytest.mark.hidden
def test_generate_latency(bench, student, record):
    """With the cache, n tokens cost little more than the prompt."""
    if not notes.possible(record, bench, student):
        return
    steps = bench.steps(student)[-1]
    last = notes.keep(record, bench, bench.generating(student))
    rounds, new = last.rounds, bench.settings.new_tokens
    record.set(
        logits_below_best=rounds.below_best,
        own_logits_below_best=rounds.own_below_best,
        fed_per_new_token=rounds.fed_per_new_token,
    )
    ask = last.series.intervals.get("generate_speedup")
    notes.interval(record, "generate_speedup", ask)
    notes.interval(record, "slowdown", steps.series.intervals.get("slowdown"))
    if ask is not None:
        record.set(own_generate_speedup=ask.high * bench.pace(student))
        record.say(
            f"generate with the cache makes {new} tokens {notes.said(ask)} times as quickly as "
            f"{new} forwards of the reference without one."
            f"{contradiction(rounds.fed_per_new_token, record, bench.limits)}"
        )
    notes.settle(record, bench, last, ("generate_speedup",))
    notes.settle(record, bench, steps, ("slowdown",), measured=False)
    if ask is not None and not steps.series.intervals and steps.series.end != "wrong reply":
        quick = ask.high * bench.pace(student) >= bench.limits["generate_speedup"]
        if quick:  # by its own pace at least; nobody knows whether that was made slow
            record.inconclusive("What the side without the cache takes could not be measured.")


@pytest.mark.hidden
def test_latency_plot(latency_plot, latency, student, draw, vectors, record):
    """The submission's own plot: both ways, the five lengths, labelled axes."""
    found = latency_plot.find()
    if found is None:
        latency_plot.missing(record)
        return
    variant, says = found.variant, found.says
    if found.lengths and latency.generates(student, draw, vectors) is False:
        variant, says = (
            f"prompt_{found.lengths}",
            f"{says}; generate does not work, which halves it",
        )
    record.set(lengths=found.lengths)
    record.answer(variant, f"Your plot shows {says}.", slips=found.slips)
    if found.picture:
        record.attach("png", found.picture, own=True)


@pytest.mark.hidden
def test_latency_explanation(
    latency_plot, problem1, latency, bench, student, draw, vectors, record
):
    """What is observed, and why: a human reads it, beside what the grader measured itself."""
    if not (problem1.sheets or latency_plot.figures or problem1.pictures):
        record.not_submitted("No answer sheet and no plot was found.")
        return
    record.attach("txt", problem1.listing(*problem1.sheets_as_text()), own=True)
    for picture in latency_plot.shown():
        record.attach("png", picture, own=True)
    found = latency.lengths(bench, student, draw, vectors)
    record.attach("txt", found.table().encode())
    if found.lengths:
        record.attach("png", sweep.picture(found))
    record.say("A person reads the explanation, beside the latencies that were measured here.")


def replies(record, rounds):
    """Write down how far all timed replies were from right."""
    record.set(
        max_abs_error=rounds.error,
        gap_to_own_forward=rounds.gap_to_own,
        effect_of_past=rounds.effect_of_past,
    )


def slow(interval, limits):
    """Say where the side without the cache has been made slow."""
    if interval.low <= limits["slowdown"]:
        return ""
    return (
        f" Without the cache your forward takes {interval.middle:.3g} times as long as the same "
        "forward with an empty cache: it is held to the reference's."
    )


def contradiction(fed, record, limits):
    """Say where what was counted inside does not agree with the time seen from outside."""
    high = record.evidence.measured.get("generate_speedup_high")
    if fed is None or high is None or fed > limits["fed"] or high >= limits["generate_speedup"]:
        return ""
    return (
        f" It counts {fed:.3g} tokens fed for each new one; the time says otherwise, and decides."
    )

"""2d: what the cache is worth in time; and the submission's own plot of it."""

import pytest


@pytest.mark.hidden
def test_step_latency(latency, student, record):
    """A decode step with the cache takes a fraction of the time of a full forward."""
    if not possible(latency, student, record):
        return
    last = keep(record, latency, "steps", latency.steps(student))
    found, size, ask = last.series, latency.size(), last.series.intervals
    replies(record, last.rounds, latency.effect_of_past(student))
    asked(record, found, "speedup", ask.get("speedup"))
    asked(record, found, "waiting", ask.get("waiting", ask.get("speedup")))
    asked(record, found, "slowdown", ask.get("slowdown"))
    if "speedup" in ask:
        record.set(own_speedup=ask["speedup"].high * latency.pace(student))
        record.say(
            f"A decode step after {size.length} tokens (width {size.width}) is "
            f"{said(ask['speedup'])} times as quick as the reference's forward without a cache; "
            f"{found.count} rounds.{slow(ask['slowdown'], latency.limits)}"
        )
    settle(record, latency, last, ("speedup", "waiting", "slowdown"))


@pytest.mark.hidden
def test_latency_growth(latency, student, record):
    """The time of a decode step hardly grows with the prompt."""
    if not possible(latency, student, record):
        return
    last = latency.steps(student)[-1]
    found = last.series
    replies(record, last.rounds, latency.effect_of_past(student))
    asked(record, found, "growth", found.intervals.get("growth"))
    asked(record, found, "slowdown", found.intervals.get("slowdown"))
    if "growth" in found.intervals:
        record.say(
            f"After a prompt {latency.settings.short} times as long a decode step takes longer, by "
            f"{said(found.intervals['growth'])} of what a forward without a cache takes longer."
        )
    settle(record, latency, last, ("growth", "slowdown"))


@pytest.mark.hidden
def test_generate_latency(latency, student, record):
    """With the cache, n tokens cost little more than the prompt."""
    if not possible(latency, student, record):
        return
    steps = latency.steps(student)[-1]
    last = keep(record, latency, "generating", latency.generating(student))
    found, rounds, new = last.series, last.rounds, latency.settings.new_tokens
    record.set(
        logits_below_best=rounds.below_best,
        own_logits_below_best=rounds.own_below_best,
        fed_per_new_token=rounds.fed_per_new_token,
    )
    ask = found.intervals.get("generate_speedup")
    asked(record, found, "generate_speedup", ask)
    asked(record, found, "slowdown", steps.series.intervals.get("slowdown"))
    if ask is not None:
        record.set(own_generate_speedup=ask.high * latency.pace(student))
        record.say(
            f"generate with the cache makes {new} tokens {said(ask)} times as quickly as {new} "
            "forwards of the reference without one."
            f"{contradiction(rounds.fed_per_new_token, record, latency.limits)}"
        )
    settle(record, latency, last, ("generate_speedup",))
    settle(record, latency, steps, ("slowdown",), measured=False)
    if ask is not None and not steps.series.intervals and steps.series.end != "wrong reply":
        quick = ask.high * latency.pace(student) >= latency.limits["generate_speedup"]
        if quick:  # by its own pace at least; nobody knows whether that was made slow
            record.inconclusive("What the side without the cache takes could not be measured.")


@pytest.mark.hidden
def test_latency_plot(latency_plot, latency, student, record):
    """The submission's own plot: both ways, the five lengths, labelled axes."""
    found = latency_plot.find()
    if found is None:
        latency_plot.missing(record)
        return
    variant, says = found.variant, found.says
    if found.lengths and latency.generates(student) is False:
        variant, says = (
            f"prompt_{found.lengths}",
            f"{says}; generate does not work, which halves it",
        )
    record.set(lengths=found.lengths)
    record.answer(variant, f"Your plot shows {says}.", slips=found.slips)
    if found.picture:
        record.attach("png", found.picture, own=True)


@pytest.mark.hidden
def test_latency_explanation(latency_plot, problem1, latency, student, record):
    """What is observed, and why: a human reads it, beside what the grader measured itself."""
    if not (problem1.sheets or latency_plot.figures or problem1.pictures):
        record.not_submitted("No answer sheet and no plot was found.")
        return
    record.attach("txt", problem1.listing(*problem1.sheets_as_text()), own=True)
    for picture in latency_plot.shown():
        record.attach("png", picture, own=True)
    found = latency.sweep(student)
    record.attach("txt", found.table().encode())
    if found.lengths:
        record.attach("png", latency.picture(found))
    record.say("A person reads the explanation, beside the latencies that were measured here.")


def possible(latency, student, record):
    """Whether anything can be timed here; else a human is told why not."""
    obstacle = latency.obstacle(student)
    if obstacle:
        record.inconclusive(obstacle)
    return not obstacle


def replies(record, rounds, effect):
    """Write down how far all timed replies were from right."""
    record.set(
        max_abs_error=rounds.error, gap_to_own_forward=rounds.gap_to_own, effect_of_past=effect
    )


def asked(record, found, name, interval):
    """Write down where the median of a ratio lies."""
    record.set(rounds=found.count)
    if interval is not None:
        record.set(**{
            name: interval.middle, f"{name}_low": interval.low, f"{name}_high": interval.high
        })  # fmt: skip


def keep(record, latency, name, attempts):
    """Keep all rounds of all attempts, what went on meanwhile, and the roofline; return the last.

    Times beside the roofline are medians of the last attempt.
    """
    last = attempts[-1]
    rates, missing = latency.rates()
    rows = latency.roofline(name, last.series.rounds)
    for attempt in attempts:
        more = {"device": attempt.seen.listing(), "roofline": rows or missing}
        record.attach("json", attempt.series.listing(**more))
    record.set(attempts=len(attempts), disturbed=int(bool(last.seen.disturbed)))
    if rows:
        record.attach("txt", latency.table(rates, rows).encode())
        what = {"generating": ("generate",), "steps": ("full", "step")}[name]
        for kind, (_, least, reference, own) in zip(what, rows, strict=True):
            record.set(**{f"{kind}_least_ms": 1e3 * least})
            for side, seconds in (("reference", reference), ("own", own)):
                if seconds:
                    record.set(**{f"{kind}_reached_by_{side}": least / seconds})
    return last


def settle(record, latency, attempt, questions, *, measured=True):
    """Leave to a human what could not be measured, or what a disturbance may have cost.

    What is wrong or undecided the limits say.
    """
    found = attempt.series
    if measured and found.end == "wrong reply":
        record.say("A timed reply was wrong; speed is not the question then.")
    elif measured and not found.intervals:
        record.inconclusive(f"Only {found.count} rounds could be measured in the time there is.")
    elif attempt.in_doubt(questions, latency.limits, latency.settings.clear):
        record.inconclusive(
            f"Too slow by a little, on a machine that was disturbed: {attempt.seen.disturbed}."
        )


def said(interval):
    """Return a median with the interval it lies in."""
    return f"{interval.middle:.3g} ({interval.low:.3g} to {interval.high:.3g})"


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

"""What decode is timed by: whole calls, beside as many full forwards of the reference."""

from pathlib import Path

from grader.beside import by_path
from grader.latency import notes
from grader.latency.bench import Bench
from grader.latency.generating import QUESTION
from grader.latency.subject import Subject

LAYERS, HEADS, INNER = 1, 4, 4
"""Wide, not deep: launches grow with the layers, work with the square of the width."""

OTHERS = {"speedup": 1.0, "slowdown": 1.0, "growth": 1.0}
"""Limits of questions that are not asked: single steps are not timed, a cache has no set form."""

FLOAT = 4  # bytes


def measure(decoding, draw, rules, device, record):
    """Write down how many times as quick decode is, with the interval that it lies in."""
    student = decoding.student
    student.load()  # what was not handed in is not timed
    limits = {**OTHERS, **rules.limits}
    bench = Bench(decoding.oracle, subject(draw, decoding.vectors), rules.timing, limits, device)
    if not notes.possible(record, bench, student):
        return
    last = notes.keep(record, bench, bench.generating(student))
    record.set(logits_below_best=last.rounds.below_best)
    found = last.series.intervals.get(QUESTION)
    notes.interval(record, QUESTION, found)
    if found is not None:
        size = bench.size()
        record.say(
            f"decode makes {rules.timing.new_tokens} tokens after {size.length} (width "
            f"{size.width}) {notes.said(found)} times as quickly as as many forwards of the "
            f"reference without a cache; {last.series.count} rounds."
        )
    notes.settle(record, bench, last, (QUESTION,))


def subject(draw, vectors):
    """Return what is timed."""
    vocabulary, rng = vectors.DIMS["vocabulary"], draw.rng("prompts to time")
    return Subject(
        vocabulary=vocabulary,
        drawn=draw.digest,
        dims=lambda width, room: {
            "vocabulary": vocabulary,
            "longest": room,
            "layers": LAYERS,
            "heads": HEADS,
            "width": width,
            "draft_layers": 0,
        },
        weights=lambda dims: vectors.draw_weights(draw.rng("weights to time"), dims),
        prompt=lambda length: rng.integers(0, vocabulary, (1, length)),
        cost=cost,
    )


def cost(dims, tokens, new, logits):
    """Return flops and bytes of one forward, by the reference calculator.

    Scale, mask, softmax and activation count as fused.
    """
    known = by_path(
        Path(__file__).resolve().parents[3] / "reference" / "calculator" / "__init__.py"
    )
    heads, width = dims["heads"], dims["width"]
    model = known.Model(
        "timed", dims["layers"], heads, heads, width, INNER * width, dims["vocabulary"],
        ffn_matrices=2, norm="layernorm", biases=True,
    )  # fmt: skip
    found = known.forward(
        model,
        1,
        tokens,
        FLOAT,
        new_tokens=new,
        heads_of=logits,
        projection_biases=True,
        fused=known.FLASH,
    )
    return found.flops, found.bytes

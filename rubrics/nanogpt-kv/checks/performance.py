"""What of the cache is timed, and what is said of it."""

from pathlib import Path

from grader.beside import by_path
from grader.latency import notes
from grader.latency.bench import Bench
from grader.latency.subject import Subject

LAYERS, HEADS, INNER = 1, 4, 4
"""Wide, not deep: launches grow with the layers, work with the square of the width."""

SLOWDOWN = 3.0
"""Where the side without a cache is slow alone. Its code is the template's: it only has to be known
before all is decided, and is no question of points."""

FLOAT = 4  # bytes


def bench(oracle, draw, vectors, rules, device):
    """Return where this pack's model is timed, against the reference."""
    # What is wrong was charged in Q7, and its speed is a question all the same.
    limits = {**rules.limits, "slowdown": SLOWDOWN}
    return Bench(
        oracle, subject(draw, vectors), rules.timing, limits, device, ends_at_wrong_replies=False
    )


def subject(draw, vectors):
    """Return what is timed."""
    vocabulary, rng = vectors.DIMS["vocab_size"], draw.rng("prompts to time")
    return Subject(
        vocabulary=vocabulary,
        drawn=draw.digest,
        dims=lambda width, room: {
            "vocab_size": vocabulary,
            "block_size": room,
            "n_layer": LAYERS,
            "n_head": HEADS,
            "n_embd": width,
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
    heads, width = dims["n_head"], dims["n_embd"]
    model = known.Model(
        "timed", dims["n_layer"], heads, heads, width, INNER * width, dims["vocab_size"],
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


def possible(bench, student, left_behind, record):
    """Whether anything can be timed here; else a human is told why not."""
    if left_behind is not None:
        record.inconclusive(
            "It runs on the CPU alone, which was charged: its speed on the GPU was not measured."
        )
        return False
    return notes.possible(record, bench, student)


def whole_calls(bench, student, record):
    """Write down what whole calls of generate_with_cache take: all of it has to be of use there."""
    attempts = bench.generating(student)
    found = attempts[-1].series.intervals.get("generate_speedup")
    notes.interval(record, "generate_speedup", found)
    if found is not None:
        record.set(own_generate_speedup=own(found, bench.pace(student)))
    return attempts


def own(interval, pace):
    """Return what a speedup may be by the submission's own forward: ``pace`` times as slow.

    Above a limit it is undecided, or slow in everything; below it there is no cache.
    """
    return max(interval.high, interval.middle * pace)

"""Problem 2d: what of this assignment is timed, and the sheet's own experiment.

How time is taken and when it is enough is `grader.latency`'s.
"""

import math
import time
from pathlib import Path

from grader import tiles
from grader.beside import by_path
from grader.errors import StudentFault
from grader.latency import sweep
from grader.latency.arms import Arm
from grader.latency.bench import Bench
from grader.latency.subject import Subject

LENGTHS = (10, 50, 100, 500, 1000)
"""The sheet's prompt lengths."""

NEW_TOKENS = 20
"""As in the course's benchmark."""

SWEEP_TOURS, SWEEP_SECONDS = range(1, 4), 1.2

LAYERS, INNER = 2, 2
"""Wide, not deep: launches grow with the layers, work with the square of the width."""

SENT = 8_000_000  # parameters; of more than these, a pool is sent that they are cut out of
FLOAT = 4  # bytes


def bench(oracle, draw, vectors, rules, device, clock=time.perf_counter):
    """Return where this pack's model is timed, against the reference.

    ``rules`` is the rubric: its timing, and the limits at which it is enough.
    """
    return Bench(oracle, subject(draw, vectors), rules.timing, rules.limits, device, clock=clock)


def subject(draw, vectors):
    """Return what is timed."""
    vocabulary, rng = vectors.DIMS["vocab_size"], draw.rng("prompts to time")
    return Subject(
        vocabulary=vocabulary,
        drawn=draw.digest,
        dims=lambda width, room: {
            "vocab_size": vocabulary,
            "d_model": width,
            "d_ff": INNER * width,
            "num_layers": LAYERS,
            "max_seq_len": room,
        },
        weights=lambda dims: weights(draw, vectors, dims),
        prompt=lambda length: rng.integers(0, vocabulary, (1, length)),
        cost=cost,
        longest=max(LENGTHS) + NEW_TOKENS,
    )


def weights(draw, vectors, dims):
    """Return weights, the same for all submissions of a draw."""
    rng, shapes = draw.rng("weights to time"), vectors.state_dict_shapes(dims)
    if sum(map(math.prod, shapes.values())) > SENT:
        return tiles.draw(rng, shapes, vectors.spreads(dims))
    return vectors.draw_weights(rng, dims)


def cost(dims, tokens, new, logits):
    """Return flops and bytes of one forward, by the reference calculator.

    Scale, mask, softmax and activation count as fused.
    """
    known = by_path(
        Path(__file__).resolve().parents[3] / "reference" / "calculator" / "__init__.py"
    )
    model = known.Model(
        "timed", dims["num_layers"], 1, 1, dims["d_model"], dims["d_ff"], dims["vocab_size"],
        ffn_matrices=2, norm="layernorm", biases=True,
    )  # fmt: skip
    found = known.forward(
        model, 1, tokens, FLOAT, new_tokens=new, heads_of=logits, fused=known.FLASH
    )
    return found.flops, found.bytes


# --- the sheet's own experiment -------------------------------------------------------------------


def lengths(bench, student, draw, vectors):
    """Measure the sheet's lengths; by prompts alone where generate does not work."""
    dims = {**vectors.DIMS, "max_seq_len": max(LENGTHS) + NEW_TOKENS}
    drawn = vectors.draw_weights(draw.rng("weights of the sweep"), dims)
    how = {"tours": SWEEP_TOURS, "seconds": SWEEP_SECONDS, "clock": bench.clock}
    prompt, bounds = bench.subject.prompt, bench.bounds(dims)

    def arm():
        return Arm("student", student.build(dims, drawn), student, clock=bench.clock)

    with bench.alone(student):
        found = sweep.generating(arm(), prompt, LENGTHS, NEW_TOKENS, **how)
        generates = bool(found.lengths)
        if not generates:
            found = sweep.processing(arm(), prompt, LENGTHS, **how)

    def least(n, way):
        if generates:
            return bounds.generate(n, NEW_TOKENS, use_cache=way == "with")
        return bounds.step(n + 1) if way == "with" else bounds.full(n + 1)

    if bounds:
        found.least = {(n, way): least(n, way) for n in found.lengths for way in sweep.WAYS}
    return found


def generates(student, draw, vectors):
    """Whether generate does anything at all; None where not even the model can be built."""
    drawn = vectors.draw_weights(draw.rng("weights"), vectors.DIMS)
    try:
        model = student.build(vectors.DIMS, drawn)
    except StudentFault:
        return None
    ids = draw.rng("a prompt to try").integers(0, vectors.DIMS["vocab_size"], (1, 5))
    try:
        model.generate(ids, 3, temperature=1.0, use_cache=False, seed=1)
    except StudentFault:
        return False
    return True

"""What the checks share: drawn weights and prompts, and the rulers that they measure with."""

import contextlib
from pathlib import Path

import numpy as np
import pytest

from grader import rubric
from grader.beside import beside
from grader.checking.likely import below_best, continuation, inside
from grader.errors import StudentFault

SAME = 1e-3
"""A difference that no rubric will count."""

NOT_FINITE = 1e9
"""Stands for a difference from what is not finite."""


@pytest.fixture(scope="session")
def dims(vectors):
    """The sizes that most checks use."""
    return vectors.DIMS


@pytest.fixture(scope="session")
def other_dims(vectors):
    """Larger sizes, different in everything."""
    return vectors.OTHER_DIMS


@pytest.fixture(scope="session")
def weights(draw, vectors, dims):
    """Weights on which mistakes show."""
    return vectors.draw_weights(draw.rng("weights"), dims)


@pytest.fixture(scope="session")
def other_weights(draw, vectors, other_dims):
    """The same for the other sizes."""
    return vectors.draw_weights(draw.rng("other weights"), other_dims)


@pytest.fixture(scope="session")
def trouble():
    """What goes wrong on this GPU alone, once it has been looked for: a fault, or None."""
    return {}


@pytest.fixture
def student(student, trouble, vectors, dims, weights, request):
    """The submission, on the CPU where it works there alone; but for checks of the device.

    Whoever leaves tensors on the CPU has written one mistake, which one check charges.
    """
    if "found" not in trouble:
        cpu = student.device == "cpu"
        trouble["found"] = None if cpu else faults_here_only(student, vectors, dims, weights)
    if trouble["found"] is None or "left_behind" in request.fixturenames:
        yield student
        return
    with student.on_cpu():
        yield student


@pytest.fixture
def left_behind(student, trouble):  # noqa: ARG001 - trouble is looked for when it is made ready
    """What the submission raises on this GPU and not on the CPU; None where it works on both."""
    return trouble["found"]


def faults_here_only(student, vectors, dims, weights):
    """Return what a small model raises on the GPU, if it raises nothing on the CPU."""

    def used():
        ids = np.arange(12)[None] % dims["vocab_size"]
        model = student.build(dims, weights)
        past = None
        for begin, end in ((0, 6), (6, 7), (7, 12)):
            _, past = model.forward(ids[:, begin:end], past, use_cache=True)
        model.generate(ids, 3, temperature=vectors.COLD, use_cache=True, seed=3)

    try:
        used()
    except StudentFault as fault:
        if fault.outcome != "error":
            return None
        with contextlib.suppress(StudentFault), student.on_cpu():
            used()
            student.flag(
                f"On {student.device} the submission fails ({fault.message}); on the CPU it works: "
                "all that needs no GPU was graded there."
            )
            return fault
    return None


@pytest.fixture
def prompt(draw, record):
    """Draw prompts for this check alone: ids (B, T) of a batch and a length."""
    rng = draw.rng(f"prompts of {record.evidence.check}")
    return lambda batch, length, dims: rng.integers(0, dims["vocab_size"], (batch, length))


@pytest.fixture
def decode(oracle, record):
    """Feed ids in pieces, each with the cache of the one before, and compare all positions."""

    def decode(model, ids, pieces, place, dims, weights):
        past, logits, at = None, [], 0
        for piece in pieces:
            new, past = model.forward(ids[:, at : at + piece], past, use_cache=True)
            logits.append(new)
            at += piece
        got = np.concatenate(logits, axis=1)
        error = record.compare(got, oracle.logits(dims, weights, ids), place)
        if error > SAME:
            own, _ = model.forward(ids)
            gap = np.abs(got.astype(np.float64) - own).max()
            record.worst("gap_to_own_forward", float(gap) if np.isfinite(gap) else None)

    return decode


@pytest.fixture
def greedy(oracle, vectors, record):
    """Generate near temperature 0 and measure how far below the best logit each token is."""

    def greedy(model, ids, new, dims, weights, *, use_cache=True):
        done = model.generate(ids, new, temperature=vectors.COLD, use_cache=use_cache, seed=3)
        tokens = inside(continuation(ids, done.tokens, new), dims["vocab_size"])
        sequence = np.concatenate([ids, tokens], axis=1)
        logits = windows(oracle, dims, weights, sequence, ids.shape[1], new)
        below = below_best(logits, tokens)
        row, step = np.unravel_index(int(below.argmax()), below.shape)
        record.worst(
            "logits_below_best",
            float(below.max()),
            f"From a prompt of {ids.shape[1]}, row {row}: new token {step + 1} is "
            f"{below[row, step]:.3g} below the best logit",
        )
        return done

    return greedy


def windows(oracle, dims, weights, sequence, length, new):
    """Logits (B, new, V) for each new token, from the last block_size tokens before it."""
    block = dims["block_size"]
    inside_ = max(0, min(new, block - length + 1))  # tokens whose window begins at the prompt
    parts = []
    if inside_:
        full = oracle.logits(dims, weights, sequence[:, : length + inside_ - 1])
        parts.append(full[:, length - 1 :])
    for at in range(length + inside_, length + new):
        window = np.ascontiguousarray(sequence[:, at - block : at])
        parts.append(oracle.logits(dims, weights, window)[:, -1:])
    return np.concatenate(parts, axis=1)


@pytest.fixture
def recomputed(student, oracle, draw, vectors, dims, record):
    """Tell a cache from a copy of the ids, whatever was counted.

    Where the weights change after the prompt, a cache still holds the keys and values of the old
    ones; logits that are all of the new weights show that the prompt was computed again.
    """

    def recomputed(model, ids):
        _, past = model.forward(ids[:, :-1], use_cache=True)
        after = vectors.draw_weights(draw.rng("weights after the prompt"), dims)
        student.put(after)
        step, _ = model.forward(ids[:, -1:], past, use_cache=True)
        gap = differing(step, oracle.logits(dims, after, ids)[:, -1:])
        record.set(gap_to_recomputed=gap)
        if gap <= SAME:
            record.say("Weights changed after the prompt change all that was cached of it.")

    return recomputed


def differing(one, other):
    """The largest difference; what is not finite is different from everything."""
    gaps = np.abs(one.astype(np.float64) - other)
    return float(np.nan_to_num(gaps, nan=NOT_FINITE, posinf=NOT_FINITE).max())


@pytest.fixture(scope="session")
def rules():
    """The rubric: how latency is measured, and the limits at which it is enough."""
    return rubric.read(Path(__file__).parent.parent)


@pytest.fixture(scope="session")
def performance():
    """How what is timed is written down."""
    return beside(__file__, "performance")


@pytest.fixture(scope="session")
def bench(performance, oracle, draw, vectors, rules, device):
    """What is timed, once for all checks."""
    return performance.bench(oracle, draw, vectors, rules, device)


@pytest.fixture(scope="session")
def known_wrong():
    """How wrong the sizes of Q7 are, once that has been asked for."""
    return {}


@pytest.fixture
def charged(student, oracle, draw, vectors, dims, weights, record, known_wrong):
    """Note whether the same goes wrong at the sizes of Q7, which has charged for it."""

    def measured():
        ids = draw.rng("charged before").integers(0, dims["vocab_size"], (2, 20))
        model = student.build(dims, weights)
        expected = oracle.logits(dims, weights, ids)
        past, gaps = None, []
        for begin, end in ((0, 12), *((at, at + 1) for at in range(12, 20))):
            logits, past = model.forward(ids[:, begin:end], past, use_cache=True)
            gaps.append(differing(logits, expected[:, begin:end]))
        done = model.generate(ids, 6, temperature=vectors.COLD, use_cache=True, seed=3)
        tokens = inside(continuation(ids, done.tokens, 6), dims["vocab_size"])
        full = oracle.logits(dims, weights, np.concatenate([ids, tokens], axis=1))
        below = below_best(full[:, ids.shape[1] - 1 : -1], tokens).max()
        return max(*gaps, float(below))

    def charged(measure=None, limit=0.0):
        worst = record.evidence.measured.get(measure)
        if worst is None or worst > limit:
            if not known_wrong:
                known_wrong["by"] = measured()
            record.set(wrong_in_q7=known_wrong["by"])

    return charged


@pytest.fixture
def beyond(charged, record):
    """Note what is wrong in timed replies though it is right at the sizes of Q7."""

    def beyond(measure):
        charged()
        told = record.evidence.measured
        record.set(beyond_q7=0.0 if told["wrong_in_q7"] > SAME else told.get(measure))

    return beyond


# --- what was written and drawn -------------------------------------------------------------------


@pytest.fixture(scope="session")
def written():
    """How answers are read; hidden checks only look at them."""
    return beside(__file__, "written")


@pytest.fixture(scope="session")
def work(scripts, written):
    """What the submission has for the questions, gathered once."""
    return written.Work(scripts)


@pytest.fixture
def shown(work, record):
    """Return the answer to a question and keep it for a human; nothing where there is none."""

    def shown(question):
        answer = work.answers[question]
        if answer.text:
            record.attach("txt", answer.text.encode(errors="replace"), own=True)
            return answer
        if work.elsewhere:
            record.inconclusive(f"{question} may be answered in {work.elsewhere}.")
        else:
            record.not_submitted(f"No answer to {question} was found in the notebook or a report.")
        return None

    return shown


@pytest.fixture
def drawn(work, written, record, student):
    """Judge the graph of a question: handed in, drawn again as data, made on which device."""

    def drawn(question, *, cached):
        stored = work.pictures(question)
        for picture in stored[:3]:
            record.attach("png", picture.data, own=True)
        if not stored:
            missing(question, work, record)
            return
        figures, trouble = work.redrawn
        again = [figure for picture in stored for figure in figures.get(picture.cell, [])]
        devices = written.graphs.claimed(work)
        claim = f"Devices that outputs and answers name: {', '.join(devices) or 'none'}."
        record.set(claims_t4=int(written.graphs.WANTED in devices))
        if not again:
            record.inconclusive(
                f"The graph is there; its cell draws none when it is run here ({trouble or 'no'} "
                f"error): a human looks at it. {claim}"
            )
            return
        figure = again[-1]  # as in the notebook, the last one counts
        if figure.picture:
            record.attach("png", figure.picture, own=True)
        found = written.graphs.judge(figure, cached=cached, is_cpu=student.device == "cpu")
        record.set(**found.measured)
        slips = () if written.graphs.WANTED in devices else ("other_device",)
        record.answer(
            found.variant, f"Drawn again: {found.says}. {claim}", slips=(*found.slips, *slips)
        )

    return drawn


def missing(question, work, record):
    """Say that there is no graph; a report may show it all the same."""
    where = work.elsewhere or work.answers[question].where
    if where:
        record.inconclusive(f"No picture of {question} is in the notebook; look at {where}.")
    else:
        record.not_submitted(f"No picture of {question} is in the notebook's outputs.")

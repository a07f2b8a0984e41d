"""The model without a cache."""

import numpy as np
import pytest


@pytest.mark.public
def test_logits(model, oracle, dims, weights, prompt, record):
    """One forward gives the reference's logits, for prompts of all lengths and for batches."""
    for batch, length in ((1, 1), (1, 2), (3, 7), (2, 64), (1, dims["context"])):
        ids = prompt(batch, length)
        logits, _ = model.forward(ids)
        expected = oracle.logits(dims, weights, ids)
        record.compare(logits, expected, f"batch of {batch}, {length} tokens")


@pytest.mark.public
def test_loss(model, oracle, vectors, dims, weights, prompt, record):
    """The loss is the mean cross-entropy of each token after the first, by the logits before it.

    A loss that is true to the submission's own logits follows from what is wrong with these.
    """
    model.watch(["graded_loss"])
    for batch, length in ((1, 2), (3, 9), (2, 40)):
        ids = prompt(batch, length)
        own, _ = model.forward(ids)
        told = model.output_of("graded_loss", (1, 1))
        place = f"batch of {batch}, {length} tokens"
        if told is None:
            record.worst("loss_error", None, f"{place}: forward returns no number for the loss")
            continue
        loss, right = float(told[0, 0]), cross_entropy(oracle.logits(dims, weights, ids), ids)
        error = vectors.gap(np.array(loss), right)
        wrong = f"{place}: the loss is {loss:.4f}, expected {right:.4f}"
        record.worst("loss_error", error, wrong)
        if error > vectors.SAME:
            record.worst("own_loss_error", vectors.gap(np.array(loss), cross_entropy(own, ids)))


def cross_entropy(logits, ids):
    """Mean over rows and T - 1 positions, of logits (B, T, V) and ids (B, T)."""
    logits = logits[:, :-1].astype(np.float64)
    taken = np.take_along_axis(logits, ids[:, 1:, None], axis=-1)[..., 0]
    return float((np.logaddexp.reduce(logits, axis=-1) - taken).mean())


@pytest.mark.hidden
def test_other_sizes(student, oracle, draw, vectors, dims, weights, record):
    """The constructor's arguments are used: other sizes give the reference's logits, too.

    Where they are wrong, ``wrong_at_usual_sizes`` says whether that has been charged already.
    """
    rng, worst = draw.rng("other sizes"), 0.0
    sizes, others = vectors.OTHER_DIMS, vectors.draw_weights(rng, vectors.OTHER_DIMS)
    model = student.build(sizes, others)
    for batch, length in ((2, 5), (1, sizes["context"])):
        ids = rng.integers(0, sizes["vocab_size"], (batch, length))
        logits, _ = model.forward(ids)
        place = f"other sizes, batch of {batch}, {length} tokens"
        worst = max(worst, record.compare(logits, oracle.logits(sizes, others, ids), place))
    if worst > vectors.SAME:
        ids = rng.integers(0, dims["vocab_size"], (2, 40))
        logits, _ = student.build(dims, weights).forward(ids)
        usual = vectors.gap(logits, oracle.logits(dims, weights, ids))
        record.set(wrong_at_usual_sizes=usual)

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
def test_loss(model, oracle, dims, weights, prompt, record):
    """The loss is the mean cross-entropy of each token after the first, by the logits before it."""
    model.watch(["graded_loss"])
    for batch, length in ((1, 2), (3, 9), (2, 40)):
        ids = prompt(batch, length)
        model.forward(ids)
        told = model.output_of("graded_loss", (1, 1))
        logits = oracle.logits(dims, weights, ids)[:, :-1]
        logits = logits - logits.max(axis=-1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        right = -np.take_along_axis(log_p, ids[:, 1:, None], axis=-1).mean()
        place = f"batch of {batch}, {length} tokens"
        if told is None:
            record.worst("loss_error", None, f"{place}: forward returns no number for the loss")
            continue
        wrong = f"{place}: the loss is {told[0, 0]:.4f}, expected {right:.4f}"
        record.worst("loss_error", float(abs(told[0, 0] - right)), wrong)


@pytest.mark.hidden
def test_other_sizes(student, oracle, draw, vectors, record):
    """The constructor's arguments are used: other sizes give the reference's logits, too."""
    dims, rng = vectors.OTHER_DIMS, draw.rng("other sizes")
    weights = vectors.draw_weights(rng, dims)
    model = student.build(dims, weights)
    for batch, length in ((2, 5), (1, dims["context"])):
        ids = rng.integers(0, dims["vocab_size"], (batch, length))
        logits, _ = model.forward(ids)
        place = f"other sizes, batch of {batch}, {length} tokens"
        record.compare(logits, oracle.logits(dims, weights, ids), place)

"""Part 1, the code of attention: what it returns, compared with the reference at every position."""

import numpy as np
import pytest


@pytest.mark.public
def test_attention_values(student, oracle, dims, weights, ids, record):
    """Attention over one sequence gives the reference's outputs, for several lengths."""
    model = student.build(dims, weights)
    for length in (2, 7, 33):
        given = ids(1, length, dims)
        got, _ = model.forward(given)
        record.compare(got, oracle.logits(dims, weights, given), f"length {length}")


@pytest.mark.public
def test_attention_causal(student, dims, weights, ids, record):
    """What comes later changes nothing before it, and something at its own place."""
    model = student.build(dims, weights)
    given = ids(2, 12, dims)
    before, _ = model.forward(given)
    for at in (1, 5, 11):
        other = given.copy()
        other[:, at] = (other[:, at] + 1) % dims["width"]
        after, _ = model.forward(other)
        gap = float(np.abs(after[:, :at] - before[:, :at]).max())
        record.worst("seen_ahead", gap, f"Position {at} changes those before it by {gap:.3g}.")
        own = float(np.abs(after[:, at] - before[:, at]).max())
        smallest = min(record.evidence.measured.get("seen_at_all", own), own)
        record.set(seen_at_all=smallest if np.isfinite(smallest) else None)


@pytest.mark.hidden
def test_attention_batch(student, oracle, dims, weights, ids, record):
    """Every sequence of a batch has its own right outputs."""
    model = student.build(dims, weights)
    for batch, length in ((2, 5), (5, 16)):
        given = ids(batch, length, dims)
        got, _ = model.forward(given)
        record.compare(got, oracle.logits(dims, weights, given), f"batch of {batch}")


@pytest.mark.hidden
def test_attention_lengths(student, oracle, dims, weights, ids, record):
    """From a single position to long sequences."""
    model = student.build(dims, weights)
    for length in (1, 3, 64, 200):
        given = ids(1, length, dims)
        got, _ = model.forward(given)
        record.compare(got, oracle.logits(dims, weights, given), f"length {length}")


@pytest.mark.hidden
def test_attention_scale(student, oracle, other_dims, other_weights, ids, record):
    """With other heads of another width the scale is another."""
    model = student.build(other_dims, other_weights)
    given = ids(2, 10, other_dims)
    got, _ = model.forward(given)
    record.compare(got, oracle.logits(other_dims, other_weights, given), "other heads")

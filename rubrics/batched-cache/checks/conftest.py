"""What the checks share: drawn weights and prompts, and the rulers that they measure with."""

import numpy as np
import pytest

from grader.checking.likely import below_best, continuation, inside


@pytest.fixture(scope="session")
def dims(vectors):
    """The sizes that most checks use."""
    return vectors.DIMS


@pytest.fixture(scope="session")
def weights(draw, vectors, dims):
    """Weights on which mistakes show."""
    return vectors.draw_weights(draw.rng("weights"), dims)


@pytest.fixture
def model(student, dims, weights):
    """The submission's model, with these weights."""
    return student.build(dims, weights)


@pytest.fixture
def prompt(draw, record, dims):
    """Draw prompts (B, T) for this check alone."""
    rng = draw.rng(f"prompts of {record.evidence.check}")
    return lambda batch, length: rng.integers(0, dims["vocab_size"], (batch, length))


@pytest.fixture
def continued(model, oracle, vectors, dims, weights, record):
    """Feed ids (B, T) in pieces behind ``before`` (B, P), whose caches are ``past``; compare all.

    Returns the last caches. Where logits are wrong, ``wrong_plainly`` says how wrong they are if
    the same ids are fed at once, or one by one: other checks charge that.
    """

    def continued(ids, pieces, place, past=None, before=None):
        logits, past = vectors.fed(model, ids, pieces, past)
        whole = ids if before is None else np.concatenate([before, ids], axis=1)
        right = oracle.logits(dims, weights, whole)
        if record.compare(logits, right[:, -ids.shape[1] :], place) > vectors.SAME:
            plainly = (model.forward(whole)[0], vectors.stepwise(model, whole, 1))
            record.worst("wrong_plainly", max(vectors.gap(one, right) for one in plainly))
        return past

    return continued


@pytest.fixture
def greedy(model, oracle, vectors, dims, weights, record):
    """Generate near temperature 0 and measure how far below the best logit each token is.

    ``own_below_best`` is the same by the submission's own logits with its caches: tokens that are
    true to these follow from what other checks have charged.
    """

    def greedy(ids, new):
        length = ids.shape[1]
        done = model.generate(ids, new, temperature=vectors.COLD, use_cache=True, seed=3)
        tokens = inside(continuation(ids, done.tokens, new), dims["vocab_size"])
        sequence = np.concatenate([ids, tokens], axis=1)
        below = below_best(oracle.logits(dims, weights, sequence)[:, length - 1 : -1], tokens)
        if below.max() > vectors.SAME:
            own = vectors.stepwise(model, sequence, length)[:, length - 1 : -1]
            record.worst("own_below_best", float(below_best(own, tokens).max()))
            record.set(own_spread=float(np.ptp(own, axis=-1).min()))
        row, step = np.unravel_index(int(below.argmax()), below.shape)
        wrong = f"new token {step + 1} is {below[row, step]:.3g} below the best logit"
        record.worst("logits_below_best", float(below.max()),
                     f"From prompts of {length}, row {row}: {wrong}")  # fmt: skip

    return greedy

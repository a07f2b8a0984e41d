"""What the checks share: drawn tables and ids, the training runs, the answer sheet, read.

And of parts 3 and 4 the model, its weights and the rulers for its tokens.
"""

from pathlib import Path

import numpy as np
import pytest

from grader import rubric
from grader.beside import beside
from grader.checking.likely import below_best, continuation, inside
from grader.errors import StudentFault


@pytest.fixture(scope="session")
def dims(vectors):
    """The sizes that most checks use."""
    return vectors.DIMS


@pytest.fixture(scope="session")
def other_dims(vectors):
    """Other heads of another width."""
    return vectors.OTHER_DIMS


@pytest.fixture(scope="session")
def weights(draw, vectors, dims):
    """Tables of q, k and v on which mistakes show."""
    return vectors.draw_weights(draw.rng("weights"), dims)


@pytest.fixture(scope="session")
def other_weights(draw, vectors, other_dims):
    """The same for the other sizes."""
    return vectors.draw_weights(draw.rng("other weights"), other_dims)


@pytest.fixture
def ids(draw, record):
    """Draw ids (batch, length) for this check alone."""
    rng = draw.rng(f"ids of {record.evidence.check}")
    return lambda batch, length, dims: rng.integers(0, dims["width"], (batch, length))


@pytest.fixture(scope="session")
def recall(scripts, draw):
    """The training runs of associative recall, each made once."""
    return beside(__file__, "recall").Recall(scripts, draw)


@pytest.fixture(scope="session")
def sheet(scripts):
    """The answer sheet, read once for all of its checks."""
    return beside(__file__, "sheet").Sheet(scripts)


# --- parts 3 and 4 --------------------------------------------------------------------------------


@pytest.fixture
def decoding(also):
    """The submission's decoding.py, with its oracle and its vectors. It need not be handed in."""
    return also("decoding")


@pytest.fixture
def prompt(draw, decoding, record):
    """Draw prompts (batch, length) for this check alone."""
    rng = draw.rng(f"prompts of {record.evidence.check}")
    vocabulary = decoding.vectors.DIMS["vocabulary"]
    return lambda batch, length: rng.integers(0, vocabulary, (batch, length))


@pytest.fixture
def model_weights(draw, decoding):
    """Weights of a target, and of one of the drafts beside it if that is named."""
    vectors = decoding.vectors
    return lambda draft=None: vectors.draw_weights(
        draw.rng(f"weights to decode, {draft}"), vectors.DIMS, draft
    )


@pytest.fixture
def judged(decoding, record):
    """Decode or speculate, and measure how far below the target's best logit each token is."""

    def judged(model, weights, ids, new, place):
        vectors = decoding.vectors
        dims, target = vectors.DIMS, vectors.of(weights, "target")
        tokens = generated(model, ids, new)
        sequence = np.concatenate([ids, inside(tokens, dims["vocabulary"])], axis=1)
        logits = decoding.oracle.logits(dims, target, sequence)[:, ids.shape[1] - 1 : -1]
        below = below_best(logits, tokens)
        row, step = np.unravel_index(int(below.argmax()), below.shape)
        wrong = f"new token {step + 1} is {below[row, step]:.3g} below the best"
        record.worst(
            "logits_below_best",
            float(below.max()),
            f"{place}, row {row}: {wrong} logit" if below.any() else "",
        )
        return tokens

    return judged


def generated(model, ids, new):
    """The new tokens (B, new); what was left as it was given is not handed in."""
    try:
        done = model.generate(ids, new, temperature=0.0, use_cache=True, seed=1)
    except StudentFault as fault:
        if "NotImplementedError" not in fault.message:
            raise
        raise StudentFault("not_submitted", f"It is not written: {fault.message}") from fault
    return continuation(ids, done.tokens, new)


@pytest.fixture
def speculated(decoding, judged, model_weights):
    """Speculate with one of the drafts; return the model, its weights and what it told."""

    def speculated(draft, prompts, new, place):
        vectors, weights = decoding.vectors, model_weights(draft)
        model = decoding.student.build(vectors.speculating(vectors.DIMS), weights)
        model.watch(["told"])
        found = []
        for ids in prompts:
            tokens = judged(model, weights, ids, new, f"{place}, prompt of {ids.shape[1]}")
            told = model.output_of("told", (1, 3))
            kept, listed, passes = (0, 0, 0) if told is None else (int(n) for n in told[0])
            agreed = agreeing(decoding, weights, ids, tokens)
            found.append({"kept": kept, "listed": listed, "passes": passes, "agreed": agreed})
        return {name: sum(each[name] for each in found) for name in found[0]}

    return speculated


def agreeing(decoding, weights, ids, tokens):
    """Return how many of the tokens (1, n) the draft would have proposed, by the oracle."""
    vectors = decoding.vectors
    sequence = np.concatenate([ids, tokens], axis=1)
    draft = vectors.of(weights, "draft")
    logits = decoding.oracle.logits(vectors.DIMS, draft, sequence)[:, ids.shape[1] - 1 : -1]
    unknown = np.isnan(logits).any(axis=-1)  # of a recorded oracle
    return int((unknown | (logits.argmax(axis=-1) == tokens)).sum())


@pytest.fixture(scope="session")
def rules():
    """The rubric: how latency is measured."""
    return rubric.read(Path(__file__).parent.parent)

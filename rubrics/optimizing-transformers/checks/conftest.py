"""What the checks share: drawn tables and ids, the training runs, and the answer sheet, read."""

import pytest

from grader.beside import beside


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

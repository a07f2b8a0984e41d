"""How likely tokens are: rulers for what a model generates, by the right logits of the same ids."""

from __future__ import annotations

import numpy as np

from grader.errors import StudentFault
from grader.model import Array, Ids


def continuation(ids: Ids, tokens: Ids, new: int) -> Ids:
    """Return the new ids (B, n) of a result with or without the prompt.

    Raises StudentFault where the prompt has changed.
    """
    if tokens.shape[1] == new:
        return tokens
    if not np.array_equal(tokens[:, : ids.shape[1]], ids):
        raise StudentFault("failed", "The prompt came back changed.")
    return tokens[:, ids.shape[1] :]


def inside(tokens: Ids, vocabulary: int) -> Ids:
    """Return ids that are all in the vocabulary; raises StudentFault for others."""
    if ((tokens < 0) | (tokens >= vocabulary)).any():
        raise StudentFault("failed", "There are ids outside the vocabulary.")
    return tokens


def below_best(logits: Array, tokens: Ids) -> Array:
    """Return how far (B, n) the logit of each token is below the best; logits (B, n, V).

    0 where the logits are not known: a recorded oracle knows them up to the first token that the
    reference would not have taken, which is judged.
    """
    taken = np.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return np.asarray(np.nan_to_num(logits.max(axis=-1) - taken, nan=0.0))


def z_score(logits: Array, tokens: Ids) -> float:
    """Return the log-likelihood of the tokens, in standard deviations from its expectation.

    logits (B, n, V), divided by the temperature; tokens (B, n). Positive: too likely.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    p = np.exp(log_p)
    mean = (p * log_p).sum(axis=-1)
    variance = (p * log_p**2).sum(axis=-1) - mean**2
    taken = np.take_along_axis(log_p, tokens[..., None], axis=-1)[..., 0]
    return float((taken - mean).sum() / np.sqrt(max(variance.sum(), 1e-12)))

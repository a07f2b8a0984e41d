"""2a: generate. Judged by one forward of the reference over the prompt and what was returned."""

import numpy as np
import pytest

SUSPECT = 3.0  # standard deviations; a right sampler is here once in hundreds of times


@pytest.mark.public
def test_generate_count(student, dims, weights, prompt, record, new_ids):
    """Exactly as many new ids as asked for, after an unchanged prompt, inside the vocabulary."""
    model = student.build(dims, weights)
    record.set(wrong_ids=0)
    for use_cache in (False, True):
        for batch, length, new in ((1, 5, 1), (1, 9, 12), (2, 4, 6)):
            ids = prompt(batch, length)
            done = model.generate(ids, new, temperature=1.0, use_cache=use_cache, seed=length)
            tokens = new_ids(ids, done.tokens, new)
            outside = int(np.sum((tokens < 0) | (tokens >= dims["vocab_size"])))
            record.worst("wrong_ids", outside, f"{outside} ids are outside the vocabulary")


@pytest.mark.public
def test_generate_greedy(greedy, prompt):
    """Near temperature 0 each token is the most likely one given all before it."""
    greedy(prompt(1, 10), 24, use_cache=False)
    # Many tokens: of logits this sharp, a model that ignores the temperature takes the best one in
    # about 19 of 20 cases.
    greedy(prompt(8, 6), 16, use_cache=False)


@pytest.mark.hidden
def test_generate_sampling(student, oracle, dims, sampling_weights, prompt, new_ids, own, record):
    """The tokens' likelihood is what sampling at this temperature leads to."""
    model = student.build(dims, sampling_weights)
    for temperature in (0.5, 2.0):
        ids, new = prompt(10, 8), 40
        done = model.generate(ids, new, temperature=temperature, use_cache=False, seed=7)
        tokens = np.clip(new_ids(ids, done.tokens, new), 0, dims["vocab_size"] - 1)
        sequence = np.concatenate([ids, tokens], axis=1)
        steps = slice(ids.shape[1] - 1, -1)
        logits = oracle.logits(dims, sampling_weights, sequence)[:, steps]
        score = _z_score(logits / temperature, tokens)
        if abs(score) > SUSPECT:
            own_score = _z_score(own(model, sequence, record)[:, steps] / temperature, tokens)
            record.worst("own_abs_z", abs(own_score))
        record.worst(
            "abs_z",
            abs(score),
            f"At temperature {temperature:g} the likelihood of {tokens.size} tokens is "
            f"{score:+.1f} standard deviations from what sampling gives",
        )


@pytest.mark.hidden
def test_generate_edges(greedy, prompt, dims):
    """From one token, and to the last position that the model has."""
    greedy(prompt(1, 1), 6, use_cache=False)
    longest = dims["max_seq_len"]
    greedy(prompt(1, longest - 3), 3, use_cache=False)


def _z_score(logits, tokens):
    """Log-likelihood of the tokens, in standard deviations from its expectation.

    logits (B, n, V), already divided by the temperature; tokens (B, n). Positive: too likely.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=-1, keepdims=True)
    p, log_p = p / total, shifted - np.log(total)
    mean = (p * log_p).sum(axis=-1)
    variance = (p * log_p**2).sum(axis=-1) - mean**2
    taken = np.take_along_axis(log_p, tokens[..., None], axis=-1)[..., 0]
    return float((taken - mean).sum() / np.sqrt(max(variance.sum(), 1e-12)))

"""Part 3, optional: decode with a cache gives, token by token, what decoding without one gives.

Each token has to be the one that the reference's forward over all before it finds most likely. What
one check asks for is kept out of the others: they build the model anew for each prompt.
"""

import numpy as np
import pytest

from grader.beside import beside


@pytest.mark.public
def test_decode_forward(decoding, model_weights, prompt, record):
    """Without a cache the logits of all positions are right."""
    dims, weights = decoding.vectors.DIMS, model_weights()
    model = decoding.student.build(dims, weights)
    for batch, length in ((1, 1), (1, 9), (3, 24)):
        ids = prompt(batch, length)
        got, _ = model.forward(ids)
        record.compare(got, decoding.oracle.logits(dims, weights, ids), f"{batch} of {length}")


@pytest.mark.public
def test_decode_tokens(decoding, judged, model_weights, prompt):
    """After prompts of many lengths each new token is that of decoding without a cache."""
    dims, weights = decoding.vectors.DIMS, model_weights()
    for length, new in ((1, 8), (2, 8), (7, 16), (20, 16), (41, 16), (80, 16)):
        model = decoding.student.build(dims, weights)
        judged(model, weights, prompt(1, length), new, f"Prompt of {length}")


@pytest.mark.hidden
def test_decode_rows(decoding, judged, model_weights, prompt):
    """Every row of a batch has its own right tokens."""
    dims, weights = decoding.vectors.DIMS, model_weights()
    for batch, length in ((2, 5), (5, 12), (8, 1)):
        model = decoding.student.build(dims, weights)
        judged(model, weights, prompt(batch, length), 10, f"Batch of {batch}, prompt of {length}")


@pytest.mark.public
def test_decode_again(decoding, judged, model_weights, prompt):
    """One model decodes prompt after prompt, and nothing of an earlier one is left."""
    dims, weights = decoding.vectors.DIMS, model_weights()
    model = decoding.student.build(dims, weights)
    first = prompt(1, 12)
    for number, ids in enumerate((first, prompt(1, 12), prompt(1, 3), prompt(2, 7), first), 1):
        place = f"Prompt {number} with the same model, of {ids.shape[1]} tokens"
        judged(model, weights, ids, 8, place)


@pytest.mark.hidden
def test_decode_work(decoding, model_weights, prompt, record):
    """The prompt is fed once, and then each new token once."""
    dims, weights = decoding.vectors.DIMS, model_weights()
    model = decoding.student.build(dims, weights)
    ids, new = prompt(1, 40), 20
    done = model.generate(ids, new, temperature=0.0, use_cache=True, seed=1)
    if not done.fed:
        record.inconclusive("How many tokens decode feeds could not be seen.")
        return
    fed = sum(done.fed)
    needed = ids.shape[1] + new - 1  # the last new token need not be fed
    record.set(fed_per_new_token=(fed - ids.shape[1]) / new, tokens_not_fed=max(0, needed - fed))
    record.say(
        f"For {new} new tokens after a prompt of {ids.shape[1]} the model was fed {fed} tokens; a "
        f"cache needs {needed}, and without one it would be "
        f"{int(np.arange(ids.shape[1], ids.shape[1] + new).sum())}."
    )


@pytest.mark.hidden
def test_decode_latency(decoding, draw, rules, device, record):
    """With the cache, tokens take a fraction of the time that they take without one."""
    beside(__file__, "decode_time").measure(decoding, draw, rules, device, record)

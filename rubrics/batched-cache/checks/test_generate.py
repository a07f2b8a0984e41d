"""generate: which tokens, and with how much work."""

import numpy as np
import pytest

from grader.checking.likely import continuation, inside, z_score

SUSPECT = 3.0
"""Standard deviations from which on the submission's own logits are asked for."""


@pytest.mark.public
def test_greedy(greedy, prompt, dims):
    """Near temperature 0 each token of each row is the most likely one, up to the last position."""
    greedy(prompt(1, 10), 24)
    greedy(prompt(4, 1), 16)
    greedy(prompt(2, dims["context"] - 8), 8)


@pytest.mark.hidden
def test_sampling(student, oracle, draw, vectors, dims, prompt, record):
    """At temperatures of 0.5 and 2 the tokens' likelihood is what sampling leads to."""
    rng = draw.rng("sampling weights")
    weights = vectors.draw_weights(rng, dims, vectors.SAMPLING_LOGIT_SD)
    model = student.build(dims, weights)
    for temperature in (0.5, 2.0):
        ids, new = prompt(8, 6), 50
        done = model.generate(ids, new, temperature=temperature, use_cache=True, seed=7)
        tokens = inside(continuation(ids, done.tokens, new), dims["vocab_size"])
        sequence, steps = np.concatenate([ids, tokens], axis=1), slice(ids.shape[1] - 1, -1)
        score = z_score(oracle.logits(dims, weights, sequence)[:, steps] / temperature, tokens)
        said = f"{score:+.1f} standard deviations from what sampling gives"
        record.worst("abs_z", abs(score), f"At temperature {temperature:g} the likelihood of "
                                          f"{tokens.size} tokens is {said}")  # fmt: skip
        if abs(score) > SUSPECT:
            own = vectors.stepwise(model, sequence, ids.shape[1])[:, steps]
            own_score = z_score(own.astype(np.float64) / temperature, tokens)
            record.worst("own_abs_z", abs(own_score))
            record.set(own_spread=float(np.ptp(own, axis=-1).min()))


@pytest.mark.public
def test_tokens_fed(student, model, oracle, draw, vectors, dims, prompt, record):
    """The prompt is fed once and then each new token once, and nothing is computed again.

    What was fed is counted in the sandbox and is a claim. But where the weights change after the
    prompt, a cache still holds keys and values of the old ones: logits that are all of the new
    weights show that the prompt was computed again.
    """
    length, new = 40, 20
    done = model.generate(prompt(2, length), new, temperature=1.0, use_cache=True, seed=1)
    if not done.fed:
        record.inconclusive("How many tokens generate feeds could not be seen.")
        return
    fed, needed = sum(done.fed), length + new - 1  # the last new token need not be fed
    record.set(fed_per_new_token=(fed - length) / new, tokens_not_fed=max(0, needed - fed))
    record.say(
        f"For {new} new tokens after a prompt of {length} your model was fed {fed} tokens, call by "
        f"call: {', '.join(map(str, done.fed[:6]))}, ...; a cache needs {needed}."
    )
    ids = prompt(2, length)
    _, past = model.forward(ids[:, :-1], use_cache=True)
    after = vectors.draw_weights(draw.rng("weights after the prompt"), dims)
    student.put(after)
    step, _ = model.forward(ids[:, -1:], past, use_cache=True)
    gap = np.abs(step.astype(np.float64) - oracle.logits(dims, after, ids)[:, -1:]).max()
    record.set(gap_to_recomputed=float(np.nan_to_num(gap, nan=0.0)))
    if not gap > vectors.SAME:
        record.say("Weights changed after the prompt change all that was cached of it.")

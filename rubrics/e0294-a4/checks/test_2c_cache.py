"""2c: the KV cache.

A cache is judged as it is used: fill it with the prompt, then feed what is new. Each case is
compared with the reference's full forward. Where that differs, the submission's own full forward
tells whether the cache is at least true to its own model: such a check is for a human to decide.
"""

import numpy as np
import pytest


@pytest.mark.public
def test_one_shot_cache(course, student, record):
    """What the course's own kv_evaluate mode says: one call, empty cache, ten test cases."""
    course(student, record, mode="kv_evaluate", use_cache=True)


@pytest.mark.public
def test_incremental_decode(decode, prompt):
    """Token by token after the prompt, at every position and for every row."""
    for batch, length, start in ((1, 12, 1), (1, 24, 7), (3, 16, 5), (1, 128, 120)):
        ids = prompt(batch, length)
        decode(ids, [start] + [1] * (length - start), f"batch of {batch}, prompt of {start}")


@pytest.mark.hidden
def test_chunked_decode(decode, prompt):
    """Several tokens at once after a cache see the cache, and each other causally."""
    decode(prompt(1, 40), [8, 5, 1, 7, 2, 17], "chunks of 5, 1, 7, 2 and 17 after a prompt of 8")
    decode(prompt(3, 30), [1, 3, 26], "batch of 3, chunks of 3 and 26 after a prompt of 1")


@pytest.mark.hidden
def test_past_reused(student, dims, weights, prompt, compare):
    """Two different continuations of one cache, and the first once more: a tree of tokens."""
    model = student.build(dims, weights)
    start, left, right = prompt(1, 9), prompt(1, 1), prompt(1, 1)
    _, past = model.forward(start, use_cache=True)
    for branch, name in ((left, "first"), (right, "second"), (left, "first again")):
        ids = np.concatenate([start, branch], axis=1)
        logits, later = model.forward(branch, past, use_cache=True)
        compare(model, ids, logits, f"{name} continuation of one cache")
        further = np.concatenate([ids, right], axis=1)
        logits, _ = model.forward(right, later, use_cache=True)
        compare(model, further, logits, f"{name} continuation of one cache, one step on")


@pytest.mark.hidden
def test_interleaved_sequences(student, dims, weights, prompt, compare):
    """Two sequences of different lengths, decoded in turns."""
    model = student.build(dims, weights)
    sequences = [prompt(1, 14), prompt(1, 20)]
    fed, pasts = [6, 11], [None, None]
    for which in (0, 1):
        _, pasts[which] = model.forward(sequences[which][:, : fed[which]], use_cache=True)
    for _ in range(6):
        for which in (0, 1):
            at = fed[which]
            step = sequences[which][:, at : at + 1]
            logits, pasts[which] = model.forward(step, pasts[which], use_cache=True)
            fed[which] += 1
            compare(model, sequences[which][:, : at + 1], logits, f"sequence {which + 1} of two")


@pytest.mark.hidden
def test_fresh_prompt(student, dims, weights, prompt, compare):
    """After one prompt has filled a cache, a prompt without a past starts from nothing."""
    model = student.build(dims, weights)
    before, single = prompt(1, 17), prompt(1, 1)
    _, past = model.forward(before, use_cache=True)
    model.forward(prompt(1, 1), past, use_cache=True)
    logits, _ = model.forward(single, use_cache=True)
    compare(model, single, logits, "prompt of 1 after a prompt of 17", causal_history=False)
    logits, _ = model.forward(single)
    compare(model, single, logits, "the same without a cache", causal_history=False)


@pytest.mark.public
def test_generate_with_cache(greedy, prompt):
    """With the cache, the tokens near temperature 0 are those of the best logits."""
    greedy(prompt(1, 10), 24, use_cache=True)
    greedy(prompt(3, 6), 8, use_cache=True)


@pytest.mark.public
def test_tokens_fed(student, dims, weights, prompt, record, recomputed):
    """With the cache, the prompt is fed once and then each new token once."""
    model = student.build(dims, weights)
    length, new = 40, 20
    done = model.generate(prompt(1, length), new, temperature=1.0, use_cache=True, seed=1)
    if not done.fed:
        record.inconclusive("How many tokens generate feeds to the model could not be seen.")
        return
    needed = length + new - 1  # the last new token need not be fed
    record.set(
        fed_per_new_token=(sum(done.fed) - length) / new,
        tokens_not_fed=max(0, needed - sum(done.fed)),
    )
    record.say(
        f"For {new} new tokens after a prompt of {length} your model was fed {sum(done.fed)} "
        f"tokens, call by call: {', '.join(map(str, done.fed[:6]))}, ...; "
        f"a cache needs {needed}."
    )
    recomputed(model, prompt(1, length))

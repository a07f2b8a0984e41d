"""The caches, as they are used: filled with prompts, then continued.

The reference's forward over the whole sequence knows the right logits.
"""

import pytest


@pytest.mark.public
def test_cache_form(model, dims, prompt, record):
    """Each layer's cache is a dictionary with k and v of all tokens so far, (B, H, P, d)."""
    names = [f"graded_{part}.{layer}" for part in "kv" for layer in range(dims["layers"])]
    model.watch(names)
    ids, past, at = prompt(3, 12), None, 0
    record.set(wrong_shapes=0)
    for piece in (6, 1, 3, 2):
        _, past = model.forward(ids[:, at : at + piece], past, use_cache=True)
        at += piece
        shape = (3, dims["heads"], at, dims["width"] // dims["heads"])
        wrong = sum(model.output_of(name, shape) is None for name in names)
        said = f"After {at} tokens {wrong} of {len(names)} tensors of the caches are not {shape}"
        record.worst("wrong_shapes", wrong, said)


@pytest.mark.public
def test_step_by_step(model, oracle, vectors, dims, weights, prompt, record):
    """Token by token after the prompt, at every position and for every row.

    Where that is wrong, the submission's own forward tells whether the caches are at least true to
    its own model, and how much of it an earlier token matters for.
    """
    for batch, length, start in ((1, 12, 1), (3, 20, 7), (1, dims["context"], 90)):
        ids = prompt(batch, length)
        got = vectors.stepwise(model, ids, start)
        right = oracle.logits(dims, weights, ids)
        if record.compare(got, right, f"batch of {batch}, prompt of {start}") > vectors.SAME:
            other = ids.copy()
            other[:, 0] = (other[:, 0] + 1) % dims["vocab_size"]
            (own, _), (moved, _) = model.forward(ids), model.forward(other)
            record.worst("gap_to_own", vectors.gap(got, own))
            record.set(effect_of_past=vectors.gap(own[:, 1:], moved[:, 1:]))


@pytest.mark.hidden
def test_chunks(continued, prompt):
    """Several tokens at once after a cache see the cache, and each other causally."""
    continued(prompt(1, 40), [8, 5, 1, 7, 2, 17], "chunks of 5, 1, 7, 2 and 17 after a prompt of 8")
    continued(prompt(3, 30), [1, 3, 26], "batch of 3, chunks of 3 and 26 after a prompt of 1")


@pytest.mark.hidden
def test_caches_reused(model, continued, prompt):
    """Two continuations of the same caches, and the first once more."""
    start, left, right = prompt(2, 9), prompt(2, 2), prompt(2, 2)
    _, past = model.forward(start, use_cache=True)
    for ids, name in ((left, "first"), (right, "second"), (left, "first again")):
        continued(ids, [1, 1], f"{name} continuation of the same caches", past, start)


@pytest.mark.hidden
def test_rows_leave(continued, prompt):
    """Of four sequences some end; those that are left go on with their rows of the caches."""
    ids = prompt(4, 14)
    past = continued(ids[:, :7], [6, 1], "all four sequences")
    for rows, at in ((3, 7), (1, 10)):
        left, before = ids[-rows:, at : at + 3], ids[-rows:, :at]
        past = continued(left, [1, 1, 1], f"{rows} of four sequences go on", past, before)

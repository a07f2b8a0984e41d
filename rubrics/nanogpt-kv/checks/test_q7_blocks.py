"""Q7: the solution blocks, by what they compute.

The reference's forward over the whole sequence knows the right logits: a cache is judged as it is
used, filled with a prompt and then fed what is new.
"""

import numpy as np
import pytest


@pytest.mark.public
def test_prompt_attention(student, oracle, dims, weights, prompt, record):
    """SA-2: without a past the logits are right at every position and row, for all lengths."""
    model = student.build(dims, weights)
    for batch, length in ((1, 1), (1, 2), (3, 7), (2, 64), (1, dims["block_size"])):
        ids = prompt(batch, length, dims)
        logits, _ = model.forward(ids, use_cache=True)
        place = f"batch of {batch}, prompt of {length}"
        record.compare(logits, oracle.logits(dims, weights, ids), place)


@pytest.mark.public
def test_cache_contents(student, dims, weights, prompt, record):
    """SA-1: each layer keeps k, v of all tokens, (B, n_head, P + T, head_size), old ones first."""
    model = student.build(dims, weights)
    batch, width = 2, dims["n_embd"] // dims["n_head"]
    names = [f"cached_{part}.{i}" for i in range(dims["n_layer"]) for part in "kv"]
    model.watch(names)
    ids = prompt(batch, 12, dims)
    past, before, at = None, {}, 0
    record.set(wrong_shapes=0)
    for piece in (6, 1, 3, 2):
        _, past = model.forward(ids[:, at : at + piece], past, use_cache=True)
        at += piece
        shape = (batch, dims["n_head"], at, width)
        kept = {name: model.output_of(name, shape) for name in names}
        wrong = [name for name in names if kept[name] is None]
        record.worst(
            "wrong_shapes",
            len(wrong),
            f"After {at} tokens, {len(wrong)} of {len(names)} cached tensors are not {shape}",
        )
        for name in set(before) - set(wrong):
            earlier = kept[name][:, :, : before[name].shape[2]]
            moved = float(np.nan_to_num(np.abs(earlier - before[name]), nan=np.inf).max())
            sentence = f"After {at} tokens, what {name} held of the first ones has changed"
            record.worst("moved", moved, sentence)
        before = {name: kept[name] for name in names if kept[name] is not None}


@pytest.mark.public
def test_one_token_steps(student, decode, dims, weights, prompt):
    """SA-1 and SA-2: token by token after the prompt, at every position and for every row."""
    model = student.build(dims, weights)
    for batch, length, start in ((1, 12, 1), (1, 24, 7), (3, 16, 5), (1, 96, 90)):
        ids = prompt(batch, length, dims)
        pieces = [start] + [1] * (length - start)
        decode(model, ids, pieces, f"batch of {batch}, prompt of {start}", dims, weights)


@pytest.mark.hidden
def test_chunks(student, decode, dims, weights, prompt):
    """SA-2: several tokens at once after a cache see the cache, and each other causally."""
    model = student.build(dims, weights)
    place = "chunks of 5, 1, 7, 2 and 17 after a prompt of 8"
    decode(model, prompt(1, 40, dims), [8, 5, 1, 7, 2, 17], place, dims, weights)
    place = "batch of 3, chunks of 3 and 26 after a prompt of 1"
    decode(model, prompt(3, 30, dims), [1, 3, 26], place, dims, weights)


@pytest.mark.public
def test_first_token(student, greedy, dims, weights, prompt, record):
    """GEN-1: the prompt is fed once and whole, and the first new token is the most likely one."""
    model = student.build(dims, weights)
    record.set(fed_beyond_prompt=0, prompt_not_fed=0)
    for batch, length in ((1, 1), (1, 10), (8, 33)):  # a wrong token may be right by chance
        done = greedy(model, prompt(batch, length, dims), 1, dims, weights)
        said = f"For a prompt of {length} your model was fed {sum(done.fed)} tokens"
        record.worst("prompt_not_fed", max(0, length - sum(done.fed)), said)
        record.worst("fed_beyond_prompt", max(0, sum(done.fed) - length), said)


@pytest.mark.public
def test_more_tokens(student, greedy, dims, weights, prompt):
    """GEN-2: near temperature 0 every later token is the most likely one, for every row."""
    model = student.build(dims, weights)
    greedy(model, prompt(1, 10, dims), 24, dims, weights)
    greedy(model, prompt(3, 6, dims), 12, dims, weights)


@pytest.mark.public
def test_tokens_fed(student, dims, weights, prompt, record, recomputed):
    """GEN-2: after the prompt only the new token is fed, and the prompt is not computed again."""
    model = student.build(dims, weights)
    length, new = 40, 20
    done = model.generate(prompt(1, length, dims), new, temperature=1.0, use_cache=True, seed=1)
    if not done.fed:
        record.inconclusive("How many tokens generate_with_cache feeds could not be seen.")
        return
    needed = length + new - 1  # the last new token need not be fed
    record.set(
        fed_per_new_token=(sum(done.fed) - length) / new,
        tokens_not_fed=max(0, needed - sum(done.fed)),
    )
    record.say(
        f"For {new} new tokens after a prompt of {length} your model was fed {sum(done.fed)} "
        f"tokens, call by call: {', '.join(map(str, done.fed[:6]))}, ...; a cache needs {needed}."
    )
    recomputed(model, prompt(1, length, dims))

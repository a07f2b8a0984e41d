"""The private part: the same at other sizes, at the edge of block_size and beyond, on a device.

What goes wrong here as it does at the sizes of Q7 has been charged there: `wrong_in_q7` tells.
"""

import re

import numpy as np
import pytest

from grader.checking.likely import continuation, inside, z_score
from grader.errors import StudentFault

DEVICES = re.compile(r"\bdevices?\b|\bcuda\b|\bcpu\b", re.IGNORECASE)  # in torch's words
ATOL, TIE = 1e-2, 2e-2
"""Where a measurement is worth a second look; what passes is the rubric's to say."""


@pytest.mark.hidden
def test_other_sizes(student, decode, other_dims, other_weights, prompt, charged):
    """Larger models, a batch and long prompts give the right logits step by step."""
    model = student.build(other_dims, other_weights)
    for batch, length, start in ((1, 256, 250), (4, 40, 33), (2, 12, 1)):
        ids = prompt(batch, length, other_dims)
        pieces = [start] + [1] * (length - start)
        place = f"batch of {batch}, prompt of {start}"
        decode(model, ids, pieces, place, other_dims, other_weights)
    charged("max_abs_error", ATOL)


@pytest.mark.hidden
def test_up_to_the_edge(student, greedy, other_dims, other_weights, prompt, charged):
    """A prompt of 240 and 16 new tokens, which fill a block_size of 256."""
    model = student.build(other_dims, other_weights)
    greedy(model, prompt(1, 240, other_dims), 16, other_dims, other_weights)
    charged("logits_below_best", TIE)


@pytest.mark.hidden
def test_past_block_size(student, greedy, dims, weights, prompt, charged):
    """Past block_size the tokens are those of the last block_size tokens, as without a cache."""
    model = student.build(dims, weights)
    longest = dims["block_size"]
    greedy(model, prompt(1, longest - 3, dims), 8, dims, weights)
    greedy(model, prompt(2, longest + 5, dims), 3, dims, weights)
    charged("logits_below_best", TIE)


@pytest.mark.hidden
def test_sampling(student, oracle, draw, vectors, dims, prompt, record, charged):
    """Tokens are drawn from the softmax of the logits."""
    weights = vectors.draw_weights(draw.rng("sampling weights"), dims, vectors.SAMPLING_LOGIT_SD)
    model = student.build(dims, weights)
    ids, new = prompt(8, 8, dims), 40
    done = model.generate(ids, new, temperature=1.0, use_cache=True, seed=7)
    tokens = inside(continuation(ids, done.tokens, new), dims["vocab_size"])
    logits = oracle.logits(dims, weights, np.concatenate([ids, tokens], axis=1))
    score = z_score(logits[:, ids.shape[1] - 1 : -1], tokens)
    record.worst(
        "abs_z",
        abs(score),
        f"The likelihood of {tokens.size} tokens is {score:+.1f} standard deviations from what "
        "sampling gives",
    )
    charged("abs_z", 6.0)


@pytest.mark.hidden
def test_copied_from_gpt(student, greedy, dims, weights, prompt, charged):
    """A model made by from_gpt has the weights of the GPT, and keeps them when that is gone."""
    model = student.build(dims, weights)
    greedy(model, prompt(2, 9, dims), 8, dims, weights, use_cache=False)
    charged("logits_below_best", TIE)


@pytest.mark.hidden
def test_on_the_device(
    student, left_behind, decode, greedy, dims, weights, prompt, record, charged
):
    """On a GPU all tensors are there: forward and generation work and are right."""
    if student.device == "cpu":
        record.inconclusive(
            "Not applicable here: a tensor that stays on the CPU shows on a GPU alone, and this "
            "was graded on a CPU."
        )
        return
    if left_behind is not None:
        said = left_behind.message.rstrip(".")
        what = "a tensor has stayed on the CPU" if DEVICES.search(said) else "it fails"
        raise StudentFault(
            "failed",
            f"On the GPU {what}: {said}. Make new tensors on the device of the old ones "
            "(device=x.device). On the CPU it works, and all else was graded there.",
            left_behind.detail,
        )
    model = student.build(dims, weights)
    model.watch(["elsewhere"])
    decode(model, prompt(2, 12, dims), [6, 1, 3, 2], "on the GPU", dims, weights)
    kept = model.output_of("elsewhere", (1, 1))
    sentence = "Cached tensors that do not lie on the GPU, of all that were returned"
    record.worst("cached_elsewhere", None if kept is None else float(kept[0, 0]), sentence)
    greedy(model, prompt(2, 9, dims), 8, dims, weights)
    charged("max_abs_error", ATOL)

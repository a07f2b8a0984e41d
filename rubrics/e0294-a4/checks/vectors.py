"""Weights on which a mistake shows and rounding does not.

A tolerance means nothing without the weights it is applied to. With weights as small as a fresh
GPT-2's, atol = 1e-2 accepts uniform averaging in place of attention. `draw_weights` is therefore
scaled by experiment. Logits with a standard deviation of 30 put half precision above the tolerance
and leave float32 far below it; attention scores with a standard deviation of 2 make both the scale
and the mask matter; LayerNorm weights off 1 and biases off 0 show what is skipped or swapped.

Largest error against float64 over all positions, in units of atol = 1e-2. Lengths 1, 2, 7, 64 and
the maximum, batches of 1 and 3, 6 draws each of dimensions (1000, 50, 100, 2, 128),
(211, 32, 96, 3, 96), (97, 24, 40, 1, 48) and (500, 64, 256, 4, 128):

    honest, the worst case seen at any length                  length 1    longest
      float32: matmul, einsum, SDPA, -1e9, other orders           0.003      0.012
      LayerNorm eps of 1e-6 in place of 1e-5                      0.026      0.21
    mistakes, the mildest case seen at a length                length 1    longest
      float16 throughout                                            4.6         10
      bfloat16 throughout / under autocast                      35 / 33    68 / 65
      GELU in place of ReLU                                         410        760
      no output bias                                                700        700
      no mask, no scale, uniform attention, softmax axis              -     > 5000
      scale of a fixed 8 in place of sqrt(D)                          -     > 2200
      wrong positions, norms, residuals, first token ignored     > 1500     > 4500

A dash: with one token there is nothing to attend to. The fixed scale of 8 is right where D = 64, so
no check should use that width.
"""

import io
import json

import numpy as np

from grader.checking.probing import Probe, partings

DIMS = {"vocab_size": 1000, "d_model": 50, "d_ff": 100, "num_layers": 2, "max_seq_len": 128}
"""The course's own sizes."""

OTHER_DIMS = {"vocab_size": 211, "d_model": 32, "d_ff": 96, "num_layers": 3, "max_seq_len": 96}

COLD = 1e-3
"""A temperature near 0. With logits of LOGIT_SD, the best of two tokens that are 0.01 apart is
taken with a probability of 0.99995."""

LOGIT_SD = 30.0
"""For comparing logits, and for the most likely token."""

SAMPLING_LOGIT_SD = 3.0
"""For judging samples. With LOGIT_SD one token takes nearly all of the probability at any
temperature, and a temperature that is ignored cannot be seen (|z| about 3 after 200 tokens). With
3, a vocabulary of 1000 and 200 tokens, at the better of the temperatures 0.5 and 2, |z| is over
15 if the temperature is ignored, 25 if the best token is always taken, 8 if it is applied twice."""

SCORE_SD = 2.0
"""Of the attention scores, after the scale of 1 / sqrt(D)."""


def state_dict_shapes(dims: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every parameter, in the order of the course's weight file."""
    vocab, width, inner = dims["vocab_size"], dims["d_model"], dims["d_ff"]
    shapes = {
        "token_embedding.weight": (vocab, width),
        "pos_embedding.weight": (dims["max_seq_len"], width),
    }
    for index in range(dims["num_layers"]):
        layer = f"layers.{index}"
        for name in ("W_q", "W_k", "W_v", "W_o"):
            shapes[f"{layer}.attention.{name}.weight"] = (width, width)
        shapes[f"{layer}.feed_forward.fc1.weight"] = (inner, width)
        shapes[f"{layer}.feed_forward.fc1.bias"] = (inner,)
        shapes[f"{layer}.feed_forward.fc2.weight"] = (width, inner)
        shapes[f"{layer}.feed_forward.fc2.bias"] = (width,)
        for name in ("norm1", "norm2"):
            shapes[f"{layer}.{name}.weight"] = (width,)
            shapes[f"{layer}.{name}.bias"] = (width,)
    shapes["norm.weight"] = (width,)
    shapes["norm.bias"] = (width,)
    shapes["output_projection.weight"] = (vocab, width)
    shapes["output_projection.bias"] = (vocab,)
    return shapes


def draw_weights(
    rng: np.random.Generator, dims: dict[str, int], logit_sd: float = LOGIT_SD
) -> dict[str, np.ndarray]:
    """Fresh float32 weights on which every known mistake shows: see the top of this file."""
    spread = spreads(dims, logit_sd)
    return {
        name: (mean + sd * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in state_dict_shapes(dims).items()
        for sd, mean in [spread[name]]
    }


def spreads(dims: dict[str, int], logit_sd: float = LOGIT_SD) -> dict[str, tuple[float, float]]:
    """Standard deviation and mean of every parameter."""
    width, inner = dims["d_model"], dims["d_ff"]
    scale = {
        "token_embedding.weight": 1.0,
        "pos_embedding.weight": 1.0,
        "W_q.weight": (SCORE_SD / width) ** 0.5,  # W_q and W_k make scores of SCORE_SD
        "W_k.weight": (SCORE_SD / width) ** 0.5,
        "W_v.weight": 1.5 / width**0.5,
        "W_o.weight": 1.0 / width**0.5,
        "fc1.weight": 1.0 / width**0.5,
        "fc1.bias": 0.5,
        "fc2.weight": (2.0 / inner) ** 0.5,  # ReLU halves the variance
        "fc2.bias": 0.5,
        "output_projection.weight": logit_sd / width**0.5,
        "output_projection.bias": logit_sd / 10,
    }
    return {
        name: (0.2, 1.0 if name.endswith(".weight") else 0.0)
        if "norm" in name
        else (scale[".".join(name.split(".")[-2:])], 0.0)
        for name in state_dict_shapes(dims)
    }


def draw_course_weights(rng: np.random.Generator, dims: dict[str, int]) -> dict[str, np.ndarray]:
    """Float32 weights distributed as in the course's file: N(0, 1), each LayerNorm 1 and 0."""
    weights = {}
    for name, shape in state_dict_shapes(dims).items():
        if "norm" in name:
            array = np.full(shape, 1.0 if name.endswith(".weight") else 0.0)
        else:
            array = rng.standard_normal(shape)
        weights[name] = array.astype(np.float32)
    return weights


def course_cases(rng, logits):
    """Weights and ten (ids, expected without a cache, expected with one), like the course's.

    ``logits(dims, weights, ids, dtype=...)`` are the reference's. With such weights softmax
    saturates, and now and then rounding alone exceeds the tolerance. A published case would not be
    one of those: of 30 prompts, the ten are kept on which the reference's own rounding is smallest.
    """
    weights = draw_course_weights(rng, DIMS)
    prompts = rng.integers(0, DIMS["vocab_size"], (30, 11))
    single = logits(DIMS, weights, prompts, dtype="float32")
    double = logits(DIMS, weights, prompts)
    chosen = np.argsort(np.abs(single - double).max(axis=(1, 2)))[:10]
    return weights, [(prompts[[i]], double[[i]], double[[i]]) for i in chosen]


def public_files(draw, logits):
    """Files for students, by name: weights and test cases as the course's harness reads them."""
    weights, cases = course_cases(draw.rng("course"), logits)
    archive = io.BytesIO()
    np.savez_compressed(archive, **weights)
    names = ("expected_logits_no_cache", "expected_logits_with_cache", "expected_logits_sequential")
    listed = [
        {"input_ids": ids.tolist()} | dict.fromkeys(names, np.round(expected, 5).tolist())
        for ids, expected, _ in cases
    ]
    return {
        "model_state_dict.npz": archive.getvalue(),
        "test_cases.json": json.dumps(listed).encode(),
    }


# --- probes: questions whose answers tell one mistake from another --------------------------------

SETTINGS = {
    "main": (DIMS, LOGIT_SD),
    "other": (OTHER_DIMS, LOGIT_SD),
    "sampling": (DIMS, SAMPLING_LOGIT_SD),
}
"""Sizes, and the scale of the logits."""

COLUMNS = slice(0, 16)
"""Of the vocabulary: what is wrong is wrong in all of it, and answers have to be kept."""


def _ids(rng, batch, length, dims=DIMS):
    return rng.integers(0, dims["vocab_size"], (batch, length))


def _pieces(model, ids, pieces):
    """Logits (B, T, 16) of ids fed in pieces, each with the cache of the one before."""
    past, logits, at = None, [], 0
    for piece in pieces:
        new, past = model.forward(ids[:, at : at + piece], past, use_cache=True)
        logits.append(new[..., COLUMNS])
        at += piece
    return np.concatenate(logits, axis=1)


def _repeated(model, rng):
    ids = _ids(rng, 2, 8)
    one, other = (model.forward(ids)[0] for _ in range(2))
    # What is not finite twice is no chance: a mask that hides everything makes NaN each time.
    return np.array([float(not np.allclose(one, other, rtol=0, atol=1e-3, equal_nan=True))])


def _without_cache(model, rng):
    return model.forward(_ids(rng, 3, 14))[0][..., COLUMNS]


def _other_sizes(model, rng):
    return model.forward(_ids(rng, 2, 9, OTHER_DIMS))[0][..., COLUMNS]


def _empty_cache(model, rng):
    return model.forward(_ids(rng, 3, 14), use_cache=True)[0][..., COLUMNS]


def _one_step(model, rng):
    return _pieces(model, _ids(rng, 3, 7), [5, 1, 1])


def _one_by_one(model, rng):
    return _pieces(model, _ids(rng, 3, 20), [5] + [1] * 15)


def _chunks(model, rng):
    return _pieces(model, _ids(rng, 3, 20), [6, 5, 1, 8])


def _past_twice(model, rng):
    start, left, right = _ids(rng, 1, 9), _ids(rng, 1, 1), _ids(rng, 1, 1)
    _, past = model.forward(start, use_cache=True)
    logits = []
    for branch in (left, right, left):
        new, later = model.forward(branch, past, use_cache=True)
        further, _ = model.forward(right, later, use_cache=True)
        logits += [new, further]
    return np.concatenate(logits, axis=1)[..., COLUMNS]


def _in_turns(model, rng):
    sequences, pasts, logits = [_ids(rng, 1, 8), _ids(rng, 1, 12)], [None, None], []
    for which, fed in ((0, slice(0, 5)), (1, slice(0, 9)), (0, slice(5, 6)), (1, slice(9, 10)),
                       (0, slice(6, 7)), (1, slice(10, 11))):  # fmt: skip
        new, pasts[which] = model.forward(sequences[which][:, fed], pasts[which], use_cache=True)
        logits.append(new[..., COLUMNS])
    return np.concatenate(logits, axis=1)


def _after_another(model, rng):
    _, past = model.forward(_ids(rng, 1, 7), use_cache=True)
    model.forward(_ids(rng, 1, 1), past, use_cache=True)
    single = _ids(rng, 1, 1)
    logits = [model.forward(single, use_cache=cached)[0] for cached in (True, False)]
    return np.concatenate(logits, axis=1)[..., COLUMNS]


def _new_ids(done, length, new):
    return done.tokens[:, length:] if done.tokens.shape[1] > new else done.tokens


def _greedy(use_cache):
    def ask(model, rng):
        done = model.generate(_ids(rng, 2, 6), 8, temperature=COLD, use_cache=use_cache, seed=1)
        return _new_ids(done, 6, 8)

    return ask


def _fed(model, rng):
    """Tokens fed call by call; whether the last new token is fed as well is a matter of taste."""
    done = model.generate(_ids(rng, 1, 10), 6, temperature=1.0, use_cache=True, seed=1)
    return np.array([*done.fed, *[0] * 6][:6])


def _sampled(use_cache):
    """Marks of the distribution that tokens are drawn from, by the model's own logits."""

    def ask(model, rng):
        marks = []
        for temperature in (0.5, 2.0):
            ids, new = _ids(rng, 8, 6), 40
            done = model.generate(ids, new, temperature=temperature, use_cache=use_cache, seed=5)
            tokens = _new_ids(done, 6, new)
            tokens = np.clip(tokens, 0, DIMS["vocab_size"] - 1)
            own, _ = model.forward(np.concatenate([ids, tokens], axis=1))
            marks += _marks(own[:, 5:-1] / temperature, tokens)
        return np.array(marks)

    return ask


def _marks(logits, tokens):
    """How likely the tokens are, and how many are the best one, outside the best 10, as in row 0.

    logits (B, n, V), tokens (B, n). The first is the log-likelihood less its expectation, in
    standard deviations of one token; the others are shares.
    """
    log_p = logits.astype(np.float64)
    log_p -= log_p.max(axis=-1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=-1, keepdims=True))
    p = np.exp(log_p)
    mean = (p * log_p).sum(axis=-1)
    deviation = np.sqrt(((p * log_p**2).sum(axis=-1) - mean**2).mean())
    taken = np.take_along_axis(log_p, tokens[..., None], axis=-1)
    rank = (log_p > taken).sum(axis=-1)
    return [
        float(np.clip((taken[..., 0] - mean).mean() / deviation, -9, 9)),
        float((rank == 0).mean()),
        float((rank >= 10).mean()),
        float((rank >= 50).mean()),
        float((tokens == tokens[:1]).mean()),
    ]


PROBES = (
    Probe("repeated", "your logits for the same ids asked for twice", _repeated,
          tolerance=0.5, decides=True),
    Probe("without_cache", "your logits without a cache", _without_cache),
    Probe("one_step", "your logits with a cache", _one_step),
    Probe("one_by_one", "your logits with a cache, many tokens on,", _one_by_one),
    Probe("chunks", "your logits with a cache, several tokens at once,", _chunks),
    Probe("empty_cache", "your logits with an empty cache", _empty_cache),
    Probe("past_twice", "your logits with the same cache used twice", _past_twice),
    Probe("in_turns", "your logits of two sequences decoded in turns", _in_turns),
    Probe("after_another", "your logits of a prompt after another prompt", _after_another),
    Probe("other_sizes", "your logits at other sizes", _other_sizes, setting="other"),
    Probe("greedy", "the most likely tokens of generate without the cache", _greedy(False),
          tolerance=0.0),
    Probe("greedy_cached", "the most likely tokens of generate with the cache", _greedy(True),
          tolerance=0.0),
    Probe("fed", "the numbers of tokens that generate feeds with the cache", _fed, tolerance=0.0),
    Probe("sampled", "the tokens sampled without the cache", _sampled(False),
          setting="sampling", tolerance=0.3, chance=True),
    Probe("sampled_cached", "the tokens sampled with the cache", _sampled(True),
          setting="sampling", tolerance=0.3, chance=True),
)  # fmt: skip
"""The cheap and telling ones first."""


# --- parts: where a model that makes no known mistake leaves the right way -----------------------


def parts(dims: dict[str, int]) -> list[tuple[str, int]]:
    """Name and width of each part's output, in the order in which they are computed."""
    width, inner = dims["d_model"], dims["d_ff"]
    names = [("token_embedding", width), ("pos_embedding", width)]
    for index in range(dims["num_layers"]):
        names += [
            (f"layers.{index}.{part}", inner if part.endswith("fc1") else width)
            for part in ("norm1", "attention.W_q", "attention.W_k", "attention.W_v",
                         "attention.W_o", "attention", "norm2", "feed_forward.fc1",
                         "feed_forward.fc2", "feed_forward")
        ]  # fmt: skip
        names.append((f"layers.{index}", width))
    return [*names, ("norm", width)]


PART_NAMES = [name for name, _ in parts(DIMS)]
PARTINGS = partings(parts(DIMS), _ids)

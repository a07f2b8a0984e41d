"""Sizes, weights and probes.

With the weights of a fresh model all tokens are about as likely, and a cache that is wrong
generates what a right one does. These are drawn so that mistakes show: logits with a standard
deviation of 30, attention scores with one of 2, norms and biases off their first values.
"""

import numpy as np

from grader.checking.probing import Probe, partings

DIMS = {"vocab_size": 65, "block_size": 96, "n_layer": 3, "n_head": 4, "n_embd": 60}
"""Three layers, four heads of width 15: no two sizes are the same by chance."""

OTHER_DIMS = {"vocab_size": 211, "block_size": 256, "n_layer": 2, "n_head": 6, "n_embd": 96}
"""Larger ones, for the private part."""

COLD = 1e-3
"""A temperature near 0: of two tokens 0.01 apart the better one is taken, 22000 times to 1."""

LOGIT_SD = 30.0
"""For comparing logits, and for the most likely token."""

SAMPLING_LOGIT_SD = 3.0
"""For judging samples: with more, one token takes nearly all of the probability."""

SCORE_SD = 2.0
"""Of the attention scores, after the scale."""


def state_dict_shapes(dims):
    """Name and shape of every parameter."""
    width = dims["n_embd"]
    shapes = {
        "transformer.wte.weight": (dims["vocab_size"], width),
        "transformer.wpe.weight": (dims["block_size"], width),
    }
    for index in range(dims["n_layer"]):
        layer = f"transformer.h.{index}"
        linear = {
            "attn.c_attn": (3 * width, width),
            "attn.c_proj": (width, width),
            "mlp.c_fc": (4 * width, width),
            "mlp.c_proj": (width, 4 * width),
        }
        for name, shape in linear.items():
            shapes[f"{layer}.{name}.weight"] = shape
            shapes[f"{layer}.{name}.bias"] = shape[:1]
        for name in ("ln_1", "ln_2"):
            shapes[f"{layer}.{name}.weight"] = (width,)
            shapes[f"{layer}.{name}.bias"] = (width,)
    shapes["transformer.ln_f.weight"] = (width,)
    shapes["transformer.ln_f.bias"] = (width,)
    shapes["lm_head.weight"] = (dims["vocab_size"], width)
    return shapes


def draw_weights(rng, dims, logit_sd=LOGIT_SD):
    """Fresh float32 weights on which mistakes show."""
    width = dims["n_embd"]
    scale = {
        "wte.weight": 1.0,
        "wpe.weight": 1.0,
        "c_attn.weight": (SCORE_SD / width) ** 0.5,
        "c_attn.bias": 0.2,
        "attn.c_proj.weight": 1.5 / width**0.5,
        "attn.c_proj.bias": 0.2,
        "c_fc.weight": 1.0 / width**0.5,
        "c_fc.bias": 0.5,
        "mlp.c_proj.weight": (0.5 / width) ** 0.5,  # GELU halves the variance, of 4 widths
        "mlp.c_proj.bias": 0.5,
        "lm_head.weight": logit_sd / width**0.5,
    }
    weights = {}
    for name, shape in state_dict_shapes(dims).items():
        noise = rng.standard_normal(shape)
        if ".ln_" in name:
            weights[name] = 0.2 * noise + (1.0 if name.endswith(".weight") else 0.0)
        else:
            (factor,) = (value for end, value in scale.items() if name.endswith(f".{end}")
                         or name == end)  # fmt: skip
            weights[name] = factor * noise
    return {name: array.astype(np.float32) for name, array in weights.items()}


def public_files(_draw, _logits):
    """No files: the notebook is all that students work with."""
    return {}


# --- probes: questions whose answers tell one mistake from another --------------------------------

SETTINGS = {"main": (DIMS, LOGIT_SD), "sampling": (DIMS, SAMPLING_LOGIT_SD)}
"""Sizes, and the scale of the logits."""

COLUMNS = slice(0, 16)
"""Of the vocabulary: what is wrong is wrong in all of it, and answers have to be kept."""


def _ids(rng, batch, length):
    return rng.integers(0, DIMS["vocab_size"], (batch, length))


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
    return np.array([float(not np.allclose(one, other, rtol=0, atol=1e-3, equal_nan=True))])


def _prompt(model, rng):
    return model.forward(_ids(rng, 3, 14))[0][..., COLUMNS]


def _one_step(model, rng):
    return _pieces(model, _ids(rng, 2, 9), [8, 1])


def _one_by_one(model, rng):
    return _pieces(model, _ids(rng, 2, 16), [1] * 16)


def _chunks(model, rng):
    return _pieces(model, _ids(rng, 2, 20), [6, 4, 1, 7, 2])


def _cached(model, rng):
    """The keys of the first layer after a prompt and a step."""
    ids = _ids(rng, 2, 7)
    _, past = model.forward(ids[:, :6], use_cache=True)
    model.watch(["cached_k.0"])
    model.forward(ids[:, 6:], past, use_cache=True)
    width = DIMS["n_embd"] // DIMS["n_head"]
    kept = model.output_of("cached_k.0", (2, DIMS["n_head"], 7, width))
    return np.zeros(1) if kept is None else kept[:, :, :, :4]


def _greedy(model, rng):
    ids = _ids(rng, 2, 6)
    return model.generate(ids, 8, temperature=COLD, use_cache=True, seed=3).tokens


def _fed(model, rng):
    done = model.generate(_ids(rng, 1, 10), 6, temperature=1.0, use_cache=True, seed=1)
    return np.array([*done.fed, *[0] * 8][:8])


def _past_the_end(model, rng):
    ids = _ids(rng, 1, DIMS["block_size"] - 2)
    return model.generate(ids, 5, temperature=COLD, use_cache=True, seed=3).tokens[:, -5:]


PROBES = (
    Probe("repeated", "your logits for the same ids asked for twice", _repeated,
          tolerance=0.5, decides=True),
    Probe("prompt", "your logits of a prompt", _prompt),
    Probe("one_step", "your logits of one step after a prompt", _one_step),
    Probe("one_by_one", "your logits of tokens fed one by one", _one_by_one),
    Probe("chunks", "your logits of several tokens after a cache", _chunks),
    Probe("cached", "the keys in your cache", _cached),
    Probe("greedy", "the most likely tokens of generate_with_cache", _greedy, tolerance=0.0),
    Probe("fed", "the numbers of tokens that generate_with_cache feeds", _fed, tolerance=0.0),
    # Only where nothing else is wrong: many a cache with a mistake ends there besides.
    Probe("past_the_end", "the tokens generated past block_size", _past_the_end, tolerance=0.0,
          chance=True),
)  # fmt: skip
"""The cheap and telling ones first."""


# --- parts: where a model that makes no known mistake leaves the right way ------------------------


def _parts():
    width = DIMS["n_embd"]
    found = [("transformer.wte", width), ("transformer.wpe", width)]
    for index in range(DIMS["n_layer"]):
        layer = f"transformer.h.{index}"
        found += [(f"{layer}.ln_1", width), (f"{layer}.attn.c_attn", 3 * width),
                  (f"{layer}.attn", width), (f"{layer}.mlp", width), (layer, width)]  # fmt: skip
    return [*found, ("transformer.ln_f", width)]


PART_NAMES = [name for name, _ in _parts()]
PARTINGS = partings(_parts(), _ids)

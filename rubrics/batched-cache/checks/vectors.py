"""Sizes, weights on which mistakes show and rounding does not, and probes for the diagnosis.

With the weights of a fresh model all tokens are about as likely, and a wrong cache generates what a
right one does. These make logits with a standard deviation of 30 and attention scores with one of
2, and take norms and biases off their first values.
"""

import numpy as np

from grader.checking.probing import Probe, partings

DIMS = {"vocab_size": 61, "context": 96, "layers": 3, "heads": 4, "width": 60}
"""Four heads of width 15: no two sizes are the same by chance."""

OTHER_DIMS = {"vocab_size": 103, "context": 64, "layers": 2, "heads": 6, "width": 72}

COLD = 1e-3
"""A temperature near 0: of two tokens 0.01 apart the better one is taken, 22000 times to 1."""

LOGIT_SD = 30.0
"""For comparing logits, and for the most likely token."""

SAMPLING_LOGIT_SD = 3.0
"""For judging samples: with more, one token takes nearly all of the probability."""

SAME = 1e-3
"""A difference that no rubric will count."""


def parameters(dims, logit_sd):
    """Shape, mean and standard deviation of every parameter, by name."""
    V, D = dims["vocab_size"], dims["width"]
    linear = {
        "attention.query": (D, D, (2 / D) ** 0.5),  # scores with a standard deviation of 2
        "attention.key": (D, D, (2 / D) ** 0.5),
        "attention.value": (D, D, 1.5 / D**0.5),
        "attention.out": (D, D, 1.5 / D**0.5),
        "up": (4 * D, D, 1 / D**0.5),
        "down": (D, 4 * D, (0.5 / D) ** 0.5),  # GELU halves the variance, of 4 widths
    }
    norm = {"weight": ((D,), 1.0, 0.2), "bias": ((D,), 0.0, 0.2)}
    found = {"tokens.weight": ((V, D), 0.0, 1.0), "positions.weight": ((dims["context"], D), 0, 1)}
    for layer in range(dims["layers"]):
        for name, (rows, columns, sd) in linear.items():
            found[f"blocks.{layer}.{name}.weight"] = ((rows, columns), 0.0, sd)
            found[f"blocks.{layer}.{name}.bias"] = ((rows,), 0.0, 0.3)
        for name in ("norm1", "norm2"):
            found |= {f"blocks.{layer}.{name}.{part}": kind for part, kind in norm.items()}
    found |= {f"norm.{part}": kind for part, kind in norm.items()}
    return found | {"head.weight": ((V, D), 0.0, logit_sd / D**0.5)}


def draw_weights(rng, dims, logit_sd=LOGIT_SD):
    """Fresh float32 weights by name."""
    return {
        name: (mean + sd * rng.standard_normal(shape)).astype(np.float32)
        for name, (shape, mean, sd) in parameters(dims, logit_sd).items()
    }


def gap(one, other):
    """The largest difference of two arrays, any number that is not finite taken for a huge one."""
    return float(np.nan_to_num(np.abs(one.astype(np.float64) - other), nan=1e9, posinf=1e9).max())


def fed(model, ids, pieces, past=None):
    """Logits (B, T, V) of ids fed in pieces, each with the caches of the one before; the last."""
    logits, at = [], 0
    for piece in pieces:
        new, past = model.forward(ids[:, at : at + piece], past, use_cache=True)
        logits.append(new)
        at += piece
    return np.concatenate(logits, axis=1), past


def stepwise(model, ids, prompt):
    """Logits (B, T, V) of a prompt, and then token by token with the caches."""
    return fed(model, ids, [prompt] + [1] * (ids.shape[1] - prompt))[0]


def public_files(_draw, _logits):
    """No files beside the template: `grader check` has all that there is to compare with."""
    return {}


# --- probes: questions whose answers tell one mistake from another --------------------------------

SETTINGS = {
    "main": (DIMS,),
    "other": (OTHER_DIMS,),
    "sampling": (DIMS, SAMPLING_LOGIT_SD),
}


def _ids(rng, batch, length, dims=DIMS):
    return rng.integers(0, dims["vocab_size"], (batch, length))


def _prompt(model, rng):
    return model.forward(_ids(rng, 3, 14))[0]


def _loss(model, rng):
    model.watch(["graded_loss"])
    told = []
    for batch, length in ((1, 2), (3, 9)):
        model.forward(_ids(rng, batch, length))
        told.append(model.output_of("graded_loss", (1, 1)))
    return np.array([np.nan if each is None else each[0, 0] for each in told])


def _steps(model, rng):
    return stepwise(model, _ids(rng, 3, 14), 5)


def _chunks(model, rng):
    return fed(model, _ids(rng, 2, 20), [6, 5, 1, 8])[0]


def _twice(model, rng):
    start, left, right = _ids(rng, 2, 9), _ids(rng, 2, 3), _ids(rng, 2, 3)
    _, past = model.forward(start, use_cache=True)
    return np.concatenate([fed(model, ids, [1, 2], past)[0] for ids in (left, right, left)])


def _fewer(model, rng):
    ids = _ids(rng, 4, 10)
    _, past = model.forward(ids[:, :6], use_cache=True)
    return fed(model, ids[2:, 6:], [1, 3], past)[0]


def _form(model, rng):
    """Whether k and v of the first layer have their shape after a prompt and a step."""
    ids, names = _ids(rng, 2, 7), ("graded_k.0", "graded_v.0")
    _, past = model.forward(ids[:, :6], use_cache=True)
    model.watch(names)
    model.forward(ids[:, 6:], past, use_cache=True)
    shape = (2, DIMS["heads"], 7, DIMS["width"] // DIMS["heads"])
    return np.array([float(model.output_of(name, shape) is not None) for name in names])


def _other_sizes(model, rng):
    return stepwise(model, _ids(rng, 2, 9, OTHER_DIMS), 8)


def _greedy(model, rng):
    done = model.generate(_ids(rng, 3, 5), 9, temperature=COLD, use_cache=True, seed=3)
    return done.tokens[:, -9:]


def _fed(model, rng):
    """Tokens fed call by call; whether the last new one is fed as well is a matter of taste."""
    done = model.generate(_ids(rng, 1, 10), 6, temperature=1.0, use_cache=True, seed=1)
    return np.array([*done.fed, *[0] * 6][:6])


def _sampled(model, rng):
    """Marks of the distribution that tokens are drawn from, by the model's own logits.

    For two temperatures: the log-likelihood less its expectation, in standard deviations of one
    token, and the shares of tokens that are the best one, outside the best 10, and as in row 0.
    """
    marks = []
    for temperature in (0.5, 2.0):
        ids, new = _ids(rng, 8, 6), 50
        done = model.generate(ids, new, temperature=temperature, use_cache=True, seed=5)
        tokens = np.clip(done.tokens[:, -new:], 0, DIMS["vocab_size"] - 1)
        own, _ = model.forward(np.concatenate([ids, tokens], axis=1))
        log_p = own[:, ids.shape[1] - 1 : -1].astype(np.float64) / temperature
        log_p -= np.logaddexp.reduce(log_p, axis=-1, keepdims=True)
        mean = (np.exp(log_p) * log_p).sum(axis=-1)
        variance = (np.exp(log_p) * log_p**2).sum(axis=-1) - mean**2
        taken = np.take_along_axis(log_p, tokens[..., None], axis=-1)
        rank = (log_p > taken).sum(axis=-1)
        likely = (taken[..., 0] - mean).mean() / np.sqrt(variance.mean())
        same = float((tokens[1:] == tokens[:1]).mean())
        marks += [float(np.clip(likely, -9, 9)), (rank == 0).mean(), (rank >= 10).mean(), same]
    return np.array(marks)


PROBES = (
    Probe("prompt", "your logits without a cache", _prompt),
    Probe("loss", "your loss", _loss),
    Probe("steps", "your logits with a cache", _steps),
    Probe("chunks", "your logits with a cache, several tokens at once,", _chunks),
    Probe("twice", "your logits with the same caches used twice", _twice),
    Probe("fewer", "your logits after some rows have left the caches", _fewer),
    Probe("form", "the shapes in your caches", _form, tolerance=0.0),
    Probe("other_sizes", "your logits at other sizes", _other_sizes, setting="other"),
    Probe("greedy", "the most likely tokens of generate", _greedy, tolerance=0.0),
    Probe("fed", "the numbers of tokens that generate feeds", _fed, tolerance=0.0),
    Probe("sampled", "the tokens that generate draws", _sampled, setting="sampling",
          tolerance=0.3, chance=True),
)  # fmt: skip
"""The cheap and telling ones first."""


# --- parts: where a model that makes no known mistake leaves the right way ------------------------


def _parts():
    D = DIMS["width"]
    found = [("tokens", D), ("positions", D)]
    for layer in range(DIMS["layers"]):
        widths = {"norm1": D, "attention.query": D, "attention.key": D, "attention.value": D,
                  "attention": D, "norm2": D, "up": 4 * D, "down": D}  # fmt: skip
        found += [(f"blocks.{layer}.{name}", width) for name, width in widths.items()]
        found.append((f"blocks.{layer}", D))
    return [*found, ("norm", D)]


PART_NAMES = [name for name, _ in _parts()]
PARTINGS = partings(_parts(), _ids)

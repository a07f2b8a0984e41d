"""Sizes, weights and probes for decoding with a cache, and with a draft.

Weights are drawn so that mistakes change tokens: logits with a standard deviation of 30, attention
scores with one of 2, and embeddings that weigh more than what the layers add, positions as much as
tokens: with less of them, greedy decoding soon repeats one token, and repeating shows no mistake.
"""

import numpy as np

from grader.checking.probing import Probe
from grader.errors import StudentFault

DIMS = {"vocabulary": 61, "longest": 96, "layers": 3, "heads": 4, "width": 60, "draft_layers": 0}
"""Four heads of width 15: no two sizes are the same by chance."""

LOGIT_SD = 30.0
SCORE_SD = 2.0

UNSURE = 0.3
"""Noise on the last weights of a draft that is often right, in units of their own."""

PER_PASS = 0.5
"""Tokens of a draft that is always right which a pass accepts at least, proposed one by one."""

DRAFTS = ("same", "often", "never")
"""Is the target; takes the same token more often than not; takes the least likely one."""


def speculating(dims):
    """Return the sizes of a target with a draft as deep as itself."""
    return {**dims, "draft_layers": dims["layers"]}


def shapes(dims):
    """Name and shape of every parameter of one model."""
    width = dims["width"]
    found = {"tokens.weight": (dims["vocabulary"], width),
             "positions.weight": (dims["longest"], width)}  # fmt: skip
    linear = {"qkv": (3 * width, width), "out": (width, width), "mlp.0": (4 * width, width),
              "mlp.2": (width, 4 * width)}  # fmt: skip
    for index in range(dims["layers"]):
        for name, shape in linear.items():
            found[f"blocks.{index}.{name}.weight"] = shape
            found[f"blocks.{index}.{name}.bias"] = shape[:1]
        for norm in ("norms.0", "norms.1"):
            found[f"blocks.{index}.{norm}.weight"] = (width,)
            found[f"blocks.{index}.{norm}.bias"] = (width,)
    found |= {"norm.weight": (width,), "norm.bias": (width,)}
    found |= {"head.weight": (dims["vocabulary"], width), "head.bias": (dims["vocabulary"],)}
    return found


def draw_weights(rng, dims, draft=None):
    """Fresh float32 weights of a target, and with ``draft`` (one of DRAFTS) of a draft of it."""
    width = dims["width"]
    scale = {
        "tokens.weight": 3.0,
        "positions.weight": 3.0,
        "qkv.weight": (SCORE_SD / width) ** 0.5,
        "qkv.bias": 0.2,
        "out.weight": 1.5 / width**0.5,
        "out.bias": 0.2,
        "mlp.0.weight": 1.0 / width**0.5,
        "mlp.0.bias": 0.5,
        "mlp.2.weight": (0.5 / width) ** 0.5,
        "mlp.2.bias": 0.5,
        "head.weight": LOGIT_SD / width**0.5,
        "head.bias": 1.0,
    }
    weights = {}
    for name, shape in shapes(dims).items():
        noise = rng.standard_normal(shape)
        if "norm" in name:
            array = 0.2 * noise + (1.0 if name.endswith(".weight") else 0.0)
        else:
            (factor,) = (f for end, f in scale.items() if name == end or name.endswith(f".{end}"))
            array = factor * noise
        weights[f"target.{name}"] = array.astype(np.float32)
    if draft is not None:
        weights |= drafted(weights, draft, rng)
    return weights


def drafted(weights, draft, rng):
    """Weights of a draft of this target."""
    found = {f"draft.{n.removeprefix('target.')}": array for n, array in weights.items()}
    if draft == "never":
        found |= {f"draft.head.{part}": -weights[f"target.head.{part}"]
                  for part in ("weight", "bias")}  # fmt: skip
    elif draft == "often":
        head = weights["target.head.weight"]
        noise = UNSURE * head.std() * rng.standard_normal(head.shape)
        found["draft.head.weight"] = (head + noise).astype(np.float32)
    return found


def of(weights, part):
    """The weights of the target or of the draft alone, as those of a target without a draft."""
    return {f"target.{name.removeprefix(f'{part}.')}": array
            for name, array in weights.items() if name.startswith(f"{part}.")}  # fmt: skip


# --- probes: questions whose answers tell one mistake from another --------------------------------

SETTINGS = {
    "main": (DIMS,),
    **{draft: (speculating(DIMS), draft) for draft in DRAFTS},
}


def _ids(rng, batch, length):
    return rng.integers(0, DIMS["vocabulary"], (batch, length))


def _decoded(model, ids, new):
    """The new tokens (B, new); decoding is greedy, so there is nothing to set."""
    done = model.generate(ids, new, temperature=0.0, use_cache=True, seed=1)
    return done.tokens[:, -new:]


def _prompt(model, rng):
    return model.forward(_ids(rng, 2, 14))[0][..., :16]


def _one(model, rng):
    return _decoded(model, _ids(rng, 1, 9), 10)


def _rows(model, rng):
    return _decoded(model, _ids(rng, 3, 6), 8)


def _again(model, rng):
    return np.concatenate([_decoded(model, _ids(rng, 1, length), 6) for length in (8, 8, 5)])


def _fed(model, rng):
    done = model.generate(_ids(rng, 1, 11), 6, temperature=0.0, use_cache=True, seed=1)
    return np.array([float(sum(done.fed) > 11 + 6)])  # more than each token once


NEW = 17
"""Tokens of speculate: a number that no pass of a few tokens divides."""


def _as_many(model, ids):
    """The new tokens, or None where they are not as many as were asked for."""
    try:
        return _decoded(model, ids, NEW)
    except StudentFault as fault:
        if fault.outcome != "failed":
            raise
        return None


def _speculated(model, rng):
    """Whether any token is not the target's, and the share of those that are least likely.

    Which tokens a mistake leads to depends on how many are proposed at once, which is a student's
    choice; what kind they are does not.
    """
    return np.concatenate([_kinds(model, _ids(rng, 1, length)) for length in (2, 7)])


def _kinds(model, ids):
    tokens = _as_many(model, ids)
    if tokens is None:
        return np.full(2, 9.0)
    logits = model.forward(np.concatenate([ids, tokens], axis=1))[0][:, ids.shape[1] - 1 : -1]
    others = tokens != logits.argmax(axis=-1)
    return np.array([float(others.any()), (tokens == logits.argmin(axis=-1)).mean()])


def _worth(model, rng):
    """Whether passes of the target accept tokens of a draft that is always right."""
    model.watch(["told"])
    if _as_many(model, _ids(rng, 1, 6)) is None:
        return np.array([9.0])
    told = model.output_of("told", (1, 3))
    kept, _, passes = (0.0, 0.0, 0.0) if told is None else told[0]
    return np.array([float(kept >= PER_PASS * passes)])


PROBES = (
    Probe("prompt", "your logits of a prompt without a cache", _prompt),
    Probe("one", "the tokens of decode", _one, tolerance=0.0),
    Probe("rows", "the tokens of decode for a batch", _rows, tolerance=0.0),
    Probe("again", "the tokens of decode for one prompt after another", _again, tolerance=0.0),
    Probe("fed", "the number of tokens that decode feeds", _fed, tolerance=0.0),
    # Only where decode is right: a wrong cache is wrong there besides, in ways of its own.
    Probe("never", "the tokens of speculate with a draft that is always wrong", _speculated,
          setting="never", tolerance=0.1, chance=True),
    Probe("often", "the tokens of speculate with a draft that is often right", _speculated,
          setting="often", tolerance=0.1, chance=True),
    Probe("same", "the tokens of speculate with a draft that is always right", _speculated,
          setting="same", tolerance=0.1, chance=True),
    Probe("worth", "the number of accepted tokens where the draft is always right", _worth,
          setting="same", tolerance=0.0, chance=True),
)  # fmt: skip

PARTINGS = ()
PART_NAMES = ()

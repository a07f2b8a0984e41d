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

from pathlib import Path

import numpy as np
import pytest

from grader.errors import StudentFault

DIMS = {"vocab_size": 1000, "d_model": 50, "d_ff": 100, "num_layers": 2, "max_seq_len": 128}
"""The course's own sizes."""

OTHER_DIMS = {"vocab_size": 211, "d_model": 32, "d_ff": 96, "num_layers": 3, "max_seq_len": 96}

COURSE_FOLDER = Path(__file__).parent.parent / "course"
"""Where a course's own weights and test cases are, if it provides them (see `grader convert`)."""

COURSE_ATOL = 1e-2
"""The course's tolerance; the harness's verdict is stated with it whatever the rubric says."""

SAME = 1e-3
"""A difference that no rubric will count: where it is not exceeded, the submission's own forward is
not asked for."""

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
    weights = {}
    for name, shape in state_dict_shapes(dims).items():
        noise = rng.standard_normal(shape)
        if "norm" in name:
            weights[name] = 0.2 * noise + (1.0 if name.endswith(".weight") else 0.0)
        else:
            weights[name] = scale[".".join(name.split(".")[-2:])] * noise
    return {name: array.astype(np.float32) for name, array in weights.items()}


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


@pytest.fixture(scope="session")
def dims():
    """The sizes that most checks use."""
    return DIMS


@pytest.fixture(scope="session")
def other_dims():
    """Sizes that differ from the skeleton's defaults in everything."""
    return OTHER_DIMS


@pytest.fixture(scope="session")
def weights(draw):
    """Weights on which mistakes show."""
    return draw_weights(draw.rng("weights"), DIMS)


@pytest.fixture(scope="session")
def other_weights(draw):
    """The same for the other sizes."""
    return draw_weights(draw.rng("other weights"), OTHER_DIMS)


@pytest.fixture(scope="session")
def sampling_weights(draw):
    """Weights whose distribution over tokens is wide enough to judge samples by."""
    return draw_weights(draw.rng("sampling weights"), DIMS, SAMPLING_LOGIT_SD)


@pytest.fixture
def prompt(draw, record):
    """Draw prompts for this check alone: ids (B, T) of a batch and a length."""
    rng = draw.rng(f"prompts of {record.evidence.check}")
    return lambda batch, length: rng.integers(0, DIMS["vocab_size"], (batch, length))


@pytest.fixture
def other_prompt(draw):
    """The same within the other vocabulary."""
    rng = draw.rng("other prompts")
    return lambda batch, length: rng.integers(0, OTHER_DIMS["vocab_size"], (batch, length))


@pytest.fixture
def compare(oracle, weights, record):
    """Compare logits of the last positions of ids with the reference, and with the own forward.

    ``effect_of_past`` is how much the first token moves later logits of the own forward: where it
    does nothing, agreeing with oneself proves no cache.
    """

    def compare(model, ids, logits, place, *, causal_history=True):
        steps = logits.shape[1]
        error = record.compare(logits, oracle.logits(DIMS, weights, ids)[:, -steps:], place)
        if error <= SAME:
            return
        compare_with_own(model, ids, logits, record)
        if causal_history and "effect_of_past" not in record.evidence.measured:
            other = ids.copy()
            other[:, 0] = (other[:, 0] + 1) % DIMS["vocab_size"]
            (own, _), (moved, _) = model.forward(ids), model.forward(other)
            effect = np.abs(own[:, 1:] - moved[:, 1:]).max()
            record.set(effect_of_past=float(effect) if np.isfinite(effect) else None)

    return compare


def compare_with_own(model, ids, logits, record):
    """Keep how far logits of the last positions are from the submission's own full forward."""
    own = own_logits(model, ids, record)
    gap = np.abs(logits.astype(np.float64) - own[:, -logits.shape[1] :]).max()
    record.worst("gap_to_own_forward", float(gap) if np.isfinite(gap) else None)


@pytest.fixture
def decode(student, weights, compare):
    """Feed ids in pieces, each with the cache of the one before, and compare all positions."""
    built = student.build(DIMS, weights)

    def decode(ids, pieces, place):
        past, logits, at = None, [], 0
        for piece in pieces:
            new, past = built.forward(ids[:, at : at + piece], past, use_cache=True)
            logits.append(new)
            at += piece
        compare(built, ids, np.concatenate(logits, axis=1), place)

    return decode


@pytest.fixture
def greedy(student, oracle, weights, record):
    """Generate near temperature 0 and measure how far below the best logit each token is."""
    built = student.build(DIMS, weights)

    def greedy(ids, new, *, use_cache):
        done = built.generate(ids, new, temperature=COLD, use_cache=use_cache, seed=3)
        tokens = continuation(ids, done.tokens, new)
        if ((tokens < 0) | (tokens >= DIMS["vocab_size"])).any():
            raise StudentFault("failed", "generate returned ids outside the vocabulary.")
        sequence = np.concatenate([ids, tokens], axis=1)
        steps = slice(ids.shape[1] - 1, -1)
        below = below_best(oracle.logits(DIMS, weights, sequence)[:, steps], tokens)
        if below.max() > SAME:
            own = own_logits(built, sequence, record)[:, steps]
            record.worst("own_logits_below_best", float(below_best(own, tokens).max()))
        row, step = np.unravel_index(int(below.argmax()), below.shape)
        record.worst(
            "logits_below_best",
            float(below.max()),
            f"From a prompt of {ids.shape[1]}, row {row}: new token {step + 1} is "
            f"{below[row, step]:.3g} below the best logit",
        )

    return greedy


def below_best(logits, tokens):
    """How far (B, n) the logit of each token is below the best; logits (B, n, V)."""
    taken = np.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return logits.max(axis=-1) - taken


def own_logits(built, sequence, record):
    """The submission's own full forward, in float64, for judging what follows from it.

    ``own_spread`` is the smallest range of its logits at any position: where all logits are the
    same, any token is as good as any other, and agreeing with oneself proves nothing.
    """
    own, _ = built.forward(sequence)
    own = np.nan_to_num(own.astype(np.float64))
    spread = float(np.ptp(own, axis=-1).min())
    record.set(own_spread=min(spread, record.evidence.measured.get("own_spread", spread)))
    return own


@pytest.fixture
def own():
    """The submission's own logits, for judging what follows from them."""
    return own_logits


@pytest.fixture
def new_ids():
    """Take the new ids out of what generate returned."""
    return continuation


def continuation(ids, tokens, new):
    """Return the new ids (B, n) of a result with or without the prompt, which must be unchanged."""
    if tokens.shape[1] == new:
        return tokens
    if not np.array_equal(tokens[:, : ids.shape[1]], ids):
        raise StudentFault("failed", "generate returned the prompt changed.")
    return tokens[:, ids.shape[1] :]


@pytest.fixture(scope="session")
def course_cases(draw, oracle):
    """Weights and ten (ids, expected logits): the course's own, or drawn like the course's."""
    if (COURSE_FOLDER / "weights.npz").is_file():
        weights = dict(np.load(COURSE_FOLDER / "weights.npz"))
        cases = np.load(COURSE_FOLDER / "cases.npz")
        count = len({name.split(".")[0] for name in cases})
        return weights, [_course_case(cases, index) for index in range(count)]
    rng = draw.rng("course")
    weights = draw_course_weights(rng, DIMS)
    prompts = rng.integers(0, DIMS["vocab_size"], (30, 11))
    single = oracle.logits(DIMS, weights, prompts, dtype="float32")
    double = oracle.logits(DIMS, weights, prompts)
    # With such weights softmax saturates, and now and then rounding alone exceeds the tolerance.
    # A published case would not be one of those: keep the ten on which the reference's own
    # rounding is smallest.
    chosen = np.argsort(np.abs(single - double).max(axis=(1, 2)))[:10]
    return weights, [(prompts[[i]], double[[i]], double[[i]]) for i in chosen]


def _course_case(cases, index):
    ids = np.atleast_2d(cases[f"{index}.input_ids"])
    shape = (*ids.shape, DIMS["vocab_size"])
    names = ("expected_logits_no_cache", "expected_logits_with_cache")
    return ids, *(cases[f"{index}.{name}"].reshape(shape) for name in names)


@pytest.fixture
def course(course_cases):
    """Do what the course's harness does: one forward a case, compared at its tolerance."""

    def run(student, record, *, mode, use_cache):
        weights, cases = course_cases
        model = student.build(DIMS, weights)
        missed = []
        for number, (ids, no_cache, with_cache) in enumerate(cases, start=1):
            expected = with_cache if use_cache else no_cache
            logits, _ = model.forward(ids, use_cache=use_cache)
            gap = np.abs(logits - expected).max()
            if use_cache and not gap <= SAME:
                compare_with_own(model, ids, logits, record)
            if not gap <= COURSE_ATOL:
                missed.append((number, ids, expected))
            else:
                record.compare(logits, expected, f"test case {number}")
        record.course(mode, len(cases) - len(missed), len(cases))
        if missed:
            # With these weights rounding alone can exceed the tolerance: float64 decides.
            model = student.build(DIMS, weights, dtype="float64")
            for number, ids, expected in missed:
                logits, _ = model.forward(ids, use_cache=use_cache, dtype="float64")
                record.compare(logits, expected, f"test case {number}")

    return run

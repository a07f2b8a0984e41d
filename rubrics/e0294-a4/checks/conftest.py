"""What the checks share: drawn weights and prompts, and the rulers that they measure with.

The fixture ``vectors`` is the module of that name beside this file: sizes, and the distributions
that weights are drawn from.
"""

from pathlib import Path

import numpy as np
import pytest

from grader import rubric
from grader.beside import beside
from grader.errors import StudentFault
from grader.formulas import questions

COURSE_FOLDER = Path(__file__).parent.parent / "course"
"""Where a course's own weights and test cases are, if it provides them (see `grader convert`)."""

COURSE_ATOL = 1e-2
"""The course's tolerance; the harness's verdict is stated with it whatever the rubric says."""

SAME = 1e-3
"""A difference that no rubric will count: where it is not exceeded, the submission's own forward is
not asked for."""


UNLIKE = 1e9
"""Stands for a difference where there is no number to compare with."""


@pytest.fixture(scope="session")
def dims(vectors):
    """The sizes that most checks use."""
    return vectors.DIMS


@pytest.fixture(scope="session")
def other_dims(vectors):
    """Sizes that differ from the skeleton's defaults in everything."""
    return vectors.OTHER_DIMS


@pytest.fixture(scope="session")
def weights(draw, vectors, dims):
    """Weights on which mistakes show."""
    return vectors.draw_weights(draw.rng("weights"), dims)


@pytest.fixture(scope="session")
def other_weights(draw, vectors, other_dims):
    """The same for the other sizes."""
    return vectors.draw_weights(draw.rng("other weights"), other_dims)


@pytest.fixture(scope="session")
def sampling_weights(draw, vectors, dims):
    """Weights whose distribution over tokens is wide enough to judge samples by."""
    rng = draw.rng("sampling weights")
    return vectors.draw_weights(rng, dims, vectors.SAMPLING_LOGIT_SD)


@pytest.fixture(scope="session")
def problem1(scripts):
    """What the submission has for problem 1, gathered once for all of its checks."""
    work = beside(__file__, "problem1")
    pack = Path(__file__).parent.parent
    given = {path.read_bytes() for path in (pack / "template").iterdir()}
    return work.Problem1(scripts, questions.load(pack / "formulas.toml"), given)


@pytest.fixture(scope="session")
def rules():
    """The rubric: how latency is measured, and the limits at which it is enough."""
    return rubric.read(Path(__file__).parent.parent)


@pytest.fixture(scope="session")
def latency():
    """What of this assignment is timed."""
    return beside(__file__, "latency")


@pytest.fixture(scope="session")
def bench(latency, oracle, draw, vectors, rules, device):
    """What is timed, once for all checks."""
    return latency.bench(oracle, draw, vectors, rules, device)


@pytest.fixture(scope="session")
def latency_plot(problem1, scripts):
    """The submission's own plot of latency."""
    return beside(__file__, "latency_plot").Plots(problem1, scripts)


@pytest.fixture
def prompt(draw, dims, record):
    """Draw prompts for this check alone: ids (B, T) of a batch and a length."""
    rng = draw.rng(f"prompts of {record.evidence.check}")
    return lambda batch, length: rng.integers(0, dims["vocab_size"], (batch, length))


@pytest.fixture
def other_prompt(draw, other_dims):
    """The same within the other vocabulary."""
    rng = draw.rng("other prompts")
    return lambda batch, length: rng.integers(0, other_dims["vocab_size"], (batch, length))


@pytest.fixture
def compare(oracle, dims, weights, record):
    """Compare logits of the last positions of ids with the reference, and with the own forward.

    ``effect_of_past`` is how much the first token moves later logits of the own forward: where it
    does nothing, agreeing with oneself proves no cache.
    """

    def compare(model, ids, logits, place, *, causal_history=True):
        steps = logits.shape[1]
        error = record.compare(logits, oracle.logits(dims, weights, ids)[:, -steps:], place)
        if error <= SAME:
            return
        compare_with_own(model, ids, logits, record)
        if causal_history and "effect_of_past" not in record.evidence.measured:
            other = ids.copy()
            other[:, 0] = (other[:, 0] + 1) % dims["vocab_size"]
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
def recomputed(student, oracle, draw, vectors, dims, weights, record):
    """Tell a cache from a copy of the ids, whatever was counted.

    What was fed is the submission's own word. But where the weights change after the prompt, a
    cache still holds the keys and values of the old ones; logits that are all of the new weights
    show that the prompt was computed again. A model that does not notice other weights, since it
    has made something of them before, shows nothing: where it is right, a human looks.
    """

    def recomputed(model, ids):
        before, _ = model.forward(ids)
        _, past = model.forward(ids[:, :-1], use_cache=True)
        after = vectors.draw_weights(draw.rng("weights after the prompt"), dims)
        student.put(after)
        step, _ = model.forward(ids[:, -1:], past, use_cache=True)
        own, _ = model.forward(ids)
        if differing(own, before) <= SAME:
            record.set(gap_to_recomputed=UNLIKE)
            if differing(before, oracle.logits(dims, weights, ids)) <= SAME:
                record.inconclusive("Your model keeps copies of its weights: a person looks at it.")
            return
        right = oracle.logits(dims, after, ids)
        gap = min(differing(step, full[:, -1:]) for full in (own, right))
        record.set(gap_to_recomputed=gap)
        if gap <= SAME:
            record.say(
                "Weights changed after the prompt change all that was cached of it: your model "
                "computes the prompt again for each new token."
            )

    return recomputed


def differing(one, other):
    """The largest difference; what is not finite is different from everything."""
    gaps = np.abs(one.astype(np.float64) - other)
    return float(np.nan_to_num(gaps, nan=UNLIKE, posinf=UNLIKE).max())


@pytest.fixture
def decode(student, dims, weights, compare):
    """Feed ids in pieces, each with the cache of the one before, and compare all positions."""
    built = student.build(dims, weights)

    def decode(ids, pieces, place):
        past, logits, at = None, [], 0
        for piece in pieces:
            new, past = built.forward(ids[:, at : at + piece], past, use_cache=True)
            logits.append(new)
            at += piece
        compare(built, ids, np.concatenate(logits, axis=1), place)

    return decode


@pytest.fixture
def greedy(student, oracle, vectors, dims, weights, record):
    """Generate near temperature 0 and measure how far below the best logit each token is."""
    built = student.build(dims, weights)

    def greedy(ids, new, *, use_cache):
        done = built.generate(ids, new, temperature=vectors.COLD, use_cache=use_cache, seed=3)
        tokens = continuation(ids, done.tokens, new)
        if ((tokens < 0) | (tokens >= dims["vocab_size"])).any():
            raise StudentFault("failed", "generate returned ids outside the vocabulary.")
        sequence = np.concatenate([ids, tokens], axis=1)
        steps = slice(ids.shape[1] - 1, -1)
        below = below_best(oracle.logits(dims, weights, sequence)[:, steps], tokens)
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
    """How far (B, n) the logit of each token is below the best; logits (B, n, V).

    0 where the logits are not known: a recorded oracle knows them up to the first token that the
    reference would not have taken, which is judged.
    """
    taken = np.take_along_axis(logits, tokens[..., None], axis=-1)[..., 0]
    return np.nan_to_num(logits.max(axis=-1) - taken, nan=0.0)


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
def course_cases(draw, oracle, vectors, dims):
    """Weights and ten (ids, expected logits): the course's own, or drawn like the course's."""
    if (COURSE_FOLDER / "weights.npz").is_file():
        weights = dict(np.load(COURSE_FOLDER / "weights.npz"))
        cases = np.load(COURSE_FOLDER / "cases.npz")
        count = len({name.split(".")[0] for name in cases})
        return weights, [_course_case(cases, index, dims) for index in range(count)]
    return vectors.course_cases(draw.rng("course"), oracle.logits)


def _course_case(cases, index, dims):
    ids = np.atleast_2d(cases[f"{index}.input_ids"])
    shape = (*ids.shape, dims["vocab_size"])
    names = ("expected_logits_no_cache", "expected_logits_with_cache")
    return ids, *(cases[f"{index}.{name}"].reshape(shape) for name in names)


@pytest.fixture
def course(course_cases, dims):
    """Do what the course's harness does: one forward a case, compared at its tolerance."""

    def run(student, record, *, mode, use_cache):
        weights, cases = course_cases
        model = student.build(dims, weights)
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
            model = student.build(dims, weights, dtype="float64")
            for number, ids, expected in missed:
                logits, _ = model.forward(ids, use_cache=use_cache, dtype="float64")
                record.compare(logits, expected, f"test case {number}")

    return run

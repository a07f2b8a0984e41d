"""The judgement: rulers, limits, weights and draws, and whose fault a failure is."""

import contextlib
import functools
import io
import types
from unittest import mock

import numpy as np

from grader.checking import runner
from grader.checking.draw import Draw
from grader.checking.record import Record
from grader.checking.recorded import Recorder
from grader.errors import HarnessError
from tests.family.styles import FILE, REFERENCE, source_of
from tests.proof import broken
from tests.proof.defended.checks import LOGITS
from tests.proof.trials import Defence, Seen, attacked, edited, graded, ground, words
from tests.zoo_cases import outcomes

NO_BOUND = "if check.review is not None and holds(check.review, evidence.measured):"
RETURN = "        return tokens\n"
OUTSIDE = '(tokens < 0) | (tokens >= dims["vocab_size"])'
CLIPPED = 'np.clip(new_ids(ids, done.tokens, new), 0, dims["vocab_size"] - 1)'
LAST = "return logits, new_past_kv if use_cache else None"


def after(line):
    """Return the reference with a line after its logits are computed."""
    return edited((LOGITS, f"{LOGITS}\n        {line}"))


def family(mistake):
    """Return the reference with a known mistake."""
    return {FILE: source_of("reference", mistake)}


# --- ways to break --------------------------------------------------------------------------------


def comparing(part):
    """Compare a part of the positions and rows only."""
    whole = Record.compare

    def compare(self, got, expected, place, **keywords):
        return whole(self, got[part], expected[part], place, **keywords)

    return mock.patch.object(Record, "compare", compare)


def blunt_weights():
    """Draw all weights from N(0, 0.02²), as models are initialised; logits hardly differ."""
    load = runner.load_vectors

    def blunt(folder):
        vectors = load(folder)

        def draw_weights(rng, dims, *_):
            shapes = vectors.state_dict_shapes(dims)
            return {
                name: (0.02 * rng.standard_normal(shape) + ("norm" in name and "weight" in name))
                .astype(np.float32)
                for name, shape in shapes.items()
            }  # fmt: skip

        changed = types.SimpleNamespace(**vars(vectors))  # the module is kept for other rows
        changed.draw_weights = draw_weights
        return changed

    return mock.patch.object(runner, "load_vectors", blunt)


def no_review_bound(check, name):
    """Forget one lower bound under which a failed check is left to a human."""
    review = next(c for c in ground().pack.checks if c.id == check).review
    bounds = {k: v for k, v in review.at_least.items() if k != name}
    assert len(bounds) == len(review.at_least) - 1
    return broken.rubric(check, review=type(review)(review.at_most, bounds))


def no_limit(check, name):
    """Forget one bound of a check."""
    passes = next(c for c in ground().pack.checks if c.id == check).passes
    bounds = [
        {k: v for k, v in bounds.items() if k != name}
        for bounds in (passes.at_most, passes.at_least)
    ]
    assert sum(map(len, bounds)) == len(passes.at_most) + len(passes.at_least) - 1
    return broken.rubric(check, passes=type(passes)(*bounds))


# --- trials of their own --------------------------------------------------------------------------

KNOWN = Draw("0" * 32)


@functools.cache
def recording():
    """Return a submission that knows the answers of one draw, and nothing else."""
    recorder = Recorder(ground().oracle)
    ground().grade({FILE: REFERENCE}, ["full_forward"], draw=KNOWN, oracle=recorder)
    arrays = {}
    for number, (ids, logits) in enumerate(recorder._kept.values()):
        arrays |= {f"ids{number}": ids, f"logits{number}": logits.astype(np.float32)}
    stored = io.BytesIO()
    np.savez_compressed(stored, **arrays)
    load = """
import os
import numpy as np
FOLDER = os.path.dirname(os.path.abspath(__file__))
with np.load(os.path.join(FOLDER, "answers.npz")) as stored:
    ANSWERS = {
        stored[name].tobytes(): torch.from_numpy(stored[name.replace("ids", "logits")])
        for name in stored.files if name.startswith("ids")
    }


class SingleHeadAttention(nn.Module):
"""
    look_up = f"""{LOGITS}
        logits = ANSWERS.get(input_ids.numpy().tobytes(), torch.zeros_like(logits))"""
    files = edited(("class SingleHeadAttention(nn.Module):\n", load), (LOGITS, look_up))
    return files | {"answers.npz": stored.getvalue()}


def from_a_table():
    """Grade the submission that knows the answers of one draw."""
    result = ground().grade(recording(), ["full_forward"], draw=Draw.fresh())
    return Seen(words(result), set(outcomes(result).values()) == {"failed"})


class _Failing:
    """An oracle that fails some times."""

    def __init__(self, times):
        self.ready = {}
        self.left = times
        self.start = self.close = lambda: None

    def logits(self, *question, **keywords):
        if self.left:
            self.left -= 1
            raise HarnessError("the reference failed")
        return ground().oracle.logits(*question, **keywords)


def honest_with_failing_oracle(times, expected):
    """Grade the reference while the oracle fails so many times."""

    def trial():
        files = {FILE: REFERENCE}
        result = ground().grade(files, ["full_forward"], oracle=_Failing(times))
        points = result["total"]["points"]
        return Seen(words(result), points == expected)

    return trial


@contextlib.contextmanager
def never_again():
    """Do not run checks a second time."""
    with broken.host(
        "grader.checking.runner.run",
        ("if evidence[check].outcome == OURS]", "if False]"),
    ):
        yield


NAN = after('logits = torch.full_like(logits, float("nan"))')
SILENT = edited((LAST, "logits = 0 * logits + self.output_projection.bias\n        " + LAST))
EQUAL = edited((LAST, "logits = 0 * logits\n        " + LAST))


def beyond(when):
    """Return the reference; ids that generate draws lie beyond the vocabulary at the end."""
    return edited(
        (
            "        return tokens\n",
            f"        tokens[:, -1] += 1000 * ({when})\n        return tokens\n",
        )
    )


DEFENCES = [
    Defence("a difference that is no number is infinite", "it counts as none",
            lambda: broken.host("grader.checking.record.difference",
                                ("gaps[~finite] = np.inf", "gaps[~finite] = 0.0")),
            "all logits are NaN", graded(NAN, ["full_forward"], "failed")),
    Defence("limits accept and never reject", "`not value > bound` for `value <= bound`",
            lambda: broken.host("grader.score.holds", ("value(name) <= bound",
                                                       "not value(name) > bound")),
            "all logits are NaN", graded(NAN, ["full_forward"], "failed")),
    Defence("what was not finite once stays so", "a later number takes its place",
            lambda: broken.host("grader.checking.record.Record.worst",
                                ("name in measured and measured[name] is None", "False")),
            "NaN for prompts of one token",
            graded(after('logits = logits * (1.0 if T > 1 else float("nan"))'),
                   ["full_forward"], "failed")),
    Defence("every position is compared", "the last one only",
            lambda: comparing(np.s_[:, -1:]), "the last logits at every position",
            graded(family("last-logits-for-all"), ["full_forward"], "failed")),
    Defence("every row is compared", "row 0 only",
            lambda: comparing(np.s_[:1]), "row 0's cache for every row",
            graded(family("row-0-cache-for-all"), ["incremental_decode"], "failed")),
    Defence("the worst of all cases counts", "the last one counts",
            lambda: broken.host("grader.checking.record.Record.worst",
                                ("value is None or old is None or value > old", "True")),
            "wrong for a prompt of one token",
            graded(after("logits = logits * (T > 1)"), ["full_forward"], "failed")),
    Defence("weights on which mistakes show", "all weights from N(0, 0.02²)", blunt_weights,
            "scores divided by 8 whatever the width",
            graded(family("scale-hard-coded"), ["full_forward"], "failed")),
    Defence("a fresh draw for each grading", "always the same draw",
            lambda: mock.patch.object(Draw, "fresh", return_value=KNOWN),
            "answers of an earlier draw, looked up by the prompt", from_a_table),
    Defence("new ids are counted against the vocabulary", "they are not",
            lambda: broken.checks("test_2a_generate.py",
                                  (OUTSIDE, "tokens < 0")),
            "the last id lies beyond the vocabulary",
            graded(beyond("temperature > 0.9"), ["generate_count"], "failed")),
    Defence("ids beyond the vocabulary are refused before they are looked up", "they are not",
            lambda: broken.checks("conftest.py",
                                  (f"({OUTSIDE}).any()", "False")),
            "the last id lies beyond the vocabulary",
            graded(beyond("True"), ["generate_greedy"], "failed")),
    Defence("sampled ids are brought into the vocabulary", "they are not",
            lambda: broken.checks("test_2a_generate.py",
                                  (CLIPPED, "new_ids(ids, done.tokens, new)")),
            "the last id lies beyond the vocabulary",
            graded(beyond("True"), ["generate_sampling"], ["failed", "passed"])),
    Defence("a prompt that comes back has to be unchanged", "it is not looked at",
            lambda: broken.checks("conftest.py",
                                  ("not np.array_equal(tokens[:, : ids.shape[1]], ids)", "False")),
            "generate returns the prompt as zeros",
            graded(edited((RETURN,
                           "        tokens[:, :-max_new_tokens] = 0\n" + RETURN)),
                   ["generate_count"], "failed")),
    Defence("every new token has to be fed", "`tokens_not_fed` without a limit",
            lambda: no_limit("tokens_fed", "tokens_not_fed"),
            "generate feeds the last token of the prompt only",
            graded(family("prompt-dropped"), ["tokens_fed"], "failed")),
    Defence("what is cached of a prompt outlives its weights (`gap_to_recomputed`)",
            "no lower bound", lambda: no_limit("tokens_fed", "gap_to_recomputed"),
            "the cache is all ids so far; one new token is fed for show",
            attacked("recomputes-past-the-counter", ["tokens_fed"])),
    Defence("a cache without effect is no cache (`effect_of_past`)", "no bound in `review_if`",
            lambda: no_review_bound("incremental_decode", "effect_of_past"),
            "the logits are the output's bias",
            graded(SILENT, ["incremental_decode"], "failed")),
    Defence("logits that are all the same prove nothing (`own_spread`)", "no bound in `review_if`",
            lambda: no_review_bound("one_shot_cache", "own_spread"),
            "all logits are 0", graded(EQUAL, ["one_shot_cache"], "failed")),
    Defence("what follows from an earlier mistake waits for a human", "no `review_if`",
            lambda: broken.host("grader.score._outcome", (NO_BOUND, "if False:")),
            "a true cache on a model with GELU",
            graded(family("gelu"), ["incremental_decode"], "inconclusive")),
    Defence("our fault withholds points", "it counts as any other",
            lambda: broken.host("grader.score.judged",
                                ('check.outcome == "harness_error"', "False")),
            "the reference fails, the submission is right",
            honest_with_failing_oracle(1 << 30, None)),
    Defence("a check that we failed is run again", "it is not", never_again,
            "the reference fails once, the submission is right",
            honest_with_failing_oracle(1, 2.0)),
]  # fmt: skip

"""The family of known mistakes: edits that apply, make the mistake they name, and show.

Each mistake is made four times: in the reference, and in three solutions written otherwise. The
probes run in one process with torch, with fresh weights of the pack's own distribution.
"""

import json
import secrets
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grader.checking.probing import load_vectors
from tests.family.margins import honest_sources
from tests.family.styles import (
    FAMILY,
    MADE,
    PACK,
    REFERENCE,
    SOLUTIONS,
    STYLES,
    edits_of,
    source_of,
)

HERE = Path(__file__).parent
ATOL = 1e-2

ROUNDING_OR_CHANCE = {
    "dropout-left-on",
    "scale-multiplied",  # scores of hundreds: a softmax that rounding may tip over
    *(mistake.id for mistake in FAMILY.values() if mistake.alike == "size"),
}
"""Mistakes whose logits depend on more than what is computed: no two styles need to agree."""


@pytest.fixture(scope="module")
def seed():
    """Weights and prompts are drawn afresh; a failure names the seed."""
    return secrets.randbits(32)


@pytest.fixture(scope="module")
def reply(seed, tmp_path_factory):
    """Everything that was measured, in one run of one process with torch."""
    pack = load_vectors(PACK / "checks")
    rng = np.random.default_rng(seed)
    paths = []
    for sd in (pack.LOGIT_SD, pack.SAMPLING_LOGIT_SD):
        paths.append(str(tmp_path_factory.mktemp("weights") / "weights.npz"))
        np.savez(paths[-1], **pack.draw_weights(rng, pack.DIMS, sd))
    made = {}
    for style, mistake in MADE:
        made.setdefault(mistake, {})[style] = source_of(style, mistake)
    request = {
        "dims": pack.DIMS,
        "seed": seed,
        "weights": paths,
        "reference": REFERENCE,
        "right": {style: source_of(style) for style in STYLES} | honest_sources(),
        "mistakes": made,
        "styles": STYLES,
        "generate": {
            name: mistake.witness
            for name, mistake in FAMILY.items()
            if mistake.witness not in ("logits", "load")
        },
        "enough": 3 * ATOL,
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "probes.py")],
        input=json.dumps(request),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


def test_the_family_is_whole():
    """There are at least forty mistakes, and each says what it is and where to look."""
    assert len(FAMILY) >= 40
    for mistake in FAMILY.values():
        assert mistake.edits, mistake.id
        assert mistake.look.startswith("Look "), mistake.id
        assert mistake.look.endswith("."), mistake.id
        assert not mistake.says.endswith("."), mistake.id


def test_each_solution_makes_nearly_every_mistake():
    """A solution's edits name known mistakes; the few that it cannot make have a reason."""
    for style, (_, edits) in SOLUTIONS.items():
        assert set(edits) == set(FAMILY), style
        reasons = [e["not_here"] for e in edits.values() if "edits" not in e]
        assert all(reasons), style
        assert len(reasons) <= 5, style


@pytest.mark.parametrize("style", STYLES)
def test_every_edit_applies_once(style):
    """What an edit replaces stands once in the source, also after the edits before it."""
    for mistake in FAMILY:
        original = changed = source_of(style)
        for old, new in edits_of(style, mistake) or ():
            assert original.count(old) == 1, (mistake, old)
            assert changed.count(old) == 1, (mistake, old)
            changed = changed.replace(old, new)
        compile(changed, mistake, "exec")


def test_right_ones_stay_far_below_the_tolerance(reply, seed):
    """The reference, the solutions and the honest submissions agree in every probe."""
    assert len(reply["right"]) > 15
    for name, found in reply["right"].items():
        misses = [value for probe, value in found.items() if probe != "generation"]
        assert max(misses) < 0.3 * ATOL, (seed, name, found)
        if name in STYLES:
            assert not any(wrong_generation(found["generation"]).values()), (seed, name, found)


def test_mistakes_in_the_logits_show(reply, seed):
    """Each misses the tolerance more than three times in some probe, in every style."""
    hidden = {
        (style, mistake): found
        for style, mistake, found in measured(reply, "logits")
        if not shown(found)
    }
    assert not hidden, seed


def test_one_mistake_has_one_set_of_numbers(reply, seed):
    """However a solution is written, the same mistake gives the same logits."""
    for style, mistake, found in measured(reply, "logits"):
        if mistake not in ROUNDING_OR_CHANCE:
            assert found["gap_to_first_style"] < ATOL, (seed, style, mistake)


def test_mistakes_in_names_keep_weights_out(reply):
    """Where the witness is the load, the weights do not go in."""
    for style, mistake, found in measured(reply, "load"):
        assert "load" in found, (style, mistake)


def test_mistakes_in_generate_show(reply, seed):
    """Each shows in the number of ids, in the tokens fed or in the tokens drawn, as it says."""
    for witness in ("count", "work", "distribution"):
        for style, mistake, found in measured(reply, witness):
            missing = {"flops_with_cache": 0, "flops_without_cache": 0, "z_at_1": 0}
            wrong = wrong_generation(missing | found["generation"])
            assert wrong[witness], (seed, style, mistake, found)


def measured(reply, witness):
    """Yield style, id and measurements of the mistakes with a witness."""
    for mistake, styles in reply["mistakes"].items():
        if FAMILY[mistake].witness == witness:
            for style, found in styles.items():
                yield style, mistake, found


def shown(found):
    """Whether a difference was seen in the logits; an exception is none."""
    return any(
        value > 3 * ATOL
        for probe, value in found.items()
        if probe != "gap_to_first_style" and not isinstance(value, str)
    )


def wrong_generation(found):
    """Say by witness whether generate went wrong; the prompt has 8 tokens, 8 are asked for."""
    drawn = [v for k, v in found.items() if k.startswith("below_best")]
    likely = [abs(v) for k, v in found.items() if k.startswith("z_at")]
    raised = any(isinstance(v, str) for v in found.values())
    return {
        "count": raised or {found["new_without_cache"], found["new_with_cache"]} != {8},
        "work": raised
        or found["fed_with_cache"] not in (15, 16)
        or found["flops_with_cache"] > 0.5 * found["flops_without_cache"],
        "distribution": raised or max(drawn) > 2 * ATOL or max(likely) > 5,
    }

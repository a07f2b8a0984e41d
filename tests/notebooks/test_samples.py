"""Samples of the notebook pack: wrong caches are caught and named, honest ones keep every point."""

import dataclasses
import json

import pytest

from grader import intake
from grader import pack as packs
from grader.checking.diagnosis import SIZE
from grader.checking.draw import Draw
from grader.checking.family import RIGHT
from grader.checking.probing import Questions, distance, load_vectors
from grader.grade import family_for, grade, oracle_for
from grader.sandbox.process import ProcessSandbox
from tests.notebooks.samples import (
    PACK,
    REFERENCE,
    ROOT,
    TEMPLATE,
    handed_in,
    samples,
    surprises,
)

SAMPLES = samples()
RUN_HERE = [sample for sample in SAMPLES if sample.expected.get("ci")]


@pytest.fixture(scope="module")
def kv():
    """The pack, with the checks of the blocks only: the others say nothing more of a cache."""
    pack = packs.load(ROOT, PACK)
    blocks = [criterion for criterion in pack.criteria if criterion.id == "Q7"]
    return dataclasses.replace(pack, criteria=tuple(blocks))


@pytest.fixture(scope="module")
def draw():
    """One draw for all samples."""
    return Draw.fresh()


@pytest.fixture(scope="module")
def graded(kv, draw):
    """Grade a submission as a plain process; the reference and the mistakes serve them all."""
    sandbox = ProcessSandbox()
    with oracle_for(kv, sandbox) as oracle, family_for(kv, sandbox, draw) as family:
        yield lambda submission: grade(
            submission, kv, sandbox, oracle=oracle, draw=draw, family=family
        )


@pytest.mark.parametrize("sample", RUN_HERE, ids=lambda sample: f"{sample.kind}/{sample.name}")
def test_sample(sample, graded):
    """Each sample gets its expected outcomes, and a mistake its name."""
    found = surprises(sample, graded(sample.submission()))
    assert not found, "\n".join(found)


def test_the_template_says_what_is_to_do(graded):
    """What was given out and handed in as it is earns nothing, and each check names a block."""
    result = graded(handed_in(json.loads(TEMPLATE.read_text())))
    assert result["criteria"][0]["points"] == 0
    messages = [check["message"] for check in result["criteria"][0]["checks"][:-1]]
    assert all("NotImplementedError: " in message for message in messages), messages
    assert "of the block SA-1)" in messages[0]


def test_tampering_outside_the_blocks_changes_nothing(kv):
    """A model that returns constants, a patched check and a cell that ends Python do nothing."""
    notebook = json.loads(REFERENCE.read_text())
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        cell["source"] = text.replace("return torch.equal(expected, got)", "return True").replace(
            "return self.lm_head(self.transformer.ln_f(x)), presents", "return 42, presents"
        )
    notebook["cells"].insert(0, {"cell_type": "code", "source": "import sys\nsys.exit()"})
    done = kv.form.fill(handed_in(notebook).files)
    assert (done.module,) == kv.reference
    assert sum("it is not graded" in flag for flag in done.flags) == 2, "output_check is free"


def test_there_are_samples_of_each_kind():
    """All six caches that the course's own check accepts, and ten honest ways of writing it."""
    kinds = [sample.kind for sample in SAMPLES]
    assert (kinds.count("mistakes"), kinds.count("honest")) >= (6, 10)
    assert all(sample.expected["says"].endswith(".") for sample in SAMPLES)
    wrong = {sample.name for sample in SAMPLES if sample.kind == "mistakes"}
    assert {"no-mask", "mask-not-offset", "v-order", "no-caching", "full-forward-each-step",
            "positions-restart"} <= wrong  # fmt: skip


def test_every_known_mistake_shows_and_is_told_from_the_others(kv, draw):
    """Each misses the tolerance more than three times in a probe, and no two answer alike."""
    questions = Questions.of(load_vectors(kv.checks_folder), draw)
    with family_for(kv, ProcessSandbox(), draw) as family:
        names = [RIGHT, *(mistake.id for mistake in kv.mistakes)]
        answers = {
            name: [family.answer(name, probe) for probe in questions.probes] for name in names
        }
    limits = [kv.atol if probe.tolerance is None else probe.tolerance for probe in questions.probes]
    for number, name in enumerate(names):
        for other in names[:number]:
            gaps = [
                distance(one, two) > SIZE * limit
                for one, two, limit in zip(answers[name], answers[other], limits, strict=True)
            ]
            assert any(gaps), f"{name or 'the reference'} answers as {other or 'the reference'}"


# --- what is shipped ------------------------------------------------------------------------------

SHIPPED = {
    # by hand, from the answer key: (B, T, C) is worth half, masking after the softmax nothing, an
    # upper triangle half, a row that is not cut three quarters; of the blocks 8 + 4 + 4 are lost
    "alice-kv": {"Q1": 2, "Q2": 2, "Q3": 2, "Q4": 4},
    "bob-kv": {"Q1": 1, "Q2": 0, "Q3": 1, "Q4": 3, "Q7": 36 - 8 - 4 - 4},
}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_notebooks_are_known_and_worth_what_they_are(name, draw):
    """Nobody names the pack; the answers and blocks get the points of the answer key."""
    submission = intake.read(ROOT / "submissions" / name)
    pack = packs.find(ROOT, None, submission.files)
    assert pack.id == PACK
    wanted = SHIPPED[name]
    kept = tuple(criterion for criterion in pack.criteria if criterion.id in wanted)
    pack = dataclasses.replace(pack, criteria=kept)
    sandbox = ProcessSandbox()
    with oracle_for(pack, sandbox) as oracle:
        result = grade(submission, pack, sandbox, oracle=oracle, draw=draw)
    assert {each["id"]: each["points"] for each in result["criteria"]} == wanted
    assert not [flag for flag in result["flags"] if "pip" in flag or "google" in flag]

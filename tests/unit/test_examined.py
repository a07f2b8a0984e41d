"""What only shows when a pack is used, said before it is; and models that stand no longer."""

import shutil

import numpy as np
import pytest

from grader import doctor
from grader import pack as packs
from grader.checking.draw import Draw
from grader.checking.family import RIGHT, LiveFamily
from grader.checking.probing import Questions, load_vectors
from grader.errors import HarnessError
from grader.grade import reference
from grader.intake import SourceFile
from grader.mistakes import Mistake
from grader.sandbox.process import ProcessSandbox
from grader.student import Student

PACK = "batched-cache"


NO_PYTHON = """
[[mistakes]]
id = "broken"
says = "x"
look = "x"
witness = "logits"
edits = [{ old = "class CachedGPT(", new = "class CachedGPT((" }]
"""


@pytest.mark.parametrize(
    ("path", "old", "new", "words"),
    [
        ("checks/vectors.py", "PARTINGS =", "PARTED =", "known mistakes need PARTINGS in it"),
        ("checks/vectors.py", "def public_files", "def files", "handouts need public_files in it"),
        ("mistakes.toml", "", NO_PYTHON, "'broken' makes no Python of the reference: line "),
    ],
)
def test_what_a_pack_lacks_is_said_before_it_is_used(tmp_path, root, path, old, new, words):
    """A name that only handouts or diagnoses need, and an edit that is no Python any more."""
    for place in (f"rubrics/{PACK}", "reference/batched_cache"):
        shutil.copytree(root / place, tmp_path / place)
    edited = tmp_path / "rubrics" / PACK / path
    text = edited.read_text()
    edited.write_text(text.replace(old, new) if old else text + new)
    ((_, state, found),) = doctor._packs(tmp_path)
    assert (state, words in found) == ("no", True), found


def test_a_mistake_that_cannot_be_loaded_is_the_graders_fault(root):
    """It is said which one it is, and not taken for what the submission answers."""
    pack = packs.load(root, PACK)
    broken = Mistake("broken", "x", "x", "logits")
    right = SourceFile("right.py", b"class Graded:\n    pass\n")
    files = [right, SourceFile("broken.py", b"class Graded:\n    1 1\n")]
    with Student(ProcessSandbox(), files, pack.interface, pack.sandbox) as host:
        questions = Questions.of(load_vectors(pack.checks_folder), Draw("seed"))
        family = LiveFamily(host, [broken], questions)
        family.answer(RIGHT, questions.probes[0])
        with pytest.raises(HarnessError, match="the mistake 'broken' failed"):
            family.answer("broken", questions.probes[0])


def test_a_model_that_was_replaced_answers_no_more(root):
    """A sandbox has one model: the handle of the one before it is not taken for the new one."""
    pack = packs.load(root, PACK)
    vectors = load_vectors(pack.checks_folder)
    dims, *rest = vectors.SETTINGS["main"]
    with reference(pack, ProcessSandbox()) as right:
        weights = vectors.draw_weights(np.random.default_rng(0), dims, *rest)
        first = right.build(dims, weights)
        ids = np.zeros((1, 3), dtype=np.int64)
        first.forward(ids)
        second = right.build(dims, weights)
        second.forward(ids)
        with pytest.raises(HarnessError, match="after another one had been built"):
            first.forward(ids)

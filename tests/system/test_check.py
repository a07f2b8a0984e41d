"""The student's side as students see it: the handout, and `grader check` in it.

The handout here holds a few of the known mistakes, which makes it quick; making it whole is the
same run with more of them.
"""

import ast
import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from grader import handout
from grader import pack as packs
from grader.checking.probing import load_vectors
from grader.checking.recorded import RecordedOracle
from grader.errors import HarnessError, UsageError
from grader.sandbox.process import ProcessSandbox
from tests import student_side

FEW = ("mask-not-shifted", "no-scale", "positions-restart")
SKELETON = "transformer_skeleton.py"
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent.sock"}


@pytest.fixture(scope="module")
def small(pack):
    """The shipped pack with a few of its known mistakes."""
    return dataclasses.replace(pack, mistakes=tuple(m for m in pack.mistakes if m.id in FEW))


@pytest.fixture(scope="module")
def given(small, tmp_path_factory):
    """A handout, made once."""
    out = tmp_path_factory.mktemp("course") / "assignment"
    handout.write(small, ProcessSandbox(), out, lambda _: None)
    return out


@pytest.fixture
def work(given, tmp_path):
    """A student's copy of the handout."""
    return shutil.copytree(given, tmp_path / "my work")


@pytest.fixture
def check(work, root, tmp_path):
    """Hand a sample in, run the command in the student's folder; code, output and errors.

    Nothing can be imported but what a student installs.
    """
    only_theirs = student_side.environment(tmp_path / "hook", **NO_ENGINE)

    def run(sample, *arguments):
        if sample:
            shutil.copy(root / "submissions" / sample / SKELETON, work)
        done = subprocess.run(
            [sys.executable, "-m", "grader", "check", *(arguments or ["."])],
            cwd=work,
            env=only_theirs,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_right_work_passes_all_public_checks(check):
    """Alice sees every public check passed, and what the public part is worth."""
    code, out, errors = check("alice")
    assert (code, errors) == (0, "")
    assert "failed" not in out
    assert "Diagnosis" not in out
    assert out.count(" passed ") == 8
    assert "11.5 of 50 points" in out


def test_a_known_mistake_is_named_without_the_solution(check):
    """Bob reads which mistake has his numbers, and the line to look at."""
    code, out, _ = check("bob")
    assert code == 0
    assert "Diagnosis" in out
    assert "whose causal mask is not shifted" in " ".join(out.split())
    assert "Look at `diagonal=`" in " ".join(out.split())


def test_the_untouched_skeleton_says_what_is_to_do(check):
    """Every check names the TODO; there is nothing to diagnose."""
    code, out, _ = check(None)
    assert code == 0
    assert "NotImplementedError: TODO" in out
    assert "Diagnosis" not in out


def test_what_was_given_out_is_kept_as_it_was(given, pack):
    """A student's check knows the skeleton by its copy, so that its style is not theirs."""
    assert packs.load_handout(given / "public").given == pack.given


def test_the_public_folder_is_found_from_any_place(check, work, tmp_path):
    """A single file inside works, and so does another folder with --handout."""
    assert check("alice", SKELETON)[0] == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(work / SKELETON, elsewhere)
    code, _, errors = check(None, str(elsewhere))
    assert code == 1
    assert "no handout belongs to" in errors
    assert "--handout" in errors
    assert check(None, str(elsewhere), "--handout", str(work))[0] == 0


def test_weights_and_cases_fit_the_harness(work, root):
    """The handout's own files are right: the reference passes the harness on them."""
    shutil.copy(root / "reference" / "e0294_a4" / SKELETON, work)
    for mode in ("evaluate", "kv_evaluate"):
        done = subprocess.run(
            [sys.executable, SKELETON, "--mode", mode], cwd=work, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert "10 of 10 cases agree" in done.stdout


def test_no_solution_is_handed_out(given, pack):
    """No line of the reference, of an edit or of a hidden check's body is in any file."""
    secret = set()
    skeleton = "".join(file.read_text() for file in (pack.folder / "template").iterdir())
    for file in pack.reference:
        secret |= {line.strip() for line in file.data.decode().splitlines()}
    for mistake in pack.mistakes:
        secret |= {line.strip() for old, new in mistake.edits for line in (old + new).splitlines()}
    for path in pack.checks_folder.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if "pytest.mark.hidden" in marks_of(node):
                body = [ast.get_source_segment(path.read_text(), part) for part in node.body[1:]]
                assert body, node.name
                secret |= {line.strip() for part in body for line in part.splitlines()}
    public = {line for path in pack.checks_folder.glob("*.py") for line in public_lines(path)}
    for criterion in pack.criteria:
        if all(check.visibility == "hidden" for check in criterion.checks):
            secret |= {check.says for check in criterion.checks}
    secret = {line for line in secret - public if len(line) > 25 and line not in skeleton}
    assert len(secret) > 60
    for path in given.rglob("*"):
        if path.is_file():
            text = path.read_bytes().decode(errors="replace")
            assert not [line for line in secret if line in text], path


def marks_of(node):
    """Return the decorators of a function, as text."""
    return [ast.unparse(mark) for mark in getattr(node, "decorator_list", [])]


def public_lines(path):
    """Yield the lines of a checks' file that belong to no hidden check."""
    for node in ast.parse(path.read_text()).body:
        if "pytest.mark.hidden" not in marks_of(node):
            for line in ast.get_source_segment(path.read_text(), node).splitlines():
                yield line.strip()


def test_no_hidden_vector_is_handed_out(given, small):
    """What only hidden checks ask for was not recorded, not even for the public draw."""
    oracle = RecordedOracle(given / handout.FOLDER)
    vectors = load_vectors(small.checks_folder)
    draw = handout.public_draw(small)
    for label, dims in (("other weights", vectors.OTHER_DIMS), ("sampling weights", vectors.DIMS)):
        weights = vectors.draw_weights(draw.rng(label), dims)
        with pytest.raises(HarnessError, match="do not cover"):
            oracle.logits(dims, weights, np.zeros((1, 1), dtype=np.int64))
    weights = vectors.draw_weights(draw.rng("weights"), vectors.DIMS)
    for check in ("chunked_decode", "past_reused", "interleaved_sequences"):
        rng = draw.rng(f"prompts of {check}")
        ids = rng.integers(0, vectors.DIMS["vocab_size"], (1, 40))
        with pytest.raises(HarnessError, match="do not cover"):
            oracle.logits(vectors.DIMS, weights, ids)


def test_known_mistakes_are_handed_out_as_words_and_answers(given):
    """Each has its sentence and where to look; none has its edits."""
    words = json.loads((given / "public" / "mistakes.json").read_text())
    assert {entry["id"] for entry in words} == set(FEW)
    assert all(set(entry) == {"id", "says", "look", "witness", "alike"} for entry in words)


def test_a_folder_that_is_there_is_not_written_over(given, small):
    """An existing folder is refused in a sentence, and stays as it is."""
    before = sorted(path.name for path in given.iterdir())
    with pytest.raises(UsageError, match="exists already"):
        handout.write(small, ProcessSandbox(), given, lambda _: None)
    assert sorted(path.name for path in given.iterdir()) == before


def test_a_handout_that_fails_leaves_nothing(small, tmp_path):
    """A reference that does not pass its own checks stops it, and no folder is left behind."""
    (wrong,) = (file for file in small.reference if file.path == SKELETON)
    broken = wrong.data.replace(b"diagonal=P + 1", b"diagonal=1")
    files = (dataclasses.replace(wrong, data=broken),)
    with pytest.raises(HarnessError, match="does not pass the public checks"):
        handout.write(dataclasses.replace(small, reference=files, mistakes=()),
                      ProcessSandbox(), tmp_path / "out", lambda _: None)  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_hidden_check_keeps_its_sentence_only():
    """Of a hidden check, decorators, name and docstring stay; public ones stay whole."""
    source = (
        '@pytest.mark.hidden\ndef test_a(x):\n    """Says."""\n    assert x == 42\n\n\n'
        '@pytest.mark.public\ndef test_b(x):\n    """Says."""\n    assert x == 43\n\n\n'
        "@pytest.mark.hidden\ndef test_c(x):\n    assert x == 44\n"
    )  # fmt: skip
    cut = handout.without_hidden_bodies(source)
    assert "42" not in cut
    assert "44" not in cut
    assert "assert x == 43" in cut
    assert [node.name for node in ast.parse(cut).body] == ["test_a", "test_b", "test_c"]

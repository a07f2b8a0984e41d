"""Stored results graded again: whose points move, because of what, and that nothing else does.

The project has one small assignment. Where nothing but what is made of a grading is looked at, the
grading is told what to come to; the long tests run submissions, as plain processes.
"""

import contextlib
import json
import shutil

import pytest

from grader import evidence, history, intake, results
from grader import pack as packs
from grader.batch import journal
from grader.checking.draw import Draw
from grader.errors import UsageError
from grader.gradebook import entries
from grader.gradebook.book import Book
from grader.records import Evidence
from grader.regrade import AGAIN, FAILED, Order, regrade
from grader.report import changes
from grader.sandbox import choosing
from grader.session import Session
from tests import small
from tests.long import LONG
from tests.unit.test_gradebook import graded as a_result


@pytest.fixture(scope="module")
def sandbox():
    """A plain process: what is graded here is the test's own."""
    return choosing.named("process", "cpu", lambda _: None)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project, and its hand-ins alice, who is right, and bob, who is wrong."""
    root = small.lay_out(tmp_path_factory.mktemp("project"))
    for name, text in (("alice", small.NET), ("bob", small.WRONG)):
        (root / "subs" / name).mkdir(parents=True)
        (root / "subs" / name / "net.py").write_text(text)
    return root


@pytest.fixture(scope="module")
def graded(project, sandbox, tmp_path_factory):
    """The same, graded once."""
    root = shutil.copytree(project, tmp_path_factory.mktemp("graded") / "project")
    pack, out = packs.load(root, "small"), root / "out"
    batch = journal.begun(out, pack, root / "subs", resume=False)
    with Session(pack, sandbox, batch.draw, "cpu", out) as session:
        for name in ("alice", "bob"):
            session.grade(intake.read(root / "subs" / name))
    return root


class Told:
    """In place of a session: grading comes to what it is told."""

    def __init__(self, points, outcome, image):
        self.evidence = Evidence("logits", outcome, {"max_abs_error": 0.0 if points else 1.0})
        self.image, self.draws = image, []

    def __call__(self, pack, _sandbox, draw, _device, _out):
        self.pack, self.draw = pack, draw
        self.draws.append(draw.seed)
        return contextlib.nullcontext(self)

    def graded(self, submission, _say):
        """Return a result of these points, and its evidence."""
        new = a_result(submission.id, criteria=self.pack.criteria, logits=self.evidence)
        new["submission"]["digest"] = submission.digest
        new["pack"]["digest"] = self.pack.digest
        new["environment"]["image"] = self.image
        return new, [evidence.kept([self.evidence], self.pack.checks_digest)]


@pytest.fixture
def results_of(project, tmp_path, monkeypatch):
    """Return a project with a stored result of bob, and what grades it again to such an end."""
    root = shutil.copytree(project, tmp_path / "project")
    pack = packs.load(root, "small")
    bob = intake.read(root / "subs" / "bob")
    first = Told(0, "measured", None)
    first(pack, None, Draw("00"), "cpu", None)
    results.write(root / "out", *first.graded(bob, None))

    def again(points, *, outcome="measured", image=None, store=False):
        session = Told(points, outcome, image)
        monkeypatch.setattr("grader.regrade.Session", session)
        found = regrade(Order(root, root / "out", root / "subs", (), "cpu", store), None, print)
        assert session.draws == ["00"], "the draw is that of the stored result"
        return found

    return root, again


@pytest.fixture
def again(graded, sandbox, tmp_path):
    """Return a copy of the project, and what grades its results again."""
    root = shutil.copytree(graded, tmp_path / "project")

    def again(*only, store=False, hand_ins=root / "subs"):
        order = Order(root, root / "out", hand_ins, only, "cpu", store)
        return regrade(order, sandbox, lambda _: None)

    return root, again


def stored(root):
    """Return the files of results and histories."""
    return {path.name: path.read_bytes() for path in (root / "out").glob("*.json*")}


def test_nothing_is_stored_unless_it_is_wanted(results_of):
    """What would move is said, and because of what; the files are as they were."""
    root, again = results_of
    before = stored(root)
    (change,) = again(2, image="sha256:new").changes
    assert list(change.lines()) == [("logits", 0.0, 2.0, "image")]
    assert stored(root) == before
    assert again(0).same == 1


def test_points_by_hand_and_history_survive(results_of):
    """What a human has given stays beside the new points, and the old ones are in the history."""
    root, again = results_of
    with Book(root / "out") as book:
        book.record("bob", entries.points("2", 1, "well said", "carol"))
    (root / "subs" / "bob" / "net.py").write_text(small.NET)
    (change,) = again(2, store=True).changes
    assert list(change.lines()) == [("logits", 0.0, 2.0, "submission")]
    bob = results.read(root / "out", "bob")
    assert (bob["total"]["points"], bob["total"]["pending_points"]) == (3, 0)
    assert bob["manual"][0]["note"] == "well said"
    assert [(e["event"], e["why"]) for e in history.read(root / "out", "bob")] == [
        ("points", "well said"), ("replaced", "regraded")]  # fmt: skip


def test_what_has_changed_is_named(results_of):
    """A limit of the rubric, checks that measure otherwise, or nothing that is known of."""
    root, again = results_of
    (change,) = again(2).changes
    assert list(change.lines()) == [("logits", 0.0, 2.0, AGAIN)]
    rubric = root / "rubrics" / "small" / "rubric.toml"
    rubric.write_text(small.RUBRIC.replace("atol = 0.01", "atol = 2"))
    (change,) = again(0).changes
    assert list(change.lines()) == [("logits", 0.0, 2.0, "max_abs_error 0.01 -> 2.0; rubric")]
    rubric.write_text(small.RUBRIC)
    test = root / "rubrics" / "small" / "checks" / "test_net.py"
    test.write_text(small.CHECKS + "\n# measured otherwise\n")
    (change,) = again(2).changes
    assert list(change.lines()) == [("logits", 0.0, 2.0, "checks")]


def test_a_failure_of_ours_never_takes_a_result_s_place(results_of):
    """Where the grader fails this time, the stored points stay."""
    root, again = results_of
    before = stored(root)
    found = again(0, outcome="harness_error", store=True)
    assert found.refused == {"bob": f"{FAILED}: points would be withheld"}
    assert stored(root) == before


def test_what_cannot_be_graded_again_is_said(results_of):
    """A submission that is gone keeps its result; a name that is none is told the likely one."""
    root, _ = results_of
    shutil.rmtree(root / "subs" / "bob")
    before = stored(root)

    def again(*only, hand_ins=root / "subs"):
        return regrade(Order(root, root / "out", hand_ins, only, "cpu", True), None, print)

    found = again("bob")
    assert (found.changes, found.same) == ((), 0)
    assert "not among the hand-ins" in found.refused["bob"]
    assert stored(root) == before
    with pytest.raises(UsageError, match="did you mean 'bob'"):
        again("bbo")
    with pytest.raises(UsageError, match="give the folder of the hand-ins with --from"):
        again("bob", hand_ins=None)


@LONG
def test_a_corrected_submission_moves_its_points_and_nobody_else_s(again):
    """It is said first and stored with --yes; points by hand and the draw stay."""
    root, again = again
    with Book(root / "out") as book:
        book.record("bob", entries.points("2", 1, "well said", "carol"))
    (root / "subs" / "bob" / "net.py").write_text(small.NET)
    before = stored(root)
    found = again("bob")
    assert stored(root) == before
    (change,) = found.changes
    assert list(change.lines()) == [("logits", 0.0, 2.0, "submission")]
    text = changes.render(found)
    assert "bob" in text
    assert "1 of 1 results change: 1 gain 2 points" in text
    again("bob", store=True)
    bob = results.read(root / "out", "bob")
    assert (bob["total"]["points"], bob["total"]["pending_points"]) == (3, 0)
    assert bob["manual"][0]["note"] == "well said"
    assert bob["draw"] == json.loads(before["bob.json"])["draw"]
    assert [(e["event"], e["why"]) for e in history.read(root / "out", "bob")] == [
        ("points", "well said"), ("replaced", "regraded")]  # fmt: skip
    assert stored(root)["alice.json"] == before["alice.json"]


@LONG
def test_what_a_changed_pack_comes_to(again):
    """A limit of the rubric, checks that measure otherwise, or nothing that is known of."""
    root, again = again
    assert again("alice").same == 1
    rubric = root / "rubrics" / "small" / "rubric.toml"
    rubric.write_text(small.RUBRIC.replace("atol = 0.01", "atol = 2"))
    (change,) = again("bob", hand_ins=None).changes
    assert list(change.lines()) == [("logits", 0.0, 2.0, "max_abs_error 0.01 -> 2.0; rubric")]
    rubric.write_text(small.RUBRIC)
    test = root / "rubrics" / "small" / "checks" / "test_net.py"
    test.write_text(small.CHECKS.replace("record.compare(logits,", "record.compare(logits + 1,"))
    (change,) = again("alice").changes
    assert list(change.lines()) == [("logits", 2.0, 0.0, "checks")]
    assert AGAIN not in change.causes


@LONG
def test_checks_that_break_withhold_nothing_that_was_stored(again):
    """Where the grader fails this time, the stored points stay."""
    root, again = again
    test = root / "rubrics" / "small" / "checks" / "test_net.py"
    test.write_text(
        small.CHECKS.replace("    dims = {", "    raise OSError('the disk is gone')\n    dims = {")
    )
    before = stored(root)
    found = again("alice", store=True)
    assert found.refused == {"alice": f"{FAILED}: points would be withheld"}
    assert stored(root) == before

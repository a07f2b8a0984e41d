"""A changed rubric on stored evidence: whose points move, by how much, and because of what."""

import copy
import dataclasses
import json
import subprocess
import sys

import pytest

from grader import evidence, results
from grader import pack as packs
from grader.errors import UsageError
from grader.grade import criterion_json
from grader.records import Attachment, Evidence
from grader.report import changes, surprises
from grader.rescore import apply, rescore
from grader.rubric import Condition
from grader.score import score, status, total


@pytest.fixture(scope="module")
def pack(root):
    """The shipped assignment, whose rubric is changed below in memory."""
    return packs.load(root, "e0294-a4")


def evidence_for(pack, **measured):
    """Return evidence of which every check of numbers passes by far, but for what is named."""
    found = []
    for check in pack.checks:
        passes = check.passes
        numbers = {**passes.at_most, **passes.at_least}
        variant = next((name for name, worth in check.credit.items() if worth == 1), "")
        found.append(Evidence(check.id, measured=numbers | measured.get(check.id, {}),
                              variant=variant))  # fmt: skip
    return found


def store(folder, pack, name, found, manual=()):
    """Store a result of this evidence, as grading does."""
    criteria = score(pack.criteria, {each.check: each for each in found}, manual)
    result = {
        "schema": "grader.result/1",
        "submission": {"id": name, "digest": "sha256:" + "1" * 64, "files": []},
        "pack": {"id": pack.id, "version": pack.version, "digest": pack.digest},
        "status": status(criteria),
        "total": total(criteria),
        "criteria": [criterion_json(criterion) for criterion in criteria],
        "deductions": [],
        "flags": [],
        "diagnosis": [],
        "manual": list(manual),
        "course_verdict": {},
        "draw": {"seed": "00", "digest": "sha256:" + "2" * 64},
        "environment": {"sandbox": "docker", "isolation": "container", "device": "cpu",
                        "torch": "", "python": "", "grader": "", "image": None, "driver": None},
        "timing": {"seconds_total": 1.0, "seconds_student": 1.0},
    }  # fmt: skip
    kept = evidence.kept(found, pack.checks_digest)
    beside = [each for one in found for each in one.attachments]
    results.write(folder, result, [Attachment("picture.png", b"png"), *beside, kept])
    return json.loads((folder / f"{name}.json").read_text())


def with_limit(pack, check_id, **bounds):
    """Return the pack with other upper bounds of one check, and another digest."""
    criteria = tuple(
        dataclasses.replace(
            criterion,
            checks=tuple(
                dataclasses.replace(check, passes=Condition(at_most=bounds, at_least={}))
                if check.id == check_id
                else check
                for check in criterion.checks
            ),
        )
        for criterion in pack.criteria
    )
    return dataclasses.replace(pack, criteria=criteria, digest="sha256:" + "9" * 64)


def test_the_same_rubric_moves_nobody(tmp_path, pack):
    """Evidence scored again by the same rubric gives the same result; nothing is written."""
    store(tmp_path, pack, "alice", evidence_for(pack))
    before = (tmp_path / "alice.json").read_bytes()
    found = rescore(tmp_path, pack)
    assert (found.changes, found.same, dict(found.refused)) == ((), 1, {})
    apply(tmp_path, found)
    assert (tmp_path / "alice.json").read_bytes() == before


def test_a_wider_limit_gives_points_back_and_says_why(tmp_path, pack):
    """Who missed the old limit and keeps the new one gains; the reason is the limit."""
    store(tmp_path, pack, "alice", evidence_for(pack))
    bob = evidence_for(pack, incremental_decode={"max_abs_error": 0.015})
    old = store(tmp_path, pack, "bob", bob)
    points = next(c.points for c in pack.checks if c.id == "incremental_decode")
    found = rescore(tmp_path, with_limit(pack, "incremental_decode", max_abs_error=0.02))
    assert [change.id for change in found.changes] == ["bob"]
    (line,) = found.changes[0].lines()
    assert line == ("incremental_decode", 0.0, points, "max_abs_error 0.01 -> 0.02")
    text = changes.render(found)
    assert f"1 of 2 results change: 1 gain {points:g} points, 0 lose 0" in text
    assert json.loads((tmp_path / "bob.json").read_text()) == old, "nothing is written yet"
    apply(tmp_path, found)
    new = json.loads((tmp_path / "bob.json").read_text())
    assert new["total"]["points"] == old["total"]["points"] + points
    assert new["attachments"] == old["attachments"]
    assert (tmp_path / new["attachments"] / "picture.png").read_bytes() == b"png"
    (history,) = (tmp_path / "bob.history.jsonl").read_text().splitlines()
    assert json.loads(history)["total"] == old["total"]
    again = rescore(tmp_path, with_limit(pack, "incremental_decode", max_abs_error=0.02))
    assert (again.changes, again.same) == ((), 2)


def test_a_human_s_points_survive(tmp_path, pack):
    """What a TA has given for an open line is there after the rubric has changed."""
    entry = {"criterion": "1d", "points": 1.0, "by": "bob", "at": "2026-01-01T00:00:00+00:00",
             "note": ""}  # fmt: skip
    alice = evidence_for(pack, full_forward={"max_abs_error": 0.5})
    old = store(tmp_path, pack, "alice", alice, manual=[entry])
    found = rescore(tmp_path, with_limit(pack, "full_forward", max_abs_error=1.0))
    apply(tmp_path, found)
    new = json.loads((tmp_path / "alice.json").read_text())
    assert new["manual"] == [entry]
    (before, now) = ([c for c in r["criteria"] if c["id"] == "1d"] for r in (old, new))
    assert before == now
    assert new["total"]["points"] > old["total"]["points"]


def answered(folder, pack, name, variant):
    """Store a result in which the KV cache per request is answered so."""
    found = evidence_for(pack)
    for each in found:
        if each.check == "kv_per_request":
            each.variant = variant
    store(folder, pack, name, found)


def credited(pack, **credit):
    """Return the pack with other credits for the KV cache per request."""
    criteria = tuple(
        dataclasses.replace(
            criterion,
            checks=tuple(
                dataclasses.replace(check, credit=credit) if check.id == "kv_per_request" else check
                for check in criterion.checks
            ),
        )
        for criterion in pack.criteria
    )
    return dataclasses.replace(pack, criteria=criteria, digest="sha256:" + "9" * 64)


def test_a_tried_rubric_names_the_credits_that_surprise(tmp_path, pack):
    """Nothing left, no name any more, or against most others; what moves as others do is not."""
    for name, variant in (("alice", "gqa"), ("bob", "mha"), ("carol", "mha"), ("dave", "no_layers"),
                          ("erin", "no_factor_2")):  # fmt: skip
        answered(tmp_path, pack, name, variant)
    tried = credited(pack, gqa=1, mha=0.5, no_factor_2=0.1)
    lines = surprises.render(rescore(tmp_path, tried).changes).splitlines()
    assert lines == [
        "credits that surprise:",
        "  kv_per_request, no layers: 0.6 -> 0 of 2 for 1 (dave): decided before, and now",
        "     for a human",
        "  kv_per_request, no factor 2: 0.6 -> 0.2 of 2 for 1 (erin): most others gain",
        "     here",
    ]
    tried = credited(pack, gqa=0, mha=0.25, no_layers=0.3, no_factor_2=0.3)
    lines = surprises.render(rescore(tmp_path, tried).changes).splitlines()
    assert lines[1:] == ["  kv_per_request, gqa: 2 -> 0 of 2 for 1 (alice): nothing is left"]
    assert surprises.render(()) == "no credit surprises"


def test_what_cannot_be_scored_again_is_said(tmp_path, pack):
    """Without evidence, or measured by other checks: named with the reason; nothing is changed."""
    store(tmp_path, pack, "alice", evidence_for(pack))
    bare = store(tmp_path, pack, "bare", evidence_for(pack))
    (tmp_path / bare["attachments"] / "evidence.json").unlink()
    store(tmp_path, dataclasses.replace(pack, checks_digest="sha256:0"), "old", evidence_for(pack))
    found = rescore(tmp_path, pack)
    assert (found.changes, found.same) == ((), 1)
    assert found.refused == {
        "bare": "it has no evidence beside it: grade it again",
        "old": "it was measured by other checks than those of today: grade it again",
    }
    assert "not scored again: bare: it has no evidence" in changes.render(found)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UsageError, match="holds no result of e0294-a4"):
        rescore(tmp_path / "nothing", pack)


def test_evidence_comes_back_as_it_was_kept(tmp_path):
    """Everything that scoring asks for survives being stored; what is no number becomes None."""
    one = Evidence("a", measured={"x": 0.1, "n": 3, "none": None, "inf": float("inf")}, message="m",
                   staff_message="s", course={"evaluate": "1/2"}, variant="v", slips=["t"],
                   attachments=[Attachment("a-1.png", b"...")])  # fmt: skip
    two = Evidence("b", outcome="timeout")
    before = copy.deepcopy([one, two])
    (tmp_path / evidence.FILE).write_bytes(evidence.kept([one, two], "sha256:1").data)
    back, checks = evidence.read(tmp_path)
    assert checks == "sha256:1"
    one.measured["inf"] = None
    one.attachments = [Attachment("a-1.png", b"")]
    assert back == {"a": one, "b": two}
    assert before[1] == two


def test_the_command_says_and_stores(tmp_path, pack, root):
    """A rubric that is tried is only told about; --yes stores; a bad rubric is a sentence."""
    bob = evidence_for(pack, incremental_decode={"max_abs_error": 0.015})
    old = store(tmp_path, pack, "bob", bob)
    rubric = (root / "rubrics" / "e0294-a4" / "rubric.toml").read_text()
    wider = tmp_path / "wider.toml"
    wider.write_text(rubric.replace("atol = 0.01 ", "atol = 0.02 "))

    def grader(*arguments):
        command = [sys.executable, "-m", "grader", "rescore", str(tmp_path), *map(str, arguments)]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    code, out, errors = grader("--rubric", wider)
    assert code == 0, errors
    assert "max_abs_error 0.01 -> 0.02" in out
    assert out.endswith("nothing is stored: --yes stores it\n")
    code, out, errors = grader("--yes")
    assert (code, "0 of 1 results change" in out) == (0, True), errors
    assert json.loads((tmp_path / "bob.json").read_text()) == old
    wider.write_text("points = 3")
    code, out, errors = grader("--rubric", wider)
    assert (code, out, errors.count("\n")) == (1, "", 1)
    code, _, errors = grader("--rubric", wider, "--yes")
    assert (code, "--rubric is for trying" in errors) == (1, True)

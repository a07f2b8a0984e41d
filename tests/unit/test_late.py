"""What lateness costs: a policy and times in, a line of deductions out, and never below nothing."""

import dataclasses
import datetime as dt
import json
import tomllib

import pytest

from grader import handed, late, rubric, times
from grader import pack as packs
from grader.handed import Handed
from grader.records import CriterionResult
from grader.report import changes, table
from grader.rescore import apply, rescore
from grader.score import deducted, total
from grader.tables import BadPack, Table
from tests.unit.test_rescore import evidence_for, store

DUE = "2026-11-20T23:59:00+01:00"


@pytest.fixture(scope="module")
def pack(root):
    """A shipped assignment, which is given a policy in memory."""
    return packs.load(root, "e0294-a4")


def policy(**settings):
    """Return the policy that a rubric with these settings has."""
    return late.read(Table(settings, "rubric.toml [late]"))


def after(seconds, **more):
    """Return a hand-in so many seconds after `DUE`."""
    at = dt.datetime.fromisoformat(DUE) + dt.timedelta(seconds=seconds)
    return Handed(names=("a.py",), submitted_at=at.isoformat(), **more)


def of_50(points, pending=0.0):
    """Return the only criterion of a result, of 50 points."""
    return [CriterionResult("1", "All", points, 50.0, pending, "graded", ())]


def line(settings, hand_in, criteria=None):
    """Return the only line of who has 40 of 50 points, or None."""
    found = late.deduct(policy(due=DUE, **settings), hand_in, 50.0)
    assert len(found) <= 1
    return deducted(found, criteria or of_50(40.0))[0] if found else None


HOUR, DAY = 3600, 86400
COSTS = [  # settings, seconds late, points of 50 that are taken from 40
    ({"share": 0.1}, 0, None),
    ({"share": 0.1}, -5 * DAY, None),
    ({"share": 0.1}, 1, 5),
    ({"share": 0.1}, DAY, 5),
    ({"share": 0.1}, DAY + 1, 10),
    ({"share": 0.1, "of": "earned"}, DAY + 1, 8),
    ({"share": 0.1}, 30 * DAY, 40),
    ({"share": 0.1, "cap": 0.5}, 30 * DAY, 25),
    ({"share": 0.1, "cap": 0.5, "of": "earned"}, 30 * DAY, 20),
    ({"points": 2, "per": "hour"}, HOUR + 60, 4),
    ({"points": 2, "per": "hour", "cap": 9}, 10 * HOUR, 9),
    ({"points": 3}, 30 * DAY, 40),
    ({"share": 0.1, "grace_minutes": 15}, 15 * 60, None),
    ({"share": 0.1, "grace_minutes": 15}, 15 * 60 + 1, 5),
    ({"share": 0.1, "cut_off_hours": 48}, 2 * DAY, 10),
    ({"share": 0.1, "cut_off_hours": 48}, 2 * DAY + 1, 40),
    ({"share": 0.1, "cap": 0.3, "cut_off_hours": 24, "after": "cap"}, DAY + 1, 15),
    ({"points": 1, "cap": 7, "cut_off_hours": 24, "after": "cap"}, DAY + 1, 7),
]


@pytest.mark.parametrize(("settings", "seconds", "points"), COSTS)
def test_what_a_policy_costs(settings, seconds, points):
    """Worked out by hand for each setting: grace, begun units, shares, points, cap, cut-off."""
    found = line(settings, after(seconds))
    assert (found and found["points"]) == points
    assert found is None or (found["status"], found["suggested"]) == ("applied", 0)


def test_what_is_left_to_a_human_takes_nothing():
    """After a cut-off that a human decides on, all points are suggested and none taken."""
    found = line({"share": 0.1, "cut_off_hours": 24, "after": "human"}, after(DAY + 1))
    assert (found["points"], found["suggested"], found["status"]) == (0, 50, "needs_confirmation")


def test_no_more_is_taken_than_there_can_be():
    """What a human has yet to give counts as there; points never go below nothing."""
    taken = line({"points": 10}, after(1), of_50(4.0, 2.0))
    assert taken["points"] == 6
    assert total(of_50(4.0, 2.0), [taken])["points"] == 0
    assert line({"points": 10}, after(1), of_50(None, 2.0))["points"] == 2
    assert total(of_50(None, 2.0), [taken])["points"] is None


def test_a_share_of_what_is_earned_grows_with_it():
    """Once a human has given points, the same line comes to more, without the policy at hand."""
    taken = line({"share": 0.1, "of": "earned"}, after(1), of_50(10.0, 30.0))
    assert taken["points"] == 1
    (again,) = deducted([taken], of_50(40.0))
    assert again == {**taken, "points": 4}


@pytest.mark.parametrize(
    ("more", "points"),
    [
        ({"extension_hours": 24.0}, None),
        ({"extension_hours": 23.0}, 5),
        ({"due_own": "9999-12-31T23:59:00Z", "extension_hours": 48.0}, None),
        ({"due_own": "2026-11-21T23:59:00+01:00"}, None),
        ({"due_own": "2026-11-19T23:59:00+01:00"}, 10),
        ({"due_own": "2026-11-21T00:59:00+02:00", "extension_hours": 24.0}, None),
    ],
)
def test_an_extension_moves_the_date(more, points):
    """Hours on top of the rubric's date or of one's own; each in its own zone."""
    found = line({"share": 0.1}, after(DAY, **more))
    assert (found and found["points"]) == points


def test_what_is_not_known_costs_nothing():
    """No time or no date: a note, unless the platform says on time; its LATE is for a human."""
    share = policy(share=0.1)
    dated = policy(share=0.1, due=DUE)
    unknown = Handed(names=("a",))
    for found in (late.deduct(dated, unknown, 50.0), late.deduct(share, after(9 * DAY), 50.0)):
        assert [(each["points"], each["status"]) for each in found] == [(0, "advice")]
        assert "is not known: nothing is taken" in found[0]["message"]
    assert late.deduct(dated, dataclasses.replace(unknown, late=False), 50.0) == []
    (marked,) = late.deduct(dated, dataclasses.replace(unknown, late=True), 50.0)
    assert (marked["points"], marked["status"]) == (0, "needs_confirmation")
    assert late.deduct(None, after(9 * DAY), 50.0) == []
    assert late.deduct(dated, None, 50.0) == []


def test_a_time_without_zone_is_in_the_rubric_s():
    """With a timezone it counts; without any it could be anywhere, and is not known."""
    bare = Handed(names=("a",), submitted_at="2026-11-20 23:59:30")
    in_berlin = policy(share=0.1, due="2026-11-20T23:59:00", timezone="Europe/Berlin")
    assert late.deduct(in_berlin, bare, 50.0)[0]["limits"] == {"points": 5}
    assert late.deduct(policy(share=0.1, due=DUE), bare, 50.0)[0]["limits"] == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("per = 'day'", "either share or points"),
        ("share = 0.1\npoints = 5", "either share or points"),
        ("share = 10", "fractions"),
        ("share = 0.1\ncap = 5", "fractions"),
        ("share = 0.1\nper = 'week'", "'per' has to be 'day' or 'hour'"),
        ("share = 0.1\nafter = 'zero'", "cut_off_hours, which is missing"),
        ("share = 0.1\ncut_off_hours = 1\nafter = 'cap'", "the cap, which is missing"),
        ("points = 1\nof = 'earned'", "points are points"),
        ("share = 0.1\ndue = 2026-11-20", "has to be a date with its time and zone"),
        ("share = 0.1\ndue = 2026-11-20T23:59:00", "has to be a date with its time and zone"),
        ("share = 0.1\ntimezone = 'Berlin'", "no time zone 'Berlin'"),
        (
            "share = 0.1\ngrace_minute = 5",
            "unknown key 'grace_minute'; did you mean 'grace_minutes'",
        ),
    ],
)
def test_a_wrong_policy_is_refused(text, words):
    """One sentence that names the place and what may stand there."""
    with pytest.raises(BadPack, match=r"rubric\.toml \[late\]") as refused:
        late.read(Table(tomllib.loads(text), "rubric.toml [late]"))
    assert words in str(refused.value)


def test_shipped_packs_take_nothing_for_lateness(root):
    """A course asks for it; a rubric without [late] has no policy."""
    shipped = [rubric.read(root / "rubrics" / name) for name in packs.names(root)]
    assert [each.late for each in shipped] == [None] * len(shipped) != []
    assert policy() is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T23:10:00+01:00", "2026-11-20T22:10:00"),
        ("2026-11-20 23:10:00 -0800", "2026-11-21T07:10:00"),
        ("2026-11-20 23:10:00.123456789 -08:00", "2026-11-21T07:10:00.123456"),
        ("2026-11-20 23:10:00 UTC", "2026-11-20T23:10:00"),
        ("2026-11-20T23:10Z", "2026-11-20T23:10:00"),
        ("Friday, 20 November 2026, 11:10 PM UTC", "2026-11-20T23:10:00"),
        ("2026-11-20 23:10", None),
        ("2026-11-20", None),
        ("03/04/2026 23:59 UTC", None),
        ("-", None),
        ("2026-11-20 23:10 +99:99", None),
        ("2026-11-20T23:10:00+01:00:30", None),
        ("", None),
        ("2026-13-40 23:10 UTC", None),
    ],
)
def test_a_moment_is_certain_or_none(text, expected):
    """What platforms write is read to the second; what may be two days or zones is not."""
    found = times.moment(text)
    assert (found and found.astimezone(dt.UTC).replace(tzinfo=None).isoformat()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2d", 172800), ("1 day 12 h", 129600), ("90min", 5400), ("1.5h", 5400), ("2", None),
     ("", None), ("soon", None), ("2d!", None), ("99999999d", None)],
)  # fmt: skip
def test_a_length_of_time_has_its_unit(text, expected):
    """Days, hours and minutes; a bare number could be any of them."""
    assert times.seconds(text) == expected


def test_a_changed_policy_and_an_extension_are_rescored(pack, tmp_path):
    """The points move without anything being run, as a line of their own; and they come back."""
    old = store(tmp_path, pack, "alice", evidence_for(pack))
    store(tmp_path, pack, "bob", evidence_for(pack))
    index = handed.Index("folder", {"alice": after(DAY + 1), "bob": after(-1)})
    handed.write(tmp_path, index)
    strict = dataclasses.replace(pack, late=policy(points=2, due=DUE))
    found = rescore(tmp_path, strict)
    assert [change.id for change in found.changes] == ["alice"]
    said = "Handed in 1 d after 2026-11-20 23:59+01:00."
    assert list(found.changes[0].lines()) == [("late", 0.0, -4.0, said)]
    assert "1 of 2 results change: 0 gain 0 points, 1 lose 4" in changes.render(found)
    apply(tmp_path, found)
    new = json.loads((tmp_path / "alice.json").read_text())
    assert new["total"]["points"] == old["total"]["points"] - 4
    shown = table.render(new)
    assert any(row.split() == ["late", "-4"] for row in shown.splitlines())
    assert "late  -4  Handed in 1 d after 2026-11-20 23:59+01:00." in shown
    assert "Style" not in shown
    handed.write(tmp_path, handed.Index("folder", {"alice": after(DAY + 1, extension_hours=48)}))
    apply(tmp_path, rescore(tmp_path, strict))
    assert json.loads((tmp_path / "alice.json").read_text())["total"] == old["total"]


def test_a_lost_index_takes_no_line_away(pack, tmp_path):
    """Without the times, rescoring leaves what was taken as it is."""
    pack = dataclasses.replace(pack, late=policy(points=2, due=DUE))
    store(tmp_path, pack, "alice", evidence_for(pack))
    handed.write(tmp_path, handed.Index("folder", {"alice": after(1)}))
    apply(tmp_path, rescore(tmp_path, pack))
    (tmp_path / handed.FILE).unlink()
    assert rescore(tmp_path, pack).changes == ()
    stored = json.loads((tmp_path / "alice.json").read_text())
    assert [each["points"] for each in stored["deductions"]] == [2]
    assert not late.is_other(pack.late, after(1), stored)
    assert late.is_other(pack.late, after(DAY + 1), stored)

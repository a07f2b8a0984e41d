"""From evidence to points: what each rule makes of each outcome."""

import itertools
import json

import pytest

from grader.records import Evidence, Finding
from grader.rubric import Check, Condition, Criterion, Deduction
from grader.score import advise, holds, score, status, total

NAN, INF = float("nan"), float("inf")
STUDENTS_OWN = ["error", "timeout", "out_of_memory", "protocol_violation", "not_submitted"]
NOTHING = Condition({}, {})


def check(name, points, *, at_most=None, review=None, visibility="public"):
    """Return a check that passes where its ``gap`` is at most 1."""
    passes = Condition(at_most or {"gap": 1.0}, {})
    says = f"{name} has to hold."
    return Check(name, points, says, visibility, passes, review, {}, {}, manual=False)


def asked(points, credit=None, minus=None, *, manual=False, visibility="public"):
    """Return a check "a" of an answer: credit by its name, or a human's decision."""
    says = "What the answer has to be."
    return Check(
        "a", points, says, visibility, NOTHING, None, credit or {}, minus or {}, manual=manual
    )


def criterion(rule, points, *checks, name="1a"):
    """Return one criterion."""
    return Criterion(name, "A title", points, rule, checks)


def evidence(**outcomes):
    """Return evidence by check: "passed" and "failed" are measured, the rest is an outcome."""
    gaps = {"passed": 0.5, "failed": 2.0}
    return {
        name: Evidence(name, "measured", {"gap": gaps[outcome]})
        if outcome in gaps
        else Evidence(name, outcome)
        for name, outcome in outcomes.items()
    }


def one(criterion_, found, manual=()):
    """Score a single criterion."""
    (result,) = score([criterion_], found, manual)
    return result


def given(points, name="1a"):
    """Return a human's entry."""
    return {"criterion": name, "points": points, "by": "staff", "at": "now", "note": ""}


def summary(result):
    """Return points, pending points and state."""
    return result.points, result.pending_points, result.status


# --- rules ----------------------------------------------------------------------------------------

SUM = criterion("sum", 6, check("a", 1), check("b", 2), check("c", 3))
ALL = criterion("all", 5, check("a", 2), check("b", 3))
BEST = criterion("best_of", 4, check("full", 4), check("half", 2))

TABLE = [
    (SUM, {"a": "passed", "b": "passed", "c": "passed"}, (6, 0, "graded")),
    (SUM, {"a": "passed", "b": "failed", "c": "passed"}, (4, 0, "graded")),
    (SUM, {"a": "failed", "b": "failed", "c": "failed"}, (0, 0, "graded")),
    (SUM, {"a": "passed", "b": "timeout", "c": "error"}, (1, 0, "graded")),
    (SUM, {"a": "passed", "b": "inconclusive", "c": "failed"}, (1, 2, "needs_review")),
    (SUM, {"a": "inconclusive", "b": "passed", "c": "inconclusive"}, (2, 4, "needs_review")),
    (ALL, {"a": "passed", "b": "passed"}, (5, 0, "graded")),
    (ALL, {"a": "passed", "b": "failed"}, (0, 0, "graded")),
    (ALL, {"a": "out_of_memory", "b": "passed"}, (0, 0, "graded")),
    (ALL, {"a": "inconclusive", "b": "passed"}, (0, 5, "needs_review")),
    (ALL, {"a": "inconclusive", "b": "failed"}, (0, 0, "graded")),
    (BEST, {"full": "passed", "half": "passed"}, (4, 0, "graded")),
    (BEST, {"full": "failed", "half": "passed"}, (2, 0, "graded")),
    (BEST, {"full": "passed", "half": "failed"}, (4, 0, "graded")),
    (BEST, {"full": "error", "half": "timeout"}, (0, 0, "graded")),
    (BEST, {"full": "inconclusive", "half": "passed"}, (2, 2, "needs_review")),
    (BEST, {"full": "inconclusive", "half": "failed"}, (0, 4, "needs_review")),
    (BEST, {"full": "passed", "half": "inconclusive"}, (4, 0, "graded")),
    (BEST, {"full": "failed", "half": "inconclusive"}, (0, 2, "needs_review")),
]


@pytest.mark.parametrize(("rule", "outcomes", "expected"), TABLE)
def test_rules(rule, outcomes, expected):
    """Each rule turns each mix of outcomes into the points, pending points and state it says."""
    assert summary(one(rule, evidence(**outcomes))) == expected


def test_what_is_worth_nothing_is_shown():
    """A passed check without points says what it measured; one with points has earned them."""
    found = {"a": Evidence("a", "measured", {"gap": 0.5}, message="Ten times as quick.")}
    (shown,) = one(criterion("sum", 0, check("a", 0)), found).checks
    (earned,) = one(criterion("sum", 2, check("a", 2)), found).checks
    assert (shown.outcome, shown.message) == ("passed", "Ten times as quick.")
    assert (earned.outcome, earned.message) == ("passed", "")


def test_a_manual_criterion_waits_for_a_human():
    """Without a human's points a manual criterion has none and all of it is pending."""
    assert summary(one(criterion("manual", 7), {})) == (0, 7, "needs_review")


@pytest.mark.parametrize("outcome", STUDENTS_OWN)
def test_a_students_fault_earns_nothing_and_is_final(outcome):
    """Every fault of the student is a zero for its check, graded, under its own name."""
    result = one(criterion("sum", 3, check("a", 3)), evidence(a=outcome))
    assert summary(result) == (0, 0, "graded")
    assert (result.checks[0].outcome, result.checks[0].points) == (outcome, 0)


@pytest.mark.parametrize("rule", [SUM, ALL, BEST], ids=lambda c: c.rule)
def test_a_fault_of_ours_withholds_and_is_never_zero(rule):
    """One harness_error makes the points null, whatever else was found, and all are pending."""
    for ours in rule.checks:
        for other in ("passed", "failed", "inconclusive", "timeout"):
            outcomes = {c.id: other for c in rule.checks} | {ours.id: "harness_error"}
            result = one(rule, evidence(**outcomes))
            assert summary(result) == (None, rule.points, "withheld")
            judged = {c.id: c for c in result.checks}[ours.id]
            assert (judged.outcome, judged.points) == ("harness_error", None)


def test_an_outcome_nobody_knows_is_ours():
    """Evidence with an outcome outside the closed list is a fault of ours, not a zero."""
    result = one(criterion("sum", 3, check("a", 3)), evidence(a="exploded"))
    assert (result.checks[0].outcome, result.points) == ("harness_error", None)


def test_the_measured_outcome_is_the_rubrics_to_say():
    """The same measurement passes or fails by the bound alone."""
    found = {"a": Evidence("a", "measured", {"gap": 0.02})}
    for bound, points in ((0.01, 0), (0.02, 3), (0.03, 3)):
        rule = criterion("sum", 3, check("a", 3, at_most={"gap": bound}))
        assert one(rule, found).points == points


# --- the whole ------------------------------------------------------------------------------------


def test_the_total_is_the_sum():
    """Points, maximum and pending points of the whole are those of the criteria together."""
    criteria = [SUM, criterion("manual", 10, name="1b")]
    result = score(criteria, evidence(a="passed", b="inconclusive", c="passed"))
    assert total(result) == {"points": 4, "max_points": 16, "pending_points": 12}
    assert status(result) == "needs_review"


def test_thirds_and_tenths_add_up():
    """Rounding of fractions does not show: ten tenths are one."""
    criteria = [criterion("sum", 0.1, check(f"c{n}", 0.1), name=f"n{n}") for n in range(10)]
    result = score(criteria, evidence(**{f"c{n}": "passed" for n in range(10)}))
    assert total(result) == {"points": 1.0, "max_points": 1.0, "pending_points": 0}


def test_a_withheld_criterion_withholds_the_total():
    """While any points are withheld the total is null, and the state says so above all else."""
    criteria = [
        SUM,
        criterion("all", 5, check("d", 5), name="1b"),
        criterion("manual", 1, name="2"),
    ]
    found = evidence(a="passed", b="passed", c="passed", d="harness_error")
    result = score(criteria, found)
    assert total(result) == {"points": None, "max_points": 12, "pending_points": 6}
    assert status(result) == "withheld"
    assert result[0].points == 6


def test_graded_is_the_state_of_nothing_open():
    """Where every criterion is graded, so is the whole, however few the points."""
    assert status(score([SUM], evidence(a="failed", b="error", c="timeout"))) == "graded"


# --- bounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, NAN, INF, -INF, "absent"], ids=str)
@pytest.mark.parametrize("side", ["at_most", "at_least"])
def test_what_is_not_a_finite_number_satisfies_no_bound(side, value):
    """Null, NaN, the infinities and what was not measured meet neither kind of bound."""
    measured = {} if value == "absent" else {"gap": value}
    bounds = {"gap": 1.0}
    condition = Condition(bounds, {}) if side == "at_most" else Condition({}, bounds)
    assert not holds(condition, measured)


@pytest.mark.parametrize(
    ("low", "high", "value", "expected"),
    [(1, 2, value, 1 <= value <= 2) for value in (0.999, 1, 1.5, 2, 2.001)],
)
def test_bounds_include_their_ends(low, high, value, expected):
    """A value on the bound meets it; both sides have to hold."""
    assert holds(Condition({"x": high}, {"x": low}), {"x": value}) is expected


def test_every_bound_counts():
    """One bound that is not met is enough to fail, wherever it stands."""
    bounds = {"x": 1.0, "y": 1.0, "z": 1.0}
    for values in itertools.product([0.0, 2.0], repeat=3):
        measured = dict(zip(bounds, values, strict=True))
        assert holds(Condition(bounds, {}), measured) == (sum(values) == 0)


def test_a_number_beyond_floats_is_judged_and_does_not_crash():
    """A claimed integer that no float holds fails its bound like any other large number."""
    assert not holds(Condition({"fed": 1.0}, {}), {"fed": 10**400})


# --- review ---------------------------------------------------------------------------------------

REVIEWED = criterion("sum", 3, check("a", 3, review=Condition({"own": 1.0}, {"spread": 5.0})))


@pytest.mark.parametrize(
    ("measured", "outcome"),
    [
        ({"gap": 0.5, "own": 9.0, "spread": 0.0}, "passed"),
        ({"gap": 2.0, "own": 1.0, "spread": 5.0}, "inconclusive"),
        ({"gap": 2.0, "own": 1.1, "spread": 9.0}, "failed"),
        ({"gap": 2.0, "own": 0.0, "spread": 4.9}, "failed"),
        ({"gap": 2.0, "own": 0.0}, "failed"),
        ({"gap": 2.0}, "failed"),
        ({"gap": None, "own": NAN, "spread": NAN}, "failed"),
        ({"gap": None, "own": 0.0, "spread": 9.0}, "inconclusive"),
    ],
)
def test_review_if(measured, outcome):
    """A failed check is for a human where review_if holds, and for nobody else."""
    result = one(REVIEWED, {"a": Evidence("a", "measured", measured)})
    assert result.checks[0].outcome == outcome
    expected = {"passed": (3, 0), "inconclusive": (0, 3), "failed": (0, 0)}[outcome]
    assert (result.points, result.pending_points) == expected


@pytest.mark.parametrize("outcome", STUDENTS_OWN)
def test_review_does_not_soften_a_fault(outcome):
    """A check that ended in a fault is not left to a human, whatever it measured before."""
    found = {"a": Evidence("a", outcome, {"gap": 2.0, "own": 0.0, "spread": 9.0})}
    assert one(REVIEWED, found).checks[0].outcome == outcome


# --- a human's points -----------------------------------------------------------------------------


def test_manual_points_settle_a_manual_criterion():
    """A human's points become the criterion's, and nothing is pending any more."""
    assert summary(one(criterion("manual", 7), {}, [given(4.5)])) == (4.5, 0, "graded")


def test_the_last_entry_counts():
    """A later entry for the same criterion replaces the earlier one; others are left alone."""
    entries = [given(7), given(2), given(5, name="1b")]
    assert one(criterion("manual", 7), {}, entries).points == 2


def test_manual_points_fill_what_is_pending():
    """Points for an inconclusive check come on top of those already earned."""
    found = evidence(a="passed", b="inconclusive", c="passed")
    assert summary(one(SUM, found, [given(1.5)])) == (5.5, 0, "graded")


@pytest.mark.parametrize("points", [7.5, 100, INF])
def test_manual_points_never_exceed_the_maximum(points):
    """However many points a human enters, a criterion is worth at most its own."""
    assert one(criterion("manual", 7), {}, [given(points)]).points == 7
    found = evidence(a="passed", b="inconclusive", c="passed")
    assert one(SUM, found, [given(points)]).points == 6


@pytest.mark.parametrize("points", [-1, -100])
def test_manual_points_never_take_earned_ones(points):
    """A negative entry does not take away what the checks have given."""
    found = evidence(a="passed", b="inconclusive", c="passed")
    assert one(SUM, found, [given(points)]).points == 4
    assert one(criterion("manual", 7), {}, [given(points)]).points == 0


def test_manual_points_do_not_touch_what_is_settled():
    """Where nothing is pending a human's entry changes nothing."""
    found = evidence(a="passed", b="failed", c="passed")
    assert summary(one(SUM, found, [given(2)])) == (4, 0, "graded")


def test_manual_points_do_not_lift_a_withheld_criterion():
    """A fault of ours is mended by grading again, not by an old entry."""
    found = evidence(a="harness_error", b="passed", c="passed")
    assert summary(one(SUM, found, [given(6)])) == (None, 6, "withheld")


# --- what is said ---------------------------------------------------------------------------------

SECRET = "row 3, got 17.25, expected 42.5"


@pytest.mark.parametrize("outcome", ["failed", "inconclusive"])
@pytest.mark.parametrize("visibility", ["public", "hidden"])
def test_hidden_data_stay_with_the_staff(visibility, outcome):
    """What a check measured is told for a public check; for a hidden one only what it asks for."""
    review = Condition({"gap": 5.0}, {}) if outcome == "inconclusive" else None
    rule = criterion("sum", 1, check("a", 1, visibility=visibility, review=review))
    found = {"a": Evidence("a", "measured", {"gap": 2.0}, SECRET, f"staff: {SECRET}")}
    judged = one(rule, found).checks[0]
    assert judged.outcome == outcome
    assert judged.message.startswith("a has to hold.")
    assert (SECRET in judged.message) == (visibility == "public")
    assert judged.staff_message == f"staff: {SECRET}"


def test_an_inconclusive_hidden_check_tells_no_data_either():
    """A hidden check that could not measure keeps its sentence to the staff."""
    rule = criterion("sum", 1, check("a", 1, visibility="hidden"))
    judged = one(rule, {"a": Evidence("a", "inconclusive", {}, SECRET, SECRET)}).checks[0]
    assert SECRET not in judged.message


@pytest.mark.parametrize("collected", ["", "A sheet of 40 words was found."])
def test_the_levels_of_what_a_person_judges_stay_with_the_staff(collected):
    """They say what a good answer has; a student whose answer is open reads no model answer."""
    levels = "Both reasons are named (2), one of them (1)."
    manual = Check("a", 2, levels, "hidden", NOTHING, None, {}, {}, manual=True)
    judged = one(criterion("sum", 2, manual), {"a": Evidence("a", message=collected)}).checks[0]
    assert judged.outcome == "inconclusive"
    assert judged.message == (collected or "A person reads this.")
    assert judged.staff_message == levels


def test_a_students_own_exception_is_told_even_if_hidden():
    """What the student's code raised is the student's own, also in a hidden check."""
    rule = criterion("sum", 1, check("a", 1, visibility="hidden"))
    found = {"a": Evidence("a", "error", {}, "forward raised KeyError: 'x'", "")}
    assert "KeyError: 'x'" in one(rule, found).checks[0].message


def test_a_fault_of_ours_is_not_blamed_on_the_student():
    """A harness_error tells the student that it is ours, and keeps its traceback to the staff."""
    rule = criterion("sum", 1, check("a", 1))
    found = {"a": Evidence("a", "harness_error", {}, "boom at oracle.py:12", "boom")}
    judged = one(rule, found).checks[0]
    assert "not your fault" in judged.message
    assert "boom" not in judged.message
    assert judged.staff_message == "boom"


def test_a_passed_check_says_nothing():
    """There is nothing to say about what is right."""
    found = {"a": Evidence("a", "measured", {"gap": 0.0}, SECRET, "")}
    assert one(criterion("sum", 1, check("a", 1)), found).checks[0].message == ""


def test_the_evidence_and_the_limits_are_kept():
    """A result shows what was measured and the bounds it was held against."""
    rule = criterion("sum", 1, check("a", 1, at_most={"gap": 1.0, "z": 6.0}))
    judged = one(rule, {"a": Evidence("a", "measured", {"gap": 2.0, "z": 1.0})}).checks[0]
    assert dict(judged.measured) == {"gap": 2.0, "z": 1.0}
    assert dict(judged.limits) == {"gap": 1.0, "z": 6.0}
    assert (judged.max_points, judged.visibility) == (1, "public")


def test_scoring_is_pure():
    """The same evidence scored twice gives the same result and is left as it was."""
    found = evidence(a="passed", b="inconclusive", c="failed")
    before = json.dumps({name: vars(e) for name, e in found.items()})
    assert one(SUM, found, [given(1)]) == one(SUM, found, [given(1)])
    assert json.dumps({name: vars(e) for name, e in found.items()}) == before


# --- answers --------------------------------------------------------------------------------------

ASKED = asked(4, {"right": 1, "half": 0.5}, {"slip": 0.1, "all": 1})


@pytest.mark.parametrize(
    ("variant", "slips", "outcome", "points"),
    [
        ("right", [], "passed", 4),
        ("half", [], "failed", 2),
        ("right", ["slip"], "failed", 3.6),
        ("half", ["slip"], "failed", 1.6),
        ("half", ["slip", "all"], "failed", 0),
        ("none", [], "failed", 0),
        ("", [], "inconclusive", 0),
        ("of another rubric", [], "inconclusive", 0),
        ("right", ["of another rubric"], "inconclusive", 0),
    ],
)
def test_an_answer_is_worth_what_the_rubric_says(variant, slips, outcome, points):
    """Credit goes by the answer's name, less its slips; a name nobody knows is for a human."""
    found = Evidence("a", variant=variant, slips=slips, message="Read as x.")
    result = one(criterion("sum", 4, ASKED), {"a": found})
    assert (result.checks[0].outcome, result.points) == (outcome, points)
    assert result.pending_points == (4 if outcome == "inconclusive" else 0)


def test_how_an_answer_was_read_is_always_said():
    """The sentence stands with full points too, and where the check is not handed out."""
    for visibility in ("public", "hidden"):
        found = Evidence("a", variant="right", message="Read as x.")
        check_ = asked(4, {"right": 1}, visibility=visibility)
        (result,) = one(criterion("sum", 4, check_), {"a": found}).checks
        assert result.message == "Read as x."
        found = Evidence("a", variant="none", message="Read as y.")
        (result,) = one(criterion("sum", 4, check_), {"a": found}).checks
        assert result.message == "What the answer has to be. Read as y."


def test_what_is_a_humans_waits_for_one():
    """A manual check is pending whatever it collected, unless there is nothing to look at."""
    by_hand = criterion("sum", 4, asked(4, manual=True))
    assert summary(one(by_hand, {"a": Evidence("a")})) == (0, 4, "needs_review")
    assert summary(one(by_hand, {"a": Evidence("a", "not_submitted")})) == (0, 0, "graded")
    assert summary(one(by_hand, {"a": Evidence("a")}, [given(3)])) == (3, 0, "graded")


# --- advice ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "share", "evidence", "expected"),
    [
        (2, 0.5, ("a.py, line 1: `a1`",), (2, "needs_confirmation")),
        (0, 0.5, ("a.py, line 1: `a1`",), (0, "advice")),
        (2, 0.05, ("a.py, line 1: `a1`",), (0, "advice")),
        (2, 0.05, (), None),
        (2, 0.5, (), (2, "needs_confirmation")),
    ],
)
def test_style_is_advice_until_a_human_confirms_it(points, share, evidence, expected):
    """Beyond the limit the rubric's points are suggested; none are ever taken."""
    rule = Deduction("names", points, "Name it.", Condition({"empty_share": 0.1}, {}))
    advice = advise([rule], [Finding("names", {"empty_share": share}, "1 of 2.", evidence)])
    if expected is None:
        assert advice == []
        return
    (entry,) = advice
    assert (entry["suggested"], entry["status"]) == expected
    assert entry["points"] == 0
    assert entry["evidence"] == list(evidence)
    assert entry["message"] == ("Name it. 1 of 2." if share > 0.1 else "1 of 2.")
    assert (entry["measured"], entry["limits"]) == ({"empty_share": share}, {"empty_share": 0.1})


def test_what_was_not_found_or_not_asked_for_is_no_advice():
    """A rubric without the point, or work too small to have a style, has no entry."""
    rule = Deduction("names", 2, "Name it.", Condition({"empty_share": 0.1}, {}))
    assert advise([rule], []) == []
    assert advise([], [Finding("names", {"empty_share": 1.0}, "All.", ())]) == []

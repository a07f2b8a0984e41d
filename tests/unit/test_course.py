"""The course's page for staff: its figures, what waits, what has changed, and that nothing acts."""

import json
import re
import unicodedata
import urllib.parse

import pytest

from grader import handed, history, results
from grader.cli import arguments
from grader.course import changes, figures, gathering, mistakes, page, pairs, waiting
from grader.course.gathering import Entry, Gathered
from grader.errors import UsageError
from grader.handed import Handed, Index
from tests.markup import Parsed
from tests.result_samples import check, criterion, graded, result, withheld
from tests.result_samples import waiting as some_wait


def entries(*found, events=()):
    """Return submissions as they are gathered."""
    return [Entry(each, Handed(names=()), events) for each in found]


def made(*found, out=None, index=None, troubles=None, before=None):
    """Return the course's page of these results."""
    gathered = Gathered(tuple(entries(*found)), index, troubles or {})
    kept = changes.kept(gathered.entries, before)
    course = page.course("marks", gathered, kept, out or page.TEMPLATES)
    return page.files(course, kept)[page.NAME].decode()


def text_of(made_):
    """Return what a reader sees, on one line."""
    return " ".join(Parsed(made_).text.split())


def report(folder, out, *words):
    """Run the command in this process; return its exit code."""
    asked = arguments.parser().parse_args(["report", str(folder), *words, "--out", str(out)])
    return asked.run(asked)


@pytest.fixture
def marks(tmp_path):
    """Return a folder with results of three, one of whom waits and one of whom is withheld."""
    folder = tmp_path / "marks"
    for each in (graded("alice", 45.0), some_wait("bob"), withheld("carol")):
        results.write(folder, each)
    return folder


# --- figures --------------------------------------------------------------------------------------


def test_points_are_spread_over_tenths():
    """Each total is in its tenth, full points in the last; who is withheld is in none."""
    found = figures.distribution(entries(
        graded("a", 0.0), graded("b", 15.0), graded("c", 14.9), graded("d", 50.0),
        some_wait("e"), withheld("f"),
    ))  # fmt: skip
    assert [each.count for each in found.bins] == [1, 0, 1, 1, 0, 0, 0, 0, 1, 1]
    assert [each.waiting for each in found.bins] == [0] * 8 + [1, 0]
    assert (found.settled, found.waiting, found.withheld) == (4, 1, 1)
    assert found.edges[:3] == ("0", "5", "10")
    assert found.bins[2].label == "10 to 15 points"
    (at_an_edge,) = [n for n, each in enumerate(
        figures.distribution(entries(graded("a", 0.3, 1.5))).bins) if each.count]  # fmt: skip
    assert at_an_edge == 2  # 0.3 / 1.5 * 10 is a little below 2


def test_what_waits_is_said_beside_the_median():
    """The median is of points so far, and it is said how much is not in it."""
    told = figures.distribution(
        entries(graded("a", 10.0), graded("b", 20.0), some_wait("c"))
    ).sentence
    assert told.startswith("Median 20 of 50, mean 23.33, the middle half from 15 to 30")
    assert "10 points wait" in told


def test_a_criterion_counts_who_has_how_much_of_it():
    """Full, part, none, waiting and withheld are told apart; what waits is not lost."""

    def one(name, *of):
        return result(name, criterion("2c", *of))

    (found,) = figures.criteria(entries(
        one("a", check("x", "passed", 4.0, 4.0)),
        one("b", check("x", "failed", 1.0, 4.0)),
        one("c", check("x", "failed", 0.0, 4.0)),
        one("d", check("x", "inconclusive", 0.0, 4.0)),
        one("e", check("x", "harness_error", None, 4.0)),
    ))  # fmt: skip
    assert (found.full, found.part, found.none, found.waiting, found.withheld) == (1, 1, 1, 1, 1)
    assert (found.bar.points, found.bar.most, found.bar.waiting) == ("1.25", "4", "1")
    assert found.lost == pytest.approx(100 * (4 - 1.25 - 1) / 4)
    (the_check,) = found.checks
    assert (the_check.passed, the_check.count) == (1, 5)
    assert the_check.others == "failed 2, inconclusive 1, harness error 1"


def test_outcomes_say_how_often_and_for_whom():
    """A submission is named once, however many of its checks ended so."""
    slow = [check(name, "timeout", 0.0) for name in "ab"]
    (found,) = figures.outcomes(entries(result("eve", criterion("1", *slow, check("c")))))
    assert (found.name, found.checks, len(found.who)) == ("timeout", 2, 1)


def test_time_is_that_of_gradings_and_of_hand_ins():
    """The median, the longest and the sum of seconds, and who was late by either word."""
    late = {"id": "late", "points": 5.0, "suggested": 0.0, "status": "applied",
            "message": "A day.", "evidence": []}  # fmt: skip
    found = [result("a", deductions=[late]), result("b"), result("c")]
    for each, seconds in zip(found, (10.0, 20.0, 90.0), strict=True):
        each["timing"]["seconds_total"] = seconds
    one, two, three = entries(*found)
    told = figures.time([one, two, Entry(three.result, Handed(("c",), late=True), ())])
    assert told.sentence.startswith(
        "A grading took 20 s (median), 90 s at most; students' code 0.5"
    )
    assert told.sentence.endswith("All together 2.0 min. 2 were handed in late.")
    assert [each.name for each, _ in told.slowest] == ["c", "b", "a"]


# --- mistakes -------------------------------------------------------------------------------------


def diagnosed(name, *found):
    """Return a result with diagnoses of these mistakes; None is of none that is known."""
    told = [{"mistake": each, "wrong": ["x"],
             "sentence": f"Equal those of {each} (largest difference 2e-07). Look there."}
            for each in found]  # fmt: skip
    return result(name, diagnosis=told)


def test_the_most_common_diagnosis_comes_first():
    """Diagnoses are counted by submission; the largest difference of one is not everybody's."""
    found = mistakes.mistakes(entries(
        diagnosed("a", "no-scale"), diagnosed("b", "mask"), diagnosed("c", "mask", "no-scale"),
        diagnosed("d", "mask"), diagnosed("e", None),
        result("f", diagnosis=[{"mistake": None, "sentence": "No diagnosis was made: ours."}]),
    ))  # fmt: skip
    assert [(each.name, len(each.who)) for each in found.diagnoses] == [
        ("mask", 3), ("no-scale", 2), (mistakes.UNKNOWN, 1),
    ]  # fmt: skip
    assert found.diagnoses[0].example == "Equal those of mask. Look there."
    assert found.of["c"] == (0, 1)
    assert "f" not in found.of


def test_answers_that_lost_points_are_counted_by_their_names():
    """An answer's kind is the rubric's name with its slips; right and nameless ones are none."""

    def one(name, outcome="failed", **more):
        return result(name, criterion("1c", check("bytes", outcome, 0.5, **more)))

    found = mistakes.mistakes(entries(
        one("a", variant="mha"), one("b", variant="mha"), one("c", variant="mha", slips=["units"]),
        one("d", "passed", variant="gqa"), one("e", variant="none"), one("f"),
    ))  # fmt: skip
    assert [(each.place, each.name, len(each.who)) for each in found.answers] == [
        ("1c bytes", "mha", 2), ("1c bytes", "mha, units", 1),
    ]  # fmt: skip


# --- what waits -----------------------------------------------------------------------------------


def test_what_waits_is_listed_by_criterion():
    """Which criteria wait, how often, and for how many points; and who has to be graded again."""
    found = waiting.waiting(
        entries(some_wait("a"), some_wait("b"), graded("c", 1.0), withheld("d"))
    )
    assert found.sentence == "2 of 4 wait for a human: 2 2 times."
    (two,) = found.criteria
    assert (two.id, two.points, [each.name for each in two.who.first]) == ("2", "20", ["a", "b"])
    assert [each.name for each in found.withheld.first] == ["d"]
    assert waiting.waiting(entries(graded("c", 1.0))).sentence == "Nothing waits for a human."


def test_requests_without_an_answer_and_deductions_to_confirm_are_open():
    """A dispute is open until it is answered; a deduction until a person has decided."""
    asked = [history.event("request", "bob", number=n, line="2c", text=f"why {n}?") for n in (1, 2)]
    answered = history.event("answer", "carol", number=1, text="so")
    late = {"id": "late", "points": 0.0, "suggested": 0.0, "status": "needs_confirmation",
            "message": "Marked as late.", "evidence": []}  # fmt: skip
    found = waiting.waiting(entries(result("bob", deductions=[late]), events=[*asked, answered]))
    assert [told for _, told in found.requests] == ["2, on 2c: why 2?"]
    assert [told for _, told in found.deductions] == ["Marked as late."]


def test_who_has_no_result_is_named():
    """Missing, not graded and unclaimed hand-ins stand on the page, though no result does."""
    index = Index("folder", {"dora": Handed(("d",))}, ("finn",), ("notes.txt",))
    seen = text_of(made(graded("alice", 1.0), index=index))
    for words in ("1 handed in nothing finn", "1 handed in, and have no result dora",
                  "1 belong to nobody notes.txt"):  # fmt: skip
        assert words in seen


# --- changes --------------------------------------------------------------------------------------


def test_a_report_says_what_has_changed_since_the_one_before(marks, tmp_path):
    """Moved points, new and gone ones are told, again by a report of unchanged results."""
    out = tmp_path / "staff"
    report(marks, out, "--staff")
    assert "Since the report" not in (out / page.NAME).read_text()
    results.write(marks, graded("alice", 47.0), why="rescored")
    results.write(marks, graded("dora", 3.0))
    (marks / "carol.json").unlink()
    for _ in range(2):
        report(marks, out, "--staff")
        seen = text_of((out / page.NAME).read_text())
        assert re.search(r"Since the report of 20\d\d-\d\d-\d\d \d\d:\d\d UTC: "
                         r"1 new, 1 gain 2 points\.", seen)  # fmt: skip
        assert "alice 45 47 +2 rescored" in seen
        assert "dora 3 new here" in seen
        assert "1 had a result in the report before and have none now carol" in seen
        assert not re.search(r"bob 40 \(10 waiting\) 40", seen)


def test_without_an_earlier_report_the_histories_tell():
    """The last move of each result is shown with its cause; who never moved is in no row."""
    total = {"points": 3.0, "max_points": 50.0, "pending_points": 0}
    by_hand = history.event("points", criterion="2", checks=[], points=1.0, total=total)
    moved = entries(graded("alice", 4.5), events=[by_hand])
    found = changes.changes([*moved, *entries(graded("bob", 1.0))], changes.kept(moved, None))
    (one,) = found.listed
    assert (one.name, one.before, one.now, one.difference) == ("alice", "3", "4.5", 1.5)
    assert one.why == f"points by hand, {by_hand['at'][:10]}"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "grader.report/1", "now": 1}',
                                  '{"schema": "grader.report/1", "now": {"a": {}}, "before": null,'
                                  ' "before_at": ""}'])  # fmt: skip
def test_a_spoilt_index_is_one_sentence_and_nothing_is_written(marks, tmp_path, text):
    """What is not of an earlier report is named, and left as it is."""
    out = tmp_path / "staff"
    out.mkdir()
    (out / changes.FILE).write_text(text)
    with pytest.raises(UsageError, match="move it away"):
        report(marks, out, "--staff")
    assert [each.name for each in out.iterdir()] == [changes.FILE]


# --- similarity -----------------------------------------------------------------------------------


def compared(folder, pack="small"):
    """Write a comparison: x with y, alice with bob, and alice with dora."""
    place = {"path": "<a>.py", "cell": None, "first_line": 3, "last_line": 9}
    both = {"share": 0.5, "share_back": 0.25, "common": [
        {"holders": 2, "first": place, "second": place}]}  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "similar.json").write_text(json.dumps({
        "schema": "grader.similar/1", "pack": pack, "beyond": 0, "pairs": [
            {"first": "x", "second": "y", **both}, {"first": "alice", "second": "bob", **both},
            {"first": "alice", "second": "dora", **both}],
    }))  # fmt: skip
    return folder


def test_pairs_of_the_same_assignment_are_listed(tmp_path):
    """A pair has its number and leads to both side by side; who has no result is named, too."""
    found = compared(tmp_path / "staff" / "similar")
    who = entries(graded("alice", 1.0), graded("bob", 1.0))
    out = tmp_path / "staff"
    shown = pairs.pairs(pairs.find(None, out, tmp_path / "marks"), out, "small", who)
    assert [(each.number, each.href, each.share, each.share_back) for each in shown.listed] == [
        (2, "similar/pairs/2.html", "50%", "25%"), (3, "similar/pairs/3.html", "50%", "25%"),
    ]  # fmt: skip
    assert [each.second.href for each in shown.listed] == ["bob.html", ""]
    assert shown.others == 1
    assert pairs.pairs(found, out, "another", who) is None
    assert pairs.pairs(found, tmp_path / "elsewhere", "small", who).listed[0].href == ""
    with pytest.raises(UsageError, match="holds no comparison"):
        pairs.find(tmp_path, out, tmp_path / "marks")


# --- the command ----------------------------------------------------------------------------------


def test_every_name_leads_to_its_page(marks, tmp_path, capsys):
    """`report --staff` writes the course's page and all that it leads to, and says it in short."""
    results.write(marks, graded("index", 7.0))
    out = tmp_path / "staff"
    assert report(marks, out, "--staff") == 0
    tags = Parsed((out / page.NAME).read_text()).tags
    targets = {found["href"] for tag, found in tags if tag == "a" and found["href"][0] != "#"}
    assert targets == {"alice.html", "bob.html", "carol.html", "index_.html"}
    assert all((out / each).is_file() for each in targets)
    assert "7 of 50 points" in text_of((out / "index_.html").read_text())
    said = capsys.readouterr().out
    assert "small: 4 submissions: 2 settled, 1 with points that wait, 1 withheld" in said
    assert "1 of 4 waits for a human: 2 once." in said


def test_students_never_get_it(marks, tmp_path):
    """Neither their pages nor pages of some for staff bring it, and its folder is not for them."""
    for folder, words in (("students", ()), ("one", ("alice", "--staff"))):
        report(marks, tmp_path / folder, *words)
        there = {each.name for each in (tmp_path / folder).iterdir()}
        assert not there & {page.NAME, page.SCRIPT, changes.FILE}
        assert "alice.html" in there
    out = tmp_path / "staff"
    report(marks, out, "--staff")
    before = {each.name: each.read_bytes() for each in out.iterdir()}
    with pytest.raises(UsageError, match="for staff: give students' pages another --out"):
        report(marks, out)
    assert {each.name: each.read_bytes() for each in out.iterdir()} == before


def test_an_empty_folder_is_a_page_all_the_same(tmp_path, capsys):
    """Before anything is graded staff see who has handed in nothing; students get no page."""
    handed.write(tmp_path / "marks", Index("folder", {}, ("finn",)))
    assert report(tmp_path / "marks", tmp_path / "staff", "--staff") == 0
    seen = text_of((tmp_path / "staff" / page.NAME).read_text())
    assert "There is no result here yet. 1 handed in nothing finn" in seen
    assert "no result here yet" in capsys.readouterr().out
    with pytest.raises(UsageError, match="no result of any"):
        report(tmp_path / "marks", tmp_path / "students")


def test_a_history_that_cannot_be_read_stops_nobody(marks):
    """The result is on the page, and the page says what was not read."""
    (marks / f"bob{history.END}").write_text("{}\n")
    gathered = gathering.gather(marks)
    assert [each.id for each in gathered.entries] == ["alice", "bob", "carol"]
    assert "line 1 is no event" in gathered.troubles["bob"]
    assert "Not read:" in made(troubles=gathered.troubles)


# --- every shape ----------------------------------------------------------------------------------


def test_all_withheld_is_nobodys_zero():
    """Where the grader failed for all there is no median, no bar, and who is to be graded again."""
    seen = text_of(made(withheld("a"), withheld("b")))
    assert "Nobody has a total yet." in seen
    assert "withheld, in no bar: 2" in seen
    assert "these have to be graded again: 2 submissions a, b" in seen
    assert not re.search(r"\b0 of 10\b", seen)


def test_several_assignments_are_parts_of_their_own():
    """Each has its own figures, and its part is named at the top."""
    other = {**graded("bob", 9.0, 10.0), "pack": {**graded("x", 1.0)["pack"], "id": "other"}}
    seen = text_of(made(graded("alice", 45.0), other))
    assert "other (1) small (1)" in seen
    assert "Median 9 of 10" in seen
    assert "Median 45 of 50" in seen


def test_forty_five_criteria_are_forty_five_rows():
    """A long sheet is shown whole, in order, with a filter for each criterion."""
    many = [criterion(f"2.{n}", check(f"c{n}"), title=f"Question {n}") for n in range(45)]
    seen = text_of(made(result("eve", *many)))
    assert list(map(int, re.findall(r"2\.(\d+) Question", seen))) == list(range(45))
    assert list(map(int, re.findall(r"lost points in 2\.(\d+)", seen))) == list(range(45))


HOSTILE = [
    "<script>alert(1)<", "</a></bdi><img src=x onerror=alert(1)>", "\" onclick=\"alert(1)' x='",
    "javascript:alert(1)", "{{ 7*7 }} {% raw %}", "\x1b[2J\x07", "\u202egnp", "a\u200bb",
    "a b#c?d%2e", "\udcff", "ü 名前", "x" * 100, "..", "index",
]  # fmt: skip


def filled_with(text):
    """Return a course's page with a text wherever a student's or a file's may come in."""
    failed = check("a", "failed", 0.0, message=text, variant="v" + text)
    told = [{"mistake": "m" + text, "sentence": text, "wrong": []}]
    late = {"id": "late", "points": 0.0, "suggested": 0.0, "status": "needs_confirmation",
            "message": text, "evidence": []}  # fmt: skip
    one = result(text, criterion("1", failed, title=text), diagnosis=told, deductions=[late])
    events = [history.event("request", text, number=1, line=text, text=text)]
    who = Entry(one, Handed((text,), name=text), events)
    index = Index("folder", {text: who.handed}, (text,), (text,))
    gathered = Gathered((who,), index, {text: text})
    before = {"now": {}, "before": None, "before_at": "", "at": "then"}
    kept = changes.kept(gathered.entries, before)
    course = page.course(text, gathered, kept, page.TEMPLATES)
    return page.files(course, kept)[page.NAME].decode()


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_is_text(text):
    """Whatever a name or a message is, the tags are those of harmless ones, and it can be read."""
    page_ = filled_with(text)
    tags, harmless = (Parsed(each).tags for each in (page_, filled_with("words")))
    assert [(tag, sorted(found)) for tag, found in tags] == [
        (tag, sorted(found)) for tag, found in harmless
    ]
    assert not {c for c in page_ if unicodedata.category(c) in {"Cc", "Cf", "Cs"}} - {"\n"}
    target = next(found["href"] for tag, found in tags if found.get("href", "#")[0] != "#")
    assert not re.search(r"[^\w.%~-]", target)
    name = f"{text}{'_' if text == 'index' else ''}.html"
    assert urllib.parse.unquote(target, errors="surrogateescape") == name


def test_the_page_runs_its_script_and_nothing_else():
    """One script, a file beside it; nothing inline, no other address, and a policy that says so."""
    tags = Parsed(made(graded("alice", 1.0), some_wait("bob"))).tags
    assert [found for tag, found in tags if tag == "script"] == [{"src": "index.js", "defer": None}]
    assert not {tag for tag, _ in tags} & {"link", "iframe", "object", "base", "img"}
    assert not [name for _, found in tags for name in found if name.startswith(("on", "style"))]
    (policy,) = [found["content"] for tag, found in tags if found.get("http-equiv")]
    assert "default-src 'none'" in policy
    assert "script-src 'self' file:;" in policy
    script = (page.TEMPLATES / page.SCRIPT).read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|fetch", script)


def test_a_thousand_fit_into_two_megabytes():
    """By what each further submission adds, 1,000 of them with 45 criteria stay below 2 MB."""

    def size(count):
        sheet = [
            criterion(f"{n}a", check(f"check_{n}", "failed", 0.0, variant="mha", message="m" * 300))
            for n in range(45)
        ]
        found = [result(f"student_{n:04d}_name", *sheet, diagnosis=[
            {"mistake": f"mistake-number-{n}", "sentence": "s" * 300, "wrong": []}
        ]) for n in range(count)]  # fmt: skip
        return len(made(*found))

    some, more = size(60), size(90)
    assert some + (1000 - 60) * (more - some) / 30 < 2_000_000

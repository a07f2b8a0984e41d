"""The page on one submission: what it says, to whom, and that nothing in it acts."""

import functools
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from grader import results
from grader.report import page, told
from tests.markup import Parsed
from tests.result_samples import check, criterion, graded, png, result, waiting, withheld

AUDIENCES = ("student", "staff")


def both(one, attachments=None, audience="student"):
    """Return both forms of a page, and what a reader of either sees, on one line."""
    results.validate(one)
    made = (
        page.html(one, attachments or {}, audience),
        page.markdown(one, attachments or {}, audience),
    )
    seen_ = Parsed(made[0]).text, Parsed(MarkdownIt().enable("table").render(made[1])).text
    return [" ".join(text.split()) for text in (*made, *seen_)]


# --- what it says ---------------------------------------------------------------------------------


def test_points_by_criterion_and_each_lost_point_are_there():
    """Totals, each criterion, and of a lost point what was asked, got, the limit and the place."""
    lost = check(
        "decode", "failed", 0.5, 3.0, limits={"max_abs_error": 0.01},
        measured={"max_abs_error": 28.4, "aside": 7.5},
        message="The cache is right. Largest difference at row 0 (got 1, expected 2)",
    )  # fmt: skip
    one = result(
        "bob", criterion("2c", lost, title="KV cache"), criterion("2a", check("n")),
        diagnosis=[{"sentence": "As one whose mask is not shifted. Look at diagonal="}],
    )  # fmt: skip
    for text in both(one)[2:]:
        assert "bob" in text
        assert re.search(r"1\.5 of 4", text)
        assert re.search(r"2c KV cache 0\.5 (of )?3", text)
        assert "0.5 of 3" in text
        assert "max_abs_error: measured 28.4, limit 0.01" in text
        assert "row 0 (got 1, expected 2)" in text
        assert "As one whose mask is not shifted. Look at diagonal=" in text
        assert "7.5" not in text


def test_what_waits_is_not_lost():
    """Points that wait stand apart with the reason, as a dash and never as a zero."""
    one = waiting("bob", 40.0, 10.0)
    for text in both(one)[2:]:
        assert "40 of 50 points, 10 waiting" in text
        assert "– of 10" in text
        assert "A person reads it." in text
        assert "Lost points" not in text
    (by_hand, *_) = [both(result("bob", criterion("1", most=5.0)))[2]]
    assert "– of 5" in by_hand
    assert "A person grades this." in by_hand


def test_a_withheld_result_has_no_number_for_points():
    """Where the grader failed there is no total, and it says whose fault that is."""
    for text in both(withheld("bob"))[2:]:
        assert "– of 10 points" in text
        assert "not your fault" in text
        assert not re.search(r"\b0 of", text)


def test_deductions_are_told_from_advice():
    """What was taken off says how much; what is only remarked on says that it cost nothing."""
    late = {"id": "late", "points": 5.0, "suggested": 0.0, "status": "advice",
            "message": "A day late.", "evidence": []}  # fmt: skip
    style = {**late, "id": "names", "points": 0.0, "message": "Say more."}
    for text in both(result("eve", deductions=[late, style]))[2:]:
        assert "Deductions A day late. 5 points are taken off. Style" in text
        assert "Style (advice, no points taken) Say more." in text


def test_a_share_of_the_roofline_is_shown_to_its_student_and_nothing_else_of_its_check():
    """Own and reference's, where rates are known; no other figure of a hidden check."""
    timed = check(
        "step", measured={"step_reached_by_own": 0.0687, "step_reached_by_reference": 0.109,
                          "speedup": 8.55},
        visibility="hidden",
    )  # fmt: skip
    for text in both(result("bob", criterion("2d", timed)))[2:]:
        assert "yours reaches 6.87 % of the roofline, the reference's 10.9 %" in text
        assert "This decides no points." in text
        assert "8.55" not in text
    assert "roofline" not in both(result("bob", criterion("2d", check("step"))))[2]


def test_others_may_add_to_a_page():
    """Further parts, such as what has changed since, are text as all the rest; empty ones go."""
    more = [("Requests", ["1. *Why?*", "<b>"]), ("Changes", [])]
    made = page.html(graded("eve", 1.0), {}, "student", more)
    book = page.markdown(graded("eve", 1.0), {}, "student", more)
    for text in (Parsed(made).text, Parsed(MarkdownIt().render(book)).text):
        assert "Requests" in text
        assert "1. *Why?*" in text
        assert "<b>" in text
        assert "Changes" not in text


def test_nothing_handed_in_is_a_page_all_the_same():
    """An empty submission says what was looked for."""
    none = check("a", "not_submitted", 0.0, 5.0, message="No Python file was handed in.")
    for text in both(result("eve", criterion("1", none)))[2:]:
        assert "0 of 5 points" in text
        assert "No Python file was handed in." in text
        assert "What was handed in No file." in text


def test_forty_criteria_are_forty_rows():
    """A long sheet is shown whole, in order."""
    many = [criterion(f"2.{n}", check(f"c{n}"), title=f"Question {n}") for n in range(40)]
    found = re.findall(r"2\.(\d+) Question", both(result("eve", *many))[2])
    assert list(map(int, found)) == list(range(40))


def test_how_answers_were_read_is_said():
    """A right answer's reading is there, as text."""
    read = check("flops", message="answers.md, line 3: Read as 4*N**2*d")
    for text in both(result("eve", criterion("1", read)))[2:]:
        assert "answers.md, line 3: Read as 4*N**2*d" in text


# --- to whom --------------------------------------------------------------------------------------


def secretive():
    """Return a result with a secret wherever students have none to see, and its attachments."""
    hidden = check("chunks", "failed", 0.0, 1.0, visibility="hidden", message="Chunks are right.",
                   staff_message="SECRET-staff", measured={"error": 987654.25, "more": 456789.5},
                   limits={"error": 0.01}, variant="SECRET-variant", slips=["SECRET-slip"],
                   attachments=["chunks-1.txt", "chunks-2.png", "chunks-3.own.txt"])  # fmt: skip
    given = {"criterion": "1", "points": 1, "by": "SECRET-by", "at": "x", "note": "Well done."}
    one = result("bob", criterion("1", hidden), manual=[given])
    one["draw"]["seed"] = "SECRET-seed"
    beside = {"chunks-1.txt": b"SECRET-file", "chunks-2.png": png(1, 1),
              "chunks-3.own.txt": b"my own words", "evidence.json": b"SECRET-evidence"}  # fmt: skip
    return one, beside


def test_a_student_sees_no_hidden_data():
    """No staff message, seed, hidden measurement, variant, grader's name or file but their own."""
    one, beside = secretive()
    for text in both(one, beside):
        assert "SECRET" not in text
        assert "987654" not in text.replace(",", "")
        assert "9.877e+05" not in text
        assert "456789" not in text
        assert "data:image" not in text
    for text in both(one, beside)[2:]:
        assert "Chunks are right." in text
        assert "hidden" in text
        assert "my own words" in text
        assert "1: a person gave 1: Well done." in text


def test_staff_see_it_and_are_told_not_to_pass_it_on():
    """The page for staff has what a person needs to judge, and says that it is theirs."""
    one, beside = secretive()
    for text in both(one, beside, "staff")[2:]:
        for part in ("staff", "variant", "slip", "seed", "by", "file"):
            assert f"SECRET-{part}" in text
        assert "456789.5" in text
        assert "holds hidden data" in text
        assert "SECRET-evidence" not in text
    assert "data:image/png;base64," in both(one, beside, "staff")[0]


def test_an_exception_of_a_hidden_check_cannot_carry_its_data_out():
    """A submission may raise what it was given; in a hidden check only the place is told."""
    raised = "forward raised ValueError: ids are [12, 44] (m.py, line 7, in forward)"
    hidden = check("a", "error", 0.0, 1.0, visibility="hidden", message=raised)
    public = check("b", "error", 0.0, 1.0, message=raised)
    for text in both(result("bob", criterion("1", hidden))):
        assert "12, 44" not in text
        assert "ValueError" in text
        assert "line 7" in text
    hidden["message"] = "forward raised E_12_44: no words (ids_12_44.py, line 7, in f_12_44)"
    for text in both(result("bob", criterion("1", hidden)))[2:]:
        assert "12_44" not in text
        assert "an exception at line 7 in forward" in text
    hidden["message"] = raised
    for text in both(result("bob", criterion("1", hidden, public)))[2:]:
        assert text.count("ids are [12, 44]") == 2


@pytest.mark.parametrize(
    ("outcome", "message", "kept"),
    [
        ("error", "load raised ImportError: no module x (m.py, line 1, in <module>)", "module x"),
        ("timeout", "forward took longer than its limit of 10 s.", "limit of 10 s"),
        ("error", "Your code ended its process during forward (exit code 3).", "exit code 3"),
        ("failed", "Logits of shape (1,); expected (2,).", "expected (2,)"),
    ],
)
def test_what_holds_no_data_is_told_of_hidden_checks_too(outcome, message, kept):
    """Before a submission is given anything it has nothing to carry out, and our words are ours."""
    hidden = check("a", outcome, 0.0, 1.0, visibility="hidden", message=message)
    assert kept in both(result("bob", criterion("1", hidden)))[2]


@pytest.mark.parametrize(
    "message",
    [
        "IDS 12 44.", "forward raised", "x: load raised IDS", "forward raised IDS", "IDS raised",
        "Your code ended its process during forward (exit code IDS).",
        "The sandbox's protocol was broken: IDS.", "\nload raised IDS", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("outcome", ["error", "out_of_memory", "protocol_violation"])
def test_whatever_a_submission_says_of_itself_is_kept_back(outcome, message):
    """A message that is not in the grader's own words is replaced by one that is."""
    hidden = check("a", outcome, 0.0, 1.0, visibility="hidden", message=message)
    said = told.sentence(hidden, frozenset())
    assert "IDS" not in said
    assert "while this hidden check ran" in said


# --- nothing acts ---------------------------------------------------------------------------------

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "closing tags": "</bdi></p></pre></style></title><img src=x onerror=alert(1)>",
    "attribute": "\" onload=\"alert(1)' x='",
    "entity": "&lt;b&gt; &#x3c;b&#x3e;",
    "template": "{{ 7*7 }} {% raw %} ${7*7}",
    "terminal": "\x1b[2J\x9b31m\x07",
    "bidi": "\u202egnp.exe\u2066\u200f",
    "invisible": "a\u200bb\U000e0041\ufeff",
    "markdown link": "[click](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "bare link": "https://evil.example www.evil.example mail@evil.example <http://evil.example>",
    "block": "# head",
    "list": "- item",
    "number": "1. item",
    "number in brackets": "12) item",
    "rule": "---",
    "setext": "===",
    "quote": "> quote",
    "html block": "<div>",
    "cells": "a | b | c",
    "fence": "```\n</pre>\n~~~~\n````",
    "emphasis": "*a* **b** __c__ `d` ~~e~~ $f$",
    "backslashes": "\\ \\\\ \\* \\",
    "reference": "[x]: http://evil.example",
    "lines": "a\r\n\n# b\n\n- c",
    "surrogate": "\udcff\ud800",
}


def filled_with(text):
    """Return a result with a text wherever a student's may come in, and its attachments."""
    one_line = " ".join(text.splitlines()) + "s"  # for staff each line is one of the page's
    some = {"message": text, "staff_message": one_line}
    checks = [
        check("a", "failed", 0.0, 1.0, **some, attachments=["a-1.own.txt"]),
        check("b", "error", 0.0, 1.0, **some, visibility="hidden"),
        check("c", "passed", 1.0, 1.0, **some),
        check("d", "inconclusive", 0.0, 1.0, **some),
    ]
    one = result(
        "bob", criterion("1", *checks), flags=[text], diagnosis=[{"sentence": text}],
        course_verdict={"evaluate": text},
        deductions=[{"id": "names", "points": 0, "suggested": 0, "status": "advice",
                     "message": text, "evidence": [text]}],
        manual=[{"criterion": "1", "points": 1, "by": text, "at": text, "note": text}],
    )  # fmt: skip
    one["submission"]["files"] = [{"path": text, "bytes": 1, "sha256": "0" * 64}]
    return one, {"a-1.own.txt": text.encode(errors="replace")}


def shape(one, beside, audience):
    """Return the markup of both forms, without text."""
    tags = Parsed(page.html(one, beside, audience)).tags
    engine = MarkdownIt().enable(["table", "strikethrough"])
    tokens = engine.parse(page.markdown(one, beside, audience))
    blocks = [token.type for token in tokens]
    inner = [
        child.type
        for token in tokens
        for child in token.children or ()
        if child.type not in ("text", "text_special")
    ]
    return tags, blocks, inner


@functools.cache
def harmless(audience):
    """Return the markup around words that mean nothing."""
    return shape(*filled_with("words"), audience)


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_text(text, audience):
    """Whatever is written, the markup is that of harmless words, and nothing acts in a terminal."""
    assert shape(*filled_with(text), audience) == harmless(audience)
    for made in (
        page.html(*filled_with(text), audience),
        page.markdown(*filled_with(text), audience),
    ):
        bad = {c for c in made if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"}}
        assert bad <= {"\n"}


MEANT = "\\`*_{}[]<>()#+-.!|&~$@:/=^\"';%0123456789 \t\nabcw\x1b\u202e\u200b\xa0é"


@settings(max_examples=40, deadline=None)
@given(st.text(st.sampled_from(MEANT), min_size=1, max_size=30).filter(str.strip))
def test_any_text_is_text(text):
    """The same for texts that nobody thought of."""
    assert shape(*filled_with(text), "student") == harmless("student")


def test_hostile_text_can_still_be_read():
    """What is made harmless is shown, not dropped."""
    one, beside = filled_with("<script>alert(1)</script> *a* [x](y)")
    for text in both(one, beside)[2:]:
        assert text.count("<script>alert(1)</script> *a* [x](y)") >= 6


def test_the_page_needs_nothing_and_runs_nothing():
    """No script, no address but of pictures within, and a policy that forbids the rest."""
    one, beside = secretive()
    tags = Parsed(page.html(one, beside, "staff")).tags
    assert not {tag for tag, _ in tags} & {
        "script",
        "link",
        "iframe",
        "object",
        "a",
        "form",
        "base",
    }
    addresses = [
        value for _, found in tags for name, value in found.items() if name in ("src", "href")
    ]
    assert addresses
    assert all(each.startswith("data:image/png;base64,") for each in addresses)
    assert not [name for _, found in tags for name in found if name.startswith("on")]
    policy = [found["content"] for tag, found in tags if found.get("http-equiv")]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (png(1, 1), True),
        (png(60_000, 60_000), False),
        (b"\x89PNG\r\n\x1a\n", False),
        (b"<svg onload='alert(1)'>", False),
        (b"GIF89a" + bytes(40), False),
        (png(1, 1) + bytes(5_000_000), False),
    ],
)
def test_only_pictures_that_a_reader_can_bear_are_in_it(data, shown):
    """A PNG of sane size is embedded; anything else under its name is not."""
    one = result("bob", criterion("1", check("a", attachments=["a-1.own.png"])))
    assert ("data:image" in page.html(one, {"a-1.own.png": data}, "student")) == shown


def test_a_long_text_is_cut_and_says_so():
    """Ten thousand lines of log do not make a page that nobody can open."""
    one = result("bob", criterion("1", check("a", attachments=["a-1.own.txt"])))
    made = page.html(one, {"a-1.own.txt": b"line\n" * 10_000}, "student")
    assert "and 9,600 more lines" in made
    assert len(made) < 50_000


def test_the_same_result_is_the_same_page():
    """Nothing of a page depends on when it was made."""
    assert page.html(graded("bob", 3.0), {}, "student") == page.html(
        graded("bob", 3.0), {}, "student"
    )

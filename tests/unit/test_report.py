"""Reports: whatever a student wrote is shown as text."""

import functools
import unicodedata

import pytest

from grader.report import table
from grader.text import shown

plain = functools.partial(shown, limit=600)

NASTY = {
    "an ANSI escape": "\x1b[2J\x1b[31mred",
    "a one-byte CSI": "\x9b2J",
    "a window title": "\x1b]0;pwned\x07",
    "a bell and a backspace": "\x07\x08",
    "NUL": "a\x00b",
    "line ends": "a\nb\r\nc\x0b\x0c\x85\u2028\u2029d",
    "tabs": "a\tb",
    "bidirectional overrides": "\u202egnp.exe\u202c \u2066x\u2069 \u200f",
    "zero width": "a\u200bb\u200d\ufeffc",
    "tags": "\U000e0041\U000e007f",
    "lone surrogates": "\udcff\ud800",
    "a tower of accents": "a" + "\u0300\u0489" * 20,
    "private and unassigned": "\ue000\U0010ffff\u0378",
}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_nothing_acts_on_a_terminal(text):
    """Controls, overrides and invisible characters are shown spelt out, on one line, encodable."""
    shown = plain(text)
    assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"} for char in shown)
    assert len(shown.splitlines()) == 1
    assert "\\" in shown
    shown.encode("utf-8")


@pytest.mark.parametrize(
    "text", ["", "plain", "größer 模型 файл 😀 √d ≤ 0.01", "a\\nb", "e\u0323\u0302", "ที่"]
)
def test_harmless_text_stays_as_it_is(text):
    """Letters of any script, signs and spaces are left alone."""
    assert plain(text) == text


def test_what_is_spelt_out_can_be_told():
    """What was hidden is named by its code, not dropped."""
    assert plain("a\x1bb\u202ec") == "a\\x1bb\\u202ec"


@pytest.mark.parametrize("char", ["x", "\x00", "\U000e0041", "😀"])
@pytest.mark.parametrize("length", [600, 601, 10_000_000])
def test_long_text_is_cut(char, length):
    """No text is longer than its limit, spelt out or not, and a cut shows."""
    shown = plain(char * length)
    assert len(shown) <= 600
    if char == "x":
        assert (shown == "x" * 600) == (length == 600)
        assert shown.endswith("…") == (length > 600)


# --- the table ------------------------------------------------------------------------------------


def check(name, outcome, points, most, **more):
    """Return a check of a result."""
    return {
        "id": name,
        "outcome": outcome,
        "points": points,
        "max_points": most,
        "visibility": "public",
        "measured": {},
        "limits": {},
        "message": "",
        "staff_message": "",
        **more,
    }


def criterion(name, title, points, most, *checks, pending=0.0, status="graded"):
    """Return a criterion of a result."""
    return {
        "id": name,
        "title": title,
        "points": points,
        "max_points": most,
        "pending_points": pending,
        "status": status,
        "checks": list(checks),
    }


def result(*criteria, **more):
    """Return a result around its criteria."""
    known = [c["points"] for c in criteria]
    return {
        "submission": {"id": "alice"},
        "pack": {"id": "small-1"},
        "status": "graded",
        "total": {
            "points": None if None in known else sum(known),
            "max_points": sum(c["max_points"] for c in criteria),
            "pending_points": sum(c["pending_points"] for c in criteria),
        },
        "criteria": list(criteria),
        "deductions": [],
        "diagnosis": [],
        "manual": [],
        "flags": [],
        "course_verdict": {},
        "environment": {"sandbox": "docker", "device": "cpu", "isolation": "container"},
        "timing": {"seconds_total": 1.94},
        **more,
    }


def row(text, start):
    """Return the one line of a report that begins so, its columns apart by single spaces."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    (found,) = [line for line in lines if line.startswith(start)]
    return found


def test_a_part_that_is_worth_nothing():
    """What is optional is no lost point where it is missing, and tells what was measured."""
    text = table.render(
        result(
            criterion(
                "3", "Decoding", 0, 0, check("tokens", "not_submitted", 0, 0, message="None.")
            ),
            criterion("4", "Speculating", 0, 0, check("worst", "passed", 0, 0, message="0 of 8.")),
        )
    )
    assert "Lost" not in text
    assert "None." not in text
    assert "Measured\n4 worst: 0 of 8." in text


def test_full_marks():
    """A full result is its rows and total; nothing is listed as lost, open or remarkable."""
    text = table.render(
        result(
            criterion("2a", "Generates", 5.0, 5.0, check("count", "passed", 5.0, 5.0)),
            criterion("2b", "Logits", 2.5, 2.5, check("full", "passed", 2.5, 2.5)),
        )
    )
    assert row(text, "2a") == "2a Generates 5 5"
    assert row(text, "2b") == "2b Logits 2.5 2.5"
    assert row(text, "total") == "total 7.5 7.5"
    for word in ("Lost", "waiting", "withheld", "Remarks", "ISOLATED", "–"):
        assert word not in text
    head = text.splitlines()[0]
    for part in ("alice", "small-1", "docker", "cpu", "1.9 s"):
        assert part in head


def test_lost_points_come_with_their_sentence():
    """What was not passed says what it cost, why, and which of it was hidden."""
    lost = check("full", "failed", 0.0, 2.0, message="The logits are right. Off by 28.4.")
    hidden = check(
        "batch", "out_of_memory", 0.0, 1.0, message="Every row is right.", visibility="hidden"
    )
    kept = check("other", "passed", 1.0, 1.0, message="")
    text = table.render(result(criterion("2b", "Logits", 1.0, 4.0, lost, hidden, kept)))
    assert row(text, "2b Logits") == "2b Logits 1 4"
    assert row(text, "2b full") == "2b full 0/2 failed"
    assert row(text, "2b batch") == "2b batch* 0/1 out of memory"
    assert row(text, "* hidden")
    assert row(text, "The logits") == "The logits are right. Off by 28.4."
    assert "other" not in text


def test_points_that_wait_are_not_shown_as_lost():
    """A manual criterion shows a dash and not a zero; what is pending is said with its points."""
    text = table.render(
        result(
            criterion("1a", "By hand", 0.0, 10.0, pending=10.0, status="needs_review"),
            criterion(
                "2c", "Cache", 3.0, 7.0,
                check("decode", "inconclusive", 0.0, 3.0, message="For a human."),
                pending=3.0, status="needs_review",
            ),
            status="needs_review",
        )
    )  # fmt: skip
    assert row(text, "1a") == "1a By hand – 10 10 waiting"
    assert row(text, "2c Cache") == "2c Cache 3 7 3 waiting"
    assert row(text, "total") == "total 3 17 13 waiting"
    assert row(text, "2c decode") == "2c decode 0/3 inconclusive"


def test_withheld_points_are_no_zero():
    """Where the grader failed no number stands for the points, in the row or in the total."""
    text = table.render(
        result(
            criterion(
                "2b", "Logits", None, 5.0,
                check("full", "harness_error", None, 5.0, message="This is not your fault."),
                pending=5.0, status="withheld",
            ),
            criterion("2a", "Generates", 5.0, 5.0, check("count", "passed", 5.0, 5.0)),
            status="withheld",
        )
    )  # fmt: skip
    assert row(text, "2b Logits") == "2b Logits – 5 withheld: the grader failed"
    assert row(text, "total") == "total – 10 5 waiting"
    assert row(text, "2b full") == "2b full –/5 harness error"


def test_text_of_students_is_harmless_everywhere():
    """Wherever a report shows what a student wrote, nothing of it acts on the terminal."""
    nasty = "".join(NASTY.values())
    shown = table.render(
        result(
            criterion(
                "2b", "Logits", 0.0, 5.0, check("full", "error", 0.0, 5.0, message=nasty)
            ),
            submission={"id": nasty},
            flags=[nasty],
        )
    )  # fmt: skip
    bad = {char for char in shown if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"}}
    assert bad <= {"\n"}
    assert len(shown) < 10_000
    shown.encode("utf-8")


def test_lines_fit_a_terminal():
    """Long sentences and remarks are wrapped and not cut in the middle of nowhere."""
    words = "word " * 100
    text = table.render(
        result(
            criterion("2b", "Logits", 0.0, 5.0, check("full", "failed", 0.0, 5.0, message=words)),
            flags=[words],
        )
    )
    assert max(map(len, text.splitlines())) <= 100
    assert text.count("word") == 200


def test_remarks_verdicts_and_missing_isolation_are_said():
    """What a reader has to know besides points is below the table."""
    text = table.render(
        result(
            criterion("2b", "Logits", 5.0, 5.0),
            flags=["Two files define Net."],
            course_verdict={"evaluate": "9/10", "kv_evaluate": "10/10"},
            environment={"sandbox": "process", "device": "cpu", "isolation": "none"},
        )
    )
    assert "evaluate 9/10, kv_evaluate 10/10" in text
    assert "NOT ISOLATED" in text
    assert row(text, "- Two") == "- Two files define Net."


def advice(**more):
    """Return an entry on style."""
    return {"id": "names", "points": 0.0, "suggested": 0.0, "status": "advice",
            "message": "2 of 20 names say nothing.", "evidence": ["a.py, line 12: `a1`"],
            **more}  # fmt: skip


def test_style_is_shown_as_advice():
    """What was remarked on, where first, and that no points were taken; or nothing at all."""
    one = criterion("1", "Right", 5.0, 5)
    text = table.render(result(one, deductions=[advice()]))
    assert "Style (advice, no points taken)" in text
    assert "names: 2 of 20 names say nothing. See a.py, line 12: `a1`." in text
    assert "decides" not in text
    assert "Style" not in table.render(result(one))


def test_a_suggested_deduction_is_left_to_a_human():
    """The points are named, and so is who decides; long lists are cut."""
    places = [f"a.py, line {line}: `a{line}`" for line in range(9)]
    entry = advice(suggested=1.5, status="needs_confirmation", evidence=places)
    lines = table.render(result(criterion("1", "Right", 5.0, 5), deductions=[entry])).split()
    text = " ".join(lines)
    assert "line 3: `a3`; and others. A human decides whether this costs 1.5 points." in text
    assert "line 4" not in text
    assert "5 5" in text, "the points are as they were"

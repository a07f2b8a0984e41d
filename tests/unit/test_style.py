"""Style: what is counted, whose it is, and that hostile text costs nothing."""

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader import grade, intake, style
from grader.intake import SourceFile

BUSY = 4  # seconds that the hungriest text may take


def look(text, skeleton="", path="model.py"):
    """Return findings on one file by their id."""
    data = text if isinstance(text, bytes) else text.encode()
    found = style.look([SourceFile(path, data)], [SourceFile("model.py", skeleton.encode())])
    return {finding.id: finding for finding in found}


def code(lines, indent=""):
    """Return this many lines of code, no two alike, with as many names."""
    return "".join(f"{indent}width_{chr(97 + n)} = {n}\n" for n in range(lines))


# --- comments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "comments", "lines"),
    [
        (code(20), 0, 20),
        ("# The sizes.\n" + code(20), 1, 20),
        (code(20).replace("\n", "  # a size\n", 5), 5, 20),
        ('"""Sizes.\n\nOf a model."""\n' + code(20), 2, 20),
        ("#\n# ----\n# 1\n#!\n" + code(20), 0, 20),
        (code(20) + 'text = """\n# no comment\n"""\n', 0, 23),
        ("\ufeff# The sizes.\r\n" + code(20).replace("\n", "\r\n"), 1, 20),
        ("# The sizes.\n\f\n" + code(20) + "\n" * 50, 1, 20),
        (code(20) + "'a string that is no docstring'\n", 0, 21),
    ],
)
def test_comments_are_counted_by_lines(text, comments, lines):
    """Comments with a word in them, and docstrings; not rules of dashes, blank lines, strings."""
    measured = look(text)["comments"].measured
    assert measured["code_lines"] == lines
    assert measured["comment_share"] == pytest.approx(comments / lines, abs=1e-4)


LONG = code(5, "    ")


@pytest.mark.parametrize(
    ("function", "bare"),
    [
        ("def scale():\n" + LONG, True),
        ('def scale():\n    """Scale."""\n' + LONG, False),
        ("# Scales.\ndef scale():\n" + LONG, False),
        ("# Scales.\n@cached\ndef scale():\n" + LONG, False),
        ("# Of something else.\n\ndef scale():\n" + LONG, True),
        ("def scale():\n" + LONG + "    return 1  # the scale\n", False),
        ("def scale():\n    pass\n", False),
        ("async def scale():\n" + LONG, True),
        ("class Layer:\n    def scale(self):\n" + code(5, "        "), True),
    ],
)
def test_long_functions_without_a_word_are_named(function, bare):
    """A comment in it or right above it, or a docstring, will do; short functions need none."""
    text = "size = 1\n" + function + "\n# Values.\n" + code(20)
    finding = look(text)["comments"]
    line = 1 + text[: text.index("def scale")].count("\n")
    lines = function[function.index("def") :].count("\n")
    assert finding.measured["bare_functions"] == bare
    assert finding.evidence == ((f"model.py, line {line}: `scale`, {lines} lines",) if bare else ())


def test_the_longest_come_first_and_not_all():
    """A hundred functions without a word are a few places and a number."""
    text = "".join(f"def scale_{n}():\n" + code(5 + n % 9, "    ") for n in range(100))
    evidence = look(text)["comments"].evidence
    assert evidence[0] == "model.py, line 77: `scale_8`, 14 lines"
    assert (len(evidence), evidence[-1]) == (21, "and 80 more")


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["a1", "a", "u", "aa", "xxx", "foo", "Bar2", "tmp2", "data_3", "my_var", "_foo", "thing"],
)
def test_names_that_say_nothing(name):
    """Letters that stand for nothing, repeated ones, placeholders, numbered placeholders."""
    finding = look(code(20) + f"{name} = 1\n")["names"]
    assert finding.evidence == (f"model.py, line 21: `{name}`",)
    assert finding.measured == {"empty_share": round(1 / 21, 4), "empty_names": 1, "names": 21}


@pytest.mark.parametrize(
    "name",
    ["x", "q", "k", "v", "B", "T", "A", "W_q", "h1", "w2", "x_1", "fc1", "ff", "nn", "tmp", "temp",
     "data", "value", "logits", "β", "模型", "_", "__all__"],
)  # fmt: skip
def test_names_of_the_field_say_enough(name):
    """Dimensions, matrices, queries and keys, numbered layers: as papers write them."""
    assert look(code(20) + f"{name} = 1\n")["names"].evidence == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("for a in range(3):\n    print(a)\n", []),
        ("pairs = [a + o for a, o in width_a]\n", []),
        ("key = lambda a: -a\n", []),
        ("import numpy as a\n", []),
        ("print(a1)\n", []),
        ("def step(a1, *aa, foo=1, **xxx): pass\n", ["a1", "aa", "foo", "xxx"]),
        ("def f(): pass\n", ["f"]),
        ("class Q: pass\n", ["Q"]),
        ("self.a1, width_b.aa = 1, 2\n", ["a1", "aa"]),
        ("with open('x') as a1: pass\n", ["a1"]),
        ("if (a1 := 1): pass\n", ["a1"]),
        ("a1 = 1\na1 = 2\n", ["a1"]),
    ],
)
def test_what_is_a_name_of_ones_own(text, found):
    """All that the code binds, once; brief counters may be brief, and imports do not count."""
    evidence = look(code(20) + text)["names"].evidence
    assert evidence == tuple(f"model.py, line 21: `{name}`" for name in found)


# --- whose it is ----------------------------------------------------------------------------------

SKELETON = (
    '"""Fill in."""\nclass Layer:\n    def forward(self, a1):\n        """Go."""\n'
    "        # TODO: all of it\n" + code(12, "        ")
)


def test_what_was_given_is_nobodys_style():
    """The skeleton as it was given out has no style; neither its comments nor its names count."""
    assert look(SKELETON, SKELETON) == {}
    own = SKELETON + code(25, "        ").replace("width", "height")
    found = look(own, SKELETON)
    assert found["comments"].measured["code_lines"] == 25
    assert found["comments"].measured["comment_share"] == 0
    assert found["names"].measured["names"] == 25
    assert found["names"].evidence == ()


def test_a_name_that_was_given_is_nobodys_choice():
    """Assigning to an argument of the skeleton accuses nobody of its name."""
    own = SKELETON + code(25, "        ").replace("width", "size") + "        a1 = a1 + 1\n"
    assert look(own, SKELETON)["names"].evidence == ()
    assert look(own, "")["names"].evidence == ("model.py, line 3: `a1`",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_numbered_as_editors_do(end):
    """Whatever ends a line, it is one line; a form feed ends none."""
    text = ("x = 1\f\n" + code(20) + "\na1 = 1\n").replace("\n", end)
    assert look(text)["names"].evidence == ("model.py, line 23: `a1`",)


def test_a_docstring_that_was_given_is_one():
    """Nobody is told that a function has no docstring if it has one."""
    own = SKELETON + code(25, "        ").replace("width", "height")
    assert look(own, SKELETON)["comments"].measured["bare_functions"] == 0
    assert look(own, "")["comments"].measured["bare_functions"] == 0


def test_little_work_has_no_style():
    """A share of a few lines says nothing."""
    assert look(code(9)) == {}
    assert "comments" not in look(code(19))
    assert look("") == {}


def test_other_files_have_no_style():
    """Only Python is looked at."""
    assert look(code(25), path="notes.md") == {}


def test_the_samples_are_hardly_accused(root, pack):
    """Alice's honest solution passes all limits, and nothing in it is remarked on."""
    submission = intake.read(root / "submissions" / "alice")
    findings = style.look(submission.files, pack.given)
    assert {finding.id for finding in findings} == set(style.MEASURES)
    assert [finding.evidence for finding in findings] == [(), ()]
    assert grade._advice(submission.files, pack) == []


def test_a_fault_of_ours_costs_nobody_anything(root, pack, monkeypatch):
    """If the advice cannot be made, the result says so and has no points in it."""
    monkeypatch.setattr(style, "look", None)
    (entry,) = grade._advice(intake.read(root / "submissions" / "alice").files, pack)
    assert (entry["points"], entry["suggested"], entry["status"]) == (0, 0, "advice")


# --- hostile text ---------------------------------------------------------------------------------

SIZE = 95_000


@pytest.mark.parametrize(
    "text",
    [
        b"x = 1\n\0" * 100,
        b"(" * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b"x = " + b"-" * SIZE + b"1",
        b"x" + b".y" * (SIZE // 2),
        b"x = 1" + b" + 1" * 1_250_000,
        b"# coding: punycode\n" + b"x = 1\n" * 1000,
        b"\xff\xfe" * 1000,
        b"x = [" + b"1," * (SIZE // 2) + b"]",
        b"x;" * (SIZE // 2),
        b"".join(b"a%d = 1\n" % number for number in range(8_000)),
        b"def f(): 0\n" * (SIZE // 11),
        b"".join(b" " * n + b"def f():\n" for n in range(95)) + (b" " * 96 + b"x\n") * 800,
        b"x = '''" + b"\n" * SIZE + b"'''",
        b"x = 1 + \\\n" + b"\\\n" * (SIZE // 2) + b"1\n",
        b"[0 " + b"for a in b " * (SIZE // 12) + b"]",
        b"x = " + b"lambda a: " * 2_000 + b"1",
        b"class A:\n" * 2_000,
        b"#a\n" * (SIZE // 3),
    ],
    ids=range(19),
)
def test_hostile_text_is_done_with(text):
    """Whatever stands in a file: no crash, no endless recursion, and an end in time."""
    begin = time.process_time()
    style.look([SourceFile("a.py", text)], [])
    assert time.process_time() - begin < BUSY


def test_much_text_is_bounded_in_total():
    """A thousand files cost no more than the first few."""
    begin = time.process_time()
    found = style.look([SourceFile(f"{n}.py", code(20).encode() * 400) for n in range(1000)], [])
    assert time.process_time() - begin < BUSY
    assert found[0].measured["code_lines"] < 40_000


@settings(max_examples=200, deadline=None, database=None, derandomize="CI" in os.environ,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(st.lists(st.sampled_from(
    ["def f(", ")", ":", "\n", "    ", "\t", "#", "'''", '"', "\\", "a1", " = ", "é", "\r", "\f",
     "class A", "lambda", "for x in", "[", "]", "\u2028", "\x0b", "async ", "@", "f'{", "0", "\0"]
), max_size=40))  # fmt: skip
def test_any_text_is_looked_at_or_passed_over(pieces):
    """Nothing that can be written makes it raise, and shares are shares."""
    for finding in look("".join(pieces) + "\n" + code(25)).values():
        assert all(value >= 0 for value in finding.measured.values())

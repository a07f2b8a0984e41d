"""Rosters of every kind that a course has: whose line is whose, and what is wrong in one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.downloads import roster
from grader.errors import UsageError


def people(tmp_path, text, encoding="utf-8"):
    """Read a roster of this text."""
    path = tmp_path / "roster.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return roster.read(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_spreadsheets_may_write_as_they_like(tmp_path, encoding, between, end):
    """Byte order marks, code pages, semicolons, line ends: the same people come out."""
    rows = [["ID", "Name", "Extension"], ["1", '"Groß, Jürgen"', "2d 6h"], [], ["2", "Zoe", ""]]
    jane, zoe = people(tmp_path, end.join(between.join(row) for row in rows), encoding)
    assert (jane.id, jane.name, jane.extension_hours) == ("1", "Groß, Jürgen", 54)
    assert (zoe.id, zoe.extension_hours, zoe.due) == ("2", 0, "")


def test_an_extension_may_be_a_date(tmp_path):
    """Instead of a length; a date of one's own is kept as it stands."""
    (jane,) = people(tmp_path, "email,extension\nj@u.edu,2026-11-25 23:59\n")
    assert (jane.due, jane.extension_hours) == ("2026-11-25 23:59", 0)


def test_a_gradebook_of_canvas_has_two_lines_that_are_nobody(tmp_path):
    """Points possible and manual posting are skipped; formulas that guard names are names."""
    (jane,) = people(
        tmp_path,
        "Student,ID,SIS Login ID,Section,Lab (9)\n,,,,Manual Posting\n    Points Possible,,,,10\n"
        '"=""=Doe, Jane""",12,jdoe,A,\n"Student, Test",13,test,A,\n',
    )
    assert (jane.id, jane.keys, jane.name) == ("jdoe", {"canvas": "12"}, "=Doe, Jane")


def test_grades_of_gradescope_bring_times(tmp_path):
    """Who has not handed in stands there, too, without one."""
    head = "First Name,Last Name,SID,Email,Total Score,Status,Submission Time\n"
    jane, bob = people(
        tmp_path,
        f"{head}Jane,Doe,1,j@u.edu,,Graded,2026-11-20 23:10:00 -0800\n"
        "Bob,Roe,2,b@u.edu,,Missing,\n",
    )
    assert (jane.id, jane.name, jane.submitted) == ("1", "Jane Doe", "2026-11-20 23:10:00 -0800")
    assert (bob.id, bob.submitted) == ("2", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column that names people"),
        ("points,comment\n1,2\n", "it has points, comment"),
        ("id,name\n", "lists nobody"),
        ("id\njdoe\nbob\njdoe\n", "lists jdoe twice"),
        ("id,extension\njdoe,\nbob,48\n", "line 3: '48' is neither a length"),
        ("id,due\njdoe,03/04/2026 23:59\n", "line 2: '03/04/2026 23:59'"),
        ("id,due\njdoe,2026-11-20\n", "line 2"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, words):
    """One sentence, with where it is and what may stand there."""
    with pytest.raises(UsageError, match=words):
        people(tmp_path, text)
    with pytest.raises(UsageError, match="cannot be read"):
        roster.read(tmp_path / "none.csv")


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=60), head=st.sampled_from([b"id,name\n", b"student;id;section\n", b""])
)
def test_any_bytes_are_read_or_refused(tmp_path_factory, data, head):
    """No roster is a fault of ours."""
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(head + data)
    try:
        assert all(person.id for person in roster.read(path))
    except UsageError as error:
        assert str(path) in str(error)  # noqa: PT017 - either is right

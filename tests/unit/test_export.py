"""The TA's own files: points go into one column, and every other byte stays."""

import csv
import io

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from grader.errors import UsageError
from grader.export import canvas, cells, given, moodle
from grader.handed import Handed, Index
from tests.result_samples import graded, result, waiting, withheld


def course(*results, index=None, with_pending=False):
    """Return what of these results may be given."""
    return given.course(
        results or (graded("alice", 46.0),), index, given.so_far if with_pending else given.settled
    )


def handed(form, **by_id):
    """Return an index: by id of the result, who handed it in."""
    return Index(form, {name: Handed(names=(), **more) for name, more in by_id.items()})


# --- which points may be given --------------------------------------------------------------------


def test_only_settled_points_are_given():
    """What waits or is withheld has no points and a reason, and so has who has no result."""
    index = Index("folder", {"alice": Handed(("alice",)), "eve": Handed(("eve",))}, ("frank",))
    made = course(graded("alice", 46.0), waiting("bob"), withheld("carol"), index=index)
    assert {each.id: each.points for each in made.given} == {
        "alice": 46.0, "bob": None, "carol": None,
    }  # fmt: skip
    said = "\n".join(made.left_out())
    assert "bob: 10 points wait for a person" in said
    assert "carol: withheld" in said
    assert "eve: handed in, but has no result" in said
    assert "frank: has handed in nothing" in said
    assert "alice" not in said


def test_points_so_far_are_given_if_asked_for_and_never_a_zero():
    """With pending points those so far are given; none so far are not a zero, nor is our fault."""
    results = waiting("bob", 40.0), waiting("dan", 0.0), withheld("carol"), graded("eve", 0.0)
    made = course(*results, with_pending=True)
    points = {each.id: each.points for each in made.given}
    assert points == {"bob": 40.0, "dan": None, "carol": None, "eve": 0.0}


def test_results_of_two_assignments_are_not_mixed():
    """One export is of one assignment; which there are is said."""
    other = result("bob")
    other["pack"]["id"] = "other"
    with pytest.raises(UsageError, match="other, small"):
        course(graded("alice", 1.0), other)


@pytest.mark.parametrize(
    ("points", "text"),
    [(46.0, "46"), (30.775, "30.78"), (0.125, "0.13"), (0.0, "0"), (100.0, "100"), (12.5, "12.5"),
     (2.675, "2.68"), (1e-9, "0")],
)  # fmt: skip
def test_points_have_at_most_two_places(points, text):
    """Canvas compares two places; halves go up, as by hand."""
    assert given.number(points) == text


# --- cells ----------------------------------------------------------------------------------------

PLAIN = st.text(st.sampled_from("abü0.5=- '\u202e€"), max_size=6)
RAW = PLAIN | st.text(st.sampled_from('ab,;\t\r\nü"'), max_size=6).map(
    lambda text: '"' + text.replace('"', '""') + '"'
)


@settings(max_examples=60, deadline=None)
@drawn(st.data())
def test_every_other_byte_stays(data):
    """Of any table, whatever its quotes, delimiter, line ends and encoding, one cell changes."""
    delimiter = data.draw(st.sampled_from(",;\t"))
    ends = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    last = data.draw(st.sampled_from([ends, ""]))
    codec, bom = data.draw(
        st.sampled_from(
            [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"),
             ("utf-16-be", b"\xfe\xff")]
        )
    )  # fmt: skip
    width = data.draw(st.integers(2, 4))
    lists = st.lists(RAW, min_size=width, max_size=width)
    rows = [["head"] * width, *data.draw(st.lists(lists, min_size=1, max_size=4))]
    row, column = data.draw(st.integers(1, len(rows) - 1)), data.draw(st.integers(0, width - 1))

    def encoded():
        return bom + (ends.join(delimiter.join(each) for each in rows) + last).encode(codec)

    before = encoded()
    table = cells.read(before, "x.csv")
    known = list(csv.reader(io.StringIO(before[len(bom) :].decode(codec), newline=""),
                            delimiter=delimiter))  # fmt: skip
    assert [[cell.text for cell in each] for each in table.rows][: len(known)] == known
    was_quoted = rows[row][column].startswith('"')
    rows[row][column] = '"46.5"' if was_quoted else "46.5"
    assert table.filled({(row, column): "46.5"}) == encoded()
    assert table.filled({}) == before


def test_a_file_that_is_not_utf_8_keeps_its_bytes():
    """An old encoding is kept, also where its letters mean nothing in it."""
    data = "Name;Größe\r\nJürgen;\r\n".encode("cp1252") + b"\x81\x8d;\r\n"
    assert cells.read(data, "x.csv").filled({(1, 1): "1"}) == data.replace(b"rgen;", b"rgen;1")


def test_a_value_that_holds_the_delimiter_is_quoted():
    """A decimal comma in a file with commas does not make two cells."""
    table = cells.read(b'a,b\n1,"2,5"\n', "x.csv")
    assert table.filled({(1, 0): "3,5"}) == b'a,b\n"3,5","2,5"\n'


@pytest.mark.parametrize("data", [b"", b" \n", b'a,b\n"1,2\n', b"PK\x03\x04\x00\x00", b"\xff\xfea"])
def test_what_is_no_table_is_said(data):
    """An empty, cut or binary file is refused in one sentence with its name."""
    with pytest.raises(UsageError, match=r"book\.csv"):
        cells.read(data, "book.csv")


# --- Canvas ---------------------------------------------------------------------------------------

BOOK = (
    'Student,ID,SIS User ID,SIS Login ID,Section,Notes,Quiz (11),"Lab 2: KV, cache (98765)",'
    "Assignments Current Score,Final Points\r\n"
    ",,,,,,,Manual Posting,,\r\n"
    "    Points Possible,,,,,,10,50,(read only),(read only)\r\n"
    '"Doe, Alice",101,S1,alice,CS A,,9,,90.5,90\r\n'
    '"=""=cmd()""",102,S2,bob,CS A and CS B,x,EX,"12.00",,\r\n'
    '"Ruß, Carol",103,S3,carol,CS A,,8,EX,,\r\n'
    '"Ruß, Carol",104,S4,dan,CS A,,8,N/A,,\r\n'
    '"Student, Test",999,,tst,CS A,,,,,\r\n'
).encode()  # fmt: skip
SPLIT = (
    b"LastName,FirstName,ID,SIS Login ID,Section,Lab 2 (98765)\n"
    b"    Points Possible,,,,,50\n"
    b"Doe,Alice,101,alice,CS A,\n"
)  # fmt: skip


def test_canvas_gets_one_cell_for_each_row():
    """By Canvas's own number or a login; every other byte stays, and so does the quoting."""
    index = handed("canvas", doealice_101={"keys": {"canvas": "101"}}, bob={"people": ("bob",)})
    made = course(graded("doealice_101", 46.0), graded("bob", 30.775), index=index)
    filled = canvas.write(BOOK, "book.csv", made, "98765")
    assert filled.data == BOOK.replace(b"CS A,,9,,", b"CS A,,9,46,").replace(b"12.00", b"30.78")
    assert [(c.line, c.before, c.now) for c in filled.changes] == [
        (4, "", "46"), (5, "12.00", "30.78"),
    ]  # fmt: skip
    assert filled.notes == ()


def test_the_header_with_two_names_is_known():
    """Canvas also writes last and first names apart; one assignment needs no --column."""
    filled = canvas.write(SPLIT, "book.csv", course())
    assert filled.data == SPLIT.replace(b"CS A,\n", b"CS A,46\n")


@pytest.mark.parametrize("wanted", ["98765", "Lab 2: KV, cache", "Lab 2: KV, cache (98765)"])
def test_a_column_is_known_by_its_number_title_or_header(wanted):
    """All three name the same column."""
    assert canvas.write(BOOK, "b", course(), wanted).column == "Lab 2: KV, cache (98765)"


@pytest.mark.parametrize(
    "wanted", [None, "Lab 3", "Final Points", "ID", "Assignments Current Score"]
)
def test_without_a_clear_column_the_candidates_are_listed(wanted):
    """Nothing is guessed, and neither columns on students nor computed ones can be filled."""
    with pytest.raises(UsageError) as caught:
        canvas.write(BOOK, "book.csv", course(), wanted)
    assert "'Quiz (11)'; 'Lab 2: KV, cache (98765)'" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_two_columns_of_one_title_are_ambiguous():
    """The same title twice is told apart by the numbers."""
    book = SPLIT.replace(b"Lab 2 (98765)", b"Lab 2 (1),Lab 2 (2)")
    with pytest.raises(UsageError, match=r"several .* 'Lab 2 \(1\)'; 'Lab 2 \(2\)'"):
        canvas.write(book, "book.csv", course(), "Lab 2")
    assert canvas.write(book, "book.csv", course(), "2").column == "Lab 2 (2)"


@pytest.mark.parametrize("header", ["Final Points", "Lab Current Score (98765)"])
def test_a_column_that_canvas_computes_is_no_candidate(header):
    """Canvas drops what is called as its totals are, also where it says no points possible."""
    book = SPLIT.replace(b"Lab 2 (98765)", header.encode()).replace(
        b"    Points Possible,,,,,50\n", b""
    )
    with pytest.raises(UsageError, match="no column"):
        canvas.write(book, "book.csv", course(), header)


def test_a_read_only_column_is_no_candidate():
    """What Canvas would not take is not filled."""
    with pytest.raises(UsageError, match="none"):
        canvas.write(SPLIT.replace(b",50\n", b",(read only)\n"), "book.csv", course())


def test_words_in_cells_stay():
    """Excused students and those who are not assigned keep EX and N/A, and it is said."""
    filled = canvas.write(BOOK, "b", course(graded("carol", 1.0), graded("dan", 2.0)), "98765")
    assert filled.data == BOOK
    assert [note for note in filled.notes if "EX" in note and "carol" in note]
    assert [note for note in filled.notes if "N/A" in note and "dan" in note]


def test_who_waits_is_left_as_they_are():
    """No cell of one who waits or is withheld changes; both are named."""
    filled = canvas.write(BOOK, "b", course(waiting("alice"), withheld("bob")), "98765")
    assert filled.data == BOOK
    assert len(filled.notes) == 2


def test_points_that_are_there_already_change_nothing():
    """12 is 12.00."""
    filled = canvas.write(BOOK, "b", course(graded("bob", 12.0)), "98765")
    assert (filled.data, filled.changes, filled.same) == (BOOK, (), 1)


def test_people_are_never_matched_by_name():
    """Two students have one name: without an id nobody gets the other's points."""
    index = handed("folder", rusz={"name": "Ruß, Carol"})
    filled = canvas.write(BOOK, "b", course(graded("rusz", 5.0), index=index), "98765")
    assert filled.data == BOOK
    assert filled.notes == ("rusz: rusz is in no row",)


def test_all_of_a_group_get_its_points():
    """Canvas names one of a group; the roster names the others; who is missing is said."""
    index = handed("canvas", team={"keys": {"canvas": "101"}, "people": ("ALICE", "S2", "zoe")})
    filled = canvas.write(BOOK, "b", course(graded("team", 7.0), index=index), "98765")
    assert [change.line for change in filled.changes] == [4, 5]
    assert filled.notes == ("team: zoe is in no row",)


def test_a_row_that_two_results_claim_stays():
    """Where two hand-ins are of one person, neither is chosen by chance."""
    index = handed("canvas", one={"keys": {"canvas": "101"}}, two={"people": ("alice",)})
    made = course(graded("one", 1.0), graded("two", 2.0), index=index)
    filled = canvas.write(BOOK, "b", made, "98765")
    assert filled.data == BOOK
    assert filled.notes == ("one and two: both are for row 4: left as it is",)


def test_an_id_that_is_in_two_rows_is_left():
    """A login of one that is the number of another gives nobody anything."""
    book = BOOK.replace(b"S3", b"alice")
    filled = canvas.write(book, "b", course(), "98765")
    assert filled.data == book
    assert filled.notes == ("alice: alice is in rows 4 and 6: left as they are",)


def test_other_points_possible_are_said():
    """A column out of 10 for results of 50 is likely the wrong one."""
    (note,) = canvas.write(BOOK, "b", course(), "11").notes
    assert "10 points possible" in note
    assert "50" in note


def test_what_is_no_gradebook_is_said():
    """A file of another kind is refused with what to do."""
    with pytest.raises(UsageError, match="no gradebook of Canvas"):
        canvas.write(b"Name,Points\na,1\n", "book.csv", course())


# --- Moodle ---------------------------------------------------------------------------------------

ENGLISH = (
    "\ufeffIdentifier,Full name,Email address,Status,Grade,Maximum grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments\n"
    'Participant 501,Alice Doe,alice@x.org,"Submitted for grading - ",,50.00,Yes,'
    '"Monday, 5 January 2026, 10:00 AM",-,\n'
    "Participant 502,Bob O'Roe,bob@x.org,Submitted,12.00,50.00,Yes,-,-,\"a, \"\"b\"\"\"\n"
    "Participant 503,Carol,carol@x.org,Submitted,,50.00,No,-,-,\n"
).encode()  # fmt: skip
GERMAN = (
    "ID;Vollständiger Name;E-Mail-Adresse;Status;Bewertung;Bestwertung;Bewertungsworkflow;"
    "Bewertung kann geändert werden;Zuletzt geändert (Abgabe);Zuletzt geändert (Bewertung);"
    "Feedback als Kommentar\r\n"
    "Teilnehmer/in501;Alice Doe;alice@x.org;Zur Bewertung;;50,00;In Arbeit;Ja;"
    "Montag, 5. Januar 2026;-;\r\n"
    "Teilnehmer/in502;Bob;bob@x.org;Zur Bewertung;12,00;50,00;In Arbeit;Ja;-;-;\r\n"
    "Teilnehmer/in503;Carol;carol@x.org;Zur Bewertung;;50,00;In Arbeit;Nein;-;-;\r\n"
).encode()  # fmt: skip
FRENCH = (
    "Identifiant;Nom complet;Adresse de courriel;Statut;Note;Note maximale;"
    "La note peut être modifiée;Dernière modification (travail remis);"
    "Dernière modification (note);Feedback par commentaires\n"
    "Participant501;Alice Doe;alice@x.org;Remis;;50,00;Oui;-;-;\n"
    "Participant502;Bob;bob@x.org;Remis;12,00;50,00;Oui;-;-;\n"
    "Participant503;Carol;carol@x.org;Remis;;50,00;Non;-;-;\n"
).encode("utf-16-le")  # fmt: skip
MOODLE = handed(
    "moodle",
    a={"keys": {"moodle": "501"}, "name": "Alice Doe"},
    b={"people": ("bob@x.org",)},
    c={"keys": {"moodle": "503"}},
)


@pytest.mark.parametrize(
    ("sheet", "codec", "swaps", "column"),
    [
        (ENGLISH, "utf-8", [(' - ",,50', ' - ",46,50'), (",12.00,50", ",30.78,50")], "Grade"),
        (GERMAN, "utf-8", [("ung;;50,00;In Arbeit;Ja", "ung;46;50,00;In Arbeit;Ja"),
                           (";12,00;50", ";30,78;50")], "Bewertung"),
        (b"\xff\xfe" + FRENCH, "utf-16-le", [("is;;50,00;Oui", "is;46;50,00;Oui"),
                                             (";12,00;50", ";30,78;50")], "Note"),
    ],
)  # fmt: skip
def test_moodle_gets_grades_in_any_language(sheet, codec, swaps, column):
    """Columns are known without their names, numbers are written as they are there."""
    made = course(graded("a", 46.0), graded("b", 30.775), graded("c", 9.0), index=MOODLE)
    filled = moodle.write(sheet, "sheet.csv", made)
    expected = sheet
    for before, now in swaps:
        assert expected.count(before.encode(codec)) == 1
        expected = expected.replace(before.encode(codec), now.encode(codec))
    assert filled.data == expected
    assert filled.column == column
    locked, graded_before = filled.notes
    assert "c: row 4: its grade is locked" in locked
    assert graded_before.startswith("1 of these rows had a grade already")


def test_more_than_moodles_maximum_is_left():
    """Moodle would skip it: it is said here."""
    made = course(graded("a", 46.0), index=MOODLE)
    filled = moodle.write(ENGLISH.replace(b"50.00", b"10.00"), "s", made)
    assert not filled.changes
    assert "46 is more than Moodle's maximum of 10" in filled.notes[-2]
    assert "maximum is 10.00, not 50" in filled.notes[-1]


def test_a_team_is_not_taken_for_a_participant():
    """The number of a team may be that of somebody else's row: names have to agree."""
    index = handed("moodle", team={"keys": {"moodle": "501"}, "name": "Team 7"})
    filled = moodle.write(ENGLISH, "s", course(graded("team", 1.0), index=index))
    assert filled.data == ENGLISH
    assert "it is of Alice Doe, and this was handed in by Team 7" in filled.notes[0]


def test_names_of_files_lack_signs():
    """A folder's name without the apostrophe is still that person's."""
    index = handed("moodle", b={"keys": {"moodle": "502"}, "name": "Bob ORoe"})
    assert moodle.write(ENGLISH, "s", course(graded("b", 1.0), index=index)).changes


def test_blind_marking_has_no_names():
    """With an identifier alone, the participant's number decides."""
    blind = (
        b"Identifier,Status,Grade,Maximum grade,Grade can be changed,Last modified (grade)\n"
        b"Participant 501,Submitted,,50.00,Yes,-\n"
    )
    index = handed("moodle", a={"keys": {"moodle": "501"}, "name": "Participant"})
    filled = moodle.write(blind, "s", course(graded("a", 3.5), index=index))
    assert filled.data == blind.replace(b"Submitted,,", b"Submitted,3.5,")


def test_a_worksheet_whose_grades_are_not_clear_asks():
    """A group by number and the same grade for all look alike: --column says which."""
    sheet = (
        b"Identifier,Full name,Group,Grade,Maximum grade,Last modified (grade)\n"
        b"Participant 501,Alice Doe,3,12.00,50.00,-\n"
    )
    with pytest.raises(UsageError, match="--column: 'Identifier', 'Full name', 'Group', 'Grade'"):
        moodle.write(sheet, "s", course(graded("a", 1.0), index=MOODLE))
    filled = moodle.write(sheet, "s", course(graded("a", 1.0), index=MOODLE), "Grade")
    assert filled.data == sheet.replace(b"12.00", b"1")


@pytest.mark.parametrize("data", [BOOK, b"a,b\n1,2\n", b"Identifier,Grade\n"])
def test_what_is_no_worksheet_is_said(data):
    """A file of another kind is refused with what to do."""
    with pytest.raises(UsageError, match="no grading worksheet of Moodle"):
        moodle.write(data, "sheet.csv", course())

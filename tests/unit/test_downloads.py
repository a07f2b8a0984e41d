"""What platforms let staff download, taken apart: whose, which files, which attempt, the rest."""

import io
import stat
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import handed
from grader.cli import arguments
from grader.downloads import canvas, metadata, moodle
from grader.downloads.download import FORMS, Bundle
from grader.downloads.taking import report, take
from grader.errors import UsageError
from grader.intake import basket, listing
from tests.platforms import (
    canvas_base,
    canvas_file,
    gradescope_metadata,
    moodle_folder,
    write_folder,
    write_zip,
)

JANE, BOB = canvas_base("Doe, Jane", 12), canvas_base("Roe, Bob", 13, late=True)
IDS = st.integers(1, 10**9).map(str)
FEW = settings(max_examples=60, deadline=None)


def taken(path, **more):
    """Return a download's submissions, or why there is none, by their ids in it."""
    taking = take(path, **more)
    return {found.id: what for found, _, what in taking.download.submissions()}


def files(submission):
    """Return a submission's texts by path."""
    return {file.path: file.data.decode() for file in submission.files}


def packed(**texts):
    """Return the bytes of a zip; "__" stands for the dot of a name."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name.replace("__", "."), text)
    return data.getvalue()


# --- names ----------------------------------------------------------------------------------------


@FEW
@given(st.text(max_size=20), IDS, IDS, st.text(min_size=1, max_size=20), st.booleans())
def test_any_canvas_name_is_read_back(name, user, attachment, display, late):
    """Whatever people and files are called, user, attachment, file and LATE come back."""
    base = canvas_base(name, user, late=late)
    who = base.removesuffix(f"_{user}").removesuffix("_LATE")
    flat = canvas_file(base, attachment, display)
    shown = flat[len(f"{base}_{attachment}_") :]
    read = list(canvas.readings(flat))
    numbers = any(token.isascii() and token.isdecimal() for token in who.split("_"))
    if who == "anon":  # reads as one graded anonymously, and is put together all the same
        return
    expected = canvas.Flat(who, late, user, attachment, shown)
    assert expected in read
    assert numbers or read[0] == expected


@FEW
@given(st.from_regex(r"[A-Za-z0-9]{1,8}", fullmatch=True), IDS, st.booleans())
def test_anonymous_canvas_names_keep_their_id(anonymous, attachment, late):
    """LATE stands before the id where there is no name, and is still seen."""
    base = canvas_base("", 0, late=late, anonymous=anonymous)
    (first, *_) = canvas.readings(canvas_file(base, attachment, "a_1_2_b.py"))
    assert first == canvas.Flat("", late, f"anon_{anonymous}", attachment, "a_1_2_b.py")


@FEW
@given(
    st.text(st.characters(exclude_characters="/"), min_size=1, max_size=20),
    IDS,
    st.sampled_from(["file", "onlinetext"]),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
)
def test_any_moodle_name_is_read_back(full, participant, plugin, old, path):
    """Folders of today and of before 4.1, and flat names: the number and the path come back."""
    folder = moodle_folder(full, participant, plugin, old=old)
    who = full.replace("_", " ")
    part = moodle.reading(f"{folder}/{path}")
    assert (part.who, part.key, part.path) == (who, participant, path)
    flat = moodle.reading(f"{moodle_folder(full, participant, plugin)}_x{path}")
    assert (flat.who, flat.key, flat.path) == (who, participant, f"x{path}")


@FEW
@given(st.text(st.sampled_from("_0aLATEnon.-/assignubmofle7"), max_size=60), st.text(max_size=30))
def test_no_name_and_no_metadata_is_a_fault_of_ours(name, text):
    """Whatever stands there is read, or is none, or is refused with a sentence."""
    list(canvas.readings(name))
    moodle.reading(name)
    for form in FORMS.values():
        form.fits([name])
    try:
        metadata.read(text.encode())
    except UsageError as error:
        assert "export the submissions again" in str(error)  # noqa: PT017 - most texts are read


@pytest.mark.parametrize(
    ("display", "required", "paths"),
    [
        (["net-1.py"], {"net.py"}, ["net.py"]),
        (["net-1.py", "net-2.py"], {"net.py"}, ["net-1.py", "net.py"]),
        (["net-1.py", "net.py"], {"net.py"}, ["net-1.py", "net.py"]),
        (["net-1.py"], {"other.py"}, ["net-1.py"]),
        (["net-1.py"], {"net-1.py", "net.py"}, ["net-1.py"]),
        (["run-12"], {"run"}, ["run"]),
        (["net-2026.py", "net-0.py"], {"net.py"}, ["net-2026.py", "net-0.py"]),
        (["a-1.py", "b-1.py"], {"a.py", "b.py"}, ["a.py", "b.py"]),
    ],
)
def test_numbers_of_resubmission_go_where_the_plain_name_is_missed(display, required, paths):
    """A required name comes back, of several numbers the newest; nothing else is renamed."""
    assert list(canvas.displayed({n: n for n in display}, required).values()) == paths


# --- whole downloads ------------------------------------------------------------------------------

CANVAS = {
    canvas_file(JANE, 346, "net-1.py"): "second",
    canvas_file(JANE, 345, "read me.txt"): "hello",
    canvas_file(BOB, 347, "work.zip"): packed(net__py="zipped", more__txt="x"),
    canvas_file(canvas_base("team_7", 14), 350, "net.py"): "of team 7",
    canvas_base("Lee, Ann", 15) + "_link.html": "<a>",
    canvas_base("Typ, Ed", 16) + "_text.html": "<p>typed</p>",
    "__MACOSX/._x": "",
    "notes.txt": "of the TA",
}
GRADEBOOK = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Lab 2 (98)\n"
    "    Points Possible,,,,,100\n"
    '"Doe, Jane",12,u12,jdoe,A,\n"Roe, Bob",13,u13,broe,A,\n"May, Zoe",14,u14,zmay,A,\n'
    '"Lee, Ann",15,u15,alee,A,\n"Typ, Ed",16,u16,etyp,A,\n"Gone, Al",99,u99,agone,A,\n'
    '"Student, Test",1000,,x,A,\n'
)


@pytest.mark.parametrize("write", [write_zip, write_folder])
def test_a_canvas_download_is_put_together_again(tmp_path, write):
    """Flat names become submissions with their own names; who has nothing and what is nobody's."""
    path = write(tmp_path / "lab2 submissions.zip", CANVAS)
    (tmp_path / "gradebook.csv").write_text(GRADEBOOK)
    taking = take(path, None, {"net.py"}, tmp_path / "gradebook.csv")
    assert taking.download.form == "canvas"
    found = {f.id: (f, b, what) for f, b, what in taking.download.submissions()}
    assert files(found["doejane_12"][2]) == {"net.py": "second", "read me.txt": "hello"}
    assert files(found["roebob_13"][2]) == {"net.py": "zipped", "more.txt": "x"}
    assert files(found["team_7_14"][2]) == {"net.py": "of team 7"}
    assert files(found["typed_16"][2]) == {"text.html": "<p>typed</p>"}
    assert "only a link was handed in" in str(found["leeann_15"][2])
    index = taking.index({name: each[0] for name, each in found.items()}, None, None)
    jane, bob = index.handed["doejane_12"], index.handed["roebob_13"]
    assert (jane.people, jane.keys, jane.late) == (("jdoe",), {"canvas": "12"}, False)
    assert sorted(jane.names) == sorted(name for name in CANVAS if name.startswith("doejane"))
    assert (bob.late, bob.submitted_at) == (True, None)
    assert (index.missing, index.unclaimed) == (("agone",), ("notes.txt",))
    assert report(taking, index) == [
        "nothing handed in: 1: agone",
        "belongs to nobody: 1: notes.txt",
        "late by the platform's word: 1: roebob_13",
    ]
    for found_, bundle, what in found.values():
        if not isinstance(what, UsageError):
            again = Bundle.of(bundle.to_json()).read()
            assert (again.id, again.digest) == (found_.id, what.digest)


def test_of_two_canvas_files_of_one_name_the_newer_one_counts(tmp_path):
    """The higher attachment number keeps the name; the other is said to be left out."""
    names = [canvas_file(JANE, number, "net.py") for number in (99, 100)]
    path = write_zip(tmp_path / "a.zip", dict(zip(names, ["old", "new"], strict=True)))
    (jane,) = taken(path).values()
    assert files(jane) == {"net.py": "new"}
    assert jane.flags == ("net.py was left out: an earlier entry has the same name",)


def test_an_anonymous_canvas_download_accuses_nobody(tmp_path):
    """Where nobody can be named, nobody is said to have handed in nothing."""
    base = canvas_base("", 0, late=True, anonymous="x7Fq2")
    path = write_zip(tmp_path / "a.zip", {canvas_file(base, 1, "net.py"): "x"})
    (tmp_path / "r.csv").write_text("id,name\njdoe,Jane Doe\n")
    taking = take(path, people=tmp_path / "r.csv")
    index = taking.index({f.id: f for f in taking.download.found}, None, None)
    assert (list(index.handed), index.missing, index.unclaimed) == (["anon_x7Fq2"], (), ())
    assert report(taking, index)[0].startswith("1 are anonymous: who has handed in nothing is not")


def test_a_group_of_canvas_is_all_its_members(tmp_path):
    """The name is the group's and the id one member's: all members have handed in."""
    path = write_zip(tmp_path / "a.zip", {canvas_file(canvas_base("Team 7", 13), 1, "n.py"): "x"})
    (tmp_path / "r.csv").write_text(
        "id,canvas id,team\njane,12,Team 7\nbob,13,Team 7\nzoe,14,Team 8\n"
    )
    taking = take(path, people=tmp_path / "r.csv")
    index = taking.index({f.id: f for f in taking.download.found}, None, None)
    assert index.handed["team7_13"].people == ("jane", "bob")
    assert index.missing == ("zoe",)


MOODLE = {
    f"{moodle_folder('Jane Doe', 123)}/src/net.py": "jane",
    f"{moodle_folder('Jane Doe', 123, 'onlinetext')}/onlinetext.html": "<p>",
    f"{moodle_folder('Jürgen Groß', 124, old=True)}/net.py": "jürgen",
    f"{moodle_folder('Jane Doe', 125)}_net.py": "another of that name",
    f"{moodle_folder('Team 8', 9)}/net.py": "of a team",
    f"{moodle_folder('Default group', '')}/net.py": "of whoever is in no team",
    "Jane Doe_123_assignfeedback_comments/comments.html": "well done",
}
WORKSHEET = (
    "Identifier,Full name,Email address,Status,Group,Grade,Last modified (submission)\n"
    'Participant 123,Jane Doe,jane@u.edu,,,-,"Friday, 20 November 2026, 11:10 PM"\n'
    "Participant 124,Jürgen Groß,jg@u.edu,,,-,-\n"
    "Participant 125,Jane Doe,jd2@u.edu,,,-,-\n"
    "Participant 126,Al Gone,al@u.edu,,,-,-\n"
    "Participant 127,Zoe May,zoe@u.edu,,Team 8,-,-\n"
)


@pytest.mark.parametrize("write", [write_zip, write_folder])
def test_a_moodle_download_is_sorted_by_participants(tmp_path, write):
    """Folders, flat names, plugins and teams; people of one name are told apart by their number."""
    path = write(tmp_path / "cs-lab2-77.zip", MOODLE)
    (tmp_path / "w.csv").write_text(WORKSHEET, encoding="utf-8-sig")
    taking = take(path, people=tmp_path / "w.csv")
    assert taking.download.form == "moodle"
    found = {f.id: (f, what) for f, _, what in taking.download.submissions()}
    assert files(found["Jane Doe_123"][1]) == {"src/net.py": "jane", "onlinetext.html": "<p>"}
    assert files(found["Jane Doe_125"][1]) == {"net.py": "another of that name"}
    index = taking.index({name: f for name, (f, _) in found.items()}, None, None)
    people = {name: each.people for name, each in index.handed.items()}
    assert people == {
        "Jane Doe_123": ("jane@u.edu",), "Jane Doe_125": ("jd2@u.edu",),
        "Jürgen Groß_124": ("jg@u.edu",), "Team 8_9": ("zoe@u.edu",), "Default group": (),
    }  # fmt: skip
    assert index.handed["Jane Doe_123"].keys == {"moodle": "123"}
    assert index.missing == ("al@u.edu",)
    assert set(index.unclaimed) == {name for name in MOODLE if "feedback" in name} | {
        f"{moodle_folder('Default group', '')}/net.py"
    }


def test_two_of_one_name_and_no_number_are_nobody(tmp_path):
    """Where a roster has two people of a name and nothing else, neither is taken for the other."""
    path = write_zip(tmp_path / "a.zip", {f"{moodle_folder('Jane Doe', 123)}/n.py": "x"})
    (tmp_path / "r.csv").write_text("id,name\nj1,Jane Doe\nj2,Jane Doe\n")
    taking = take(path, people=tmp_path / "r.csv")
    index = taking.index({f.id: f for f in taking.download.found}, None, None)
    assert (index.handed["Jane Doe_123"].people, index.missing) == ((), ("j1", "j2"))


JANES, BOBS = ("Jane Doe", "0012", "jane@u.edu"), ("Bob Roe", "13", "bob@u.edu")


@pytest.mark.parametrize("write", [write_zip, write_folder])
def test_a_gradescope_export_says_who_and_when(tmp_path, write):
    """Groups, times and attempts come from the metadata; of two of the same people the last counts.

    What a student's program has printed into it makes no object.
    """
    told = gradescope_metadata(
        (1, [JANES, BOBS], "2026-11-20 23:10:00.123456000 -08:00",
         ["2026-11-19 10:00:00.000000000 -08:00", "2026-11-20 23:10:00.123456000 -08:00"]),
        (2, [("Zoe May", "14", "zoe@u.edu")], "2026-11-20 10:00:00.000000000 Z", []),
        (3, [("Zoe May", "14", "zoe@u.edu")], "2026-11-20 11:00:00.000000000 +02:00", []),
    )  # fmt: skip
    content = {"submission_metadata.yml": told, "submission_1/net.py": "x",
               "submission_2/net.py": "later", "submission_3/net.py": "earlier"}  # fmt: skip
    path = write(
        tmp_path / "export.zip", {f"assignment_9_export/{n}": t for n, t in content.items()}
    )
    (tmp_path / "r.csv").write_text(
        "First Name,Last Name,SID,Email,Role\nJane,Doe,0012,jane@u.edu,Student\n"
        "Bob,Roe,13,bob@u.edu,Student\nZoe,May,14,zoe@u.edu,Student\n"
        "Al,Gone,99,al@u.edu,Student\nIda,Staff,1,ida@u.edu,Instructor\n"
    )
    taking = take(path, people=tmp_path / "r.csv")
    assert taking.download.form == "gradescope"
    whats = {f.id: what for f, _, what in taking.download.submissions()}
    assert files(whats["submission_1"]) == {"net.py": "x"}
    assert str(whats["submission_3"]) == "the same people's submission_2 is later"
    index = taking.index({f.id: f for f in taking.download.found}, None, None)
    one = index.handed["submission_1"]
    assert (one.people, one.name) == (("0012", "13"), "Jane Doe and Bob Roe")
    assert (one.submitted_at, one.attempt) == ("2026-11-20T23:10:00.123456-08:00", 2)
    assert (one.keys, index.missing) == ({"gradescope": "1"}, ("99",))


def test_clones_of_github_classroom_are_known_by_login(tmp_path):
    """The login is what follows the assignment; a roster of Classroom names the person."""
    for login in ("j-doe", "bob"):
        (tmp_path / "subs" / f"lab-2-{login}" / ".git").mkdir(parents=True)
        (tmp_path / "subs" / f"lab-2-{login}" / ".git" / "config").write_text("[core] evil")
        (tmp_path / "subs" / f"lab-2-{login}" / "net.py").write_text(login)
    (tmp_path / "r.csv").write_text(
        'identifier,github_username,github_id,name\n"0012",J-Doe,1,\n13,bob,2,\n14,,,\n'
    )
    taking = take(tmp_path / "subs", people=tmp_path / "r.csv")
    assert taking.download.form == "classroom"
    whats = {f.id: what for f, _, what in taking.download.submissions()}
    assert files(whats["lab-2-j-doe"]) == {"net.py": "j-doe"}
    index = taking.index({f.id: f for f in taking.download.found}, None, None)
    assert {name: each.people for name, each in index.handed.items()} == {
        "lab-2-j-doe": ("0012",), "lab-2-bob": ("13",),
    }  # fmt: skip
    assert index.missing == ("14",)
    unknown = take(tmp_path / "subs").download.found
    assert sorted(found.key for found in unknown) == ["bob", "j-doe"]


def test_a_plain_folder_is_as_it_was(tmp_path):
    """Each entry is one; names that only look a bit like a platform's make it none."""
    content = {f"lab_2_1_{name}.py": name for name in ("jane", "bob")}
    path = write_folder(tmp_path / "subs", {**content, ".hidden/x": "", "zoe/net.py": "zoe"})
    taking = take(path)
    assert taking.download.form == "folder"
    whats = {f.id: what for f, _, what in taking.download.submissions()}
    assert {name: what.id for name, what in whats.items()} == {
        "lab_2_1_jane.py": "lab_2_1_jane", "lab_2_1_bob.py": "lab_2_1_bob", "zoe": "zoe",
    }  # fmt: skip
    (tmp_path / "r.csv").write_text("id;email\n1;zoe@u.edu\n2;other@u.edu\n")
    taking = take(path, people=tmp_path / "r.csv")
    index = taking.index({f.id: f for f in taking.download.found}, None, None)
    assert index.handed["zoe"].people == ("1",)
    assert (index.missing, len(index.unclaimed)) == (("2",), 2)


def test_what_is_written_out_goes_before_what_looks_alike(tmp_path):
    """Ids that differ in a dash are two people's; what is like both, and neither, is nobody's."""
    names = ("1-2", "12", "1.2")
    path = write_folder(tmp_path / "subs", {f"{name}/net.py": "" for name in names})
    (tmp_path / "r.csv").write_text("id,email\n1-2,a@u.edu\n12,b@u.edu\n")
    owners = take(path, people=tmp_path / "r.csv").owners
    assert [[each.id for each in owners[name]] for name in names] == [["1-2"], ["12"], []]


def test_a_form_can_be_forced_and_a_stray_zip_is_asked_about(tmp_path):
    """A zip that is no platform's is not guessed at; with --form its folders are hand-ins."""
    content = {"all/jane/net.py": "j", "all/bob.zip": packed(net__py="b"), "all/zoe.py": "z"}
    path = write_zip(tmp_path / "a.zip", content)
    with pytest.raises(UsageError, match="say what it is with --form"):
        take(path)
    whats = taken(path, form="folder")
    assert {what.id: files(what) for what in whats.values()} == {
        "jane": {"net.py": "j"}, "bob": {"net.py": "b"}, "zoe": {"zoe.py": "z"},
    }  # fmt: skip
    assert set(FORMS) == set(handed.FORMS) == set(arguments.FORMS)


# --- hostile downloads ----------------------------------------------------------------------------


def test_what_leads_elsewhere_or_is_too_large_stays_out_alone(tmp_path, monkeypatch):
    """Links, names with "..", bombs and controls cost their own file or hand-in, and no other."""
    monkeypatch.setattr(basket, "MAX_TOTAL", 500_000)
    path = tmp_path / "a.zip"
    top = moodle_folder("Jane Doe", 1)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net.py", "x")
        archive.writestr("zeros.bin", bytes(1_000_000))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{top}/net.py", "good")
        archive.writestr(f"{top}/../../etc/passwd", "bad")
        archive.writestr(f"{top}/a\x1b[2Jb.py", "odd")
        link = zipfile.ZipInfo(f"{top}/link.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr(f"{moodle_folder('Bob Roe', 2)}/work.zip", bomb.getvalue())
    before = sorted(tmp_path.iterdir())
    whats = taken(path)
    assert set(files(whats["Jane Doe_1"])) == {"net.py", "a\x1b[2Jb.py"}
    assert any("leads out of" in flag for flag in whats["Jane Doe_1"].flags)
    assert any("a symbolic link" in flag for flag in whats["Jane Doe_1"].flags)
    assert "work.zip holds more than" in str(whats["Bob Roe_2"])
    assert sorted(tmp_path.iterdir()) == before


def test_links_in_a_folder_are_named_and_not_followed(tmp_path):
    """An unpacked download with a link in a hand-in: the link's target is not read."""
    path = write_folder(tmp_path / "subs", {f"{moodle_folder('Jane Doe', 1)}/net.py": "x"})
    (tmp_path / "secret").write_text("secret")
    (path / moodle_folder("Jane Doe", 1) / "more.py").symlink_to(tmp_path / "secret")
    (jane,) = taken(path).values()
    assert files(jane) == {"net.py": "x"}
    assert jane.flags == ("more.py was left out: it is a symbolic link",)


def test_a_zip_that_lists_without_end_is_refused(tmp_path, monkeypatch):
    """Neither the list of entries nor its length may take the machine's memory."""
    path = write_zip(tmp_path / "a.zip", {canvas_file(JANE, n, "net.py"): "" for n in range(9)})
    monkeypatch.setattr(listing, "MAX_ENTRIES", 8)
    with pytest.raises(UsageError, match="more than 8 files"):
        take(path)
    monkeypatch.setattr(listing, "_MAX_DIRECTORY", 300)
    with pytest.raises(UsageError, match="lists far too many"):
        take(path)
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UsageError, match="download it again"):
        take(path)


def test_a_download_that_has_changed_is_said(tmp_path):
    """What was listed and is gone when its turn comes is a sentence and no crash."""
    path = write_zip(tmp_path / "a.zip", {canvas_file(JANE, 1, "net.py"): "x"})
    ((_, bundle, _),) = take(path).download.submissions()
    write_zip(path, {canvas_file(BOB, 1, "net.py"): "x"})
    with pytest.raises(UsageError, match=r"no longer holds doejane_12_1_net\.py"):
        bundle.read()


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b"a: &x [1]\nb: *x", b"\xff\xfe\x00", b"- 1", b""]
)
def test_odd_metadata_is_read_or_refused(data):
    """Depth, aliases, other encodings, another shape: nobody is named, or a sentence."""
    try:
        assert all(entry.submitters == () for entry in metadata.read(data).values())
    except UsageError as error:
        assert "cannot be read" in str(error)  # noqa: PT017 - either is right

"""Archives as students and course websites make them, and as somebody hostile does."""

import gzip
import io
import os
import stat
import struct
import subprocess
import tarfile
import time
import tracemalloc
import warnings
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.intake import NothingToGrade, basket, read

MB = 1_000_000
CODE = b"print('hello')\n"
GNU = tarfile.GNU_FORMAT
PEAK = 80 * MB  # memory of one fuzzed archive, whatever it claims


def zipped(entries, method=zipfile.ZIP_DEFLATED):
    """Return the bytes of a zip with these entries, (name or ZipInfo, bytes)."""
    pairs = entries.items() if isinstance(entries, dict) else entries
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of names that are there twice
        for name, data in pairs:
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(entries, *, packed=True, form=tarfile.PAX_FORMAT):
    """Return the bytes of a tar.gz with these entries, (name or TarInfo, bytes)."""
    pairs = entries.items() if isinstance(entries, dict) else entries
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, data in pairs:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(stream.getvalue(), 1) if packed else stream.getvalue()


def of(kind, name, link=""):
    """Return the header of an entry that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.fixture
def put(tmp_path):
    """Write a file, return its path."""

    def put(data, name="alice.zip"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return put


def paths(submission):
    """List what was kept."""
    return [file.path for file in submission.files]


def refusal(path):
    """Return the one sentence with which a submission is refused."""
    with pytest.raises(NothingToGrade) as caught:
        read(path)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


def peak(path):
    """Read, or refuse, a submission; return the largest memory that took, and what it said."""
    tracemalloc.start()
    try:
        said = " ".join(read(path).flags)
    except NothingToGrade as error:
        said = str(error)
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most, said


# --- what honest people hand in -------------------------------------------------------------------


@pytest.mark.parametrize(("name", "make"), [("alice.zip", zipped), ("alice.tar.gz", tarred),
                                            ("alice.tgz", tarred), ("Alice.TAR.GZ", tarred),
                                            ("alice.zip", tarred)])  # fmt: skip
def test_code_and_answers_with_what_the_machine_added(put, name, make):
    """The real form: the one top folder goes, own folders stay, and what tools left is named."""
    data = make({
        "hw4 final/report.pdf": b"%PDF-1.5", "hw4 final/problem 2/model.py": CODE,
        "hw4 final/problem 1/calc.py": CODE, "__MACOSX/hw4 final/._report.pdf": b"\0",
        "hw4 final/.DS_Store": b"\0", "hw4 final/.git/HEAD": b"x", "hw4 final/.venv/bin/x": b"",
        "hw4 final/env/lib/python3.11/site-packages/torch/__init__.py": b"",
        "hw4 final/problem 2/__pycache__/model.cpython-311.pyc": b"",
    })  # fmt: skip
    submission = read(put(data, name))
    assert paths(submission) == ["problem 1/calc.py", "problem 2/model.py", "report.pdf"]
    assert submission.id.lower() == "alice"
    assert submission.flags == (
        "not read, as nothing of it is graded: .DS_Store, .git, .venv, __MACOSX, __pycache__, "
        "site-packages",
    )


def test_tar_and_zip_of_one_folder_are_one_submission(put, tmp_path):
    """Made by the tools that people have, both give the digest of the folder itself."""
    (tmp_path / "alice" / "src").mkdir(parents=True)
    (tmp_path / "alice" / "src" / "Übung.py").write_bytes(CODE)
    (tmp_path / "alice" / "notes.md").write_bytes(b"x" * 5000)
    subprocess.run(["tar", "czf", "alice.tar.gz", "alice"], cwd=tmp_path, check=True)
    subprocess.run(["python3", "-m", "zipfile", "-c", "alice.zip", "alice"],
                   cwd=tmp_path, check=True)  # fmt: skip
    digests = {read(tmp_path / name).digest for name in ("alice", "alice.zip", "alice.tar.gz")}
    assert len(digests) == 1
    assert read(tmp_path / "alice.tar.gz").flags == ()


INNER = {"alice/model.py": CODE, "alice/report.pdf": b"%PDF"}


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        ({"hw4.zip": zipped(INNER)}, ["model.py", "report.pdf"]),
        ({"hw4.tar.gz": tarred(INNER)}, ["model.py", "report.pdf"]),
        ({"code.zip": zipped({"model.py": CODE}), "report.pdf": b""}, ["model.py", "report.pdf"]),
        ({"Submission.zip": zipped({"model.py": CODE}), "plot.py": CODE}, ["model.py", "plot.py"]),
        ({"part 2/submission.zip": zipped(INNER), "calc.py": CODE},
         ["calc.py", "part 2/model.py", "part 2/report.pdf"]),
    ],
)  # fmt: skip
def test_an_archive_that_is_the_submission_is_opened_where_it_stands(put, tmp_path, files, kept):
    """A folder or an archive with one archive in it is what that one holds; the id is the outer."""
    for name, data in files.items():
        put(data, f"alice/{name}")
    for submission in (read(tmp_path / "alice"), read(put(zipped(files)))):
        assert paths(submission) == kept
        assert submission.id == "alice"
        assert submission.flags == ()


def test_archives_beside_code_stay_closed(put, tmp_path):
    """Which of several things is meant is not guessed; the student is told what to do."""
    files = {"model.py": CODE, "old.zip": zipped(INNER), "data.rar": b"Rar!"}
    submission = read(put(zipped(files)))
    assert paths(submission) == ["data.rar", "model.py", "old.zip"]
    assert submission.flags == tuple(
        f"{name} is an archive that was not opened: hand in its files instead, in the same .zip as "
        "the others"
        for name in ("old.zip", "data.rar")
    )


@pytest.mark.parametrize(
    "files",
    [
        {"a.zip": zipped({"b.zip": zipped({"model.py": CODE})})},
        {"a.zip": zipped(INNER), "b.zip": zipped(INNER)},
        {"a.rar": b"Rar!"},
    ],
    ids=["three deep", "two of them", "of another kind"],
)
def test_nothing_but_archives_is_refused(put, files):
    """No zero for how files were packed: the sentence names the archives and asks for a zip."""
    message = refusal(put(zipped(files)))
    assert "nothing but archives that are not opened" in message
    assert "hand in one .zip of the files themselves" in message


def test_a_quine_ends(put):
    """An archive that holds itself, as deep as one likes, is opened once."""
    data = zipped({"model.py": CODE})
    for _ in range(50):
        data = zipped({"again.zip": data})
    assert "again.zip" in refusal(put(data))


def test_what_is_wrong_within_is_said_with_where(put):
    """Remarks on an inner archive begin with its path."""
    inner = zipped({"model.py": CODE, "../out.py": CODE})
    broken = zipped({"report.pdf": b"%PDF", "code.zip": b"PK\x03\x04 and so on"})
    (flag,) = read(put(zipped({"hw.zip": inner}))).flags
    assert flag == "hw.zip/../out.py was left out: its name leads out of the archive"
    submission = read(put(broken))
    assert paths(submission) == ["report.pdf"]
    assert submission.flags[0].startswith("code.zip was left out: it is damaged or cut off, ")


def test_files_of_an_inner_archive_do_not_replace_others(put):
    """What lies beside the archive was there first."""
    files = {"submission.zip": zipped({"model.py": b"late", "new.py": CODE}), "model.py": CODE}
    submission = read(put(zipped(files)))
    assert [(f.path, f.data) for f in submission.files] == [("model.py", CODE), ("new.py", CODE)]
    assert submission.flags == (
        "submission.zip/model.py was left out: an earlier entry has the same name",
    )


# --- what cannot be opened ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice.7z", "alice.rar", "alice.tar", "alice.tar.xz"])
def test_other_archives_are_refused_with_what_to_do(put, name):
    """The sentence names the kind and asks for a zip."""
    assert "hand in a .zip of the same files" in refusal(put(b"x", name))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty, 0 bytes: hand it in again"),
        (b"Rar!\x1a\x07\x01\0", "is a RAR archive by its content: hand in a .zip"),
        (b"7z\xbc\xaf\x27\x1c\0", "is a 7z archive by its content: hand in a .zip"),
        (b"%PDF-1.5", "is a PDF by its content"),
        (b"<html>log in</html>", "damaged or cut off, File is not a zip file: make the archive"),
        (zipped(INNER)[:-10], "damaged or cut off"),
        (tarred(INNER)[:15], "damaged or cut off"),
        (gzip.compress(b"no tar"), "damaged or cut off"),
        (gzip.compress(b""), "damaged or cut off"),
    ],
)
def test_what_is_no_archive_is_refused_with_what_to_do(put, data, says):
    """An upload cut off, a renamed file, a login page: each has its sentence."""
    assert says in refusal(put(data))


def test_an_archive_of_nothing_is_refused(put):
    """Empty archives, and those of folders only, hold no file to grade."""
    folder = of(tarfile.DIRTYPE, "a")
    for data in (zipped({}), zipped({"a/": b"", "a/b/": b""}), tarred([(folder, b"")])):
        assert "holds no file to grade" in refusal(put(data))


def test_a_locked_archive_says_so(put):
    """Where every entry is encrypted, the refusal says what is the matter."""
    data = bytearray(zipped({"model.py": CODE}))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    assert "it is encrypted" in refusal(put(data))


# --- names ----------------------------------------------------------------------------------------


def raw_zip(name, flags=0, system=3):
    """Return a zip of one entry whose name is exactly these bytes."""
    data = bytearray(zipped({"x" * len(name): CODE}, zipfile.ZIP_STORED))
    for signature, at, flag in ((b"PK\x03\x04", 30, 6), (b"PK\x01\x02", 46, 8)):
        start = data.index(signature)
        data[start + at : start + at + len(name)] = name
        struct.pack_into("<H", data, start + flag, flags)
    data[data.index(b"PK\x01\x02") + 5] = system
    return bytes(data)


@pytest.mark.parametrize(
    ("raw", "flags", "name"),
    [
        ("Übung/模型.py".encode(), 1 << 11, "模型.py"),
        ("Übung/模型.py".encode(), 0, "模型.py"),
        ("sub/Übung.py".encode("cp437"), 0, "Übung.py"),
        (b"sub/new\nline.py", 0, "new\nline.py"),
    ],
)
def test_names_are_read_as_they_were_meant(put, raw, flags, name):
    """UTF-8 declared or not, the code page of DOS, and a line break."""
    submission = read(put(raw_zip(raw, flags)))
    assert paths(submission) == [name]


def test_a_name_in_utf8_that_is_none_is_a_refusal(put):
    """Bytes that are declared as UTF-8 and are not do not crash."""
    assert "damaged" in refusal(put(raw_zip(b"\xff\xfe.py", 1 << 11)))


def test_a_zip_of_an_old_windows_tool_has_its_folders(put):
    """Made on Windows and without a slash, backslashes stand between folders, for good and bad."""
    assert paths(read(put(raw_zip(b"hw4\\src\\model.py", system=0)))) == ["src/model.py"]
    for name in (b"..\\model.py", b"\\model.py", b"C:\\model.py", b"a\\..\\..\\m.py"):
        for system in (0, 3):
            assert "was left out: its name" in refusal(put(raw_zip(name, system=system)))


def test_a_name_does_not_end_at_a_nul(put):
    """`model.py` cannot be called `model.py NUL .txt`."""
    assert "its name holds a NUL byte" in refusal(put(raw_zip(b"model.py\0.txt")))


def test_names_that_are_one_elsewhere_are_both_kept_and_named(put):
    """Capitals and ways to write an umlaut: other systems take them for one file, this one not."""
    names = ("Model.py", "model.py", "caf\u00e9.md", "cafe\u0301.md")
    submission = read(put(zipped(dict.fromkeys(names, CODE))))
    assert len(submission.files) == 4
    assert submission.flags == (
        r"'caf\xe9.md' and 'cafe\u0301.md' are different names that look the same",
        "'model.py' and 'Model.py' are different names that differ in capitals only: elsewhere "
        "they are one",
    )


# --- hostile archives -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (of(tarfile.SYMTYPE, "link.py", "/etc/passwd"), "it is a symbolic link"),
        (of(tarfile.LNKTYPE, "link.py", "../../etc/passwd"), "it is a hard link"),
        (of(tarfile.FIFOTYPE, "pipe.py"), "it is a FIFO"),
        (of(tarfile.CHRTYPE, "null.py"), "it is a device"),
        (of(tarfile.BLKTYPE, "disk.py"), "it is a device"),
        (tarfile.TarInfo("/etc/passwd"), "its name is absolute"),
        (tarfile.TarInfo("../model.py"), "its name leads out of the archive"),
        (tarfile.TarInfo("good.py/model.py"), "another entry needs its name"),
        (tarfile.TarInfo("./good.py"), "an earlier entry has the same name"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_tar_is_read_by_the_rules_of_a_zip(put, entry, why):
    """Links, devices and names that lead elsewhere cost the entry, and only it."""
    data = tarred([("good.py", CODE), (entry, b""), ("last.py", CODE)])
    submission = read(put(data, "alice.tar.gz"))
    assert paths(submission) == ["good.py", "last.py"]
    assert submission.flags == (f"{entry.name} was left out: {why}",)


def test_a_file_through_a_link_does_not_arrive(put):
    """A link to a folder and a file below it: the link is left out, the file stays inside."""
    link = zipfile.ZipInfo("sub")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    submission = read(put(zipped([("good.py", CODE), (link, b"/etc"), ("sub/passwd", b"mine")])))
    assert paths(submission) == ["good.py", "sub/passwd"]
    assert submission.flags == ("sub was left out: it is a symbolic link",)


def test_a_tar_cut_off_gives_what_came_before(put):
    """A download that broke off costs what is missing, and the flag says after which file."""
    data = tarred([("a.py", CODE), ("b.bin", os.urandom(50_000)), ("c.py", CODE)])
    submission = read(put(data[:30_000], "alice.tar.gz"))
    assert paths(submission) == ["a.py"]
    assert any(flag.startswith("b.bin was left out: damaged") for flag in submission.flags)


def test_a_tar_bomb_is_refused(put):
    """A megabyte that inflates to 160 is given up at the limit."""
    data = gzip.compress(bytes(16 * MB), 1) * 10
    assert len(data) < MB
    most, said = peak(put(data, "alice.tar.gz"))
    assert "more than 128 MB: remove data sets" in said
    assert most < 200 * MB


def test_a_large_file_in_a_tar_costs_itself(put):
    """As in a folder: it is named with its size, and what follows is read."""
    submission = read(put(tarred({"data.bin": bytes(30 * MB), "z.py": CODE}), "alice.tar.gz"))
    assert paths(submission) == ["z.py"]
    assert submission.flags == ("data.bin was left out: too large: 30.0 MB, the limit is 10 MB",)


def test_headers_of_a_tar_are_bounded(put):
    """60 MB of remarks on one file are not taken in; what came before them is."""
    info = tarfile.TarInfo("model.py")
    info.pax_headers = {"comment": "x" * 60 * MB}
    path = put(tarred([("good.py", CODE), (info, CODE)]), "alice.tar.gz")
    most, said = peak(path)
    assert "what follows good.py was left out: the archive is damaged there (a header is" in said
    assert most < 90 * MB  # the tar itself is 60


def test_headers_for_all_entries_do_not_multiply(put):
    """Global headers are copied to every entry: many of both are not taken in."""
    many = io.BytesIO()
    with tarfile.open(
        fileobj=many, mode="w", format=tarfile.PAX_FORMAT,
        pax_headers={f"key{number}": "v" for number in range(3_000)},
    ) as archive:  # fmt: skip
        for number in range(5_000):
            archive.addfile(tarfile.TarInfo(f"__pycache__/{number}"))
    path = put(gzip.compress(many.getvalue(), 1), "alice.tar.gz")
    start = time.perf_counter()
    assert "too many global headers" in refusal(path)
    assert time.perf_counter() - start < 2


def test_a_tar_is_not_led_in_a_circle(put):
    """A negative size would have the same header read for ever."""
    data = bytearray(tarred([("good.py", CODE), ("evil.py", b"")], packed=False, form=GNU))
    header = 1024
    data[header + 124 : header + 136] = b"\xff" + (-512 & (1 << 88) - 1).to_bytes(11, "big")
    data[header + 148 : header + 156] = b" " * 8
    total = sum(data[header : header + 512])
    data[header + 148 : header + 156] = b"%06o\0 " % total
    start = time.perf_counter()
    submission = read(put(gzip.compress(data), "alice.tar.gz"))
    assert (paths(submission), len(submission.flags)) == (["good.py"], 1)
    assert time.perf_counter() - start < 2


def overlapping(kernel, count):
    """Return a zip of entries that each hold all headers after their own, and the kernel."""
    names = [f"{number:04}".encode() for number in range(count)]
    sizes = [34 * (count - 1 - number) + len(kernel) for number in range(count)]
    body, central = b"", b""
    for number, (name, size) in enumerate(zip(names, sizes, strict=True)):
        fields = (20, 0, 0, 0, 33, 0, size, size, 4, 0)
        body += struct.pack("<4s5H3L2H", b"PK\x03\x04", *fields) + name
        central += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, *fields, 0, 0, 0, 0, 34 * number)
        central += name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(central),
                      len(body) + len(kernel), 0)  # fmt: skip
    return body + kernel + central + end


def test_entries_that_overlap_are_bounded_as_others(put):
    """300 entries share 9 MB, 2.7 GB in all: given up at the limit, or by newer Pythons at once."""
    most, said = peak(put(overlapping(bytes(9 * MB), 300)))
    assert "more than 64 MB" in said or "Overlapped" in said, said
    assert most < 100 * MB


def test_bombs_within_count_in_total(put):
    """An inner archive has no limits of its own."""
    inner = zipped({f"{number}.bin": bytes(9 * MB) for number in range(8)})
    assert "more than 64 MB" in refusal(put(zipped({"hw.zip": inner})))
    names = zipped({f"__pycache__/{number}": b"" for number in range(basket.MAX_ENTRIES)})
    assert "20,000 files and folders" in refusal(put(zipped({"hw.zip": names})))


def test_an_inner_archive_counts_by_what_it_holds(put, tmp_path):
    """40 MB that do not compress are as good in an archive within a folder as without it."""
    files = {f"{number}.bin": os.urandom(9_900_000) for number in range(4)}
    data = zipped(files, zipfile.ZIP_STORED)
    put(data, "alice/hw4.zip")
    assert read(tmp_path / "alice").digest == read(put(data)).digest


def test_deep_paths_within_are_seen_whole(put, tmp_path):
    """Folders outside and inside an archive count together."""
    inner = {"a/" * 9 + "good.py": CODE, "b/" * 10 + "deep.py": CODE, "c.py": CODE}
    put(zipped(inner), "alice/" + "c/" * 10 + "h.zip")
    submission = read(tmp_path / "alice")
    assert paths(submission) == ["c/" * 10 + name for name in ("a/" * 9 + "good.py", "c.py")]
    assert "more than 20 folders deep" in submission.flags[0]


# --- anything at all ------------------------------------------------------------------------------

GOOD = [
    zipped(INNER | {"alice/big.bin": bytes(200_000)}),
    zipped({"hw.zip": zipped(INNER), "notes.md": b"x"}, zipfile.ZIP_STORED),
    tarred(INNER | {"alice/" + "x" * 120 + ".py": CODE}),
    tarred(INNER, packed=False),
    tarred([(of(tarfile.SYMTYPE, "l", "x"), b""), ("m.py", CODE)], packed=False, form=GNU),
]


@settings(max_examples=300, deadline=None, database=None, derandomize="CI" in os.environ,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(data=st.data(), which=st.integers(0, len(GOOD) - 1))
def test_anything_is_read_or_refused(tmp_path_factory, data, which):
    """Mutated archives end in a submission or a sentence, in bounded memory; nothing is written."""
    found = bytearray(GOOD[which])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(found) - 1))
        new = data.draw(st.one_of(
            st.binary(max_size=4),
            st.sampled_from([b"\xff" * 4, bytes(4), b"PK\x01\x02", b"PK\x03\x04", b"../", b"\\"]),
        ))  # fmt: skip
        removed = data.draw(st.integers(0, 4)) if data.draw(st.booleans()) else len(new)
        found[at : at + removed] = new
    if found[:2] not in (b"PK", b"\x1f\x8b"):
        found = bytearray(gzip.compress(found, 1))  # a tar, mutated before it was packed
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "alice.zip").write_bytes(found)
    most, said = peak(folder / "alice.zip")
    assert most < PEAK, said
    assert [path.name for path in folder.iterdir()] == ["alice.zip"]

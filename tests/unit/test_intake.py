from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import stat
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grader.errors import UsageError
from grader.intake import NothingToGrade, Submission, basket, read
from grader.intake.submission import safe_id

if TYPE_CHECKING:
    from collections.abc import Iterator

MB = 1_000_000
CODE = b"print('hello')\n"


@pytest.fixture
def alice(tmp_path: Path) -> Path:
    """A folder with one good file."""
    folder = tmp_path / "alice"
    folder.mkdir()
    (folder / "model.py").write_bytes(CODE)
    return folder


def paths(submission: Submission) -> list[str]:
    """List what was kept."""
    return [file.path for file in submission.files]


def only_flag(submission: Submission) -> str:
    """Return the one flag there is."""
    assert len(submission.flags) == 1, submission.flags
    return submission.flags[0]


def refusal(path: Path) -> str:
    """Return the sentence with which a path is refused."""
    with pytest.raises(NothingToGrade) as caught:
        read(path)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


def zipped(target: Path, entries: dict[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]],
           method: int = zipfile.ZIP_DEFLATED) -> Path:  # fmt: skip
    """Write a zip with these entries."""
    pairs = entries.items() if isinstance(entries, dict) else entries
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", method) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of duplicate names
        for name, data in pairs:
            archive.writestr(name, data)
    return target


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Permissions bind root only once it has put its privileges aside."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


# What is read


def test_a_folder_is_read_with_its_subfolders(alice: Path) -> None:
    """Files come with POSIX paths relative to the root, sorted, with their exact bytes."""
    (alice / "util").mkdir()
    (alice / "util" / "attention.py").write_bytes(b"x = 1\r\n")
    (alice / "answers.md").write_bytes(b"\xff\x00")
    submission = read(alice)
    assert submission.id == "alice"
    assert [(f.path, f.data) for f in submission.files] == [
        ("answers.md", b"\xff\x00"),
        ("model.py", CODE),
        ("util/attention.py", b"x = 1\r\n"),
    ]
    assert submission.flags == ()


@pytest.mark.parametrize("name", ["bob.py", "bob.ipynb", "bob.PY"])
def test_a_single_file_is_a_submission(tmp_path: Path, name: str) -> None:
    """A lone Python file or notebook is a submission named after its stem."""
    (tmp_path / name).write_bytes(CODE)
    submission = read(tmp_path / name)
    assert (submission.id, paths(submission), submission.flags) == ("bob", [name], ())


def test_a_zip_equals_the_folder_it_holds(alice: Path, tmp_path: Path) -> None:
    """A zip with or without a top folder gives the digest of the folder itself."""
    flat = read(zipped(tmp_path / "alice.zip", {"model.py": CODE}))
    nested = read(zipped(tmp_path / "carol.zip", {"work/": b"", "./work/model.py": CODE,
                                                  "__MACOSX/._model.py": b"\x00"}))  # fmt: skip
    assert paths(flat) == paths(nested) == ["model.py"]
    assert flat.digest == nested.digest == read(alice).digest
    assert (flat.id, nested.id) == ("alice", "carol")


def test_only_one_top_folder_is_stripped_and_only_from_a_zip(tmp_path: Path) -> None:
    """A folder inside the top folder stays, two top folders stay, and so does a folder's own."""
    inner = zipped(tmp_path / "1.zip", {"a/b/model.py": CODE})
    two = zipped(tmp_path / "2.zip", {"a/model.py": CODE, "b/model.py": CODE})
    (tmp_path / "bob" / "src").mkdir(parents=True)
    (tmp_path / "bob" / "src" / "model.py").write_bytes(CODE)
    assert paths(read(inner)) == ["b/model.py"]
    assert paths(read(two)) == ["a/model.py", "b/model.py"]
    assert paths(read(tmp_path / "bob")) == ["src/model.py"]


def test_a_folder_without_python_is_still_a_submission(tmp_path: Path) -> None:
    """Whether what is expected was handed in is for later rooms to say."""
    (tmp_path / "report.pdf").write_bytes(b"%PDF")
    assert paths(read(tmp_path)) == ["report.pdf"]


def test_a_folder_keeps_its_whole_name(tmp_path: Path) -> None:
    """Only a file has a suffix; what follows a dot in a folder's name is part of the name."""
    (tmp_path / "bob.v2").mkdir()
    (tmp_path / "bob.v2" / "model.py").write_bytes(CODE)
    zipped(tmp_path / "bob.v2.zip", {"model.py": CODE})
    assert read(tmp_path / "bob.v2").id == read(tmp_path / "bob.v2.zip").id == "bob.v2"


def test_a_relative_path_has_a_name(alice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder is named as it is called, not '.'."""
    monkeypatch.chdir(alice)
    assert read(Path()).id == "alice"


# What is refused


def test_refusals_are_usage_errors() -> None:
    """The command line answers with exit code 1."""
    assert issubclass(NothingToGrade, UsageError)


@pytest.mark.parametrize(
    ("name", "says"),
    [("absent", "No such file"), ("absent.zip", "No such file"), ("x" * 300, "too long"),
     ("nul\0.py", "null"), ("absent\n.py", r"absent\n.py")],
)  # fmt: skip
def test_a_path_that_is_not_there_is_refused(tmp_path: Path, name: str, says: str) -> None:
    """The sentence names the path on one line and the reason."""
    assert says in refusal(tmp_path / name)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A folder of folders, or of nothing but caches, is empty too."""
    assert "no file to grade" in refusal(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_bytes(b"x")
    assert "no file to grade" in refusal(tmp_path)


def test_a_folder_of_nothing_usable_says_what_was_left_out(tmp_path: Path) -> None:
    """The student learns why nothing counted."""
    os.mkfifo(tmp_path / "model.py")
    assert "model.py was left out: it is a FIFO" in refusal(tmp_path)


@pytest.mark.parametrize("suffix", ["", ".py", ".zip"])
def test_a_link_as_the_submission_is_refused(alice: Path, tmp_path: Path, suffix: str) -> None:
    """A link is never followed, wherever it leads and whatever it is called."""
    link = tmp_path / f"link{suffix}"
    link.symlink_to(alice if not suffix else alice / "model.py")
    assert "symbolic link" in refusal(link)


@pytest.mark.parametrize("suffix", ["", ".py", ".zip"])
def test_a_fifo_as_the_submission_is_refused_at_once(tmp_path: Path, suffix: str) -> None:
    """Nobody writes to it, so opening it carelessly would wait forever."""
    os.mkfifo(tmp_path / f"pipe{suffix}")
    assert "FIFO" in refusal(tmp_path / f"pipe{suffix}")


def test_a_device_as_the_submission_is_refused() -> None:
    """A device is not opened."""
    assert "device" in refusal(Path("/dev/zero"))


@pytest.mark.parametrize("name", ["bob.txt", "bob.pdf", "bob"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    """The sentence says which kinds are read."""
    (tmp_path / name).write_bytes(CODE)
    assert "not supported: give a folder, a .zip" in refusal(tmp_path / name)


def test_a_broken_zip_is_refused(tmp_path: Path) -> None:
    """Any prefix or damage of an archive is a refusal or a flag, never another exception."""
    whole = zipped(tmp_path / "whole.zip", {"a/model.py": CODE, "b.py": CODE * 50}).read_bytes()
    broken = tmp_path / "broken.zip"
    for damaged in (b"", b"PK", b"not a zip", whole[:40], whole[:-5]):
        broken.write_bytes(damaged)
        assert "broken.zip" in refusal(broken)
    for position in range(len(whole)):
        for value in (0x00, 0xFF):
            broken.write_bytes(whole[:position] + bytes([value]) + whole[position + 1 :])
            with contextlib.suppress(NothingToGrade):
                read(broken)


def test_too_many_bytes_are_refused_with_advice(alice: Path) -> None:
    """A total above 64 MB is not half read: the sentence says what to remove."""
    for number in range(7):
        with (alice / f"{number}.bin").open("wb") as file:
            file.truncate(9_900_000)
    assert "more than 64 MB: remove data sets" in refusal(alice)


def test_too_many_files_are_refused_with_advice(alice: Path, tmp_path: Path) -> None:
    """2,000 files are read, one more is refused; a zip is treated as a folder is."""
    entries = {f"{number}.txt": b"" for number in range(2_000)}
    assert len(read(zipped(tmp_path / "bob.zip", entries)).files) == 2_000
    assert "2,000 files" in refusal(zipped(tmp_path / "bob.zip", entries | {"one more": b""}))
    for name in entries:
        (alice / name).touch()
    assert "2,000 files" in refusal(alice)


def test_a_zip_of_100_000_entries_is_refused_fast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entries are counted before the directory of the archive is parsed."""
    central = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 6) + bytes(16)
    directory = b"".join(central + b"%06d" % number for number in range(100_000))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    (tmp_path / "bob.zip").write_bytes(directory + end)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    start = time.perf_counter()
    assert "20,000 files and folders" in refusal(tmp_path / "bob.zip")
    assert time.perf_counter() - start < 1


def test_a_folder_of_too_many_names_is_refused(
    alice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that are left out count as well, so that none can keep us busy."""
    monkeypatch.setattr(basket, "MAX_ENTRIES", 10)
    for number in range(10):
        (alice / f"{number}").symlink_to("model.py")
    assert "more than 10 files and folders" in refusal(alice)


def test_an_archive_larger_than_the_total_is_refused(tmp_path: Path) -> None:
    """The archive itself is read up to the limit only."""
    with (tmp_path / "bob.zip").open("wb") as file:
        file.truncate(65 * MB)
    assert "more than 64 MB" in refusal(tmp_path / "bob.zip")


# What is left out of a folder


def test_links_are_left_out(alice: Path, tmp_path: Path) -> None:
    """A link to a secret, to a folder, to itself or to nothing is flagged and never followed."""
    (tmp_path / "secret.py").write_text("secret = 1")
    targets = {"file.py": tmp_path / "secret.py", "folder": tmp_path, "loop": alice,
               "self": Path("self"), "nothing": Path("/nonexistent")}  # fmt: skip
    for name, target in targets.items():
        (alice / name).symlink_to(target)
    submission = read(alice)
    assert paths(submission) == ["model.py"]
    assert submission.flags == tuple(
        f"{name} was left out: it is a symbolic link" for name in sorted(targets)
    )


def test_a_fifo_is_left_out(alice: Path) -> None:
    """A FIFO blocks nobody."""
    os.mkfifo(alice / "pipe.py")
    assert only_flag(read(alice)) == "pipe.py was left out: it is a FIFO"


def test_a_socket_is_left_out(alice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket is flagged."""
    monkeypatch.chdir(alice)  # a socket's path may have 108 bytes only
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")
        assert only_flag(read(alice)) == "socket.py was left out: it is a socket"


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK])
def test_a_device_is_left_out(alice: Path, kind: int) -> None:
    """A device (here the endless zeros) is flagged and not opened."""
    try:
        os.mknod(alice / "device.py", kind | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("creating a device node needs root")
    assert only_flag(read(alice)) == "device.py was left out: it is a device"


def test_unreadable_files_and_folders_are_left_out() -> None:
    """Without permission there is a flag, and the rest is read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "model.py").write_bytes(CODE)
        (folder / "secret.py").write_bytes(CODE)
        (folder / "secret.py").chmod(0)
        (folder / "secrets").mkdir(mode=0)
        with unprivileged():
            submission = read(folder)
        assert paths(submission) == ["model.py"]
        assert submission.flags == ("secret.py was left out: Permission denied",
                                    "secrets was left out: Permission denied")  # fmt: skip


def test_a_large_file_is_left_out(alice: Path) -> None:
    """Above 10 MB a file is flagged with its size and not read; at 10 MB it is read."""
    for name, size in {"data.bin": 50 * MB, "most.bin": 10 * MB, "more.bin": 10 * MB + 1}.items():
        with (alice / name).open("wb") as file:
            file.truncate(size)
    submission = read(alice)
    assert paths(submission) == ["model.py", "most.bin"]
    assert submission.flags == (
        "data.bin was left out: too large: 50.0 MB, the limit is 10 MB",
        "more.bin was left out: too large: 10.1 MB, the limit is 10 MB",
    )


def test_large_files_do_not_count_in_the_total(alice: Path) -> None:
    """Checkpoints that are left out anyway do not make a submission too large."""
    for number in range(10):
        with (alice / f"{number}.pt").open("wb") as file:
            file.truncate(500 * MB)
    assert paths(read(alice)) == ["model.py"]


def test_a_file_that_grows_while_it_is_read_is_left_out() -> None:
    """What is read decides, not the size that was announced."""
    found = basket.Basket("bob")
    found.take("log", 0, io.BytesIO(bytes(10 * MB + 1)))
    assert found.files == {}
    assert "too large: 10.1 MB" in found.spent.flags[0]


@pytest.mark.parametrize("becomes", ["link", "fifo", "folder", "nothing"])
def test_a_file_that_changes_type_meanwhile_is_left_out(
    alice: Path, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    """A file that is swapped between the look and the opening is flagged, not followed."""
    victim, real_open = alice / "victim.py", os.open
    victim.write_bytes(CODE)

    def swap_then_open(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "victim.py":
            victim.unlink()
            if becomes == "link":
                victim.symlink_to("/etc/passwd")
            elif becomes == "fifo":
                os.mkfifo(victim)
            elif becomes == "folder":
                victim.mkdir()
        return real_open(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", swap_then_open)
    submission = read(alice)
    assert paths(submission) == ["model.py"]
    assert only_flag(submission).startswith("victim.py was left out: ")


def test_hard_links_are_files(alice: Path) -> None:
    """One file under two names is two files."""
    (alice / "copy.py").hardlink_to(alice / "model.py")
    assert paths(read(alice)) == ["copy.py", "model.py"]


def test_what_tools_leave_behind_is_ignored(alice: Path) -> None:
    """Caches, repositories and environments are named in one flag and do not touch the digest."""
    before = read(alice).digest
    for name in (".git", "__pycache__", ".venv", "venv", "node_modules", ".ipynb_checkpoints",
                 "__MACOSX", ".idea", ".vscode"):  # fmt: skip
        (alice / name).mkdir()
        (alice / name / "torch.py").write_bytes(b"\0")
    (alice / ".DS_Store").touch()
    (alice / "model.pyc").touch()
    (alice / "._model.py").write_bytes(b"\0")
    submission = read(alice)
    assert submission.digest == before
    assert only_flag(submission) == (
        "not read, as nothing of it is graded: .DS_Store, .git, .idea, .ipynb_checkpoints, .venv, "
        ".vscode, __MACOSX, __pycache__, node_modules, venv"
    )


def test_deep_folders_are_left_out(alice: Path, tmp_path: Path) -> None:
    """A path of 20 parts is read, one of 21 is flagged, in a folder as in a zip."""
    deep = alice.joinpath(*"abcdefghijklmnopqrs")
    (deep / "t" / "u").mkdir(parents=True)
    (deep / "kept.py").write_bytes(CODE)
    (deep / "t" / "lost.py").write_bytes(CODE)
    kept = "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/kept.py"
    submission = read(alice)
    assert paths(submission) == [kept, "model.py"]
    assert all("more than 20 folders deep" in flag for flag in submission.flags)
    archive = zipped(tmp_path / "b.zip", {"a/" * 19 + "kept.py": CODE, "a/" * 20 + "lost.py": CODE})
    assert "more than 20 folders deep" in only_flag(read(archive))


def test_flags_are_bounded(alice: Path) -> None:
    """A thousand remarks do not drown a result."""
    for number in range(150):
        (alice / f"{number}").symlink_to("model.py")
    flags = read(alice).flags
    assert len(flags) == 101
    assert flags[-1] == "and 50 more remarks"


# Names


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"new\nline.py", r"new\nline.py"), (b"bad\xff.py", r"bad\udcff.py"),
     ("bidi\u202egpj.py".encode(), r"bidi\u202egpj.py"), (b"\x1b[31mred.py", r"\x1b[31mred.py"),
     ("zero\u200bwidth.py".encode(), r"zero\u200bwidth.py")],
)  # fmt: skip
def test_odd_names_are_kept_and_shown_escaped(alice: Path, name: bytes, shown: str) -> None:
    """A name with control, invisible or invalid characters survives JSON, and cannot hide."""
    (alice / os.fsdecode(name)).write_bytes(CODE)
    submission = read(alice)
    assert name in [os.fsencode(path) for path in json.loads(json.dumps(paths(submission)))]
    assert only_flag(submission).startswith(f"{shown}: its name holds control")


@pytest.mark.parametrize(
    "name", ["my model.py", "Übung-2.py", "模型.py", "🙂.py", "a\\b.py", "it's"]
)
def test_unusual_but_honest_names_are_no_remark(alice: Path, name: str) -> None:
    """Spaces, letters of any language and punctuation are fine."""
    (alice / name).write_bytes(CODE)
    submission = read(alice)
    assert name in paths(submission)
    assert submission.flags == ()


def test_names_that_look_the_same_are_flagged(alice: Path) -> None:
    """Two spellings of one letter are two files, and a remark shows both."""
    (alice / "caf\u00e9.txt").touch()
    (alice / "cafe\u0301.txt").touch()
    submission = read(alice)
    assert len(submission.files) == 3
    assert only_flag(submission) == (
        r"'caf\xe9.txt' and 'cafe\u0301.txt' are different names that look the same"
    )


@pytest.mark.parametrize(
    ("name", "module"),
    [("torch.py", "torch"), ("numpy/__init__.py", "numpy"), ("src/json.py", "json"),
     ("random.cpython-311-x86_64-linux-gnu.so", "random"), ("src/torch/__init__.py", "torch")],
)  # fmt: skip
def test_names_of_modules_are_flagged(alice: Path, name: str, module: str) -> None:
    """A file or package that could be taken for a module gets one remark, at any depth."""
    (alice / name).parent.mkdir(parents=True, exist_ok=True)
    (alice / name).write_bytes(CODE)
    assert only_flag(read(alice)) == (
        f"{name} shadows the module {module}; it does not replace one already imported"
    )


@pytest.mark.parametrize(
    "name", ["sitecustomize.py", "usercustomize.py", "conftest.py", "evil.pth"]
)
def test_names_that_run_by_themselves_are_flagged(alice: Path, name: str) -> None:
    """A hook of Python or pytest is kept as a plain file, with a remark."""
    (alice / name).write_bytes(b"import os")
    submission = read(alice)
    assert name in paths(submission)
    assert only_flag(submission).endswith("here it is only a file")


def test_names_close_to_modules_are_no_remark(alice: Path) -> None:
    """Only the exact name shadows."""
    for name in ("torch.txt", "my_torch.py", "json.old.py", "__init__.py", "__main__.py"):
        (alice / name).write_bytes(CODE)
    assert read(alice).flags == ()


@pytest.mark.parametrize(
    ("name", "safe"),
    [("alice", "alice"), ("Zoë Ärger", "Zoë Ärger"), ("...", "_"), (".hidden", "_hidden"),
     ("a\nb\u202ec", "a_b_c"), ("-rf", "_rf"), ("a\\b:c", "a_b_c"), (" ", "submission"),
     ("x" * 200, "x" * 100), ("模" * 90, "模" * 66), (os.fsdecode(b"bad\xff"), "bad_")],
)  # fmt: skip
def test_the_id_is_safe_as_a_file_name(name: str, safe: str) -> None:
    """Control characters, separators and leading dots are replaced, letters kept, never empty."""
    assert safe_id(name) == safe
    assert len(f"{safe}.history.jsonl".encode()) <= 255


# Python source


@pytest.mark.parametrize(
    ("source", "flag"),
    [(b"x = 1\ny = (\n", "model.py, line 2: syntax error: '(' was never closed"),
     (b"x = 1\ny = '\xe9'\n", "model.py, line 2: is not valid utf-8"),
     (b"y = '\xe9'\n", "model.py, line 1: is not valid utf-8"),
     (b"\n\n# coding: \xe9\n", "model.py, line 3: is not valid utf-8"),
     (b"# \n# \xe9\n", "model.py, line 2: is not valid utf-8"),
     (b"a\nb\nc = '\xe9'\n", "model.py, line 3: is not valid utf-8"),
     (b"# coding: ascii\n\n# \xe9\n", "model.py, line 3: is not valid ascii"),
     (b"# coding: klingon\n", "model.py, line 1: syntax error: unknown encoding: klingon"),
     (b"# coding: punycode\n", "model.py, line 1: cannot be read as source: source in the enc"),
     (b"# coding: rot13\n", "model.py, line 1: cannot be read as source: "),
     (b"x = 1\n\0", "model.py, line 2: contains a NUL byte"),
     (b"-" * 100_000 + b"1", "model.py, line 1: nested too deeply to be parsed"),
     (b"x" + b".y" * 100_000, "model.py, line 1: nested too deeply to be parsed"),
     (b"(" * 100_000, "model.py, line 1: syntax error: too many nested parentheses"),
     (b"#" * (MB + 1), "model.py was not checked for syntax errors: too much source")],
)  # fmt: skip
def test_source_that_is_not_python_is_flagged(alice: Path, source: bytes, flag: str) -> None:
    """The remark has the file, the line and the reason; the file is kept as it is."""
    (alice / "model.py").write_bytes(source)
    submission = read(alice)
    assert submission.files[0].data == source
    assert only_flag(submission).startswith(flag)


@pytest.mark.parametrize(
    "source",
    [b"", b"\xef\xbb\xbfx = 1\n", "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"),
     b"x = 1\r\nif x:\r\n\ty = 2\r\n", "π = '模型'\n".encode(),
     b"#!/usr/bin/python\n# coding: gbk\n"],
)  # fmt: skip
def test_good_source_is_no_remark(alice: Path, source: bytes) -> None:
    """A byte order mark, a coding line, other line ends and other alphabets are fine."""
    (alice / "model.py").write_bytes(source)
    assert read(alice).flags == ()


@pytest.mark.filterwarnings("always")
def test_warnings_about_the_source_do_not_leak(
    alice: Path, recwarn: pytest.WarningsRecorder, capfd: pytest.CaptureFixture[str]
) -> None:
    """What Python would warn of in student code is neither printed nor raised here."""
    (alice / "model.py").write_bytes(b"x = '\\d'\nassert (x, 'y')\nx is 1\n1if x else 2\n")
    assert read(alice).flags == ()
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


def test_parsing_is_bounded_in_total(alice: Path) -> None:
    """Many files just under the limit cannot keep us busy."""
    for name in "abc":
        (alice / f"{name}.py").write_bytes(b"#" * 900_000)
    assert only_flag(read(alice)) == "c.py was not checked for syntax errors: too much source"


# Archives


@pytest.mark.parametrize(
    ("name", "why"),
    [("/etc/passwd", "its name is absolute"), ("C:/model.py", "its name is absolute"),
     ("../model.py", "its name leads out of the archive"),
     ("a/../../model.py", "its name leads out of the archive"),
     ("a\\..\\b.py", "its name holds a backslash"), ("a" * 256, "its name is too long"),
     ("good.py/inner.py", "another entry needs its name"), ("src", "another entry needs its name"),
     ("good.py", "an earlier entry has the same name"),
     ("./good.py", "an earlier entry has the same name")],
)  # fmt: skip
def test_unusable_names_in_a_zip_are_left_out(tmp_path: Path, name: str, why: str) -> None:
    """An entry that could land elsewhere or on another is flagged; the first one wins."""
    entries = [("good.py", CODE), ("src/x.py", CODE), (name, b"evil")]
    submission = read(zipped(tmp_path / "bob.zip", list(entries)))
    assert [(f.path, f.data) for f in submission.files] == [("good.py", CODE), ("src/x.py", CODE)]
    assert only_flag(submission).endswith(why)


@pytest.mark.parametrize(
    ("mode", "why"),
    [(stat.S_IFLNK, "it is a symbolic link"), (stat.S_IFIFO, "it is a FIFO"),
     (stat.S_IFDIR, "it is no regular file")],
)  # fmt: skip
def test_links_in_a_zip_are_left_out(tmp_path: Path, mode: int, why: str) -> None:
    """An entry that would unpack as something else than a file is flagged."""
    link = zipfile.ZipInfo("link.py")
    link.external_attr = (mode | 0o777) << 16
    submission = read(zipped(tmp_path / "bob.zip", [("good.py", CODE), (link, b"/etc/passwd")]))
    assert paths(submission) == ["good.py"]
    assert only_flag(submission) == f"link.py was left out: {why}"


def test_encrypted_entries_are_left_out(tmp_path: Path) -> None:
    """Without the password there is a flag."""
    path = zipped(tmp_path / "bob.zip", {"good.py": CODE, "locked.py": CODE})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    submission = read(path)
    assert paths(submission) == ["good.py"]
    assert only_flag(submission) == "locked.py was left out: it is encrypted"


def test_damaged_entries_are_left_out(tmp_path: Path) -> None:
    """A wrong checksum costs one file, not the submission."""
    path = zipped(tmp_path / "bob.zip", {"bad.py": CODE, "good.py": CODE}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"hello", b"jello", 1))
    submission = read(path)
    assert paths(submission) == ["good.py"]
    assert "bad.py was left out: damaged in the archive (Bad CRC-32" in only_flag(submission)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_inflate_without_bound_are_not_read(tmp_path: Path, method: int) -> None:
    """A few bytes of bzip2 or LZMA could fill the memory in one step."""
    path = zipped(tmp_path / "bob.zip", {"bomb.bin": bytes(9 * MB)}, method)
    assert "compressed in a way that is not read here" in refusal(path)


def test_a_zip_bomb_of_one_entry_is_left_out(tmp_path: Path) -> None:
    """A small file that claims to inflate above the limit is not inflated."""
    path = zipped(tmp_path / "bob.zip", {"good.py": CODE, "bomb.bin": bytes(30 * MB)})
    assert path.stat().st_size < MB
    submission = read(path)
    assert paths(submission) == ["good.py"]
    assert "bomb.bin was left out: too large: 30.0 MB" in only_flag(submission)


def test_a_zip_bomb_with_a_false_header_is_left_out(tmp_path: Path) -> None:
    """A header that claims one byte does not make room for thirty million."""
    path = zipped(tmp_path / "bob.zip", {"good.py": CODE, "bomb.bin": bytes(30 * MB)})
    data = bytearray(path.read_bytes())
    struct.pack_into("<L", data, data.rindex(b"PK\x01\x02") + 24, 1)
    path.write_bytes(data)
    submission = read(path)
    assert paths(submission) == ["good.py"]
    assert "bomb.bin was left out" in only_flag(submission)


def test_a_zip_bomb_of_many_entries_is_refused(tmp_path: Path) -> None:
    """What is really inflated counts in total, also for entries that turn out damaged."""
    path = zipped(tmp_path / "bob.zip", {f"{n}.bin": bytes(10 * MB) for n in range(7)})
    assert path.stat().st_size < MB
    assert "more than 64 MB" in refusal(path)
    data = path.read_bytes()
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:  # a false checksum in every entry
        data = data[: at + 16] + b"\x01\x02\x03\x04" + data[at + 20 :]
    path.write_bytes(data)
    assert "more than 64 MB" in refusal(path)


# The digest


def test_the_digest_sees_content_and_names_only(alice: Path, tmp_path: Path) -> None:
    """It is the same in any order and at any time, and changes with a byte or a name."""
    (alice / "b.py").write_bytes(CODE)
    one = read(alice)
    os.utime(alice / "b.py", (0, 0))
    (alice / "model.py").chmod(0o755)
    assert read(alice).digest == one.digest
    other = zipped(tmp_path / "o.zip", {"model.py": CODE, "b.py": CODE})
    assert read(other).digest == one.digest
    assert one.digest.startswith("sha256:")
    digests = {one.digest}
    for entries in ({"model.py": CODE, "c.py": CODE}, {"model.py": CODE, "b.py": CODE + b" "},
                    {"model.p": b"y" + CODE, "b.py": CODE}, {"model.py": CODE}):  # fmt: skip
        digests.add(read(zipped(tmp_path / "o.zip", entries)).digest)
    assert len(digests) == 5


def test_no_descriptor_is_left_open(alice: Path) -> None:
    """Reading, refusing and flagging all close what they opened."""
    os.mkfifo(alice / "pipe")
    (alice / "sub").mkdir()
    listing = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")
    before = len(list(listing.iterdir()))
    read(alice)
    refusal(alice / "pipe")
    assert len(list(listing.iterdir())) == before

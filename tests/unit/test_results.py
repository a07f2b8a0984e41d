"""Results on disk: checked, whole, and with the history of what they replace."""

import contextlib
import copy
import json
import os
import subprocess
import sys
import threading

import pytest

from grader import results
from grader.errors import HarnessError, UsageError
from grader.records import Attachment

DIGEST = "sha256:" + "0123456789abcdef" * 4
OTHER = "sha256:" + "f" * 64


@pytest.fixture
def result():
    """A complete result with one check."""
    return {
        "schema": "grader.result/1",
        "submission": {
            "id": "alice",
            "digest": DIGEST,
            "files": [{"path": "net.py", "bytes": 12, "sha256": "ab" * 32}],
        },
        "pack": {"id": "small-1", "version": "1", "digest": DIGEST},
        "status": "graded",
        "total": {"points": 3.0, "max_points": 4.0, "pending_points": 0.0},
        "criteria": [
            {
                "id": "1",
                "title": "Right",
                "points": 3.0,
                "max_points": 4.0,
                "pending_points": 0.0,
                "status": "graded",
                "checks": [
                    {
                        "id": "logits",
                        "outcome": "failed",
                        "points": 0.0,
                        "max_points": 1.0,
                        "visibility": "public",
                        "measured": {"gap": 28.4, "other": None},
                        "limits": {"gap": 0.01},
                        "message": "The logits are right.",
                        "staff_message": "",
                    }
                ],
            }
        ],
        "deductions": [
            {
                "id": "names",
                "points": 0,
                "suggested": 1,
                "status": "needs_confirmation",
                "measured": {"empty_share": 0.5},
                "limits": {"empty_share": 0.1},
                "message": "10 of 20.",
                "evidence": ["a.py, line 12: `a1`"],
            }
        ],
        "flags": [],
        "diagnosis": [],
        "manual": [],
        "course_verdict": {"evaluate": "9/10"},
        "draw": {"seed": "00ff", "digest": DIGEST},
        "environment": {
            "sandbox": "docker",
            "isolation": "container",
            "image": None,
            "device": "cpu",
            "torch": "2.4",
            "driver": None,
            "grader": "0.1.0",
        },
        "timing": {"seconds_total": 1.5, "seconds_student": 0.5},
    }


def put(result, path, value):
    """Return a copy of a result with one value at a path, such as "total/points", changed."""
    changed = copy.deepcopy(result)
    *way, last = path.split("/")
    place = changed
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return changed


def names(folder):
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def history(folder, name="alice"):
    """Return the entries of a result's history."""
    path = folder / f"{name}.history.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# --- the schema -----------------------------------------------------------------------------------


def test_a_result_comes_back_as_it_was_written(tmp_path, result):
    """What is stored is what was given, under the submission's name."""
    path = results.place(tmp_path / "new" / "folder", result)
    assert results.write(path.parent, result) == result
    assert path == tmp_path / "new" / "folder" / "alice.json"
    assert results.read(path.parent, "alice") == result
    assert results.read(path.parent, "bob") is None
    assert results.read(tmp_path / "nowhere", "alice") is None


CHECK = "criteria/0/checks/0"
UNFIT = [
    *((key, KeyError) for key in ("status", "total", "criteria", "manual", "draw", "timing")),
    ("submission/digest", KeyError),
    ("environment/isolation", KeyError),
    (f"{CHECK}/outcome", KeyError),
    (f"{CHECK}/measured", KeyError),
    ("schema", "grader.result/2"),
    ("deductions", [{"id": "names"}]),
    ("deductions/0/status", "taken"),
    ("deductions/0/points", -1),
    ("deductions/0/extra", 1),
    ("status", "done"),
    ("extra", 1),
    ("total/extra", 1),
    (f"{CHECK}/extra", 1),
    (f"{CHECK}/outcome", "exploded"),
    (f"{CHECK}/outcome", "measured"),
    (f"{CHECK}/visibility", "secret"),
    (f"{CHECK}/points", "3"),
    (f"{CHECK}/measured/gap", "28.4"),
    (f"{CHECK}/measured/gap", [1]),
    (f"{CHECK}/limits/gap", None),
    (f"{CHECK}/message", None),
    ("criteria", []),
    ("criteria/0/status", "passed"),
    ("criteria/0/pending_points", -1),
    ("submission/id", ""),
    ("submission/id", "x" * 101),
    ("submission/digest", "sha256:0"),
    ("draw/digest", "md5:" + "0" * 32),
    ("submission/files/0/sha256", "AB" * 32),
    ("submission/files/0/bytes", 1.5),
    ("environment/isolation", "chroot"),
    ("environment/device", 0),
    ("timing/seconds_total", -1.0),
    ("flags", [1]),
    ("manual", [{"criterion": "1", "points": 1}]),
]


@pytest.mark.parametrize(("path", "value"), UNFIT, ids=lambda v: str(v)[:30])
def test_what_does_not_fit_the_schema_is_never_stored(tmp_path, result, path, value):
    """A result with a missing, unknown or wrong value is our fault, and nothing is written."""
    with pytest.raises(HarnessError, match="does not fit its schema"):
        results.write(tmp_path, put(result, path, value))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")], ids=str)
@pytest.mark.parametrize(
    "path", [f"{CHECK}/measured/gap", "total/points", f"{CHECK}/limits/gap", "timing/seconds_total"]
)
def test_numbers_that_json_does_not_have_are_never_stored(tmp_path, result, path, value):
    """NaN and infinities are a fault of ours, and leave the stored result and its history alone."""
    results.write(tmp_path, result)
    with pytest.raises(HarnessError):
        results.write(tmp_path, put(put(result, "total/points", 1.0), path, value))
    assert results.read(tmp_path, "alice") == result
    assert names(tmp_path) == ["alice.json"]


def test_all_outcomes_and_states_fit(tmp_path, result):
    """Every documented outcome and state can be stored, with points withheld as null."""
    outcomes = (
        "passed failed error timeout out_of_memory protocol_violation not_submitted inconclusive "
        "harness_error"
    )
    for outcome in outcomes.split():
        results.write(tmp_path, put(result, f"{CHECK}/outcome", outcome))
    for state in ("graded", "needs_review", "withheld"):
        changed = put(put(result, "status", state), "criteria/0/status", state)
        results.write(tmp_path, put(put(changed, "total/points", None), "criteria/0/points", None))


def test_the_schema_is_a_valid_schema():
    """The schema file itself is a JSON Schema, so that others can use it."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - only this test needs it

    schema = json.loads(results.SCHEMA_FILE.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)


# --- bytes on disk --------------------------------------------------------------------------------

ODD = ["\udcff\udc80.py", "\x1b[2J.py", "a\u202eyp.txt", "файл 😀.py", "\x00\n\r\u2028.py"]


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_odd_names_are_plain_ascii_on_disk(tmp_path, result, name):
    """No name of a student's file puts anything but printable ASCII into the file of results."""
    changed = put(result, "submission/files/0/path", name)
    changed["flags"] = [f"{name} is odd"]
    results.write(tmp_path, changed)
    data = (tmp_path / "alice.json").read_bytes()
    assert set(data) <= {*range(0x20, 0x7F), 0x0A}
    stored = results.read(tmp_path, "alice")
    assert stored is not None
    assert stored["submission"]["files"][0]["path"] == name


def test_a_long_name_in_any_script_can_be_stored(tmp_path, result):
    """The longest id that intake gives is a file name here too, history and all."""
    name = "я" * 100
    changed = put(result, "submission/id", name)
    results.write(tmp_path, changed)
    results.write(tmp_path, put(changed, "total/points", 1.0))
    assert names(tmp_path) == [f"{name}.history.jsonl", f"{name}.json"]


def test_others_may_read_a_result(tmp_path, result):
    """A stored result is a normal file and not its writer's secret."""
    results.write(tmp_path, result)
    assert (tmp_path / "alice.json").stat().st_mode & 0o777 == 0o644


# --- replacing ------------------------------------------------------------------------------------


def test_a_failing_write_leaves_the_old_result(tmp_path, result):
    """Where the new result cannot be put in place, the old one stays and no scrap is left."""
    results.write(tmp_path, result)
    (tmp_path / "bob.json").mkdir()  # nothing can be renamed over a folder
    with pytest.raises((HarnessError, UsageError), match=r"bob\.json"):
        results.write(tmp_path, put(result, "submission/id", "bob"))
    assert names(tmp_path) == ["alice.json", "bob.json"]
    assert results.read(tmp_path, "alice") == result


def test_a_folder_that_cannot_be_made_is_a_fault_with_its_path(tmp_path, result):
    """Where there is no place for results, the message names the place."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((HarnessError, UsageError), match="file/results"):
        results.write(tmp_path / "file" / "results", result)


@contextlib.contextmanager
def small_disk(folder, size):
    """Mount a file system of so many bytes, which needs root."""
    if os.geteuid() != 0:
        pytest.skip("a small file system can only be mounted by root")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_result(tmp_path, result):
    """When the disk fills up half-way, the old result stays whole and no scrap is left."""
    folder = tmp_path / "disk"
    with small_disk(folder, 65_536):
        results.write(folder, result)
        before = (folder / "alice.json").read_bytes()
        changed = put(result, "flags", ["x" * 100_000])
        with pytest.raises(HarnessError, match="could not be written"):
            results.write(folder, changed)
        assert (folder / "alice.json").read_bytes() == before
        assert names(folder) == ["alice.json"]


def test_a_disk_that_fills_up_in_the_history_leaves_all_as_it_was(tmp_path, result):
    """Where the old result's line does not fit, no half of it stays, and the old result does."""
    folder = tmp_path / "disk"
    with small_disk(folder, 20_480):
        results.write(folder, result)
        (folder / "alice.history.jsonl").write_text("x" * 4000 + "\n")
        (folder / "other").write_bytes(bytes(8192))
        before = (folder / "alice.json").read_bytes()
        with pytest.raises(HarnessError, match="could not be written"):
            results.write(folder, put(result, "total/points", 1.0))
        assert (folder / "alice.json").read_bytes() == before
        assert (folder / "alice.history.jsonl").read_text() == "x" * 4000 + "\n"
        assert names(folder) == ["alice.history.jsonl", "alice.json", "other"]


KILLED = """
import json, os, signal, sys
from pathlib import Path
from grader import results
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
results.write(Path(sys.argv[1]), json.load(sys.stdin))
"""


def test_what_a_killed_grader_was_writing_is_removed_by_the_next(tmp_path, result):
    """A grader that is killed while it writes leaves the old result, and a scrap for one run."""
    results.write(tmp_path, result)
    changed = put(result, "total/points", 1.0)
    killed = [sys.executable, "-c", KILLED, str(tmp_path)]
    subprocess.run(killed, input=json.dumps(changed), text=True, check=False)
    assert results.read(tmp_path, "alice") == result
    assert len(names(tmp_path)) == 2
    results.write(tmp_path, changed)
    assert names(tmp_path) == ["alice.history.jsonl", "alice.json"]
    assert len(history(tmp_path)) == 1


def test_a_reader_never_sees_half_a_result(tmp_path, result):
    """While results are replaced, each read gives one of them whole."""
    results.write(tmp_path, result)
    small, large = result, put(result, "flags", ["x" * 200_000])
    seen, stop = set(), threading.Event()

    def read():
        while not stop.is_set():
            stored = json.loads((tmp_path / "alice.json").read_bytes())
            seen.add(len(stored["flags"]))

    thread = threading.Thread(target=read)
    thread.start()
    for _ in range(20):
        results.write(tmp_path, large)
        results.write(tmp_path, small)
    stop.set()
    thread.join()
    assert seen
    assert seen <= {0, 1}


# --- history --------------------------------------------------------------------------------------


def test_the_same_again_is_no_history(tmp_path, result):
    """A grading that changes neither points nor files nor pack leaves no line."""
    results.write(tmp_path, result)
    for path, value in (
        ("timing/seconds_total", 99.0),
        ("draw/seed", "11"),
        ("draw/digest", OTHER),
        (f"{CHECK}/measured/gap", 28.5),
        ("environment/device", "cuda:0"),
    ):
        results.write(tmp_path, put(result, path, value))
    assert history(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("total/points", 4.0),
        ("criteria/0/points", 4.0),
        ("criteria/0/points", None),
        ("total/pending_points", 1.0),
        ("submission/digest", OTHER),
        ("pack/version", "2"),
        ("pack/digest", OTHER),
    ],
)
def test_a_change_leaves_a_line_about_the_old(tmp_path, result, path, value):
    """Other points, other files or another rubric leave one line with what was there before."""
    results.write(tmp_path, result)
    results.write(tmp_path, put(result, path, value))
    (entry,) = history(tmp_path)
    assert entry["total"] == {"points": 3.0, "max_points": 4.0, "pending_points": 0.0}
    assert entry["criteria"] == {"1": 3.0}
    assert entry["digest"] == DIGEST
    assert entry["pack"] == {"id": "small-1", "version": "1", "digest": DIGEST}
    assert (entry["event"], entry["why"]) == ("replaced", "graded")
    assert entry["at"].endswith("+00:00")


def test_history_grows_and_tells_no_seed(tmp_path, result):
    """Each change adds a line after those before it; the secret seed is in none."""
    for points in (1.0, 2.0, 2.0, 3.0):
        changed = put(result, "draw/seed", "5ec2e7")
        results.write(tmp_path, put(changed, "total/points", points))
    assert [entry["total"]["points"] for entry in history(tmp_path)] == [1.0, 2.0]
    assert "5ec2e7" not in (tmp_path / "alice.history.jsonl").read_text()


# --- what is there already ------------------------------------------------------------------------

SPOILT = {
    "empty": b"",
    "cut off": b'{"schema": "grader.result/1", "tot',
    "no text": b"\xff\xfe\x00",
    "a list": b"[]",
    "another kind": b'{"schema": "lms.export/3"}',
    "no schema": b'{"total": 3}',
    "only the schema": b'{"schema": "grader.result/1"}',
    "wrong inside": b'{"schema": "grader.result/1", "submission": 1, "total": 2, "manual": 3}',
    "too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("data", SPOILT.values(), ids=SPOILT.keys())
@pytest.mark.parametrize("how", ["read", "write"])
def test_a_spoilt_result_is_the_callers_to_move(tmp_path, result, data, how):
    """A file in the way that is no result is named, left alone and never replaced."""
    path = tmp_path / "alice.json"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"alice\.json is not a result.*move it away"):
        results.read(tmp_path, "alice") if how == "read" else results.write(tmp_path, result)
    assert path.read_bytes() == data
    assert names(tmp_path) == ["alice.json"]


# --- attachments ----------------------------------------------------------------------------------

PICTURES = (Attachment("plot-1.png", b"one"), Attachment("plot-2.png", b"two"))


def files_beside(folder):
    """Return the folders of attachments there are, with what is in them."""
    return {
        path.name: sorted((f.name, f.read_bytes()) for f in path.iterdir())
        for path in folder.iterdir()
        if path.is_dir()
    }


def test_attachments_lie_beside_the_result_that_names_them(result, tmp_path):
    """Their folder is the one in the result; the same files stored again are the same folder."""
    results.write(tmp_path, result, PICTURES)
    results.write(tmp_path, result, PICTURES)
    name = results.read(tmp_path, "alice")["attachments"]
    assert files_beside(tmp_path) == {name: [("plot-1.png", b"one"), ("plot-2.png", b"two")]}


def test_attachments_of_a_replaced_result_go_with_it(result, tmp_path):
    """Another result's files take their place; those of other submissions stay."""
    results.write(tmp_path, put(result, "submission/id", "bob"), PICTURES)
    results.write(tmp_path, result, PICTURES)
    results.write(tmp_path, result, PICTURES[:1])
    mine = results.read(tmp_path, "alice")["attachments"]
    his = results.read(tmp_path, "bob")["attachments"]
    assert set(files_beside(tmp_path)) == {mine, his}
    results.write(tmp_path, result)
    assert set(files_beside(tmp_path)) == {his}
    assert "attachments" not in results.read(tmp_path, "alice")


def test_a_result_that_cannot_be_stored_leaves_the_old_files(result, tmp_path):
    """If the new files cannot be written, the old result stands with all it names."""
    results.write(tmp_path, result, PICTURES)
    before = files_beside(tmp_path)
    with pytest.raises(HarnessError):
        results.write(tmp_path, result, [Attachment("no/such/folder.png", b"x")])
    assert files_beside(tmp_path) == before
    assert results.read(tmp_path, "alice")["attachments"] in before


def test_files_of_another_submission_are_not_taken_for_ones_own(tmp_path):
    """Somebody may be called as the files of somebody else begin."""
    own, others = "alice.files-0123456789ab", "alice.files-x.files-0123456789ab"
    for name in (own, others, "alice.files-x.json"):
        (tmp_path / name).mkdir()
    assert [path.name for path in results.beside(tmp_path, "alice")] == [own]
    assert [path.name for path in results.beside(tmp_path, "alice.files-x")] == [others]

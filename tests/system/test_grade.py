"""Grading as its users see it: the command line with real containers, and odd submissions.

The shipped samples go through the command line, a process each. The odd ones share one sandbox
and one reference, as in a batch.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from grader import intake
from grader.grade import grade
from tests.long import LONG
from tests.zoo_cases import FULL, only

CLEAR = {"1b": 5, "1c": 7, **FULL}  # criteria of which no check waits for a human
OPEN = {
    "1a": ("8", "10", "2"),
    "1d": ("2", "3", "1"),
}  # points, of all, waiting
TIMED = {"step_latency", "latency_growth", "generate_latency"}  # noise may leave them to a human
ALICE = Path("submissions", "alice")
READ_BY_A_HUMAN = {"shown_calculation", "explanation", "latency_explanation"}
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent.sock", "PATH": "/nonexistent"}  # nor bubblewrap


# Runs a command and writes down its largest resident set. Only a small process can measure that:
# a child starts with its parent's.
WATCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""


class Command:
    """The grader as a command; returns its exit code, output and errors."""

    def __init__(self, root, peak):
        self.root, self.peak = root, peak

    def __call__(self, *arguments, **environment):
        command = [sys.executable, "-m", "grader", *map(str, arguments)]
        done = subprocess.run(
            [sys.executable, "-c", WATCHER, str(self.peak), *command],
            cwd=self.root,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def grader(root, tmp_path_factory):
    return Command(root, tmp_path_factory.mktemp("watcher") / "peak")


@pytest.fixture(scope="module")
def quick_grader(quick_project, tmp_path_factory):
    """The command of a project that grades the transformer alone."""
    return Command(quick_project, tmp_path_factory.mktemp("watcher") / "peak")


@pytest.fixture(scope="module")
def schema(root):
    return json.loads((root / "grader" / "result.schema.json").read_text())


class Graded:
    """What one run of `grader grade` left: exit code, table, result."""

    def __init__(self, grader, submission, out, *options, **environment):
        self.out = out
        command = ("grade", submission, "--out", out, *options)
        self.code, self.table, self.errors = grader(*command, **environment)
        assert self.code == 0, self.errors
        self.result = json.loads((out / f"{submission.stem}.json").read_text())
        self.peak_mb = (
            int(grader.peak.read_text()) * (1 if sys.platform == "darwin" else 1024) / 1e6
        )

    @property
    def points(self):
        return {c["id"]: c["points"] for c in self.result["criteria"] if c["id"] in FULL}

    @property
    def checks(self):
        return {c["id"]: c for criterion in self.result["criteria"] for c in criterion["checks"]}


def records(folder):
    """Return the names of what is in a folder of results, but for what a human looks at."""
    return [path.name for path in folder.iterdir() if not path.is_dir()]


@pytest.fixture(scope="module")
def alice(docker_sandbox, grader, root, tmp_path_factory):
    """Alice, graded once in containers, for several tests to look at."""
    return Graded(grader, root / "submissions" / "alice", tmp_path_factory.mktemp("alice"))


# --- the shipped samples, through the command line ----------------------------------------------


@pytest.mark.docker
def test_alice_has_full_marks(alice, schema):
    """A right submission: exit 0, a valid result, and no point lost that a machine can give."""
    jsonschema.validate(alice.result, schema)
    total = alice.result["total"]
    assert total["points"] + total["pending_points"] == total["max_points"] == 50
    assert alice.points == FULL
    waiting = {name for name, check in alice.checks.items() if check["outcome"] == "inconclusive"}
    assert READ_BY_A_HUMAN <= waiting <= READ_BY_A_HUMAN | TIMED
    assert all(c["outcome"] == "passed" for name, c in alice.checks.items() if name not in waiting)
    assert alice.result["course_verdict"] == {"evaluate": "10/10", "kv_evaluate": "10/10"}
    assert alice.result["flags"] == []
    assert alice.result["environment"]["isolation"] == "container"
    assert alice.result["environment"]["image"].startswith("sha256:")
    assert records(alice.out) == ["alice.json"]


@pytest.mark.docker
def test_the_table_has_a_row_for_each_criterion(alice):
    """Every criterion has one row with its points, what waits for a human says so."""
    rows = [line.split() for line in alice.table.splitlines()]
    end = next(at for at, row in enumerate(rows) if row[:1] == ["total"])
    table = rows[:end]  # below it, what was understood of each answer
    for criterion, points in CLEAR.items():
        (row,) = [row for row in table if row[:1] == [criterion]]
        assert row[-2:] == [str(points), str(points)]
    for criterion, (points, most, waiting) in OPEN.items():
        found = [row for row in table if row[:1] == [criterion]]
        assert [row[-4:] for row in found] == [[points, most, waiting, "waiting"]]
    (total,) = [row for row in rows if row[:1] == ["total"]]
    all_of_it = alice.result["total"]
    points, pending = f"{all_of_it['points']:g}", f"{all_of_it['pending_points']:g}"
    assert total == ["total", points, "50", pending, "waiting"]
    assert str(alice.out / "alice.json") in alice.table
    assert " failed" not in alice.table


@pytest.fixture(scope="module")
def quick(docker_sandbox, quick_grader, tmp_path_factory):
    """Alice's transformer alone, graded once, for what is asked of a second grading."""
    return Graded(quick_grader, ALICE, tmp_path_factory.mktemp("quick"))


@LONG
@pytest.mark.docker
def test_grading_again_changes_no_points(quick, quick_grader, tmp_path):
    """A second run with another draw gives the same points, and there is no history of it."""
    shutil.copy(quick.out / "alice.json", tmp_path)
    again = Graded(quick_grader, ALICE, tmp_path)
    assert again.points == quick.points
    assert again.result["submission"] == quick.result["submission"]
    assert again.result["pack"] == quick.result["pack"]
    assert again.result["draw"]["digest"] != quick.result["draw"]["digest"]
    assert again.result["total"] == quick.result["total"]
    assert records(tmp_path) == ["alice.json"]


@pytest.mark.docker
def test_a_stored_seed_repeats_the_draw(quick, quick_grader, tmp_path):
    """With --seed of a stored result the draw is the same, and so is every figure measured."""
    seed = quick.result["draw"]["seed"]
    again = Graded(quick_grader, ALICE, tmp_path, "--seed", seed)
    assert again.result["draw"] == quick.result["draw"]
    assert again.checks
    for name, check in quick.checks.items():
        measured = again.checks[name]["measured"]
        assert measured == pytest.approx(check["measured"], rel=1e-3, abs=1e-4), name


@pytest.mark.docker
def test_bob_passes_the_course_and_fails_the_cache(docker_sandbox, grader, root, tmp_path):
    """A cache with an unshifted mask: the course says 10/10 twice, the grader finds it."""
    bob = Graded(grader, root / "submissions" / "bob", tmp_path)
    assert bob.result["course_verdict"] == {"evaluate": "10/10", "kv_evaluate": "10/10"}
    assert bob.checks["incremental_decode"]["outcome"] == "failed"
    assert bob.checks["incremental_decode"]["points"] == 0
    assert bob.checks["prefill_bytes"]["variant"] == "single_pass"
    others = [criterion for criterion in bob.result["criteria"] if criterion["id"] != "2d"]
    assert sum(criterion["points"] for criterion in others) == pytest.approx(19.025 + 11.75)
    assert sum(criterion["pending_points"] for criterion in others) == 5
    assert bob.points["2a"] == 5
    assert bob.points["2b"] == 5
    assert bob.points["2c"] <= 2
    assert "2c incremental_decode  0/3  failed" in bob.table
    assert "evaluate 10/10, kv_evaluate 10/10" in bob.table


@pytest.mark.docker
def test_carol_is_told_what_is_missing(docker_sandbox, grader, root, tmp_path):
    """An unfilled skeleton: exit 0, no points, and each check names the line that raises."""
    carol = Graded(grader, root / "submissions" / "carol", tmp_path)
    source = (root / "submissions" / "carol" / "transformer_skeleton.py").read_text().splitlines()
    assert carol.points == {"2a": 0, "2b": 0, "2c": 0}
    assert carol.result["total"] == {"points": 5, "max_points": 50, "pending_points": 4}
    assert carol.checks["other_inputs"]["variant"] == "typed_in"
    ones = {c["id"]: c["checks"] for c in carol.result["criteria"]}
    for check in [*ones["2a"], *ones["2b"], *ones["2c"]]:
        assert check["outcome"] == "error"
        assert "NotImplementedError" in check["message"]
        assert "transformer_skeleton.py, line " in check["message"]
        line = int(check["message"].split("transformer_skeleton.py, line ")[1].split(",")[0])
        assert "raise NotImplementedError" in source[line - 1]
    assert "NotImplementedError" in carol.table
    assert [name for name in carol.checks if name not in carol.table] == []


@pytest.mark.docker
def test_grading_needs_little_memory(alice):
    """The host process of a grading never holds more than 200 MB."""
    assert 20 < alice.peak_mb <= 200


def test_a_sample_runs_without_an_engine(quick_grader, tmp_path):
    """Where no engine answers, a shipped sample runs as a plain process, with a warning."""
    alice = Graded(quick_grader, ALICE, tmp_path, **NO_ENGINE)
    assert alice.points == FULL
    assert alice.result["environment"]["isolation"] == "none"
    assert alice.errors.startswith("warning: ")
    assert alice.errors.count("\n") == 1
    assert "plain process" in alice.errors
    assert "NOT ISOLATED" in alice.table


def test_other_code_is_refused_without_an_engine(grader, root, tmp_path):
    """Where no engine answers, a changed sample is not run: exit 1, a sentence, no result."""
    changed = tmp_path / "alice"
    shutil.copytree(root / "submissions" / "alice", changed)
    with (changed / "transformer_skeleton.py").open("a") as file:
        file.write(f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
    code, out, errors = grader("grade", changed, "--out", tmp_path / "out", **NO_ENGINE)
    assert (code, out) == (1, "")
    assert errors.startswith("grader: ")
    assert errors.count("\n") == 1
    assert "--sandbox process" in errors
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out").exists()


def test_an_engine_asked_for_and_gone_is_our_fault(grader, root, tmp_path):
    """--sandbox docker without an engine: exit 2, one sentence, no result."""
    code, out, errors = grader(
        "grade", root / "submissions" / "alice", "--sandbox", "docker", "--out", tmp_path,
        **NO_ENGINE,
    )  # fmt: skip
    assert (code, out) == (2, "")
    assert errors.startswith("grader: no Docker engine answers")
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_there_is_a_usage_error(grader, tmp_path):
    """A submission that is not there, or holds nothing: exit 1 and one sentence."""
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (tmp_path / "nobody", empty):
        code, out, errors = grader("grade", path, "--out", tmp_path / "out")
        assert (code, out) == (1, "")
        assert errors.startswith("grader: ")
        assert errors.count("\n") == 1
    assert not (tmp_path / "out").exists()


# --- odd submissions ----------------------------------------------------------------------------


@pytest.fixture
def right(root):
    """The source of a right submission."""
    return (root / "submissions" / "alice" / "transformer_skeleton.py").read_text()


@pytest.fixture
def handed_in(docker_sandbox, docker_oracle, pack, draw, schema, tmp_path):
    """Grade files, names to contents; return points, checks and flags of a valid result."""

    def handed_in(files, prepare=lambda _: None):
        folder = tmp_path / "student"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        prepare(folder)
        submission = intake.read(folder)
        pack_2 = only(pack, FULL)
        result = grade(submission, pack_2, docker_sandbox, oracle=docker_oracle, draw=draw)
        jsonschema.validate(json.loads(json.dumps(result)), schema)
        points = {c["id"]: c["points"] for c in result["criteria"] if c["id"] in FULL}
        checks = [check for criterion in result["criteria"] for check in criterion["checks"]]
        return points, checks, result["flags"]

    return handed_in


NOTHING = {"2a": 0, "2b": 0, "2c": 0}


@pytest.mark.docker
@pytest.mark.parametrize(
    ("files", "outcome", "words"),
    [
        ({"answers.txt": "see PDF"}, "not_submitted", ["No Python file"]),
        (
            {"transformer_skeleton.py": "import torch\n\nclass DecoderOnlyTransformer(:\n"},
            "error",
            ["transformer_skeleton.py", "line 3"],
        ),
        (
            {"model.py": "class Decoder: pass\nclass Transformer: pass\n"},
            "error",
            ["DecoderOnlyTransformer", "Decoder, Transformer"],
        ),
        ({"transformer_skeleton.py": bytes(range(256)) * 40}, "error", ["transformer_skeleton.py"]),
        (
            {"transformer_skeleton.py": "DecoderOnlyTransformer = 3\n"},
            "error",
            ["DecoderOnlyTransformer", "not a class"],
        ),
    ],
    ids=["no-python", "syntax-error", "class-missing", "binary", "no-class"],
)
def test_what_cannot_be_graded_is_told(handed_in, files, outcome, words):
    """No points, and what is missing is said in every check, what is no Python in a remark."""
    points, checks, flags = handed_in(files)
    assert points == NOTHING
    for check in checks:
        assert check["outcome"] == outcome, check
        for word in words:
            assert word in " ".join([check["message"], *flags])


@pytest.mark.docker
def test_other_argument_names_in_the_same_order_are_kept(handed_in, right):
    """A constructor whose arguments are named otherwise is called by position."""
    old = "def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):"
    assert old in right
    names = {"vocab_size": "V", "d_ff": "F", "num_layers": "L", "max_seq_len": "S"}
    head, _, tail = right.partition(old)
    body = f"{old}\n        V, F, L, S = vocab_size, d_ff, num_layers, max_seq_len{tail}"
    for name, other in names.items():
        body = body.replace(name, other)
    body = body.replace("V, F, L, S = V, F, L, S", "pass")
    points, checks, _ = handed_in({"transformer_skeleton.py": head + body})
    assert points == FULL, checks


@pytest.mark.docker
def test_a_constructor_with_too_few_arguments_is_an_error(handed_in, right):
    """A constructor that takes less than it is given loses all points, with Python's own words."""
    changed = right.replace(
        "def __init__(self, vocab_size, d_model, d_ff, num_layers, max_seq_len):",
        "def __init__(self, vocab_size, d_model, d_ff, num_layers):\n        max_seq_len = 128",
    )
    points, checks, _ = handed_in({"transformer_skeleton.py": changed})
    assert points == NOTHING
    for check in checks:
        assert check["outcome"] == "error"
        assert "TypeError" in check["message"]
        assert "argument" in check["message"]


@pytest.mark.docker
def test_a_renamed_parameter_is_shown_by_both_names(handed_in, right):
    """Weights that do not fit: the message has the name that is there and the one expected."""
    points, checks, _ = handed_in({"transformer_skeleton.py": right.replace("W_q", "query")})
    assert points == NOTHING
    for check in checks:
        assert check["outcome"] == "error"
        assert "layers.0.attention.query.weight" in check["message"]
        assert "layers.0.attention.W_q.weight" in check["message"]


def _left_out(folder):
    with (folder / "model.bin").open("wb") as file:
        file.truncate(50_000_000)
    (folder / "link.py").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.py")


SHADOWS = {
    f"{name}.py": f"raise RuntimeError('{name} of the student')\n"
    for name in ("torch", "json", "math", "sitecustomize", "conftest", "numpy", "grader", "socket")
}


@pytest.mark.docker
@pytest.mark.parametrize(
    ("files", "prepare", "words"),
    [
        (
            {},
            _left_out,
            ["model.bin was left out: too large: 50.0 MB", "link.py was left out", "FIFO"],
        ),
        (
            {
                "my notes.txt": "",
                "größe 模型.md": "",
                "two\nlines.py": "",
                "Ünï/çödé.py": "x = 1",
                "junk.py": bytes(range(256)),
                "broken.py": "def (",
            },
            None,
            ["two\\nlines.py", "junk.py", "broken.py, line 1"],
        ),
        (SHADOWS, None, ["torch.py", "json.py", "sitecustomize.py", "conftest.py"]),
    ],
    ids=["large-link-FIFO", "odd-names", "shadows"],
)
def test_a_right_solution_keeps_its_points_beside(handed_in, right, files, prepare, words):
    """Whatever else lies in the folder, a right solution has full marks and the rest is flagged."""
    files = {"transformer_skeleton.py": right, **files}
    points, checks, flags = handed_in(files, prepare or (lambda _: None))
    assert points == FULL, [check for check in checks if check["outcome"] != "passed"]
    for word in words:
        assert word in " ".join(flags)
    assert [flag for flag in flags if "\n" in flag] == [], "a remark is one line"


@pytest.mark.docker
@pytest.mark.parametrize("name", ["two\nlines größe (1).py", "torch.py"])
def test_a_right_solution_may_have_any_name(handed_in, right, name):
    """The file of the solution itself may be called anything."""
    points, checks, _ = handed_in({name: right})
    assert points == FULL, [check for check in checks if check["outcome"] != "passed"]

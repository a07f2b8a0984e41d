"""What a terminal shows: its width, its help, what a program reads, and what a shell completes."""

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader import results
from grader.cli import arguments, door, helps, names
from grader.columns import WIDTH, paragraph, table
from grader.report import table as report
from tests.result_samples import check, criterion, result

ROOT = Path(__file__).parents[2]
COMMANDS = arguments.parser().commands.choices
LONG = "maximiliana-konstantinopolous-de-la-fuente_s1234567"
NO_JSON = {"review", "completion", "calc", "worker"}  # serves, prints a script, has its own


@pytest.fixture
def marks(tmp_path):
    """A folder of two results, one of somebody with a long name, and points that wait."""
    folder = tmp_path / "marks"
    words = check("words", "inconclusive", 0.0, 3.0, staff_message="all factors (3), none (0)")
    for name in ("alice", LONG):
        one = criterion("1", check("a", "failed", 2.0, 5.0, message="Off by one."))
        results.write(folder, result(name, one, criterion("2", words, title="Words " * 12)))
    return folder


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command as from the terminal; its code, stdout and stderr."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["grader", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            door.main()
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    return run


def wide(text):
    """Return the lines that are too wide; a path or a word that cannot be broken may be."""
    return [line for line in text.splitlines() if len(line) > WIDTH and " " in line.strip()]


# --- tables ---------------------------------------------------------------------------------------

CELLS = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=60)
SHAPES = st.integers(2, 7).flatmap(
    lambda n: st.tuples(
        st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=4),
        st.lists(st.sampled_from(["", "points", "for a human", "before"]), min_size=n, max_size=n),
    )
)


@given(SHAPES)
@settings(max_examples=40, deadline=None)
def test_any_table_of_words_fits_and_loses_nothing(shape):
    """Whatever words are in a table, no line is wider than 80, and every letter is there."""
    rows, headers = shape
    text = table(rows, headers)
    assert max(map(len, text.splitlines())) <= WIDTH
    written = Counter("".join(cell for row in rows for cell in row).replace(" ", ""))
    assert not written - Counter(text)


def test_numbers_that_do_not_fit_stand_in_a_table_below():
    """No digit is broken: what has no room comes below, with the columns that name the row."""
    rows = [["first", *(f"{10**9 + n:,}" for n in range(9))]]
    text = table(rows, ["", *(f"column {n}" for n in range(9))], "l" + "r" * 9)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.count("first") == 2
    assert re.findall(r"[\d,]{13}", text) == rows[0][1:]


def test_a_report_of_45_criteria_fits():
    """Long titles, long names and messages are wrapped, in the table and below it."""
    message = "At row 3 the largest difference is 1.5, " * 6
    criteria = [
        criterion(f"part-{n}.long", check(f"c{n}", "failed", 0.0, 2.0, message=message),
                  check(f"waits_{n}", "inconclusive", 0.0, 1.5), title="A long title " * 6)
        for n in range(45)
    ]  # fmt: skip
    text = report.render(result(LONG, *criteria))
    assert not wide(text)
    assert text.count("A long title") >= 45


def test_commands_fit_80_columns(marks, run, tmp_path, monkeypatch):
    """Each table of a folder of results fits, with a long name in it."""
    monkeypatch.chdir(tmp_path)
    marks = marks.name
    for words in (
        ("gradebook", marks),
        ("points", marks, LONG),
        ("history", marks, LONG),
        ("report", marks, "--staff", "--out", "staff"),
        ("export", marks, "--to", "csv"),
    ):
        code, out, errors = run(*words)
        assert code == 0, errors
        assert not wide(out), words


def test_paragraphs_fit():
    """A sentence is wrapped, and hangs below its first words."""
    lines = paragraph("word " * 40, " - ", "   ")
    assert max(map(len, lines)) <= WIDTH
    assert [line[:3] for line in lines] == [" - ", *["   "] * (len(lines) - 1)]


def test_nothing_is_coloured_where_nobody_wants_it(marks):
    """On a terminal with NO_COLOR, and in a pipe, no escape sequence sets a colour."""
    main, other = pty.openpty()
    command = [sys.executable, "-m", "grader", "gradebook", str(marks)]
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    done = subprocess.Popen(command, stdout=other, stderr=other, env=environment)
    done.wait(30)
    os.close(other)
    shown = os.read(main, 1 << 16)
    os.close(main)
    assert b"alice" in shown
    assert b"\x1b[" not in shown


# --- help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_each_help_has_examples_that_parse_and_fits(name, monkeypatch):
    """What the help shows can be typed, and no line of it is wider than 80."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    text = COMMANDS[name].format_help()
    examples = re.findall(rf"^  grader ({name}\b.*)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        arguments.parser().parse_args(shlex.split(example.partition(" > ")[0]))
    assert not wide(text)
    assert COMMANDS[name].description


def test_every_command_is_in_one_group():
    """The front page has each command once, by whose day it belongs to."""
    grouped = [name for group in helps.GROUPS.values() for name in group]
    assert sorted(grouped) == sorted(COMMANDS)
    text = arguments.parser().format_help()
    assert not wide(text)
    for word in ("TA", "student", "server"):
        assert re.search(rf"^the {word}'s .*:$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("chekc .", "'check'"),
        ("grade x --devise cpu", "'--device'"),
        ("grade x --sandbox dokcer", "'docker'"),
        ("export x --to canvsa", "'canvas'"),
        ("completion fisch", "'fish'"),
    ],
)
def test_a_slip_of_the_finger_is_told_what_was_meant(line, meant, capsys):
    """A mistyped command, option or choice ends with 1 and the nearest word."""
    with pytest.raises(SystemExit) as end:
        arguments.parser().parse_args(line.split())
    assert end.value.code == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"did you mean {meant}" in said
    assert "--help` shows examples" in said


def test_a_mistyped_submission_is_told_the_nearest(marks, run):
    """Names of submissions are suggested as well."""
    for words in (("report", marks, "alise", "--out", "x"), ("history", marks, "alise")):
        code, _, said = run(*words)
        assert code == 1
        assert "did you mean 'alice'" in said


def test_a_mistyped_path_is_told_the_nearest(run, tmp_path):
    """A submission that is not there is refused with the name that is."""
    (tmp_path / "alice").mkdir()
    for command in ("grade", "check", "batch", "similar"):
        code, _, said = run(command, tmp_path / "alcie")
        assert (code, said.count("\n")) == (1, 1)
        assert "did you mean 'alice'" in said


# --- for programs ---------------------------------------------------------------------------------


def test_what_shows_something_can_be_read_by_a_program():
    """All commands have --json but those that are listed here, each with its form in the help."""
    assert set(COMMANDS) - set(helps.JSON) == NO_JSON
    assert all("--json" in COMMANDS[name].options for name in helps.JSON)


def test_json_is_one_document_of_the_form_in_the_help(marks, run, tmp_path):
    """Stdout is one JSON document, whose fields the help names; the exit code stays."""
    lines = [
        ("gradebook", marks),
        ("points", marks, "alice"),
        ("points", marks, "alice", "words", "2", "--by", "bob"),
        ("request", marks, "alice", "1", "my words"),
        ("answer", marks, "alice", "1", "our words"),
        ("history", marks, "alice"),
        ("publish", marks, "alice"),
        ("report", marks, "--out", tmp_path / "pages"),
        ("report", marks, "--staff", "--out", tmp_path / "staff"),
        ("export", marks, "--to", "csv", "--out", tmp_path / "points.csv"),
    ]
    for words in lines:
        code, out, _ = run(*words, "--json")
        assert code == 0
        found = json.loads(out)
        schema = found.pop("schema")
        form = helps.JSON["history" if schema == "grader.history/1" else words[0]]
        assert f'"{schema}"' in form
        assert all(f'"{field}"' in form for field in found), words
    assert json.loads(run("gradebook", marks, "--json")[1])["results"][0]["id"] == "alice"


def test_json_of_a_failure_is_nothing_on_stdout(marks, run):
    """Where a command fails, its sentence is on stderr and stdout is empty."""
    code, out, errors = run("history", marks, "nobody", "--json")
    assert (code, out) == (1, "")
    assert errors.startswith("grader: no result of 'nobody'")


# --- completion -----------------------------------------------------------------------------------


def completed(line, cwd):
    """Return what a shell is told may follow a line."""
    told = cwd / "told"
    subprocess.run(
        [sys.executable, "-m", "grader"],
        env={
            **os.environ, "PYTHONPATH": str(ROOT), "_ARGCOMPLETE": "1", "COMP_LINE": line,
            "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(told),
            "_ARGCOMPLETE_IFS": "\n",
        },
        cwd=cwd, check=False, timeout=30,
    )  # fmt: skip
    return {each.strip() for each in told.read_text().splitlines()}


def test_a_shell_completes_commands_and_the_names_of_submissions(marks):
    """A shell that asks gets the commands, and the submissions of the folder that was typed."""
    assert "gradebook" in completed("grader gr", marks.parent)
    assert completed("grader points marks ", marks.parent) >= {"alice", LONG}


def test_names_that_can_be_completed(marks):
    """Packs are the folders there are; lines are the criteria of the result and their checks."""
    typed = arguments.parser().parse_args(["points", str(marks), "alice"])
    assert set(names.lines(parsed_args=typed)) == {"1", "2", "a", "words"}
    typed.name = "nobody"
    assert names.lines(parsed_args=typed) == []
    assert {path.name for path in (ROOT / "rubrics").iterdir()} >= set(names.packs())


def test_a_completion_script_calls_the_grader(run):
    """The script for each shell is printed, ready to be stored."""
    for shell in ("bash", "zsh", "fish"):
        code, out, _ = run("completion", shell)
        assert code == 0
        assert "grader" in out

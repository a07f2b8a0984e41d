"""The student's side: a small install, and what is known of a sheet before it is handed in."""

import dataclasses
import importlib.util
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader import ahead, handout, intake
from grader import pack as packs
from grader.cli.missing import EXTRAS, need_torch, remedy
from grader.errors import UsageError
from grader.formulas import questions
from grader.formulas.worker import serve
from grader.intake import SourceFile
from grader.report import ahead as told
from grader.sandbox.process import ProcessSandbox
from tests import student_side
from tests.architecture.test_imports import HOST, imports_of, read
from tests.long import LONG

ROOT = Path(__file__).parents[2]
MARKED = r"""\section*{1c}
\answer{1c.prefill_flops}{4N^2d} \answer{1c.prefill_bytes}{4Nd + \sum_{i=1}^{N} 3}
\answer{1c.decode_flops}{4Nd = 524288} \answer{1d.prefill_intensity}{57}
"""
SHEETS = sorted((ROOT / "tests" / "formulas" / "sheets").glob("*.[tm][ed]*"))


def run(*words, cwd, environment):
    """Run the grader as a student does, with what a student has."""
    return subprocess.run(
        [sys.executable, "-m", "grader", *map(str, words)], cwd=cwd, env=environment,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Known:
    """A pack, and the folder with what is known of it ahead."""

    pack: packs.Pack
    public: Path

    def read(self, *given, **named):
        """Read files of a student; their names have a dot for each double line."""
        own = [SourceFile(n.replace("__", "."), text.encode()) for n, text in named.items()]
        return ahead.answers(self.public, self.pack, [*given, *own])


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """All packs by their names."""
    found = {}
    for name in packs.names(ROOT):
        found[name] = Known(packs.load(ROOT, name), tmp_path_factory.mktemp("public"))
        ahead.write(found[name].pack, found[name].public)
    return found


def states(read):
    """Return the state of each answer."""
    return {answer.question: answer.state for answer in read.all}


# --- what is installed ----------------------------------------------------------------------------


def test_every_library_is_declared_where_it_is_missed():
    """Whatever the grader imports is a student's or has an extra, and both lists are the same."""
    owners = student_side.owners()
    lines = re.compile(r"^ *(?:import|from) (\w+)", re.MULTILINE)
    found = {name for path in HOST for name in lines.findall(read(path))} & owners.keys() - {
        "grader"
    }
    extra = set(itertools.chain(*EXTRAS.values()))
    base = {name for name in found if owners.get(name, set()) & student_side.declared()}
    assert found - base <= extra
    assert not base & extra
    for name, modules in EXTRAS.items():
        asked = student_side.declared(name)
        asked |= {"requests", "werkzeug"}  # docker's and Flask's own, which come with them
        for module in modules:
            assert owners.get(module, asked) & asked, module


def test_the_reader_of_sheets_needs_a_students_libraries_alone():
    """What runs in the child process is not seen by a hook there: its imports are looked at."""
    blocked = student_side.blocked()
    assert {"docker", "rich", "jsonschema", "matplotlib"} <= blocked
    assert not {"numpy", "pytest", "pypdfium2", "markdown_it"} & blocked
    for path in HOST:
        if path.parent.name == "formulas":
            names = {name.partition(".")[0] for _, name in imports_of(read(path), "grader.x")}
            assert not names & blocked, path


def test_what_a_student_has_not_is_one_sentence(tmp_path):
    """A command of the staff names the library and the command of pip that brings it."""
    environment = student_side.environment(tmp_path / "hook")
    done = run("completion", "bash", cwd=tmp_path, environment=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "python -m pip install 'grader[staff]'" in done.stderr


def test_a_python_without_torch_is_one_sentence(monkeypatch):
    """A check needs torch to run a student's code: where it is not, pip's command is told."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="has no torch: python -m pip install torch"):
        need_torch()


def test_a_library_that_is_not_ours_has_no_remedy():
    """A module that nobody knows is a fault, and no advice is given on it."""
    assert "grader[review]" in remedy(ModuleNotFoundError(name="flask"))
    assert remedy(ModuleNotFoundError(name="nobodys.module")) == ""


def test_checks_that_are_handed_out_need_a_students_libraries_alone(known):
    """What a handout has of a pack's checks imports nothing that a student has not installed."""
    for each in known.values():
        given = handout._of_public_checks(each.pack.checks_folder)
        assert given
        for path in given:
            names = {name.partition(".")[0] for _, name in imports_of(read(path), "x")}
            assert not names & student_side.blocked(), path


@LONG
def test_a_check_needs_only_what_a_student_installs(known, tmp_path):
    """The pack with a sheet, as the two others in their own tests: all of it in one run."""
    pack = known["optimizing-transformers"].pack
    few = dataclasses.replace(pack, mistakes=(), also={
        name: dataclasses.replace(other, mistakes=()) for name, other in pack.also.items()
    })  # fmt: skip
    out = tmp_path / "handout"
    handout.write(few, ProcessSandbox(), out, lambda _: None)
    for name in ("attention.py", "README.md"):
        shutil.copy(ROOT / "submissions" / "bob-ot" / name, out)
    environment = student_side.environment(tmp_path / "hook")
    done = run("check", "--json", cwd=out, environment=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "grader.check/1"
    assert found["result"]["total"]["points"] == 1
    read_as = {each["question"]: each["read_as"] for each in found["answers"]}
    assert read_as["2.1.2.1"] == "3*B*N*D**2"
    assert sum(each["points"] for each in found["private"]) == pytest.approx(97.5)


# --- the sheet, ahead of the grading --------------------------------------------------------------


def test_an_answer_is_read_and_not_judged(known):
    """Formulas and numbers are told as read, what stops the reader is told, and nothing else."""
    found = known["e0294-a4"].read(answers__tex=MARKED)
    state = states(found)
    assert state["1c.prefill_flops"] == state["1d.prefill_intensity"] == "read"
    assert state["1c.prefill_bytes"] == "unreadable"
    assert state["1c.decode_bytes"] == "missing"
    text = "\n".join(told.answers(found))
    assert max(map(len, text.splitlines())) <= 80
    flat = " ".join(text.split())
    for words in ("4*N**2*d", "4*N*d; as a number 524288", r"\sum", "fractions with /",
                  'answers.toml as "1c.', "Not found: 1c.decode_bytes"):  # fmt: skip
        assert words in flat
    assert "what is asked for" not in flat


def test_how_an_answer_is_marked_is_true(known):
    """What the check advises, an entry in answers.toml, is read for certain."""
    sheet = '"1c.decode_bytes" = "2*N"\n"1d.decode_intensity" = "1.5"\n'
    state = states(known["e0294-a4"].read(answers__toml=sheet))
    assert state["1c.decode_bytes"] == state["1d.decode_intensity"] == "read"


def test_what_was_given_is_nobodys_answer(known):
    """A sheet as it was handed out holds no answer; the check names the file to fill in."""
    for name, fill_in in (("e0294-a4", "answers.tex"), ("optimizing-transformers", "README.md")):
        template = known[name].pack.folder / "template"
        found = known[name].read(*(SourceFile(p.name, p.read_bytes()) for p in template.iterdir()))
        assert set(states(found).values()) == {"missing"}
        assert f"fill in {fill_in}" in " ".join(told.answers(found))


def test_a_notebooks_answers_are_found_by_their_questions(known):
    """Of a notebook it is told where each answer begins, and which a person reads."""
    book = ROOT / "submissions" / "bob-kv" / "kv_caching.ipynb"
    state = states(known["nanogpt-kv"].read(SourceFile(book.name, book.read_bytes())))
    assert (state["Q1"], state["Q6"]) == ("written", "prose")
    empty = known["nanogpt-kv"].read()
    assert set(states(empty).values()) == {"missing"}
    assert "No written answer yet" in "\n".join(told.answers(empty))


def test_a_program_is_told_its_rows_and_its_assumptions(known):
    """Of bob's program: which numbers are read, of which attention, in which GB."""
    each = known["e0294-a4"]
    bob = intake.read(ROOT / "submissions" / "bob")
    said = " ".join(ahead.programs(each.public, each.pack, bob, ProcessSandbox()))
    for words in ("Total model parameters: 6150946816", "Max batch size possible: 274",
                  "grouped-query attention, an FFN of 2 matrices", "2 bytes each, GB as 2^30 bytes",
                  "2048 tokens"):  # fmt: skip
        assert words in said
    nothing = dataclasses.replace(bob, files=each.pack.given)
    said = ahead.programs(each.public, each.pack, nothing, ProcessSandbox())
    assert "No program was found" in said[0]
    assert ahead.programs(known["nanogpt-kv"].public, each.pack, bob, ProcessSandbox()) == []


def test_what_was_recorded_of_programs_cannot_be_read_off(known):
    """A right number and a formula are in no file that tells of programs."""
    for path in known["e0294-a4"].public.rglob("*"):
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        assert not re.search(r"8,?030,?2|134,?217|0\.1342|16\.06|L·K|kv_heads \*", text), path


def test_nothing_of_what_is_right_is_told(known):
    """No reference, no variant and no sentence on one is in what students get of the questions."""
    for name in ("e0294-a4", "optimizing-transformers"):
        asked = questions.load(ROOT / "rubrics" / name / "formulas.toml")
        text = (known[name].public / ahead.QUESTIONS).read_text(encoding="utf-8")
        for each in json.loads(text)["questions"]:
            kept = {name for name in ("reference", "variants", "between", "bound") if each[name]}
            assert not kept
        secret = {word for each in asked for word in
                  (each.reference, *(v.formula for v in each.variants),
                   *(v.says for v in each.variants)) if len(word) > 9}  # fmt: skip
        assert len(secret) > 20
        assert not [word for word in secret if word in text]


def test_what_a_person_looks_for_is_not_told(known):
    """Of private checks there are names and points; what they ask for is not in the handout."""
    for each in known.values():
        text = (each.public / ahead.PRIVATE).read_text(encoding="utf-8")
        hidden = [c for c in each.pack.checks if c.visibility != "public"]
        assert not [c.id for c in hidden if c.says in text]
        private = sum(one["points"] for one in ahead.private(each.public))
        shown = sum(c.points for c in each.pack.checks if c.visibility == "public")
        assert private + shown == pytest.approx(each.pack.points)


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_a_sheet_is_read_as_the_grading_reads_it(path):
    """Without what is right the same formulas and numbers are found as with it."""
    asked = questions.load(ROOT / "rubrics" / "e0294-a4" / "formulas.toml")
    data = {path.name: path.read_bytes()}
    graded = serve(data, [questions.as_json(each) for each in asked])["answers"]
    bare = [questions.as_json(questions.unanswered(each)) for each in asked]
    for name, reading in serve(data, bare)["answers"].items():
        same = ("found_in", "read_as", "stopped_by")
        assert [reading[each] for each in same] == [graded[name][each] for each in same]
        assert reading["verdict"] in {"read", "unreadable", "missing"}

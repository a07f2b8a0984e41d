"""No page shows a command that does not work: each is parsed, and what is quick is run."""

import os
import shlex
import shutil
import signal
import subprocess
import sys

import pytest

from grader import pack as packs
from grader.cli import door
from tests.docs import world
from tests.docs.commands import PAGES, ROOT, Command, mentioned, shown
from tests.docs.known import parser, subcommands, trouble, trouble_named
from tests.long import LONG

BY_PAGE = {page: list(shown(page)) for page in PAGES}
QUICK = {"rescore", "similar", "gradebook", "points", "publish", "preview", "hold", "request",
         "answer", "history", "report", "export", "calc"}  # fmt: skip
LATER = {"handout": 0, "check": 1, "grade": 2, "batch": 3, "regrade": 4}  # in this order
SANDBOXED, SANDBOX = {"grade", "batch", "regrade"}, ["--sandbox", "bubblewrap"]
PARSED = {
    "review": "serves until Ctrl-C; tests/system/test_review.py starts it",
    "image": "builds an image",
    "convert": "changes a pack; tests/system/test_convert.py does",
    "doctor": "looks at this machine",
    "worker": "serves until Ctrl-C; tests/cluster starts it",
    "night": "grades by a course's file; tests/system/test_night.py does",
    "clean": "removes what is old; tests/unit/test_server.py does",
    "completion": "prints for a shell to read; tests/unit/test_terminal.py asks it",
}
REFUSED = {  # what a page shows to be refused
    ("exports.md", "grader export marks --to canvas --into gradebook.csv"),
    ("gradebook.md", "grader points marks bob 2d 9"),
    ("gradebook.md", "grader points marks bob generate_greedy 1"),
}


def named(page):
    """Name a case by its page."""
    return str(page.relative_to(ROOT))


def grader_commands(page, kinds):
    """Return the calls of the grader on a page that are of these kinds."""
    return [each for each in BY_PAGE[page] if each.words[0] == "grader" and each.words[1] in kinds]


def pages_with(kinds):
    """Return the pages that have such calls."""
    return [page for page in PAGES if grader_commands(page, kinds)]


# --- every command is known -----------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_a_page_shows_is_one(page):
    """It parses by the real parser, or is a real target, module, file or extra; nothing else is."""
    wrong = [f"{command}: {said}" for command in shown(page) if (said := trouble(command))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_a_sentence_names_is_one(page):
    """A command or target that is named in passing exists, and so do the options given with it."""
    wrong = [
        f"{command}: {said}" for command in mentioned(page) if (said := trouble_named(command))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "line",
    ["grade submissions/alice", "make grades", "make grade SUBMISSION=alice",
     "grader grade --fast alice", "pip install grader[reviews]", "python -m tests.prove",
     "python tests/bench/latencies.py", "make proof PARTS=attack", "pytest tests/test_cuda.py"],
)  # fmt: skip
def test_a_command_that_nobody_knows_is_seen(line):
    """An unknown program, target, option, extra or file fails; so the tests above can."""
    assert trouble(Command(ROOT / "README.md", 1, tuple(shlex.split(line))))


def test_all_commands_of_the_grader_are_sorted():
    """Each command of the grader is run quickly, run by the long test, or said why it is not."""
    assert sorted([*QUICK, *LATER, *PARSED]) == sorted(subcommands(parser()))


# --- what is quick is run -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """The folder that commands are run in, made once."""
    folder = tmp_path_factory.mktemp("docs") / "world"
    return world.make(folder, packs.load(ROOT, "e0294-a4"))


@pytest.fixture
def folder(template, tmp_path, monkeypatch):
    """A copy of it, in which the test works."""
    shutil.copytree(template, tmp_path / "world")
    monkeypatch.chdir(tmp_path / "world")
    return tmp_path / "world"


@pytest.mark.parametrize("page", pages_with(QUICK), ids=named)
def test_quick_commands_of_a_page_do_what_they_say(page, folder, monkeypatch, capsys):
    """In order, in a folder of results, each ends as the page shows: done, or refused."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # SIGTERM stays pytest's
    for command in grader_commands(page, QUICK):
        if "--plot" in command.words:  # the long test draws
            continue
        monkeypatch.setattr(sys, "argv", list(command.words))
        with pytest.raises(SystemExit) as end:
            door.main()
        said = capsys.readouterr()
        refused = (page.name, shlex.join(command.words)) in REFUSED
        assert end.value.code == (1 if refused else 0), f"{command}: {said.err}"
        assert refused != bool(said.out), f"{command} says nothing"


@LONG
@pytest.mark.bubblewrap
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", pages_with({*LATER, "calc"}), ids=named)
def test_longer_commands_of_a_page_do_what_they_say(
    page, folder, bubblewrap_sandbox, quick_project
):
    """Each is done without a fault, on a sheet of which 2a to 2c alone are graded."""
    shutil.rmtree(folder / "marks")
    for words in longer(page):
        sandbox = [] if words[1] not in SANDBOXED or "--sandbox" in words else SANDBOX
        where = folder / "handout" if words == ("grader", "check", ".") else folder
        done = subprocess.run(
            [sys.executable, "-m", *words, *sandbox], cwd=where, capture_output=True, text=True,
            check=False, timeout=280, env={**os.environ, "PYTHONPATH": str(quick_project)},
        )  # fmt: skip
        said = f"{done.stdout[-2000:]} {done.stderr[-2000:]}"
        assert done.returncode == 0, f"{page}: {shlex.join(words)}: {said}"


def longer(page):
    """Return what to run: handouts first, and a batch before what is graded again.

    Left out are what needs a GPU and what an earlier page has, too, but for handouts.
    """
    earlier = PAGES[: PAGES.index(page)]
    before = {each.words for other in earlier for each in grader_commands(other, LATER)}
    found = [each.words for each in grader_commands(page, {*LATER, "calc"})]
    found = [words for words in found if words[1] != "calc" or "--plot" in words]
    found = [words for words in found if not {"cuda:0", "--engine", "--gpus"} & set(words)]
    found = [words for words in found if words not in before or words[1] == "handout"]
    found.sort(key=lambda words: LATER.get(words[1], 0))
    if found and found[-1][1] == "regrade":
        found.insert(-1, ("grader", "batch", "hand-ins", "--out", "marks"))
    return list(dict.fromkeys(found))

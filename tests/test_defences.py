"""The judge is tested by breaking it: `make proof PARTS=defences` does so for every defence.

Here some quick rows are measured, and the list is held against what there is to defend.
"""

import pytest

from grader import pack as packs
from grader.sandbox.docker import DockerSandbox
from tests.decoding import samples as decoding
from tests.notebooks import samples
from tests.proof import broken
from tests.proof.defences import DEFENCES, measure
from tests.proof.defended import notebook_checks
from tests.proof.ledger import ROOT
from tests.sheets import grading

QUICK = (
    "a reply names its request",
    "an archive's names stay inside",
    "limits accept and never reject",
    "parameters are the assignment's, by name and shape",
    "a negation is heard",
    "predictions are scored here",
)
OF_A_SHEET = {check for check in grading.checks() if not grading.checks()[check].manual}
"""Checks that read an answer: what each is worth is a row in `tests/sheets`."""
ELSEWHERE = {
    "nanogpt-kv": {*samples.TIMED, *notebook_checks.ON_A_GPU},
    "optimizing-transformers": {*OF_A_SHEET, decoding.TIMED},
}
NOT_ISOLATING = {"working_dir", "stdin_open", "labels", "volumes", "environment"}
BY_NAME = {defence.name: defence for defence in DEFENCES}


@pytest.mark.parametrize("name", QUICK)
def test_defence_is_needed(name):
    """With the defence the case comes out as expected, and without it otherwise."""
    cells = measure(BY_NAME[name])
    assert cells["held"] == "yes", cells


def test_every_defence_has_a_name_of_its_own():
    """No two rows of the table share a name, and there are many."""
    assert len(BY_NAME) == len(DEFENCES) >= 30


def test_every_defence_can_be_disabled():
    """What a row changes is still where it looks for it, whatever has been moved since."""
    for defence in DEFENCES:
        with defence.broken():
            pass


@pytest.mark.parametrize("name", packs.names(ROOT))
def test_every_check_is_defended(name):
    """Each check of each pack that a machine judges is taken out in one of the rows.

    But for those whose cases are elsewhere: what times a notebook, what shows on a GPU alone, and
    the answers of a sheet.
    """
    guarded = {defence.guards for defence in DEFENCES if defence.pack == name}
    judged = {check.id for check in packs.load(ROOT, name).checks if not check.manual}
    assert judged - guarded == ELSEWHERE.get(name, set())


def test_every_isolating_setting_is_defended(pack):
    """Each setting of a container that isolates is changed in one of the rows."""
    sandbox = object.__new__(DockerSandbox)  # no engine is needed to ask for the settings
    sandbox._cores, sandbox._boxes = 2, iter([0])
    sandbox._owner = type("Owner", (), {"labels": dict})
    sandbox._image = type("Image", (), {"binds": (), "env": {}})
    settings = sandbox._settings(pack.sandbox).keys()
    assert settings >= NOT_ISOLATING
    assert settings - NOT_ISOLATING <= {defence.guards for defence in DEFENCES}


def test_a_break_that_does_not_fit_fails():
    """Text to be replaced that is not there, or not once, is an error and no silent success."""
    with pytest.raises(AssertionError, match="0 times"):
        broken.guest("agent", ("no such line", ""))
    with pytest.raises(AssertionError, match="0 times"):
        broken.host("grader.score.holds", ("no such line", ""))
    with pytest.raises(AttributeError):
        broken.name("grader.wire.NO_SUCH_NAME", 1).__enter__()

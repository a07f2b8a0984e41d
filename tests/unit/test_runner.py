"""Checks of several packs in one process."""

import pytest

from grader.checking import runner
from grader.checking.draw import Draw

CHECKS = """
import pytest
from grader.beside import beside

@pytest.mark.public
def test_who(answer, record):
    record.set(answer=answer, sized=beside(__file__, "sizes").SIZE)
"""
CONFTEST = """
import pytest

@pytest.fixture
def answer():
    return {answer}
"""


class Nobody:
    """A student whom the checks ask nothing."""

    handed_in = ()

    def fresh(self):
        """Nothing to begin."""


@pytest.fixture
def folders(tmp_path):
    """Two packs' checks, whose files have the same names."""
    for answer in (1, 2):
        folder = tmp_path / f"pack-{answer}" / "checks"
        folder.mkdir(parents=True)
        (folder / "test_all.py").write_text(CHECKS)
        (folder / "conftest.py").write_text(CONFTEST.format(answer=answer))
        (folder / "sizes.py").write_text(f"SIZE = {answer}")
    return sorted(tmp_path.glob("*/checks"))


def test_packs_do_not_share_modules_of_one_name(folders):
    """Each pack's checks, fixtures and own modules are its own, in whatever order they run."""
    for index in (0, 1, 0):
        (evidence,) = runner.run(folders[index], ["who"], Nobody(), Nobody(), Draw("seed"))
        assert evidence.outcome == "measured", evidence.staff_message
        assert evidence.measured == {"answer": index + 1, "sized": index + 1}

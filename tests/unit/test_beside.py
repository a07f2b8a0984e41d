"""Modules of packs are imported by their path."""

import pytest

from grader.beside import beside, by_path


def test_two_packs_may_have_files_of_one_name(tmp_path):
    """Each folder's module is its own, and is imported once."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "words.py").write_text(f"NAME = {name!r}\n")
    one, other = (beside(str(tmp_path / name / "checks.py"), "words") for name in ("one", "other"))
    assert (one.NAME, other.NAME) == ("one", "other")
    assert beside(str(tmp_path / "one" / "more.py"), "words") is one


def test_a_package_may_import_its_own(tmp_path):
    """Relative imports hold in a package that is named by its __init__.py."""
    (tmp_path / "__init__.py").write_text("from .inner import VALUE\n")
    (tmp_path / "inner.py").write_text("VALUE = 7\n")
    assert by_path(tmp_path / "__init__.py").VALUE == 7


def test_a_module_that_failed_is_tried_again(tmp_path):
    """What a module raises comes through, and nothing half-made stays."""
    path = tmp_path / "words.py"
    path.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        by_path(path)
    path.write_text("VALUE = 12345\n")
    assert by_path(path).VALUE == 12345

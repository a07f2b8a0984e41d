"""Who handed in what, kept beside the results."""

import pytest

from grader import handed
from grader.errors import UsageError


def test_what_was_kept_is_read_again(tmp_path):
    """People, names and times come back as they were."""
    one = handed.Handed(
        names=("doejane_12_34_model.py",), people=("jane", "john"), name="doejane",
        keys={"canvas": "12"}, submitted_at="2026-11-20T23:10:00+01:00", late=True, attempt=2,
    )  # fmt: skip
    index = handed.Index("canvas", {"doejane_12": one}, missing=("alice",), unclaimed=("x.txt",))
    handed.write(tmp_path, index)
    assert handed.read(tmp_path) == index
    assert [path.name for path in tmp_path.iterdir()] == [handed.FILE]


def test_a_folder_without_one_has_none(tmp_path):
    """Results of single gradings have no index, and that is no error."""
    assert handed.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", '{"handed": []}', '{"handed": {"a": {"names": 1}}}'])
def test_what_is_no_index_is_said(tmp_path, text):
    """A file that is something else is named, with what to do."""
    (tmp_path / handed.FILE).write_text(text)
    with pytest.raises(UsageError, match="move it away"):
        handed.read(tmp_path)

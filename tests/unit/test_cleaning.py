"""Cleaning up in the sandbox: what one process of a submission leaves, the next must not see."""

import os
import time

from grader.guest import cleaning


def test_folders_without_permissions_go(tmp_path):
    """Folders and files whose permissions forbid everything are removed."""
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (inner / "file").touch(0)
    os.mkfifo(inner / "fifo")
    for folder in (inner, inner.parent, inner.parent.parent):
        folder.chmod(0)
    cleaning.empty(str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_folders_too_deep_to_be_named_go(tmp_path):
    """A nesting deeper than any path is long, and than Python recurses, is removed in a moment."""
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("nested" * 40, dir_fd=at)
        inner = os.open("nested" * 40, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    begin = time.monotonic()
    cleaning.empty(str(tmp_path))
    assert not list(tmp_path.iterdir())
    assert time.monotonic() - begin < 10


def test_links_are_not_followed(tmp_path):
    """A link is removed, and what it leads to stays as it is."""
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    (inside / "folder").mkdir(parents=True)
    outside.mkdir()
    (outside / "kept").touch(0o640)
    outside.chmod(0o750)
    for link in (inside / "link", inside / "folder" / "link"):
        link.symlink_to(outside, target_is_directory=True)
    cleaning.empty(str(inside))
    assert not list(inside.iterdir())
    assert (outside / "kept").exists()
    assert outside.stat().st_mode & 0o777 == 0o750


def test_a_folder_that_is_not_there_is_clean(tmp_path):
    """Nothing happens where there is nothing."""
    cleaning.empty(str(tmp_path / "missing"))

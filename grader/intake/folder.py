"""Folders and single files, read without following or waiting for anything."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from grader.intake import basket as baskets
from grader.intake.basket import Basket
from grader.text import shown

KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket",
         stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}  # fmt: skip


@contextmanager
def opened(path: str, folder: int | None = None) -> Iterator[tuple[int, os.stat_result]]:
    """Open a folder or a regular file, never waiting, following nothing; OSError for the rest."""
    mode = os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode
    if kind := KINDS.get(stat.S_IFMT(mode)):  # opening some devices has effects of its own
        raise OSError(errno.EINVAL, f"it is {kind}")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, dir_fd=folder)
    try:
        info = os.fstat(descriptor)
        if stat.S_IFMT(info.st_mode) != stat.S_IFMT(mode):
            raise OSError(errno.EINVAL, "it changed while it was being read")
        yield descriptor, info
    finally:
        os.close(descriptor)


def visit(basket: Basket, name: str, folder: int | None, parts: tuple[str, ...]) -> None:
    """Take a file, or a folder with all that is in it; OSError where that cannot be opened."""
    with opened(name, folder) as (descriptor, info):
        if not stat.S_ISDIR(info.st_mode):
            with open(descriptor, "rb", closefd=False) as stream:
                basket.take("/".join(parts), info.st_size, stream)
            return
        with os.scandir(descriptor) as entries:
            most = itertools.islice(entries, baskets.MAX_ENTRIES + 1)
            names = sorted(entry.name for entry in most)
        for inner in names:
            if basket.wants((*parts, inner)):
                try:
                    visit(basket, inner, descriptor, (*parts, inner))
                except OSError as error:
                    basket.skip("/".join((*parts, inner)), why(error))


def why(error: Exception) -> str:
    """Return an error's own words, without the path that it may bring along."""
    return shown((isinstance(error, OSError) and error.strerror) or str(error))

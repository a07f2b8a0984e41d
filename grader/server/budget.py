"""What a course may take of the machine's disk and memory, looked at before and while it runs."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from grader.batch.fitting import free_memory
from grader.server.courses import GB, Course

_AGAIN_SECONDS: Final = 10.0  # a look at all files of a large folder is not for every submission


class Watch:
    """Called between submissions: a sentence on what is used up, or nothing.

    ``memory`` tells how many bytes of memory the machine has left, or None.
    """

    def __init__(self, course: Course, memory: Callable[[], int | None] = free_memory) -> None:
        self._course, self._memory = course, memory
        self._looked: float | None = None
        self.why = ""  # the last answer

    def __call__(self) -> str:
        """Return why to begin with nothing more; "" where all is well, or was a moment ago."""
        now = time.monotonic()
        if self._looked is not None and now - self._looked < _AGAIN_SECONDS:
            return self.why
        self._looked = now
        self.why = self.look()
        return self.why

    def look(self) -> str:
        """Return the same, of this moment."""
        course = self._course
        if course.disk is not None and (taken := used(course.out)) >= course.disk:
            return (
                f"the disk budget of {course.name} is used up: {course.out} holds "
                f"{told(taken)} of {course.disk:g} GB (`grader clean {course.file}` says what is "
                "old)"
            )
        if (left := free_disk(course.out)) < course.free_disk:
            return (
                f"the disk of {course.out} has {told(left)} GB left, and {course.free_disk:g} "
                "have to stay free"
            )
        left_memory = self._memory()
        if left_memory is not None and left_memory / GB < course.free_memory:
            return (
                f"the machine has {told(left_memory / GB)} GB of memory left, and "
                f"{course.free_memory:g} have to stay free"
            )
        return ""


def told(size: float) -> str:
    """Return a size in GB for people to read."""
    return f"{size:.1f}" if size >= 1 else f"{size:.2g}"


def used(folder: Path) -> float:
    """Return how many GB the files of a folder take on the disk."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(place) / name).st_blocks * 512
            except OSError:  # it has just been replaced
                continue
    return total / GB


def free_disk(folder: Path) -> float:
    """Return how many GB the disk of a folder has left, be the folder there or still to be made."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(there).free / GB

"""What courses' files ask of a server, and whether it is there: `grader doctor --server`."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from grader import history
from grader import pack as packs
from grader.batch.fitting import MB_BESIDE
from grader.errors import GraderError, HarnessError
from grader.sandbox import choosing, image
from grader.sandbox import docker as engine
from grader.server import budget, courses, lock
from grader.server.courses import GB, Course

Row = tuple[str, str, str]  # as `grader.doctor` has them: what, "yes", "no" or "–", detail
TIMER: Final = "grader-night.timer"
_ASKED_SECONDS: Final = 10.0
_MB: Final = 1 << 20


def examine(files: Sequence[Path], root: Path, device: Callable[[str], str]) -> Iterator[Row]:
    """Yield what was found; nothing is changed."""
    yield from _lock()
    yield _clock()
    yield from _started()
    for file in courses.files(files):
        try:
            course = courses.read(file, root)
        except GraderError as error:
            yield file.stem, "no", str(error)
            continue
        for what, state, detail in _course(course, root, device):
            yield f"{course.name}: {what}", state, detail


def _lock() -> Iterator[Row]:
    try:
        who = lock.holder()
    except HarnessError as error:
        yield "lock of the night", "no", str(error)
    else:
        yield "lock of the night", "–" if who else "yes", who or "free"


def _clock() -> Row:
    """Return whether somebody keeps the clock: what is late, and what is old, goes by it."""
    now = history.now().astimezone().isoformat(timespec="seconds")
    said = _said("timedatectl", "show", "--property=NTPSynchronized", "--value")
    if said not in ("yes", "no"):
        return "clock", "–", f"{now}; nobody here says whether it is kept right"
    told = "kept right" if said == "yes" else "not kept right: timedatectl set-ntp true"
    return "clock", said, f"{now}; {told}"


def _started() -> Iterator[Row]:
    """Say what may start a night."""
    state = _said("systemctl", "is-enabled", TIMER)
    running = _said("systemctl", "is-system-running")
    if not running or running == "offline":
        yield "systemd", "–", "does not run here"
    else:
        yield (
            f"systemd, {TIMER}",
            "yes" if state == "enabled" else "–",
            state or "not there: docs/server.md has it",
        )
    cron = any(shutil.which(name) for name in ("cron", "crond"))
    yield "cron", "yes" if cron else "–", "there" if cron else "none: apt-get install cron"


def _said(*command: str) -> str:
    """Return what a program of this machine prints; "" where there is none."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, text=True, timeout=_ASKED_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _course(course: Course, root: Path, device: Callable[[str], str]) -> Iterator[Row]:
    yield _mine("file", course.file, write=False)
    yield _assignment(course, root, device)
    yield (
        "hand-ins",
        "yes" if os.access(course.hand_ins, os.R_OK) else "no",
        f"{course.hand_ins}{'' if course.hand_ins.exists() else ': nothing is there'}",
    )
    if course.roster is not None:
        state = "yes" if os.access(course.roster, os.R_OK) else "no"
        yield "roster", state, str(course.roster)
    yield _mine("results", course.out, write=True)
    for one in course.devices or ("auto",):
        yield _sandbox(course, one, device)
    taken, left = budget.used(course.out), budget.free_disk(course.out)
    most = f" of {course.disk:g}" if course.disk is not None else ""
    why = budget.Watch(course).look()
    yield (
        "budget",
        "no" if why else "yes",
        why or f"{budget.told(taken)}{most} GB taken, {left:.0f} free",
    )


def _assignment(course: Course, root: Path, device: Callable[[str], str]) -> Row:
    try:
        found = packs.load(root, course.pack)
        limits = found.sandbox.on(device(course.devices[0] if course.devices else "auto"))
    except GraderError as error:
        return "assignment", "no", str(error)
    one = limits.memory_mb + MB_BESIDE
    if course.memory is not None and course.memory * GB < one * _MB:
        held = f"[budget] memory = {course.memory:g} GB holds no grading"
        return "assignment", "no", f"{course.pack}: one takes {one} MB, and {held}"
    return "assignment", "yes", f"{course.pack}, {found.points:g} points"


def _sandbox(course: Course, wanted: str, device: Callable[[str], str]) -> Row:
    """Return whether a sandbox works on a device; no image is made to find out."""
    what = f"sandbox, device {wanted}"
    try:
        full = device(wanted)
        if course.sandbox != "bubblewrap" and (row := _docker(what, full, course)) is not None:
            return row
        choosing.named("bubblewrap", full, lambda _: None)
    except GraderError as error:
        return what, "no", str(error)
    return what, "yes", f"bubblewrap on {full}"


def _docker(what: str, device: str, course: Course) -> Row | None:
    """Return what there is of Docker; None where there is no engine, nor has to be one."""
    try:
        client = engine.connect()
    except HarnessError:
        if course.sandbox == "docker":
            raise
        return None
    kind = device.partition(":")[0]
    if image.find(client, kind) or image.find(client, "cuda"):
        return what, "yes", f"docker on {device}"
    return what, "–", f"its image is made when first needed, or by: grader image --device {kind}"


def _mine(what: str, path: Path, *, write: bool) -> Row:
    """Return whether a path can be used, and by nobody else than its owner and root changed."""
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not os.access(there, os.W_OK if write else os.R_OK):
        return what, "no", f"{there} cannot be {'written' if write else 'read'} by {history.me()}"
    seen = there.stat()
    if seen.st_mode & stat.S_IWOTH and not seen.st_mode & stat.S_ISVTX:
        return what, "no", f"everybody can change {there}: chmod o-w {there}"
    if there == path and seen.st_uid not in (0, os.getuid()):
        return what, "no", f"{path} is {_name(seen.st_uid)}'s: chown {history.me()} {path}"
    if seen.st_mode & stat.S_IWGRP:
        return what, "–", f"{path}; the group of {_name(seen.st_uid)} can change it, too"
    return what, "yes", str(path) if there == path else f"{path}, still to be made"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"

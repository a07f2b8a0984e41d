"""Starting a bubblewrap sandbox: the programs, the thread that starts them, files in memory."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from grader.errors import HarnessError
from grader.records import Limits

OLDEST: Final = (0, 8)  # earlier ones cannot limit a tmpfs or forbid user namespaces inside
MB: Final = 1 << 20
RESERVED_MB: Final = 1024
"""Address space beside what is used: libraries, and what threads reserve and never touch."""

_STARTER: Final = concurrent.futures.ThreadPoolExecutor(1, "bubblewrap")
"""The thread that starts all boxes, and lives as long as the grader."""

_LAUNCHER: Final = """
doors=$1; shift
while [ "$doors" -gt 0 ]; do echo 0 > "$1" || exit 69; shift; doors=$((doors - 1)); done
exec "$@"
"""
"""For sh: enter the control groups, then become the sandbox. (A fork in Python that runs Python
code before exec can hang in a process with threads.)"""


@dataclass(frozen=True)
class Tools:
    """The programs that a bubblewrap sandbox is made with."""

    bwrap: str
    prlimit: str
    setpriv: str
    shell: str

    @classmethod
    def find(cls) -> Tools:
        """Return those of this machine; raises HarnessError with a remedy if one is missing."""
        found = {
            "bwrap": program("bwrap", "bubblewrap"),
            "prlimit": program("prlimit"),
            "setpriv": program("setpriv"),
            "shell": program("sh", "dash"),
        }
        asked = subprocess.run(  # noqa: S603 - a program of this machine
            [found["bwrap"], "--version"], capture_output=True, text=True, check=False
        ).stdout
        version = re.search(r"(\d+)\.(\d+)", asked)
        if version is None or (int(version[1]), int(version[2])) < OLDEST:
            raise HarnessError(
                f"{found['bwrap']} is {asked.strip() or 'broken'}, and 0.8.0 or newer is needed: "
                "install a newer package bubblewrap"
            )
        return cls(**found)


def program(name: str, package: str = "util-linux") -> str:
    """Return the path of a program; raises HarnessError with a remedy if it is missing."""
    path = shutil.which(name)
    if path is None:
        raise HarnessError(f"there is no {name}; install it: apt-get install {package}")
    return path


def rights_of(user: int) -> tuple[str, ...]:
    """Return the words for setpriv that leave a process the rights of this user, and no others."""
    return (
        *("--reuid", str(user), "--regid", str(user), "--clear-groups", "--no-new-privs"),
        *("--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"),
    )


def address_space(limits: Limits) -> str:
    """Return the word for prlimit that limits the memory of each process by itself."""
    return f"--as={(limits.memory_mb + RESERVED_MB) * MB}"


def entering(tools: Tools, doors: Sequence[Path]) -> list[str]:
    """Return the words before a command that make it enter control groups by their ``doors``."""
    return [tools.shell, "-c", _LAUNCHER, "sh", str(len(doors)), *map(str, doors)]


def spawn(command: Sequence[str], **settings: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - those of Popen
    """Start a process from the thread that never ends: a sandbox ends with it."""

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, **settings)  # noqa: S603 - our own command

    future = _STARTER.submit(start)
    try:
        return future.result()
    except OSError as error:
        raise HarnessError(f"bubblewrap could not be started: {error}") from error
    except BaseException:  # Ctrl-C while it starts
        with contextlib.suppress(concurrent.futures.CancelledError, OSError):
            if not future.cancel():
                process = future.result()
                process.kill()
                process.wait()
        raise


def in_memory(name: str, data: bytes) -> IO[bytes]:
    """Return a file that is on no disk, at its beginning."""
    file = os.fdopen(os.memfd_create(name), "w+b", buffering=0)
    file.write(data)
    file.seek(0)
    return file


def remedy(text: str) -> str:
    """Return what to do about bubblewrap's own words."""
    if "namespace" in text or "uid map" in text or "Operation not permitted" in text:
        return (
            "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 (Debian), "
            "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), "
            "user.max_user_namespaces=10000 (others), or start the grader as root"
        )
    return "`bwrap --version` and `grader doctor` may say more"

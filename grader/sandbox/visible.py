"""What a bubblewrap sandbox sees of the machine: Python, its libraries, and empty folders.

Everything is bound read-only at its own path, because a Python finds its libraries by path. The
folders between are empty ones of the sandbox's own: of a Python below the home folder, the Python
is there and the home is not. No /sys, /run, /var or home; of /etc what the loader reads, and one
line of passwd. /dev is built by hand, without terminals, and closed again: bubblewrap's own stays
writable.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from grader.errors import HarnessError
from grader.records import Limits
from grader.sandbox import gpu, host_python
from grader.sandbox.boot import HUGE_PAGES

PASSWD: Final = b"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
PROJECT: Final = Path(__file__).parents[2]
SCRATCH: Final = "/tmp"  # noqa: S108 - inside the sandbox
_MB: Final = 1 << 20
_NODES: Final = ("null", "zero", "full", "random", "urandom")
_MERGED: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_DEV_LINKS: Final = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}
_FORBIDDEN: Final = ("/", "/etc", "/home", "/root", "/run", "/tmp", "/var")  # noqa: S108


@dataclass(frozen=True)
class View:
    """An interpreter, the folders to bind, the environment, and a GPU's nodes and libraries."""

    python: str
    folders: Sequence[str]
    environment: Mapping[str, str]
    nodes: Sequence[str] = ()
    driver: Mapping[str, str] = field(default_factory=dict)

    def mounts(self, limits: Limits, passwd: int) -> list[str]:
        """Return the arguments of bwrap for the file system; ``passwd`` is a descriptor."""
        scratch = ["--perms", "1777", "--size", str(limits.scratch_mb * _MB), "--tmpfs"]
        arguments = []
        for folder in self.folders:
            if not _in_scratch(folder):
                arguments += _bind(folder, "/")
        arguments += [*_links(), "--perms", "0644", "--ro-bind-data", str(passwd), "/etc/passwd"]
        arguments += ["--proc", "/proc"]
        arguments += ["--perms", "0755", "--size", str(_MB), "--tmpfs", "/dev"]
        for node in (*(f"/dev/{name}" for name in _NODES), *self.nodes):
            arguments += ["--dev-bind", node, node]
        for name, descriptor in _DEV_LINKS.items():
            arguments += ["--symlink", f"/proc/self/fd{descriptor}", f"/dev/{name}"]
        arguments += [*scratch, "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
        for source, target in self.driver.items():
            arguments += ["--ro-bind", source, target]
        arguments += [*scratch, SCRATCH, *_binds_in_scratch(self.folders)]
        return [*arguments, "--remount-ro", "/", "--chdir", SCRATCH]

    def variables(self, limits: Limits) -> list[str]:
        """Return the arguments of bwrap for the environment: nothing of the caller's."""
        variables = {
            "PATH": f"{Path(self.python).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/tmp",  # noqa: S108 - inside the sandbox
            "LANG": "C.UTF-8",
            "MPLBACKEND": "Agg",
            "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108
            "OMP_NUM_THREADS": str(limits.cpus),
            "MKL_NUM_THREADS": str(limits.cpus),
            **HUGE_PAGES,
            **self.environment,
        }
        pairs = [["--setenv", name, value] for name, value in variables.items()]
        return ["--clearenv", *(word for pair in pairs for word in pair)]


def view(python: str, device: str, *, reader: int, say: Callable[[str], None]) -> View:
    """Return what a sandbox with ``device`` sees, of the interpreter ``python`` and its torch.

    ``reader`` is the user id by which the files are read. Raises HarnessError if there is no
    torch, if that user cannot read a folder, or if showing it would show what must not be seen.
    """
    host = host_python.look(python, host_python.cache_folder() / "pycache", say)
    for folder in host.binds:
        _refuse_secrets(Path(folder))
        _require_readable(Path(folder), reader)
    _require_readable(Path(host.python).resolve(), reader)
    if device == "cpu":
        return View(host.python, host.binds, host.env)
    given = gpu.nodes(device)
    environment = {**host.env, "LD_LIBRARY_PATH": gpu.DRIVER}
    return View(host.python, host.binds, environment, given.nodes, given.driver)


def _bind(folder: str, base: str) -> list[str]:
    """Return the arguments that bind a folder, with those on the way to it from ``base``."""
    arguments = []
    # Made by hand, since bwrap makes those that are missing for its own user alone.
    for between in reversed(Path(folder).parents[:-1]):
        if between != Path(base) and between.is_relative_to(base):
            arguments += ["--perms", "0755", "--dir", str(between)]
    return [*arguments, "--ro-bind", folder, folder]


def _in_scratch(folder: str) -> bool:
    return Path(folder).is_relative_to(SCRATCH)


def _binds_in_scratch(folders: Sequence[str]) -> list[str]:
    """Return the arguments for folders below the writable one: a project may be tried out there.

    What leads to them is a file system of its own, read-only in the end, so that nobody can move
    it away: neither student code nor the agent, when it empties the folder.
    """
    below = [folder for folder in folders if _in_scratch(folder)]
    tops = sorted({str(Path(*Path(folder).parts[:3])) for folder in below} - set(below))
    arguments = []
    for top in tops:
        arguments += ["--perms", "0755", "--size", str(_MB), "--tmpfs", top]
    for folder in below:
        arguments += _bind(folder, str(Path(*Path(folder).parts[:3])))
    for top in tops:
        arguments += ["--remount-ro", top]
    return arguments


def _links() -> list[str]:
    """Return the arguments for /bin, /lib and the like: links on most systems, folders on some."""
    arguments = []
    for path in (Path("/", name) for name in _MERGED):
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    return arguments


def _refuse_secrets(folder: Path) -> None:
    """Refuse a folder in which the home folder, the project or the system's state would show."""
    hidden = [Path.home(), *map(Path, _FORBIDDEN)]
    if (PROJECT / "rubrics").exists():
        hidden.append(PROJECT)
    for secret in hidden:
        if secret.resolve().is_relative_to(folder.resolve()):
            raise HarnessError(
                f"the sandbox's Python needs {folder}, and with it student code would see {secret}:"
                " use a Python in a folder of its own, such as .venv"
            )


def _require_readable(path: Path, reader: int) -> None:
    """Refuse what ``reader`` cannot read; bubblewrap would only say that it found nothing."""
    others = path.stat().st_mode & stat.S_IROTH if reader != os.geteuid() else True
    if not others or not os.access(path, os.R_OK):
        raise HarnessError(
            f"the sandbox's Python needs {path}, which user {reader} cannot read: make the "
            "environment anew with a Python that all users can read, "
            "say with `make PYTHON=/usr/bin/python3 setup`"
        )

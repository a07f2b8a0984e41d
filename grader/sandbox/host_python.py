"""The machine's own Python, for a container: its folders, and an empty root to bind them into."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from grader.errors import HarnessError

Say = Callable[[str], None]

_ASK: Final = """
import importlib.util, json, os, sys, sysconfig
torch = importlib.util.find_spec("torch")
print(json.dumps({
    "python": sys.executable,
    "torch": torch and torch.origin,
    "compiled": bool(torch and torch.cached and os.path.exists(torch.cached)),
    "prefixes": [sys.prefix, sys.base_prefix],
    "library": sysconfig.get_path("stdlib"),
}))
"""
_SYSTEM: Final = ("/usr", "/etc/ld.so.cache", "/etc/alternatives")
"""Programs and libraries, and what the loader reads; not all of /etc, which names people."""

_FOLDERS: Final = ("usr", "opt", "etc", "dev", "proc", "sys")
_SCRATCH: Final = ("tmp", "work")
"""Open to all, because some engines give a file system mounted there the mode of what it covers."""

_LINKS: Final = {"lib": "usr/lib", "lib64": "usr/lib64", "bin": "usr/bin", "sbin": "usr/sbin"}
_PASSWD: Final = b"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"


@dataclass(frozen=True)
class HostPython:
    """An interpreter, the folders to bind at their own paths, and the environment it needs."""

    python: str
    binds: Sequence[str]
    env: Mapping[str, str]


def look(python: str, pycache: Path, say: Say) -> HostPython:
    """Ask the interpreter ``python`` (a command) where it and its torch live.

    It is asked as a sandbox starts it, alone with its own folders (-I).

    Where torch has no bytecode beside it, which would cost every sandbox some seconds, it is
    compiled once into ``pycache``. Raises HarnessError if there is no such Python or no torch.
    """
    try:
        asked = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, check=True)  # noqa: S603
        answer: dict[str, Any] = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise HarnessError(f"{python} is no working Python: {error}; name another") from error
    if answer["torch"] is None:
        raise HarnessError(f"{answer['python']} has no torch; install it there or name another")
    packages = str(Path(answer["torch"]).parents[1])
    needed = [*_SYSTEM, *answer["prefixes"], packages]
    env = {}
    if not answer["compiled"]:
        _compile(answer["python"], [answer["library"], packages], pycache, say)
        needed.append(str(pycache))
        env["PYTHONPYCACHEPREFIX"] = str(pycache)
    return HostPython(answer["python"], _outermost(needed), env)


def cache_folder() -> Path:
    """Return the folder of this user's own cache, made if need be."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(root) / "grader"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def empty_root() -> bytes:
    """Return a tar of a file system with nothing in it but places to bind folders to."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in (*_FOLDERS, *_SCRATCH):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name in _SCRATCH else 0o755
            tar.addfile(folder)
        for name, target in _LINKS.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        passwd = tarfile.TarInfo("etc/passwd")
        passwd.size, passwd.mode = len(_PASSWD), 0o644
        tar.addfile(passwd, io.BytesIO(_PASSWD))
    return buffer.getvalue()


def _compile(python: str, sources: Sequence[str], pycache: Path, say: Say) -> None:
    """Compile ``sources`` into ``pycache``; with times, since they change with the machine."""
    say(f"compiling the libraries of {python} once (a minute)")
    command = [python, "-m", "compileall", "-q", "-j", "0", *sources]
    # By environment, since compileall's workers inherit it, which they do not an -X option.
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(pycache)}
    # Some libraries ship files for a newer Python only: that they do not compile is no failure.
    subprocess.run(command, env=env, capture_output=True, check=False)  # noqa: S603


def _outermost(paths: Sequence[str]) -> list[str]:
    """Return those of ``paths`` that exist and do not lie in another of them, each once."""
    there = sorted({str(Path(path)) for path in paths if Path(path).exists()})
    return [path for path in there if not any(_lies_in(path, other) for other in there)]


def _lies_in(path: str, other: str) -> bool:
    return path != other and Path(path).is_relative_to(other)

"""What `--engine` names: machines behind a Dask scheduler, an ssh connection, or Slurm."""

from __future__ import annotations

import shlex
import sys
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import UsageError

KINDS = "local, dask://HOST:PORT, ssh://FILE or slurm://PARTITION"


@dataclass(frozen=True)
class Dask:
    """A scheduler that runs already."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it was given."""
        return f"dask://{self.host}:{self.port}"


@dataclass(frozen=True)
class Host:
    """A machine that ssh reaches, and how the grader is called there."""

    name: str
    command: str


@dataclass(frozen=True)
class Ssh:
    """Machines that are logged in to."""

    hosts: tuple[Host, ...]
    listen: str = ""  # the address of this machine that they reach; "": that of the route to them
    config: str = ""  # of ssh; "": the user's


@dataclass(frozen=True)
class Slurm:
    """Jobs of a partition, each of which is a machine."""

    partition: str
    jobs: int = 1
    cores: int = 2  # of each
    memory: str = "8GB"
    time: str = "08:00:00"
    gpus: int = 0
    account: str = ""
    listen: str = ""
    shared: str = ""  # a folder that all machines see, for certificates; "": the home folder
    options: tuple[str, ...] = field(default=())  # more for sbatch


Address = Dask | Ssh | Slurm


def parsed(text: str) -> Address:
    """Return what is meant; raises UsageError."""
    kind, found, rest = text.partition("://")
    path, _, query = rest.partition("?")
    if not found or not path or kind not in {"dask", "ssh", "slurm"}:
        raise UsageError(f"--engine {text}: give {KINDS}")
    if kind == "dask":
        return dask(text)
    given = _given(text, query, {"ssh": _SSH, "slurm": _SLURM}[kind])
    if kind == "ssh":
        return Ssh(_hosts(Path(path)), **given)
    numbers = {name: _number(text, name, given.pop(name)) for name in _NUMBERS if name in given}
    options = tuple(shlex.split(given.pop("options", "")))
    return Slurm(path, options=options, **numbers, **given)  # type: ignore[arg-type]


def dask(text: str) -> Dask:
    """Return the scheduler that is meant; raises UsageError."""
    parts = urllib.parse.urlsplit(text)
    try:
        if parts.scheme == "dask" and parts.hostname and parts.port:
            return Dask(parts.hostname, parts.port)
    except ValueError:  # no number, or none of a port
        pass
    raise UsageError(f"{text} is no address of a scheduler: give dask://HOST:PORT")


_SSH = ("listen", "config")
_NUMBERS = ("jobs", "cores", "gpus")
_SLURM = (*_NUMBERS, "memory", "time", "account", "listen", "shared", "options")


def _given(text: str, query: str, known: Sequence[str]) -> dict[str, str]:
    given = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    if wrong := given.keys() - set(known):
        raise UsageError(
            f"--engine {text}: {', '.join(sorted(wrong))} is not known; behind the ? may stand "
            f"{', '.join(known)}"
        )
    return given


def _number(text: str, name: str, value: str) -> int:
    if not value.isdecimal() or (name != "gpus" and int(value) < 1):
        raise UsageError(f"--engine {text}: {name} is {value!r}, and has to be a number")
    return int(value)


def _hosts(path: Path) -> tuple[Host, ...]:
    """Read a file with a machine to a line, and behind it how the grader is called there."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    here = f"{shlex.quote(sys.executable)} -m grader"
    found = [
        Host(name, command.strip() or here)
        for name, _, command in (
            line.strip().partition(" ") for line in lines if line.strip() and line.strip()[0] != "#"
        )
    ]
    wrong = next((host.name for host in found if host.name.startswith("-")), None)
    if not found or wrong:
        raise UsageError(
            f"{path} names {'the machine ' + wrong if wrong else 'no machine'}: give one to a "
            "line, and behind it how the grader is called there"
        )
    return tuple(found)

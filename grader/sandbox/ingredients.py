"""What the sandbox image is built from: a base with Python, and wheels that fit it.

Containers have no network during a build, so both are fetched from here: the base by the engine
or by mmdebstrap, the wheels by the host's own pip, which knows the site's mirrors.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import docker
import docker.errors
import requests.exceptions

from grader.errors import HarnessError

Say = Callable[[str], None]

DEBIAN_BASE: Final = "grader-base:debian"
TORCH_INDEX: Final = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own CPU wheels, where the site's index has none; GRADER_TORCH_INDEX overrides it."""

_REGISTRY_SECONDS: Final = 15
_OLDEST_GLIBC: Final = 5  # 2.5 is that of manylinux1, the first
_DEBIAN_SUITE: Final = "bookworm"
_DEBIAN_PACKAGES: Final = "python3,libstdc++6"
_ASK_PYTHON: Final = (
    "import platform as p; print(*p.python_version_tuple()[:2], p.machine(), p.libc_ver()[1])"
)


def base(client: docker.DockerClient, wanted: str | None, public: str, say: Say) -> str:
    """Return the tag of a base image with Python 3, fetched or made if need be.

    ``wanted`` is a tag, "debian" for one made of Debian packages, or None for ``public`` if it is
    here or can be pulled, else Debian's. Raises HarnessError if there is no way to one.
    """
    if wanted == "debian":
        return _debian(client, say)
    name = wanted or public
    if _present(client, name) or _pull(client, name, say):
        return name
    if wanted:
        raise HarnessError(f"the base image {wanted} is not here and cannot be pulled; load it")
    return _debian(client, say)


def wheels(
    client: docker.DockerClient, base: str, context: Path, pins: Sequence[str], say: Say
) -> None:
    """Download ``pins`` and what they need for ``base`` into context/wheels, pip into context/pip.

    Where the index has no CPU build of torch, PyTorch's own index is asked too.
    """
    options = _target(client, base)
    _pip(["--no-deps", "--dest", str(context / "pip"), *options, "pip"], say)
    command = ["--dest", str(context / "wheels"), *options, *pins]
    try:
        _pip(command, say)
    except HarnessError:
        if not any("+cpu" in pin for pin in pins):
            raise
        index = os.environ.get("GRADER_TORCH_INDEX", TORCH_INDEX)
        say(f"not on the configured package index; asking {index} too")
        _pip(["--extra-index-url", index, *command], say)


def _present(client: docker.DockerClient, name: str) -> bool:
    try:
        client.images.get(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def _pull(client: docker.DockerClient, name: str, say: Say) -> bool:
    """Pull ``name``; False, within seconds, if no registry answers or none has it."""
    try:
        # A pull itself has no time limit, so the registry is first asked whether it has the image.
        with _patience(client, _REGISTRY_SECONDS):
            client.images.get_registry_data(name)
        say(f"pulling {name}")
        client.images.pull(name)
    except (docker.errors.APIError, requests.exceptions.RequestException):
        say(f"{name} is not here and no registry gives it")
        return False
    return True


@contextlib.contextmanager
def _patience(client: docker.DockerClient, seconds: int) -> Iterator[None]:
    """Let calls to the engine take no longer than ``seconds``."""
    usual = client.api.timeout
    client.api.timeout = seconds
    try:
        yield
    finally:
        client.api.timeout = usual


def _debian(client: docker.DockerClient, say: Say) -> str:
    """Make a base of Debian packages, once; no registry and no Debian host is needed for it."""
    if _present(client, DEBIAN_BASE):
        return DEBIAN_BASE
    if shutil.which("mmdebstrap") is None:
        raise HarnessError(
            "there is no base image for the sandbox: no registry answers and mmdebstrap is not "
            "installed; do `apt install mmdebstrap`, or load an image with `docker load`"
        )
    say("making a base of Debian packages (half a minute)")
    repository, tag = DEBIAN_BASE.split(":")
    with tempfile.TemporaryDirectory(prefix="grader-base-") as folder:
        archive = Path(folder) / "base.tar"
        _mmdebstrap(archive)
        client.api.import_image_from_file(str(archive), repository=repository, tag=tag)
    return DEBIAN_BASE


def _mmdebstrap(archive: Path) -> None:
    """Write the file system of a minimal Debian with Python to ``archive``."""
    unneeded = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")]
    include = f"--include={_DEBIAN_PACKAGES}"
    command = ["mmdebstrap", "--variant=essential", include, *unneeded, _DEBIAN_SUITE, "-"]
    with archive.open("wb") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False)  # noqa: S603
    if done.returncode != 0:
        tail = done.stderr.decode(errors="replace")[-1500:]
        raise HarnessError(f"mmdebstrap could not make a base image; it said:\n{tail}")


def _target(client: docker.DockerClient, base: str) -> list[str]:
    """Return pip's options for the Python, machine and C library of ``base``."""
    try:
        said = client.containers.run(
            base, [_ASK_PYTHON], entrypoint=["python3", "-c"], network_mode="none", remove=True
        )
    except (docker.errors.ContainerError, docker.errors.APIError) as error:
        raise HarnessError(f"the base image {base} has no working python3: {error}") from error
    major, minor, machine, glibc = said.decode().split()
    newest = int(glibc.split(".")[1])
    platforms = [f"manylinux_2_{n}_{machine}" for n in range(newest, _OLDEST_GLIBC - 1, -1)]
    platforms += [f"{name}_{machine}" for name in ("manylinux2014", "manylinux1", "linux")]
    options = ["--only-binary=:all:", "--implementation=cp", f"--python-version={major}.{minor}"]
    return options + [f"--platform={platform}" for platform in platforms]


def _pip(arguments: list[str], say: Say) -> None:
    """Run ``pip download`` with this site's own configuration; pass on what it downloads."""
    command = [sys.executable, "-m", "pip", "download", "--progress-bar=off"]
    tail: list[str] = []
    with subprocess.Popen(  # noqa: S603
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            tail = [*tail[-10:], line.strip()]
            if line.lstrip().startswith("Downloading"):
                say(line.strip())
    if pip.returncode != 0:
        raise HarnessError("pip could not download the sandbox's packages:\n" + "\n".join(tail))

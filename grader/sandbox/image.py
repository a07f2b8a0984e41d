"""The image student code runs in: found by its tag, or built once.

A build needs no network inside containers and no registry: the host's own pip downloads the
wheels (it knows the site's mirrors and certificates), and the base can be made from Debian
packages. A server on which not even that works can lend its own Python: `from_host_folders`.

A failed build leaves nothing behind, and of two graders that want the same image one waits.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import docker
import docker.errors

from grader.errors import HarnessError
from grader.sandbox import host_python, ingredients

REPOSITORY: Final = "grader-sandbox"
_RECIPE: Final = "grader.recipe"
_STAGE: Final = "grader.stage"
_DONE: Final = "done"
_PYTHON: Final = "grader.python"
_BINDS: Final = "grader.binds"
_ENV: Final = "grader.env"
_HOST: Final = "host-folders"
"""Names of labels, and values: `_HOST` is the recipe of an image made by `from_host_folders`."""

_HERE: Final = Path(__file__).parent
_DOCKERFILE: Final = _HERE / "Dockerfile"
_PINS: Final = _HERE / "requirements.txt"
_VENV_PYTHON: Final = "/opt/grader/bin/python"

DEVICES: Final = ("cpu", "cuda")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Image:
    """An image and how to start Python in it.

    ``python`` is the interpreter's path in the container, ``binds`` are host folders to bind
    read-only at the same path (none for a built image), ``env`` is environment to set.
    """

    id: str
    tag: str
    python: str
    binds: tuple[str, ...]
    env: Mapping[str, str]


def tag(device: str) -> str:
    """Return the image's tag for ``device``, "cpu" or "cuda"."""
    return f"{REPOSITORY}:{device}"


def recipe(device: str) -> str:
    """Return the digest of everything we decide about the image; it changes when the image must."""
    parts = (_DOCKERFILE.read_bytes(), _PINS.read_bytes(), device.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def find(client: docker.DockerClient, device: str) -> Image | None:
    """Return the image for ``device`` if it is present and up to date; one call to the engine."""
    try:
        found = client.images.get(tag(device))
    except docker.errors.ImageNotFound:
        return None
    labels = found.labels
    if labels.get(_RECIPE) not in {recipe(device), _HOST}:
        return None
    return Image(
        id=str(found.id),
        tag=tag(device),
        python=labels[_PYTHON],
        binds=tuple(json.loads(labels[_BINDS])),
        env=json.loads(labels[_ENV]),
    )


@dataclass(frozen=True)
class Replaced:
    """An image of ours that no sandbox is started from any more; ``bytes`` of it may be shared."""

    id: str
    tags: tuple[str, ...]
    made: dt.datetime
    bytes: int


def replaced(client: docker.DockerClient) -> list[Replaced]:
    """Return the images with our label that are not the current ones.

    An image that somebody has built on one of ours has the label, too: it has a name of its own.
    """
    current = {found.id for device in DEVICES if (found := find(client, device)) is not None}
    return [
        Replaced(
            id=str(each.id),
            tags=tuple(each.tags),
            # Docker writes nanoseconds, and the zone is UTC.
            made=dt.datetime.fromisoformat(f"{each.attrs['Created'][:19]}+00:00"),
            bytes=int(each.attrs["Size"]),
        )
        for each in client.images.list(filters={"label": _RECIPE})
        if each.id not in current and all(tag.startswith(f"{REPOSITORY}:") for tag in each.tags)
    ]


def remove(client: docker.DockerClient, image_id: str) -> None:
    """Remove an image; HarnessError where a container still needs it."""
    try:
        client.images.remove(image_id)
    except docker.errors.APIError as error:
        raise HarnessError(f"the image {image_id[:19]} stays: {error.explanation}") from error


def ensure(client: docker.DockerClient, device: str, say: Say) -> Image:
    """Return the image for ``device`` ("cpu" or "cuda"); the first call builds it, in minutes.

    An image with CUDA serves the CPU as well. Raises HarnessError if none can be built here.
    """
    present = find(client, device) or find(client, "cuda")
    if present is not None:
        return present
    with _locked(say):
        return find(client, device) or _build(client, device, say, None)


def build(client: docker.DockerClient, device: str, say: Say, base: str | None = None) -> Image:
    """Build the image for ``device`` anew, on ``base``.

    None takes the Dockerfile's base if it is here or can be pulled, else makes one of Debian
    packages; "debian" insists on the latter; anything else is the tag of an image with Python.
    Raises HarnessError if it cannot be built here.
    """
    with _locked(say):
        return _build(client, device, say, base)


@contextlib.contextmanager
def _locked(say: Say) -> Iterator[None]:
    """Hold the lock under which images are made; waits for another grader that holds it."""
    with (host_python.cache_folder() / "image.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another grader is building the sandbox image; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep(client: docker.DockerClient) -> None:
    """Remove what builds leave behind: their first stages, and as far as failed ones got.

    Finished images that lost their tag to a newer one are spared: another grader may be starting
    containers of them.
    """
    for left in client.images.list(filters={"dangling": True, "label": _STAGE}):
        if left.labels[_STAGE] != _DONE:
            with contextlib.suppress(docker.errors.APIError):  # a build of someone else's uses it
                left.remove()


def from_host_folders(
    client: docker.DockerClient, python: str, say: Say, *, device: str = "cuda"
) -> Image:
    """Make an image of empty folders into which this machine's own Python is bound read-only.

    For a server that can neither pull nor build. ``python`` is the command of an interpreter that
    has torch, say "python3". Student code can then read /usr and that Python's folders, but nothing
    else of the machine. Raises HarnessError if the interpreter is not there or has no torch.
    """
    with _locked(say):
        host = host_python.look(python, host_python.cache_folder() / "pycache", say)
        labels = {
            _RECIPE: _HOST,
            _STAGE: _DONE,
            _PYTHON: host.python,
            _BINDS: json.dumps(host.binds),
            _ENV: json.dumps(host.env),
        }
        quoted = {key: json.dumps(value).replace("$", r"\$") for key, value in labels.items()}
        client.api.import_image_from_data(
            host_python.empty_root(),
            repository=REPOSITORY,
            tag=device,
            changes=[f"LABEL {key}={value}" for key, value in quoted.items()],
        )
        _sweep(client)
        say(f"{tag(device)} lends {host.python} of this machine")
        return _found(client, device)


def _found(client: docker.DockerClient, device: str) -> Image:
    """Return the image that was just made."""
    image = find(client, device)
    if image is None:
        raise HarnessError(f"the image {tag(device)} vanished as soon as it was made; try again")
    return image


def _build(client: docker.DockerClient, device: str, say: Say, base: str | None) -> Image:
    """Build under the lock; the tag moves only when the whole build has succeeded."""
    public = re.findall(r"^ARG BASE=(\S+)$", _DOCKERFILE.read_text(), re.MULTILINE)[0]
    base = ingredients.base(client, base, public, say)
    try:
        with tempfile.TemporaryDirectory(prefix="grader-image-") as folder:
            context = Path(folder)
            shutil.copy(_DOCKERFILE, context / "Dockerfile")
            ingredients.wheels(client, base, context, _pins(device), say)
            say(f"building {tag(device)} on {base}")
            _run_dockerfile(client, context, base, device, say)
    finally:
        _sweep(client)
    say(f"built {tag(device)}")
    return _found(client, device)


def _pins(device: str) -> list[str]:
    """Return what to install, as pip wants it.

    ``===`` keeps pip from taking a CPU build for CUDA: ``torch==2.0`` is met by ``2.0+cpu`` too.
    """
    lines = (line.split("#")[0].strip() for line in _PINS.read_text().splitlines())
    exact = re.compile(r"^torch==(.+)$")
    torch = r"torch==\1+cpu" if device == "cpu" else r"torch===\1"
    return [exact.sub(torch, line) for line in lines if line]


def _run_dockerfile(
    client: docker.DockerClient, context: Path, base: str, device: str, say: Say
) -> None:
    """Send the context to the engine's own (classic) builder and follow its steps."""
    labels = {
        _RECIPE: recipe(device),
        _PYTHON: _VENV_PYTHON,
        _BINDS: "[]",
        _ENV: "{}",
        _STAGE: _DONE,
    }
    tail: list[str] = []
    try:
        for event in client.api.build(
            path=str(context),
            tag=tag(device),
            buildargs={"BASE": base},
            labels=labels,
            network_mode="none",
            rm=True,
            forcerm=True,
            decode=True,
        ):
            text = event.get("stream", "").strip()
            tail = [*tail[-20:], text]
            if text.startswith("Step "):
                say(text.splitlines()[0][:76])
            if "error" in event:
                raise HarnessError(
                    f"building {tag(device)} failed: {event['error']}; its last output was:\n"
                    + "\n".join(tail)
                )
    except docker.errors.APIError as error:
        raise HarnessError(f"the engine refused to build {tag(device)}: {error}") from error

"""The sandbox image, built and used for real."""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from grader.errors import HarnessError
from grader.sandbox import image, ingredients

pytestmark = pytest.mark.docker

IMPORTS = """
import json, os, sys, time
began = time.perf_counter()
import torch
seconds = time.perf_counter() - began
import numpy, matplotlib.pyplot, tabulate, tqdm, pandas
cached = {name: getattr(module, "__cached__", None) for name, module in sys.modules.items()}
cached = {name: path for name, path in cached.items() if isinstance(path, str)}
print(json.dumps({
    "seconds": seconds,
    "modules": len(cached),
    "uncompiled": [name for name, path in cached.items() if not os.path.exists(path)],
    "pip": os.path.exists("/wheels") or os.path.exists("/pip"),
}))
"""

FONTS = """
import glob, logging, os, shutil, sys
os.environ["MPLCONFIGDIR"] = shutil.copytree("/opt/grader/matplotlib", "/tmp/matplotlib")
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format="%(message)s")
import matplotlib.font_manager
"""


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    """Return a client of the engine."""
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
def box(client: docker.DockerClient) -> image.Image:
    """Return the CPU image."""
    return image.ensure(client, "cpu", print)


def run(client: docker.DockerClient, box: image.Image, code: str) -> str:
    """Run Python code in a container like a sandbox and return what it prints."""
    said = client.containers.run(
        box.id,
        [box.python, "-c", code],
        remove=True,
        network_mode="none",
        read_only=True,
        user="65534:65534",
        tmpfs={"/tmp": "mode=1777"},
        volumes={path: {"bind": path, "mode": "ro"} for path in box.binds},
        environment={"MPLCONFIGDIR": "/tmp", **box.env},
    )
    return said.decode()


def test_every_library_is_there_with_its_bytecode(
    client: docker.DockerClient, box: image.Image
) -> None:
    """A read-only container imports all libraries without compiling any, and holds no wheels."""
    found = json.loads(run(client, box, IMPORTS))
    assert found["modules"] > 1000
    assert found["uncompiled"] == []
    assert not found["pip"]
    assert found["seconds"] < 10  # about 1 on an idle machine


def test_fonts_are_known_already(client: docker.DockerClient, box: image.Image) -> None:
    """Matplotlib takes the font list made at build time instead of searching for fonts."""
    said = run(client, box, FONTS)
    assert "Using fontManager instance from /tmp/matplotlib" in said
    assert "generated new fontManager" not in said


def test_a_present_image_is_found_at_once(client: docker.DockerClient, box: image.Image) -> None:
    """Asking for an image that is there and up to date takes milliseconds and says nothing."""
    said: list[str] = []
    began = time.perf_counter()
    assert image.ensure(client, "cpu", said.append) == box
    assert time.perf_counter() - began < 0.1
    assert said == []


def test_another_recipe_is_not_taken_for_this_one(
    client: docker.DockerClient,
    box: image.Image,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """After a change of the pins the present image no longer counts."""
    assert image.find(client, "cpu") == box
    changed = tmp_path / "requirements.txt"
    changed.write_text("torch==1.0\n")
    monkeypatch.setattr(image, "_PINS", changed)
    assert image.find(client, "cpu") is None


def test_a_failed_build_leaves_nothing(
    client: docker.DockerClient,
    box: image.Image,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A build that fails in its second stage keeps the old image and no stage, container, file."""
    broken = tmp_path / "Dockerfile"
    broken.write_text(
        f"ARG BASE={box.id}\nFROM ${{BASE}} AS build\nLABEL grader.stage=test\nRUN touch /tmp/a\n"
        "FROM ${BASE}\nLABEL grader.stage=test\nCOPY --from=build /tmp/a /a\nRUN echo no; exit 3\n"
    )
    monkeypatch.setattr(image, "_DOCKERFILE", broken)
    monkeypatch.setattr(ingredients, "wheels", lambda *_: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(HarnessError, match="exit 3"):
        image.build(client, "cpu", print, base=box.id)
    assert client.images.get(box.tag).id == box.id
    ours = {"label": "grader.stage=test"}
    assert client.images.list(all=True, filters=ours) == []
    assert client.containers.list(all=True, filters=ours) == []
    assert list(tmp_path.iterdir()) == [broken]


def test_a_rebuild_spares_the_image_it_replaces(
    client: docker.DockerClient,
    box: image.Image,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A grader that is at work with an image keeps it when another one builds its successor."""
    recipe = tmp_path / "Dockerfile"
    monkeypatch.setattr(image, "_DOCKERFILE", recipe)
    monkeypatch.setattr(ingredients, "wheels", lambda *_: None)
    built = []
    try:
        for version in ("1", "2"):
            recipe.write_text(
                f"ARG BASE={box.id}\nFROM ${{BASE}}\nLABEL grader.stage=test\nENV V={version}\n"
            )
            built.append(image.build(client, "trial", print, base=box.id))
        assert image.ensure(client, "trial", print) == built[1]
        assert built[0].id != built[1].id
        assert client.images.get(built[0].id).tags == []
    finally:
        for old in built:
            client.images.remove(old.id)


def test_two_graders_build_one_after_the_other() -> None:
    """Whoever comes second says so and waits until the first is done."""
    said: list[str] = []

    def second() -> None:
        with image._locked(said.append):
            said.append("second")

    thread = threading.Thread(target=second)
    with image._locked(print):
        thread.start()
        thread.join(0.3)
        said.append("first")
    thread.join(5)
    assert said[1:] == ["first", "second"]
    assert "waiting" in said[0]


def test_this_machine_s_own_python_can_be_lent(client: docker.DockerClient) -> None:
    """An image of empty folders runs the host's Python and torch, bound read-only."""
    device = "lent-for-a-test"
    try:
        lent = image.from_host_folders(client, sys.executable, print, device=device)
        assert image.ensure(client, device, print) == lent
        said = run(client, lent, "import torch; print(torch.ones(3).sum().item())")
        assert said == "3.0\n"
        assert not [path for path in lent.binds if path in {"/", "/etc", "/home", "/root"}]
    finally:
        client.images.remove(image.tag(device))


def test_a_python_without_torch_is_refused(client: docker.DockerClient) -> None:
    """Lending an interpreter that is not there or lacks torch names the remedy."""
    with pytest.raises(HarnessError, match="no working Python"):
        image.from_host_folders(client, "/nowhere/python3", print)


def test_no_registry_is_noticed_quickly(client: docker.DockerClient) -> None:
    """A base that no registry gives is refused within seconds."""
    began = time.perf_counter()
    with pytest.raises(HarnessError, match="cannot be pulled"):
        image.build(client, "cpu", print, base="127.0.0.1:1/nothing:here")
    assert time.perf_counter() - began < 20

"""How a GPU gets into a container: the first of three ways that this machine has.

Engine      the NVIDIA container toolkit is registered with the engine
CDI         the engine knows devices by name, "nvidia.com/gpu=0"
Nodes       the device files and the driver's libraries, bound read-only; needs nothing installed
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import docker
from docker.types import DeviceRequest

from grader.errors import HarnessError

DRIVER: Final = "/driver"
"""Where the driver's libraries are bound: apart from the image's own, which they must not hide."""

_SHARED_NODES: Final = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")
_DRIVER_FOLDERS: Final = (
    "/usr/local/nvidia/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib/wsl/lib",
)


@dataclass(frozen=True)
class Way:
    """One way to hand over a GPU: whether it works here, and why (not)."""

    name: str
    works: bool
    detail: str


@dataclass(frozen=True)
class Nodes:
    """Device files, and where to show which of the driver's libraries."""

    nodes: Sequence[str]
    driver: Mapping[str, str]


def hand_over(client: docker.DockerClient, device: str) -> dict[str, Any]:
    """Return the arguments of the SDK's ``containers.create`` that give the container ``device``.

    ``device`` is "cpu" (no arguments) or "cuda:N". ``environment`` and ``volumes`` among them are
    mappings, to be merged with the caller's. Raises HarnessError if no way works here.
    """
    if device == "cpu":
        return {}
    index = _index(device)
    working = [way.name for way in ways(client, index) if way.works]
    if not working:
        raise HarnessError(
            f"{device} cannot be handed to a container: `docker info` names neither an NVIDIA "
            f"runtime nor a CDI device, and there is no /dev/nvidia{index} with libcuda.so.1; "
            "install the NVIDIA driver and container toolkit, or grade with --device cpu"
        )
    match working[0]:
        case "engine":
            request = DeviceRequest(device_ids=[str(index)], capabilities=[["gpu"]])
            return {"device_requests": [request]}
        case "cdi":
            request = DeviceRequest(driver="cdi", device_ids=[f"nvidia.com/gpu={index}"])
            return {"device_requests": [request]}
        case _:
            return _nodes(index)


def ways(client: docker.DockerClient, index: int = 0) -> list[Way]:
    """Return all three ways for GPU number ``index``, the preferred first."""
    info = client.info()
    return [_engine_way(info), _cdi_way(info, index), _nodes_way(index)]


def nodes(device: str) -> Nodes:
    """Return the device files of ``device``, "cuda:N", and the driver's libraries.

    Raises HarnessError if this machine has them not.
    """
    index = _index(device)
    way, folder = _nodes_way(index), _driver_folder()
    if not way.works or folder is None:
        raise HarnessError(
            f"{device} cannot be handed over: {way.detail}; install the NVIDIA driver, or grade "
            "with --device cpu"
        )
    names = (f"nvidia{index}", *_SHARED_NODES)
    files = [f"/dev/{name}" for name in names if Path("/dev", name).exists()]
    return Nodes(files, _driver(folder))


def _index(device: str) -> int:
    found = re.fullmatch(r"cuda(?::(\d+))?", device)
    if found is None:
        raise HarnessError(f"{device} is no device: it is cpu, or cuda:N with N from 0")
    return int(found[1] or 0)


def _engine_way(info: Mapping[str, Any]) -> Way:
    works = "nvidia" in (info.get("Runtimes") or {})
    return Way("engine", works, f"NVIDIA runtime {'' if works else 'not '}registered with Docker")


def _cdi_way(info: Mapping[str, Any], index: int) -> Way:
    """Newer engines list their CDI devices; others only name folders of specifications."""
    name = f"nvidia.com/gpu={index}"
    listed = {device.get("ID") for device in info.get("DiscoveredDevices") or []}
    folders = [Path(folder) for folder in info.get("CDISpecDirs") or []]
    specs = [spec for folder in folders for spec in sorted(folder.glob("*")) if spec.is_file()]
    works = name in listed or any("nvidia.com/gpu" in _text(spec) for spec in specs)
    return Way("cdi", works, f"CDI device {name} {'' if works else 'not '}known to Docker")


def _nodes_way(index: int) -> Way:
    node, folder = Path(f"/dev/nvidia{index}"), _driver_folder()
    if not node.exists():
        return Way("nodes", works=False, detail=f"no {node}")
    if folder is None:
        return Way("nodes", works=False, detail="the driver's libcuda.so.1 is nowhere")
    return Way("nodes", works=True, detail=f"{node} with the driver in {folder}")


def _nodes(index: int) -> dict[str, Any]:
    given = nodes(f"cuda:{index}")
    return {
        "devices": [f"{node}:{node}:rw" for node in given.nodes],
        "volumes": {
            source: {"bind": target, "mode": "ro"} for source, target in given.driver.items()
        },
        "environment": {"LD_LIBRARY_PATH": DRIVER},
    }


def _driver(folder: Path) -> dict[str, str]:
    """Map the driver's folder, or its files where the folder is not its own, to container paths.

    A folder shared with the host's C library must not come along: it would hide the image's.
    """
    if not (folder / "libc.so.6").exists():
        return {str(folder): DRIVER}
    files = [*folder.glob("libcuda*.so*"), *folder.glob("libnvidia-*.so*")]
    return {str(file): f"{DRIVER}/{file.name}" for file in sorted(files) if file.exists()}


def _driver_folder() -> Path | None:
    """Return the folder that holds libcuda.so.1, or None."""
    for folder in map(Path, _DRIVER_FOLDERS):
        if (folder / "libcuda.so.1").exists():
            return folder
    ldconfig = shutil.which("ldconfig", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if ldconfig is None:
        return None
    listed = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r"libcuda\.so\.1 .*64.*=> (\S+)", listed.stdout)
    return Path(found[1]).parent if found else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

"""Whether this machine can grade what is asked: a sandbox starts, or a sentence says why not."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from grader import __version__
from grader.batch.fitting import fitting
from grader.cluster import packing
from grader.errors import HarnessError
from grader.records import Json, Limits
from grader.sandbox import Sandbox, choosing
from grader.sandbox.boot import boot

AUTO = "auto"


@dataclass(frozen=True)
class Asked:
    """What a batch asks of a machine; as JSON it is the same."""

    version: str  # of the grader, and the digest of its files
    sources: str
    sandbox: str  # auto | docker | bubblewrap
    devices: tuple[str, ...]
    jobs: int | None
    limits: Json  # those of the pack

    @classmethod
    def here(
        cls, sandbox: str, devices: tuple[str, ...], jobs: int | None, limits: Limits
    ) -> Asked:
        """Ask for a grader like this one."""
        sources = packing.sources()
        return cls(__version__, sources, sandbox, devices, jobs, asdict(limits))

    @classmethod
    def of(cls, told: Json) -> Asked:
        """Return what was asked, from JSON."""
        return cls(**{**told, "devices": tuple(told["devices"])})


@dataclass(frozen=True)
class Facts:
    """How a machine grades."""

    sandbox: str
    torch: str
    devices: tuple[str, ...]
    slots: int

    @property
    def kind(self) -> tuple[str, str, str]:
        """Return what has to be the same on all machines of a batch."""
        return self.sandbox, self.devices[0].partition(":")[0], self.torch

    @property
    def described(self) -> str:
        """Return that in words."""
        sandbox, device, torch = self.kind
        return f"{sandbox} on {device} with torch {torch}"


def examined(asked: Asked, most: int | None = None) -> Facts:
    """Return how this machine grades, at most as many at a time as ``most``.

    Raises HarnessError with the reason where it cannot, or only as another grader would.
    """
    if (asked.version, asked.sources) != (__version__, packing.sources()):
        other = f"{__version__} and not {asked.version}" * (asked.version != __version__)
        raise HarnessError(
            f"its grader is {other or 'of the same version, but of other files'}: install the one "
            "of the machine that runs the batch"
        )
    limits = Limits(**asked.limits)
    devices = _devices(asked.devices)
    sandbox = _sandbox(asked.sandbox, devices[0])
    box = sandbox.start(limits.on(devices[0]), device=devices[0])
    try:
        torch = str(boot(box).get("torch", ""))
    finally:
        box.kill()
    slots = asked.jobs or fitting(limits, devices)
    return Facts(sandbox.name, torch, devices, min(slots, most or slots))


def _sandbox(wanted: str, device: str) -> Sandbox:
    """Return the sandbox that is wanted; with "auto" Docker where an engine answers."""
    from grader.sandbox import docker, image  # noqa: PLC0415 - the engine's library takes time

    if wanted != "bubblewrap":
        try:
            client = docker.connect()
        except HarnessError as error:
            if wanted != AUTO:
                raise
            return _instead(error, device)
        kind = device.partition(":")[0]
        if image.find(client, kind) is None:  # to make one is for whoever keeps the machine
            option = "" if kind == "cpu" else f" --device {kind}"
            raise HarnessError(
                f"the image {image.tag(kind)} is missing or of another grader: make it there with "
                f"`grader image{option}`"
            )
        wanted = "docker"
    return choosing.named(wanted, device, lambda _: None)


def _instead(no_docker: HarnessError, device: str) -> Sandbox:
    try:
        return choosing.named("bubblewrap", device, lambda _: None)
    except HarnessError as error:
        raise HarnessError(f"{no_docker}, and {error}") from None


def _devices(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the devices: those that were named, or all GPUs that are ours, or the CPU."""
    gpus = _gpus()
    if wanted[0] == AUTO:
        return tuple(f"cuda:{number}" for number in gpus) or ("cpu",)
    named = [device for device in wanted if device != "cpu"]
    if missing := [each for each in named if int(each.partition(":")[2] or 0) not in gpus]:
        raise HarnessError(f"it has no {' and no '.join(missing)}")
    return wanted


def _gpus() -> list[int]:
    """Return the numbers of the GPUs that this process may use, as Slurm and others say it."""
    nodes = (re.fullmatch(r"nvidia(\d+)", path.name) for path in Path("/dev").glob("nvidia*"))
    there = sorted(int(node[1]) for node in nodes if node)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return there
    if named := [each for each in visible.split(",") if each.startswith(("GPU-", "MIG-"))]:
        raise HarnessError(
            f"CUDA_VISIBLE_DEVICES names {named[0]}, and GPUs are known by their numbers here: "
            "give those"
        )
    return [int(each) for each in visible.split(",") if each.isdecimal() and int(each) in there]

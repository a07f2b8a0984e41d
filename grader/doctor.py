"""What this machine can do, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from grader import pack
from grader.checking.probing import HANDED_OUT, PROBED, VECTORS, load_vectors, need
from grader.columns import table
from grader.conversation import Conversation
from grader.devices import identity, nvml, rates
from grader.devices.device import Device
from grader.errors import GraderError, HarnessError, StudentFault
from grader.mistakes import edited_file, parse, variants
from grader.records import Json, Limits
from grader.sandbox import Sandbox, gpu, image
from grader.sandbox import docker as docker_sandbox
from grader.sandbox.bubblewrap import BubblewrapSandbox

Row = tuple[str, str, str]  # what, "yes", "no" or "–", detail or remedy
NEEDED_GB = 5
MEASURING = Limits(request_seconds=120, submission_seconds=300)
MEASURING_SECONDS = 6.0


def examine(root: Path, device: str = "cpu") -> list[Row]:
    """Return what was found; nothing on the machine is changed."""
    return [
        *_python(), *_packs(root), *_docker(), *_bubblewrap(), *_gpus(), *_timing(device), *_disk()
    ]  # fmt: skip


def render(rows: Sequence[Row]) -> str:
    """Return what was found as a table."""
    return table(rows, ["", "", "found, or what to do"])


def data(rows: Sequence[Row]) -> Json:
    """Return the same for a program."""
    found = [
        {"what": what, "state": state.replace("–", "-"), "detail": detail}
        for what, state, detail in rows
    ]
    return {"schema": "grader.doctor/1", "found": found}


def _python() -> Iterator[Row]:
    yield "Python", "yes", f"{platform.python_version()} at {sys.executable}"
    found = importlib.util.find_spec("torch") is not None
    yield (
        "torch here, for --sandbox process",
        "yes" if found else "no",
        "installed beside the grader" if found else "make setup",
    )


def _packs(root: Path) -> Iterator[Row]:
    for name in pack.names(root):
        try:
            found = pack.load(root, name)
            _use(found)
        except GraderError as error:
            yield f"pack {name}", "no", str(error)
        else:
            yield f"pack {name}", "yes", f"{found.points:g} points, {len(found.checks)} checks"


def _use(found: pack.Pack) -> None:
    """Look for what would only show when a pack is used; raises BadPack."""
    for one in (found, *found.also.values()):
        if not one.mistakes:
            continue
        right = edited_file(one.reference, one.interface.expected, one.id)
        parse(variants(one.mistakes, right, one.id), one.id)
        need(load_vectors(found.checks_folder, one.model), *PROBED, why="known mistakes")
    if (found.checks_folder / VECTORS).exists():
        need(load_vectors(found.checks_folder), *HANDED_OUT, why="handouts")


def _docker() -> Iterator[Row]:
    try:
        client = docker_sandbox.connect()
    except HarnessError as error:
        remedy = "start it: systemctl start docker" if shutil.which("dockerd") else _install()
        yield "Docker engine", "no", f"{error}; {remedy}"
        return
    info = client.info()
    size = f"{info['NCPU']} cores, {info['MemTotal'] / 1e9:.0f} GB"
    version = f"{info['ServerVersion']}, cgroup v{info.get('CgroupVersion', '1')}"
    yield "Docker engine", "yes", f"{version}, {size}"
    for missing, what in (("MemoryLimit", "memory"), ("SwapLimit", "swap"), ("PidsLimit", "pids")):
        if info.get(missing) is False:
            yield f"limit of {what}", "no", "the kernel does not account for it; enable its cgroup"
    for device in ("cpu", "cuda"):
        present = image.find(client, device) is not None
        yield (
            f"image {image.tag(device)}",
            "yes" if present else "–",
            "up to date"
            if present
            else f"made when first needed, or by: grader image --device {device}",
        )
    yield from _each("GPU in containers", lambda: gpu.ways(client))


def _bubblewrap() -> Iterator[Row]:
    what = "bubblewrap, without Docker"
    try:
        facts = BubblewrapSandbox().facts()
    except HarnessError as error:
        yield what, "no", str(error)
        return
    yield what, "yes", f"mode: {facts['mode']}; limits: {facts['limits']}"
    if "memory" not in str(facts["limits"]):
        remedy = "systemd-run --user --scope -p Delegate=yes .venv/bin/grader grade ..."
        why = "no control group is delegated to you, so only each process by itself is limited"
        yield "limit of memory there", "no", f"{why}: {remedy}"


def _each(what: str, ways: Callable[[], list[gpu.Way]]) -> Iterator[Row]:
    for way in ways():
        yield f"{what}: {way.name}", "yes" if way.works else "–", way.detail


def _gpus() -> Iterator[Row]:
    nodes = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    yield "NVIDIA GPUs", "yes" if nodes else "–", ", ".join(nodes) or "none; grading is on the CPU"


def _timing(device: str) -> Iterator[Row]:
    """Say what is known beside the time that something takes on the device."""
    who = identity.of(device)
    found = rates.of(who)
    yield (
        f"best rates of {device}",
        "yes" if found else "–",
        f"{who.name}: {found} ({found.sandbox})"
        if found
        else "never measured; the roofline needs them: grader doctor --measure",
    )
    if (index := identity.number(device)) is not None:
        gpu_found = nvml.gpu(index)
        missing = gpu_found if isinstance(gpu_found, str) else ""
        yield "clocks and other programs on the GPU", "no" if missing else "yes", missing or "seen"


def measure(sandbox: Sandbox, device: str, say: Callable[[str], None]) -> str:
    """Measure what a device does at best, in a sandbox with the device to itself; keep it.

    Raises HarnessError where the sandbox does not start or the device fails in it.
    """
    bench = Device(device, say)
    say(f"measuring {bench.identity.name}")
    try:
        with Conversation(sandbox, [], MEASURING, device=device) as box, bench.alone():
            box.fresh_worker()
            header = {"device": box.inner_device, "lasting": MEASURING_SECONDS}
            found, _ = box.call("rates", header, seconds=MEASURING.request_seconds)
            torch = str(box.ready.get("torch", ""))
    except StudentFault as fault:
        raise HarnessError(f"{device} could not be measured: {fault.message}") from fault
    best = rates.Rates(
        bench.identity.name,
        float(found["bytes_per_second"]),
        float(found["flops_per_second"]),
        sandbox.name,
        torch,
    )
    file = rates.keep(bench.identity, best)
    bench.forget()  # what else is known of it may be as old
    say("")
    return f"{best.name}: {best}\n{file}"


def _disk() -> Iterator[Row]:
    free = shutil.disk_usage("/var/lib" if Path("/var/lib").exists() else "/").free / 1e9
    state = "yes" if free > NEEDED_GB else "no"
    yield "disk", state, f"{free:.0f} GB free; making the image takes about {NEEDED_GB} GB"


def _install() -> str:
    return "install one: apt-get install docker.io (Debian, Ubuntu), or see your system's packages"

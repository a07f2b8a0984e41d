"""The Docker sandbox: one disposable container for each submission.

Theory of operation
    The container has no network, no capabilities, no way to new privileges, a read-only root, an
    unprivileged user, its own seccomp profile, and limits on memory (swap included), processes,
    cores, file sizes and descriptors. Its only writable folders are small and in memory. The
    engine keeps no log of it. Its first process is our agent, spoken to over the attached stream.

    Everything that decides is asked from outside: time is the host's clock, an out-of-memory kill
    is the kernel's counter in the container's cgroup, the reason of an end is the engine's word.

    An engine can hang on ``inspect`` and ``kill`` of a container whose attached stream is not
    drained, so the line is always shut before the container is asked about or killed.

    Containers carry labels that name the grader process that owns them. Starting the sandbox
    removes those whose owner is gone, and only those.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.types import LogConfig, Ulimit

from grader.errors import HarnessError
from grader.records import Ending, Limits, Usage
from grader.sandbox import cgroup, gpu, image, seccomp
from grader.sandbox.boot import BOOTSTRAP, HUGE_PAGES
from grader.sandbox.owner import PREFIX, Owner
from grader.wire import Header, Line

USER = "65534:65534"  # nobody
ENGINE_SECONDS = 60  # for one answer
RETURN_SECONDS = 60  # for an engine that is restarted; it takes ten where containers ran in it
MB = 1 << 20
T = TypeVar("T")
ENGINE_FAULTS = (DockerException, requests.RequestException, OSError)


class Engine:
    """An engine that may be restarted meanwhile: who needs it waits for it to return."""

    def __init__(self, client: docker.DockerClient, say: Callable[[str], None]) -> None:
        self._client, self._say = client, say
        self._missed: float | None = None  # since when it has not answered

    def awaited(self) -> None:
        """Return once it answers; all who wait give up a minute after it was missed first.

        Raises what asking it raises.
        """
        while not self._answers():
            time.sleep(0.2)

    def asked(self, question: Callable[[], T]) -> T:
        """Return the answer to what can be asked again, as it is where it went over it."""
        self.awaited()
        try:
            return question()
        except (requests.ConnectionError, ConnectionError):
            self.awaited()
            return question()

    def _answers(self) -> bool:
        try:
            self._client.ping()
        except ENGINE_FAULTS:
            now = time.monotonic()
            since = self._missed  # another thread may find it back meanwhile
            if since is None:
                since = self._missed = now
                self._say("the Docker engine does not answer: waiting for it")
            if now - since > RETURN_SECONDS:
                raise
            return False
        self._missed = None
        return True


class DockerBox:
    """One running container."""

    work = "/tmp/submission"  # noqa: S108 - inside the container, as are the next two
    wiped = ["/tmp", "/dev/shm"]  # noqa: RUF012, S108

    def __init__(
        self,
        engine: Engine,
        container: Container,
        stream: Any,  # noqa: ANN401 - the SDK's socket
        device: str,
    ) -> None:
        self._engine = engine
        self._container = container
        self._stream = stream  # the SDK closes the socket when this object goes
        self._cgroups = _cgroups(container)
        self._killed = False
        self.ready: Header | None = None
        self.device = "cpu" if device == "cpu" else "cuda:0"  # it is given one GPU
        self.line = Line(getattr(stream, "_sock", stream), multiplexed=True)

    def usage(self) -> Usage:
        """Return the kernel's figures for the container's cgroup (version 1 or 2)."""
        return cgroup.usage(self._cgroups)

    def oom_kills(self) -> int | None:
        """Return how many processes of the container the kernel has ended."""
        return cgroup.oom_kills(self._cgroups)

    def processes(self) -> set[int]:
        """Return the processes of the container's cgroup."""
        return cgroup.processes(self._cgroups)

    def freeze(self, frozen: bool) -> bool:  # noqa: FBT001 - as a switch is set
        """Pause the container or let it go on.

        By the engine and not by its cgroup: so the engine knows, and removes it all the same.
        """
        try:
            if frozen:
                self._container.pause()
            else:
                self._container.unpause()
        except ENGINE_FAULTS as error:
            if frozen:
                return False
            raise HarnessError(f"a paused sandbox does not go on: {error}") from error
        return True

    def ending(self, *, patience: float = 5.0) -> Ending:
        """Return the engine's word on how the container ended."""
        self.line.close()
        deadline = time.monotonic() + patience
        try:
            self._engine.asked(self._container.reload)
            while self._container.attrs["State"]["Running"] and time.monotonic() < deadline:
                time.sleep(0.01)
                self._container.reload()
        except ENGINE_FAULTS as error:
            raise HarnessError(f"the Docker engine lost a sandbox: {error}") from error
        state = self._container.attrs["State"]
        code = None if state["Running"] else int(state["ExitCode"])
        return Ending(code, bool(state["OOMKilled"]), self.line.notes)

    def kill(self) -> None:
        """Kill and remove the container."""
        if self._killed:
            return
        self.line.close()
        try:
            self._engine.asked(lambda: self._container.remove(force=True, v=True))
        except ENGINE_FAULTS as error:
            if not _is_going(error):
                raise HarnessError(f"a sandbox could not be removed: {error}") from error
        finally:
            self._killed = True
            self._stream.close()


class DockerSandbox:
    """Starts containers of the grader's own image."""

    name = "docker"
    isolation = "container"

    def __init__(
        self,
        *,
        device: str = "cpu",
        say: Callable[[str], None] = lambda _: None,
        first_core: int = 0,
    ) -> None:
        self._client = connect()
        self._engine = Engine(self._client, say)
        self._owner = Owner.current()
        self._boxes = itertools.count(first_core)
        try:
            self._cores = int(self._client.info()["NCPU"])
            reap(self._client)
            self._image = image.ensure(self._client, device.partition(":")[0], say)
        except ENGINE_FAULTS as error:
            raise HarnessError(f"the Docker engine refused: {error}") from error

    def start(self, limits: Limits, *, device: str) -> DockerBox:
        """Create, attach and start one container."""
        try:
            return self._engine.asked(lambda: self._started(limits, device))
        except ENGINE_FAULTS as error:
            raise HarnessError(f"a sandbox could not be started: {error}") from error

    def _started(self, limits: Limits, device: str) -> DockerBox:
        settings = self._settings(limits)
        for key, value in gpu.hand_over(self._client, device).items():
            settings[key] = _merged(settings.get(key), value)
        container = self._client.containers.create(
            self._image.id, [self._image.python, "-I", "-c", BOOTSTRAP], **settings
        )
        try:
            stream = container.attach_socket(
                params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            )
            container.start()
            container.reload()
            return DockerBox(self._engine, container, stream, device)
        except BaseException:
            with contextlib.suppress(*ENGINE_FAULTS):  # the next run reaps it
                container.remove(force=True)
            raise

    def facts(self) -> Mapping[str, str | None]:
        """Return the image's digest."""
        return {"image": self._image.id}

    def _settings(self, limits: Limits) -> dict[str, Any]:
        """Return the arguments of ``create``: the whole of the isolation, in one place."""
        memory = f"{limits.memory_mb}m"
        scratch = f"rw,nosuid,nodev,size={limits.scratch_mb}m,mode=1777"
        threads = str(limits.cpus)
        return {
            "network_mode": "none",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true", f"seccomp={seccomp.profile()}"],
            "user": USER,
            "pids_limit": limits.pids,
            "mem_limit": memory,
            "memswap_limit": memory,
            "cpuset_cpus": self._cpuset(limits.cpus),
            # Not noexec: code can be run from memory all the same, and Triton loads what it builds.
            # Files in /dev/mqueue would outlive a worker; nothing honest needs them.
            "tmpfs": {"/tmp": scratch, "/dev/mqueue": "ro,size=4k,mode=555"},  # noqa: S108
            "ipc_mode": "private",
            "shm_size": f"{limits.scratch_mb}m",
            "ulimits": [
                Ulimit(name="core", soft=0, hard=0),
                Ulimit(name="nofile", soft=1024, hard=1024),
                Ulimit(name="fsize", soft=limits.scratch_mb * MB, hard=limits.scratch_mb * MB),
            ],
            "log_config": LogConfig(type="none"),
            "working_dir": "/tmp",  # noqa: S108 - inside the container
            "stdin_open": True,
            "labels": self._owner.labels(),
            "volumes": {path: {"bind": path, "mode": "ro"} for path in self._image.binds},
            "environment": {
                "HOME": "/tmp",  # noqa: S108 - inside the container
                "MPLBACKEND": "Agg",
                "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108 - filled by the agent
                "OMP_NUM_THREADS": threads,
                "MKL_NUM_THREADS": threads,
                **HUGE_PAGES,
                **self._image.env,
            },
        }

    def _cpuset(self, cpus: int) -> str | None:
        """Return the next cores in turn, so that two boxes side by side do not share one."""
        if cpus >= self._cores:
            return None
        first = (self._cores - (next(self._boxes) + 1) * cpus) % (self._cores - cpus + 1)
        return f"{first}-{first + cpus - 1}"


def connect() -> docker.DockerClient:
    """Return a client of the engine that the environment names; HarnessError if none answers."""
    try:
        client = docker.from_env(timeout=ENGINE_SECONDS)
        client.ping()
    except ENGINE_FAULTS as error:
        raise HarnessError(f"no Docker engine answers: {error}") from error
    return client


def reap(client: docker.DockerClient) -> list[str]:
    """Remove the containers of graders that are gone; return their ids."""
    local = str(client.api.base_url).startswith("http+docker")  # a unix socket: one machine
    removed = []
    for container in client.containers.list(
        all=True, filters={"label": f"{PREFIX}.pid"}, ignore_removed=True
    ):
        owner = Owner.of(container.labels)
        if owner is None or not owner.is_gone(one_machine=local):
            continue
        try:
            container.remove(force=True, v=True)
        except (NotFound, APIError):
            continue  # another grader was faster
        removed.append(str(container.id))
    return removed


def _cgroups(container: Container) -> dict[str, Path]:
    """Map controllers to the container's folders; "" is cgroup version 2. Empty if not local."""
    try:
        text = Path(f"/proc/{container.attrs['State']['Pid']}/cgroup").read_text(encoding="ascii")
    except OSError:
        return {}
    folders = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        if str(container.id) not in path:
            continue  # another process by now, or another machine's
        for controller in controllers.split(","):
            base = Path("/sys/fs/cgroup") / controller
            folders[controller] = base / path.lstrip("/")
    return folders


def _is_going(error: Exception) -> bool:
    """Whether a container cannot be removed because it is gone, or just being removed."""
    return isinstance(error, APIError) and error.status_code in (404, 409)


def _merged(old: Any, new: Any) -> Any:  # noqa: ANN401 - whatever the SDK's argument is
    if isinstance(old, dict):
        return {**old, **new}
    return [*old, *new] if isinstance(old, list) else new

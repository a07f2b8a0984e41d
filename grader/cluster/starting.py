"""A scheduler and its workers: one that runs, or our own with workers by ssh or as jobs of Slurm.

A scheduler of our own lives in this process and goes with it, and so do its workers: those that ssh
has started end when their stdin does, jobs are cancelled, and either ends without its scheduler.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Protocol

from distributed import Client, Scheduler, SpecCluster

from grader.cluster import addresses, private, tls
from grader.cluster.addresses import Host
from grader.errors import HarnessError, UsageError

CONNECT_SECONDS = 10.0
LOGINS = 5  # to one machine
STEADY_SECONDS = 10.0  # a worker that has ended before is not worth another
LAST_WORDS = 600  # bytes of what a worker has said
NO_PAGES = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
"""For a scheduler: its HTTP server cannot be left out, so it is for this machine alone."""


class Cluster(Protocol):
    """Where machines come from; ``async with`` starts them and clears them away."""

    expected: int  # machines that are waited for before the first hand-in is given
    patience: float  # seconds for that
    ends: bool  # once all of its machines are lost, no other one comes
    lost: dict[str, str]  # machines that could not be started, or have ended: why
    remedy: str  # half a sentence: what to do where there is no machine

    async def start(self) -> Client:
        """Return a client; raises HarnessError where that fails."""
        ...

    async def close(self) -> None:
        """End what `start` has started."""
        ...


def cluster_of(address: addresses.Address, pem: dict[str, str] | None) -> Cluster:
    """Return where the machines of an address come from."""
    if isinstance(address, addresses.Dask):
        return Running(address, pem)
    if isinstance(address, addresses.Ssh):
        return BySsh(address, pem)
    return BySlurm(address, pem)


class Running:
    """A scheduler that somebody keeps, with workers that come and go."""

    expected, patience, ends = 1, 30.0, False

    def __init__(self, address: addresses.Dask, pem: dict[str, str] | None) -> None:
        self._address, self._security = tls.line(address.host, address.port, pem)
        self.lost: dict[str, str] = {}
        self.remedy = f"start `grader worker {address}` on each"
        self._client: Client | None = None

    async def start(self) -> Client:
        """Connect."""
        try:
            self._client = await _client(self._address, self._security)
        except (OSError, TimeoutError) as error:
            raise HarnessError(
                f"no scheduler answers at {self._address} ({error}): start `dask scheduler` there, "
                "with the same certificate"
            ) from error
        return self._client

    async def close(self) -> None:
        """Leave it alone."""
        await _closed(self._client)


class BySsh:
    """Workers that are started by the system's own ssh, with its configuration, keys and agent."""

    patience, ends = 60.0, True

    def __init__(self, address: addresses.Ssh, pem: dict[str, str] | None) -> None:
        self._given, self._pem = address, pem
        self.expected = len(address.hosts)
        self.lost: dict[str, str] = {}
        self._processes: dict[Host, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._closing = False
        self.remedy = "`ssh HOST` has to log in without a question, and the grader to be there"
        self._open = contextlib.AsyncExitStack()

    async def start(self) -> Client:
        """Start a scheduler here, and a worker on each machine."""
        self.lost.clear()
        pem = self._pem or tls.temporary()
        listen = self._given.listen or await asyncio.to_thread(self._listen)
        cluster = await _scheduler_here(SpecCluster, listen, pem)
        self._open.push_async_callback(_closed, cluster)
        client = await _client(cluster.scheduler_address, tls.security(pem))
        self._open.push_async_callback(_closed, client)
        self._closing = False
        for host in self._given.hosts:
            kept = self._kept(host, cluster.scheduler_address.replace("tls://", "dask://"), pem)
            self._keepers.append(asyncio.create_task(kept))
        return client

    async def close(self) -> None:
        """Hang up on all workers, wait for their end, and close the scheduler."""
        self._closing = True
        for process in self._processes.values():
            assert process.stdin is not None
            process.stdin.close()
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=CONNECT_SECONDS)
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        for keeper in self._keepers:
            keeper.cancel()
        self._keepers.clear()
        self._processes.clear()
        await self._open.aclose()

    async def _kept(self, host: Host, where: str, pem: dict[str, str]) -> None:
        """Keep a worker on a machine; one that ends after some time is started again."""
        for _ in range(LOGINS):
            begin = time.monotonic()
            why = await self._served(host, where, pem)
            if self._closing or time.monotonic() - begin < STEADY_SECONDS:
                break
        self.lost[host.name] = why

    async def _served(self, host: Host, where: str, pem: dict[str, str]) -> str:
        """Log in and start a worker; return why it has ended."""
        command = f"{host.command} worker {where} --tls - --name {shlex.quote(host.name)}"
        try:
            process = await asyncio.create_subprocess_exec(
                *self._ssh(host, "-T", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=15"),
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for this process, which lets gradings finish
            )
        except OSError as error:
            return f"ssh cannot be started: {error}; install openssh-client"
        self._processes[host] = process
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(pem).encode() + b"\n")
        said = b""
        while piece := await process.stderr.read(1 << 12):
            said = (said + piece)[-LAST_WORDS:]
        code = await process.wait()
        lines = said.decode(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'without a word'} (ssh ended with {code})"

    def _listen(self) -> str:
        """Return the address of this machine on the way to the first of the others."""
        asked = subprocess.run(  # noqa: S603 - the system's ssh, asked for what it is configured to
            self._ssh(self._given.hosts[0], "-G"), capture_output=True, text=True, check=False
        )
        lines = (line.partition(" ") for line in asked.stdout.splitlines())
        known = {key: value for key, _, value in lines}
        name = known.get("hostname", self._given.hosts[0].name)
        try:
            family, kind, _, _, place = socket.getaddrinfo(name, 22, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, kind) as towards:
                towards.connect(place)
                return str(towards.getsockname()[0])
        except OSError as error:
            raise UsageError(
                f"which address of this machine {name} reaches is not known ({error}): say it, as "
                "in ssh://hosts.txt?listen=10.0.0.1"
            ) from error

    def _ssh(self, host: Host, *options: str) -> list[str]:
        config = ["-F", self._given.config] if self._given.config else []
        return ["ssh", *config, "-o", f"ConnectTimeout={CONNECT_SECONDS:.0f}", *options, host.name]


class BySlurm:
    """Workers that are jobs of Slurm, by dask-jobqueue; one that ends is replaced by another."""

    expected, ends = 1, False
    patience = float("inf")  # a queue may be long; Ctrl-C ends the waiting

    def __init__(self, address: addresses.Slurm, pem: dict[str, str] | None) -> None:
        self._given, self._pem = address, pem
        self._slurm = _jobqueue()
        self.lost: dict[str, str] = {}
        self.remedy = f"`squeue -p {address.partition}` says what its jobs wait for"
        self._open = contextlib.AsyncExitStack()

    async def start(self) -> Client:
        """Start a scheduler here, and ask Slurm for jobs."""
        given = self._given
        folder = self._open.enter_context(private.folder(Path(given.shared or Path.home())))
        pem = tls.written(self._pem or tls.temporary(), folder)

        class Job(self._slurm.SLURMJob):  # type: ignore[misc, name-defined]  # without types
            """A job that is a worker of ours."""

            def __init__(self, scheduler: str, name: str, **keywords: Any) -> None:  # noqa: ANN401
                super().__init__(scheduler, name, **keywords)
                where = scheduler.replace("tls://", "dask://")
                command = [sys.executable, "-m", "grader", "worker", where, "--once"]
                command += ["--name", str(name), "--tls", str(folder)]
                self._command_template = f"cd {shlex.quote(os.getcwd())} && {shlex.join(command)}"  # noqa: PTH109 - as the shell has it

        gpus = [f"--gres=gpu:{given.gpus}"] if given.gpus else []
        made = functools.partial(
            self._slurm.SLURMCluster,
            job_cls=Job,
            queue=given.partition,
            account=given.account or None,
            cores=given.cores,
            processes=1,
            memory=given.memory,
            walltime=given.time,
            job_extra_directives=[*gpus, *given.options],
            log_directory=str(folder),
        )
        try:
            cluster = await _scheduler_here(made, given.listen, pem)
        except (OSError, RuntimeError) as error:
            raise HarnessError(f"Slurm takes no job: {_last_line(error)}") from error
        self._open.push_async_callback(_closed, cluster)
        client = await _client(cluster.scheduler_address, tls.security(pem))
        self._open.push_async_callback(_closed, client)
        cluster.adapt(minimum_jobs=given.jobs, maximum_jobs=given.jobs)
        return client

    async def close(self) -> None:
        """Cancel the jobs, and close the scheduler."""
        await self._open.aclose()


def _jobqueue() -> Any:  # noqa: ANN401 - a module without types
    """Return dask-jobqueue's part on Slurm; in the main thread, since it changes what Ctrl-C does.

    That is put back: here Ctrl-C lets gradings finish.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        from dask_jobqueue import slurm  # noqa: PLC0415 - only for Slurm
    finally:
        signal.signal(signal.SIGINT, before)
    return slurm


async def _scheduler_here(kind: Any, listen: str, pem: dict[str, str]) -> Any:  # noqa: ANN401
    """Start a scheduler in this process, and no worker yet."""
    security = tls.security(pem)
    options = {"protocol": "tls://", "security": security, **NO_PAGES}
    options |= {"host": listen} if listen else {}
    if kind is SpecCluster:
        scheduler = {"cls": Scheduler, "options": options}
        return await kind(workers={}, scheduler=scheduler, security=security, asynchronous=True)
    return await kind(scheduler_options=options, security=security, asynchronous=True)


async def _client(address: str, security: Any) -> Client:  # noqa: ANN401
    return await Client(
        address,
        security=security,
        asynchronous=True,
        timeout=CONNECT_SECONDS,
        set_as_default=False,
        direct_to_workers=False,  # results come through the scheduler, which all have reached
    )


async def _closed(what: Any) -> None:  # noqa: ANN401 - a client, or a cluster
    if what is not None:
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):
            await asyncio.wait_for(what.close(), CONNECT_SECONDS)


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__

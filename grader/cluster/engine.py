"""Machines of a cluster as `grader.batch` wants an engine."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.batch.engine import Opening, Screen, Wanted
from grader.batch.journal import Journal
from grader.cluster import addresses, loop, packing, starting, tls
from grader.cluster.connection import Connection
from grader.cluster.machine import Asked
from grader.cluster.running import Running
from grader.pack import Pack


@dataclass(frozen=True)
class Elsewhere:
    """Machines that are connected, and can grade."""

    wanted: Wanted
    beside: loop.Loop
    connection: Connection

    @property
    def described(self) -> str:
        """Return the sandbox, the machines and how many gradings they take."""
        machines = self.connection.machines.ready.values()
        count = sum(machine.facts.slots for machine in machines)
        many = f"{len(machines)} machine{'s' * (len(machines) != 1)}"
        kind = next(machine.facts.described for machine in machines)
        return f"{kind} on {many}, {count} at a time"

    def run(self, batch: Journal, screen: Screen) -> Running:
        """Return what grades a batch here."""
        return Running(self.beside, self.connection, self.wanted, batch, screen)


def at(text: str, certificates: Path | None) -> Opening:
    """Return what opens the engine of this name; raises UsageError."""
    address = addresses.parsed(text)
    pem = tls.read(certificates) if certificates else None
    return functools.partial(_opened, address, pem)


@contextlib.contextmanager
def _opened(
    address: addresses.Address,
    pem: dict[str, str] | None,
    wanted: Wanted,
    say: Callable[[str], None],
) -> Iterator[Elsewhere]:
    loop.quiet()
    told = _told(wanted)
    connection = Connection(starting.cluster_of(address, pem), told, say)
    beside = loop.Loop()
    try:
        beside.call(connection.open())
        try:
            yield Elsewhere(wanted, beside, connection)
        finally:
            connection.say = say
            beside.call(connection.close())
    finally:
        beside.close()


def _told(wanted: Wanted) -> bytes:
    """Return what all machines are told of a batch."""
    pack: Pack = wanted.pack
    asked = Asked.here(wanted.sandbox, wanted.devices, wanted.jobs, pack.sandbox)
    files = base64.b64encode(packing.packed(wanted.root, pack.id)).decode("ascii")
    order = {"pack": pack.id, "digest": pack.digest, "files": files}
    return json.dumps({**order, "asked": dataclasses.asdict(asked)}).encode()

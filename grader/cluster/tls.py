"""Certificates: who may speak to schedulers and workers.

A folder holds ``cert.pem`` and ``key.pem``, the same for all machines of a cluster, and ``ca.pem``
where somebody else has signed the certificate. Whoever has the key belongs to the cluster; names in
certificates are not looked at, since machines are known by their addresses.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import IO, Any

from grader.errors import UsageError

FILES = ("ca", "cert", "key")
SIGNED = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=grader "
    "-keyout key.pem -out cert.pem"
)


def security(pem: dict[str, str]) -> Any:  # noqa: ANN401 - distributed's, which has no types here
    """Return what Dask wants of certificates: PEM texts, or paths, by the names in `FILES`."""
    from distributed import Security  # noqa: PLC0415 - Dask is of those alone who have several machines

    roles = {
        f"tls_{role}_{what}": pem[what]
        for role in ("client", "scheduler", "worker")
        for what in ("cert", "key")
    }
    return Security(require_encryption=True, tls_ca_file=pem["ca"], **roles)


def temporary() -> dict[str, str]:
    """Return a certificate that signs itself, as PEM texts; it was never used before."""
    from distributed import Security  # noqa: PLC0415 - as above

    made = Security.temporary()
    return {"ca": made.tls_ca_file, "cert": made.tls_worker_cert, "key": made.tls_worker_key}


def written(pem: dict[str, str], folder: Path) -> dict[str, str]:
    """Write PEM texts into a folder as `read` finds them; return their paths, by the same names."""
    paths = {name: folder / f"{name}.pem" for name in FILES}
    for name, path in paths.items():
        path.write_text(pem[name], encoding="ascii")
    return {name: str(path) for name, path in paths.items()}


def read(folder: Path) -> dict[str, str]:
    """Return the PEM texts of a folder; raises UsageError."""
    paths = {name: folder / f"{name}.pem" for name in FILES}
    if not paths["ca"].exists():
        paths["ca"] = paths["cert"]
    try:
        pem = {name: path.read_text(encoding="ascii") for name, path in paths.items()}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{folder} has no certificate: {error}; make one in it: {SIGNED}"
        ) from error
    _tried(pem, str(folder))
    return pem


def told_by(stream: IO[str]) -> dict[str, str]:
    """Return the PEM texts that a parent tells in a line of JSON; raises UsageError."""
    try:
        told = json.loads(stream.readline())
        pem = {name: str(told[name]) for name in FILES}
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"no certificate was told on stdin: {error!r}") from error
    _tried(pem, "stdin")
    return pem


def line(host: str, port: int, pem: dict[str, str] | None) -> tuple[str, Any]:
    """Return the address as Dask has it, and its security.

    Without certificates only a scheduler on this very machine is spoken to. What Dask's own
    configuration names counts as given.
    """
    from distributed import Security  # noqa: PLC0415 - as above

    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if pem is not None:
        return f"tls://{where}", security(pem)
    configured = Security()
    if configured.tls_ca_file and configured.tls_client_cert:
        return f"tls://{where}", configured
    if not _loopback(host):
        raise UsageError(
            f"{where} would be spoken to without encryption, and whoever hears could run programs "
            f"there: give --tls and a folder with cert.pem and key.pem ({SIGNED})"
        )
    return f"tcp://{where}", Security(require_encryption=False)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tried(pem: dict[str, str], where: str) -> None:
    """Raise UsageError where these are no certificate and its key."""
    try:
        security(pem).get_connection_args("worker")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise UsageError(f"{where} has no certificate with its key: {error}") from error

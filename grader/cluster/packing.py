"""A pack as bytes: what a machine without any pack needs to grade with it."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

from grader import pack
from grader.errors import HarnessError

_MADE = "__pycache__"


def packed(root: Path, pack_id: str) -> bytes:
    """Return a pack and its reference as a zip."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for part in pack.folders_of(root, pack_id):
            for path in _made_by_hand(part):
                archive.write(path, path.relative_to(root))  # also folders that are empty
    return stream.getvalue()


def laid_out(data: bytes, root: Path, pack_id: str, digest: str) -> None:
    """Lay a pack out; raises HarnessError where it is not the one of this digest."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(root)
    found = pack.load(root, pack_id).digest
    if found != digest:
        raise HarnessError(f"the pack {pack_id} has arrived as {found}, and was sent as {digest}")


@cache
def sources() -> str:
    """Return the digest of the grader's own files: machines that differ in it grade differently."""
    found = hashlib.sha256()
    package = resources.files("grader")
    assert isinstance(package, Path)  # it is installed as files: it starts itself by its name
    for path in filter(Path.is_file, _made_by_hand(package)):
        data = path.read_bytes()
        found.update(f"{path.relative_to(package)} {len(data)}\n".encode() + data)
    return f"sha256:{found.hexdigest()}"


def _made_by_hand(place: Path) -> Iterator[Path]:
    """Yield what is in a place, itself included, but for what Python makes there."""
    for path in sorted([place, *place.rglob("*")]):
        if _MADE not in path.parts:
            yield path

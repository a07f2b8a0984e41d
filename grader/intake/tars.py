"""tar.gz files, by the standard library, behind a reader that bounds what it can be made to do.

tarfile reads headers of any length, copies those that count for all entries to each, keeps them
all, and follows a negative size back to where it was.
"""

from __future__ import annotations

import functools
import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO

from grader.intake.basket import MAX_TOTAL, MB, Basket
from grader.intake.entry import Entry

MAX_UNPACKED = 2 * MAX_TOTAL  # what is left out has to be inflated too
MAX_HEADER = 1 << 16  # bytes of one entry's headers, all together
_MAX_GLOBAL = 100  # headers that count for all entries, and are copied to each
_KINDS = {tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link",
          tarfile.FIFOTYPE: "a FIFO", tarfile.CHRTYPE: "a device",
          tarfile.BLKTYPE: "a device"}  # fmt: skip


class _Reader(io.BytesIO):
    """Bytes of which no more are given out than was allowed."""

    allowed = MAX_HEADER

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0 or size > self.allowed:
            raise tarfile.ReadError("a header is too long")
        self.allowed -= size
        return super().read(size)


def entries(data: bytes, basket: Basket) -> Iterator[Entry]:
    """Yield the entries of a tar.gz; raises nearly anything if it is none, or where it is cut off.

    An entry has to be read before the next one is asked for.
    """
    reader = _Reader()
    trouble = _inflate(data, reader, basket)
    with tarfile.open(fileobj=reader, mode="r:", errorlevel=0) as archive:
        while (entry := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # or all would be kept
            if len(archive.pax_headers) > _MAX_GLOBAL:
                raise tarfile.ReadError("too many global headers")
            if entry.size < 0:
                raise tarfile.ReadError("a size is negative")
            yield Entry(
                name=entry.name,
                size=entry.size,
                is_folder=entry.isdir(),
                refusal=_refusal(entry),
                open=functools.partial(_open, archive, reader, entry),
            )
            reader.allowed = MAX_HEADER
    if trouble:
        raise trouble


def _inflate(data: bytes, into: io.BytesIO, basket: Basket) -> Exception | None:
    """Unpack up to where it is damaged; return the damage, if there is any."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        try:
            while chunk := stream.read1(1 << 16):
                into.write(chunk)
                if into.tell() > MAX_UNPACKED:
                    raise basket.too_much(f"{MAX_UNPACKED // MB} MB")
        except (OSError, EOFError, zlib.error) as error:
            return error
        finally:
            into.seek(0)
    return None


def _open(archive: tarfile.TarFile, reader: _Reader, entry: tarfile.TarInfo) -> IO[bytes]:
    reader.allowed = entry.size + MAX_HEADER
    stream = archive.extractfile(entry)
    if stream is None:
        raise tarfile.ReadError("it holds no data")
    return stream


def _refusal(entry: tarfile.TarInfo) -> str:
    if entry.isdir():
        return ""
    if entry.issparse():  # its map could lead anywhere
        return "it is a sparse file"
    return "" if entry.isreg() else f"it is {_KINDS.get(entry.type, 'no regular file')}"

"""Zip files, by the standard library, which never allocates more than is read from it here."""

from __future__ import annotations

import contextlib
import functools
import io
import stat
import zipfile
from collections.abc import Iterator

from grader.intake.basket import Basket
from grader.intake.entry import Entry
from grader.intake.folder import KINDS

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile inflates others without a bound
_DOS = 0
_UTF8 = 1 << 11


def entries(data: bytes, basket: Basket) -> Iterator[Entry]:
    """Yield the entries of a zip; raises nearly anything if it is none."""
    basket.look(data.count(b"PK\x01\x02"))  # one for each entry, whatever headers claim
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        yield from listed(archive)


def listed(archive: zipfile.ZipFile) -> Iterator[Entry]:
    """Yield what an open zip lists."""
    for entry in archive.infolist():
        name = _name(entry)
        yield Entry(
            name=name,
            size=entry.file_size,
            is_folder=name.endswith("/"),
            refusal=_refusal(entry),
            open=functools.partial(archive.open, entry),
        )


def _name(entry: zipfile.ZipInfo) -> str:
    """Return the name that was meant.

    UTF-8 is often not declared, and old Windows tools put backslashes between folders.
    """
    name = entry.orig_filename
    if not entry.flag_bits & _UTF8:
        with contextlib.suppress(UnicodeError):  # else it is in the code page of DOS, as read
            name = name.encode("cp437").decode()
    if entry.create_system == _DOS and "/" not in name:
        name = name.replace("\\", "/")
    return name


def _refusal(entry: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    reasons = {
        f"it is {KINDS.get(kind, 'no regular file')}": kind not in {0, stat.S_IFREG},
        "it is encrypted": entry.flag_bits & 1,
        "it is compressed in a way that is not read here": entry.compress_type not in METHODS,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")

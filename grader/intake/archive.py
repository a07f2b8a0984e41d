"""Archives, unpacked in memory by the same rules as folders are read.

A name is only a key here: nothing is written anywhere. An entry that leads elsewhere, is no regular
file or is damaged is left out and flagged; the others are taken.
"""

from __future__ import annotations

import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator

from grader.intake import tars, zips
from grader.intake.basket import MAX_FILE, OPENED, Basket, too_large
from grader.intake.entry import BadArchive, Entry
from grader.intake.folder import why
from grader.intake.submission import NothingToGrade
from grader.text import shown

TROUBLE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, OSError, EOFError,
           ValueError, RuntimeError, OverflowError)  # fmt: skip
_OTHERS = (".7z", ".rar", ".tar", ".gz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".lzma", ".jar",
           ".cab", ".iso", ".dmg")  # fmt: skip
_MAGIC = {b"Rar!\x1a\x07": "a RAR archive", b"7z\xbc\xaf\x27\x1c": "a 7z archive",
          b"\xfd7zXZ\0": "compressed with xz", b"BZh": "compressed with bzip2",
          b"(\xb5/\xfd": "compressed with Zstandard", b"%PDF-": "a PDF"}  # fmt: skip
_GZIP = b"\x1f\x8b"


def suffix(name: str) -> str:
    """Return the end of a name that says that it is an archive, or nothing."""
    return next((end for end in (*OPENED, *_OTHERS) if name.lower().endswith(end)), "")


def is_opened(name: str) -> bool:
    """Whether a name is that of a kind of archive that is opened."""
    return suffix(name) in OPENED


def unpack(basket: Basket, data: bytes) -> None:
    """Put an archive's files into a basket, without a single top folder; raises BadArchive."""
    try:
        put(basket, _entries(basket, data))
    except TROUBLE as error:
        if not basket.files:
            raise BadArchive(
                f"is damaged or cut off, {why(error)}: make the archive again, see that it "
                "opens, and hand it in again"
            ) from error
        last = shown(next(reversed(basket.files)))
        basket.skip(f"what follows {last}", f"the archive is damaged there ({why(error)})")
    basket.strip()


def put(basket: Basket, entries: Iterable[Entry]) -> None:
    """Put entries into a basket; what cannot be used is left out and flagged.

    Raises what reading the list of entries does, and nothing because of a single one of them.
    """
    for entry in entries:
        parts = tuple(part for part in entry.name.split("/") if part not in {"", "."})
        if not basket.wants(parts) or entry.is_folder:
            continue
        name = "/".join(parts)
        if refusal := entry.refusal or _leads_astray(entry.name) or basket.clash(name):
            basket.skip(entry.name, refusal)
            continue
        try:
            with entry.open() as stream:
                basket.take(name, entry.size, stream)
        except TROUBLE as error:
            basket.skip(name, f"damaged in the archive ({why(error)})")


def _entries(basket: Basket, data: bytes) -> Iterator[Entry]:
    """Read by what an archive is, whatever it is called."""
    if not data:
        raise BadArchive("is empty, 0 bytes: hand it in again")
    if found := next((what for magic, what in _MAGIC.items() if data.startswith(magic)), ""):
        raise BadArchive(f"is {found} by its content: hand in a .zip of the same files")
    if data.startswith(_GZIP):
        return tars.entries(data, basket)
    return zips.entries(data, basket)


def _leads_astray(name: str) -> str:
    """Why a name of an archive may not be used; empty if it may."""
    reasons = {
        "its name is absolute": name.startswith("/") or re.match("[A-Za-z]:", name),
        "its name leads out of the archive": ".." in name.split("/"),
        "its name holds a backslash": "\\" in name,
        "its name holds a NUL byte": "\0" in name,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


# --- archives within ------------------------------------------------------------------------------


def open_inner(basket: Basket) -> None:
    """Unpack the archive that the submission is in, if it is in one, where it stands.

    That is the one archive with no Python beside it (what a course's website hands out), or the one
    named submission.zip. Others stay files, with a remark; where there is nothing else, the
    submission is refused: nobody gets a zero for how files were packed.
    """
    inside = [path for path in basket.files if suffix(path)]
    if chosen := _chosen(basket, [path for path in inside if is_opened(path)]):
        data = basket.give_back(chosen)
        at = tuple(chosen.split("/")[:-1])
        within = Basket(basket.where, basket.spent, inside=chosen, at=at)
        try:
            unpack(within, data)
        except BadArchive as error:
            basket.skip(chosen, f"it {error}")
        basket.add(within)
    left = [path for path in basket.files if suffix(path)]
    if left and len(left) == len(basket.files):
        listed = ", ".join(shown(path) for path in left[:3])
        raise NothingToGrade(
            f"{basket.where} holds nothing but archives that are not opened ({listed}): hand in "
            "one .zip of the files themselves."
        )
    for path in left:
        if len(basket.files[path]) > MAX_FILE:
            basket.skip(path, too_large(len(basket.give_back(path)), MAX_FILE))
        else:
            basket.spent.flags.append(
                f"{shown(path)} is an archive that was not opened: hand in its files instead, "
                "in the same .zip as the others"
            )


def _chosen(basket: Basket, archives: list[str]) -> str:
    """Return the path of the archive to open, or nothing."""
    names = {f"submission{end}" for end in OPENED}
    named = [path for path in archives if path.lower().rpartition("/")[2] in names]
    if len(named) == 1:
        return named[0]
    python = any(path.lower().endswith((".py", ".ipynb")) for path in basket.files)
    return archives[0] if len(archives) == 1 and not python else ""

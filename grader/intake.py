"""Turn what a student handed in into bytes in memory, once and safely.

Later rooms never touch the student's folder again. Nothing is followed, unpacked to disk or run:
what is not a regular file, is too large or cannot be used is left out and named in a flag.
"""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import math
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from grader import remarks
from grader.errors import UsageError
from grader.text import raw, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_MB = 1_000_000
_MAX_FILE, _MAX_TOTAL, _MAX_FILES, _MAX_DEPTH = 10 * _MB, 64 * _MB, 2_000, 20
_MAX_ENTRIES = 20_000  # names looked at, whether kept or not
_MAX_NAME, _MAX_PATH = 255, 1_000  # bytes; the path leaves room for the sandbox's own prefix
_MAX_FLAGS, _MAX_ID, _MAX_ID_BYTES = 100, 100, 200
_IGNORED = {".git", "__pycache__", ".venv", "venv", "node_modules", ".ipynb_checkpoints",
            ".DS_Store", "__MACOSX", ".idea", ".vscode"}  # fmt: skip
_KINDS = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket",
          stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}  # fmt: skip
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile inflates others without a bound
_TROUBLE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError,
            RuntimeError, OverflowError)  # fmt: skip


class NothingToGrade(UsageError):  # noqa: N818  (says what the submission is, not what went wrong)
    """Nothing here can be graded; the message is one sentence: what, where, what to do."""


@dataclass(frozen=True)
class SourceFile:
    """A file: POSIX path relative to the submission's root (odd bytes as surrogates), and bytes."""

    path: str
    data: bytes


@dataclass(frozen=True)
class Submission:
    """Files sorted by path, an id safe as a file name, and remarks, each a sentence.

    ``digest`` ("sha256:...") depends on the paths and bytes of the files and on nothing else.
    """

    id: str
    files: tuple[SourceFile, ...]
    digest: str
    flags: tuple[str, ...]

    def without(self, folder: str) -> Submission:
        """Return the same submission without one of its folders, and without remarks on it."""
        files = tuple(file for file in self.files if not file.path.startswith(f"{folder}/"))
        flags = tuple(flag for flag in self.flags if not flag.startswith(f"{folder}/"))
        return Submission(self.id, files, _digest(files), flags)


@dataclass
class _Basket:
    """What was collected so far, under one set of limits for folders and archives alike."""

    where: str
    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    flags: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)
    entries: int = 0
    total: int = 0  # bytes read, also of files that were left out in the end

    def too_much(self, what: str) -> NothingToGrade:
        remedy = "remove data sets, checkpoints and environments, and hand in again"
        return NothingToGrade(f"{self.where} holds more than {what}: {remedy}.")

    def skip(self, path: str, why: str) -> None:
        self.flags.append(f"{shown(path)} was left out: {why}")

    def wants(self, parts: tuple[str, ...]) -> bool:
        """Count an entry, and say whether it is worth opening."""
        self.entries += 1
        if self.entries > _MAX_ENTRIES:
            raise self.too_much(f"{_MAX_ENTRIES:,} files and folders")
        path, ignored = "/".join(parts), [part for part in parts if part in _IGNORED]
        self.ignored.update(ignored[:1])
        if ignored or not path or parts[-1].endswith(".pyc") or parts[-1].startswith("._"):
            return False  # "._" names are what macOS adds beside a file on a foreign disk
        if len(parts) > _MAX_DEPTH:
            self.skip(path, f"more than {_MAX_DEPTH} folders deep")
        elif len(raw(path)) > _MAX_PATH or max(len(raw(part)) for part in parts) > _MAX_NAME:
            self.skip(path, "its name is too long")
        else:
            return True
        return False

    def take(self, path: str, size: int, stream: IO[bytes], limit: int = _MAX_FILE) -> None:
        """Keep a file; ``size`` is only claimed, so it may count against it, never in favour."""
        data = bytearray()
        while max(size, len(data)) <= limit and (chunk := stream.read(1 << 16)):
            data += chunk
            self.total += len(chunk)
            if self.total > _MAX_TOTAL:
                raise self.too_much(f"{_MAX_TOTAL // _MB} MB")
        if (size := max(size, len(data))) > limit:
            shown = math.ceil(size * 10 / _MB) / 10
            self.skip(path, f"too large: {shown} MB, the limit is {limit // _MB} MB")
        elif len(self.files) == _MAX_FILES:
            raise self.too_much(f"{_MAX_FILES:,} files")
        else:
            self.files[path] = bytes(data)
            self.folders.update(str(parent) for parent in PurePosixPath(path).parents)


def read(path: Path) -> Submission:
    """Read a folder, a .zip, a .py or an .ipynb file.

    Raises `NothingToGrade` where there is nothing to read or far too much; what can be left out
    instead is left out and flagged. POSIX only; names may change meanwhile without harm.
    """
    full = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow a link)
    basket = _Basket(shown(str(path)))
    try:
        is_folder = stat.S_ISDIR(full.lstat().st_mode)
        if not is_folder and full.suffix.lower() not in {".zip", ".py", ".ipynb"}:
            with _opened(str(full)):  # a link or a FIFO is refused as what it is
                raise OSError(errno.EINVAL, f"files named *{full.suffix} are not supported")
        if not is_folder and full.suffix.lower() == ".zip":
            _unzip(basket, full)
        else:
            _visit(basket, str(full), None, () if is_folder else (full.name,))
    except _TROUBLE as error:
        remedy = "give a folder, a .zip, a .py or an .ipynb file"
        raise NothingToGrade(f"{basket.where} cannot be read, {_why(error)}: {remedy}.") from error
    if not basket.files:
        left_out = "".join(f" ({flag})" for flag in basket.flags[:3])
        raise NothingToGrade(f"{basket.where} holds no file to grade{left_out}: add your files.")
    files = tuple(SourceFile(name, basket.files[name]) for name in sorted(basket.files, key=raw))
    flags = [
        *basket.flags,
        *remarks.on_names(basket.files),
        *remarks.on_sources((f.path, f.data) for f in files),
    ]
    if basket.ignored:
        flags.append(f"not read, as nothing of it is graded: {', '.join(sorted(basket.ignored))}")
    if len(flags) > _MAX_FLAGS:
        flags[_MAX_FLAGS:] = [f"and {len(flags) - _MAX_FLAGS:,} more remarks"]
    return Submission(
        _safe_id(full.name if is_folder else full.stem), files, _digest(files), tuple(flags)
    )


@contextmanager
def _opened(path: str, folder: int | None = None) -> Iterator[tuple[int, os.stat_result]]:
    """Open a folder or a regular file, never waiting, following nothing; OSError for the rest."""
    mode = os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode
    if kind := _KINDS.get(stat.S_IFMT(mode)):  # opening some devices has effects of its own
        raise OSError(errno.EINVAL, f"it is {kind}")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, dir_fd=folder)
    try:
        info = os.fstat(descriptor)
        if stat.S_IFMT(info.st_mode) != stat.S_IFMT(mode):
            raise OSError(errno.EINVAL, "it changed while it was being read")
        yield descriptor, info
    finally:
        os.close(descriptor)


def _visit(basket: _Basket, name: str, folder: int | None, parts: tuple[str, ...]) -> None:
    with _opened(name, folder) as (descriptor, info):
        if not stat.S_ISDIR(info.st_mode):
            with open(descriptor, "rb", closefd=False) as stream:
                basket.take("/".join(parts), info.st_size, stream)
            return
        with os.scandir(descriptor) as entries:
            names = sorted(entry.name for entry in itertools.islice(entries, _MAX_ENTRIES + 1))
        for inner in names:
            if basket.wants((*parts, inner)):
                try:
                    _visit(basket, inner, descriptor, (*parts, inner))
                except OSError as error:
                    basket.skip("/".join((*parts, inner)), _why(error))


def _unzip(basket: _Basket, path: Path) -> None:
    outer = _Basket(basket.where)
    with _opened(str(path)) as (descriptor, info), open(descriptor, "rb", closefd=False) as stream:
        outer.take("", info.st_size, stream, _MAX_TOTAL)
    if "" not in outer.files:
        raise basket.too_much(f"{_MAX_TOTAL // _MB} MB")
    archive = outer.files[""]
    if archive.count(b"PK\x01\x02") > _MAX_ENTRIES:  # one for each entry, whatever headers claim
        raise basket.too_much(f"{_MAX_ENTRIES:,} files and folders")
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for entry in opened.infolist():
            parts = tuple(part for part in entry.filename.split("/") if part not in {"", "."})
            if not basket.wants(parts) or entry.is_dir():
                continue
            name = "/".join(parts)
            if why := _refused(entry, name, basket):
                basket.skip(entry.filename, why)
                continue
            try:
                with opened.open(entry) as stream:
                    basket.take(name, entry.file_size, stream)
            except _TROUBLE as error:
                basket.skip(name, f"damaged in the archive ({_why(error)})")
    tops = {name.partition("/")[0] if "/" in name else "" for name in basket.files}
    if len(tops) == 1 and (top := tops.pop()):
        basket.files = {name[len(top) + 1 :]: data for name, data in basket.files.items()}


def _refused(entry: zipfile.ZipInfo, name: str, basket: _Basket) -> str:
    """Why an entry of an archive may not be read; empty if it may."""
    raw, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
    parents = {str(parent) for parent in PurePosixPath(name).parents}
    reasons = {
        "its name is absolute": raw.startswith("/") or re.match("[A-Za-z]:", raw),
        "its name leads out of the archive": ".." in raw.split("/"),
        "its name holds a backslash": "\\" in raw,
        f"it is {_KINDS.get(kind, 'no regular file')}": kind not in {0, stat.S_IFREG},
        "it is encrypted": entry.flag_bits & 1,
        "it is compressed in a way that is not read here": entry.compress_type not in _METHODS,
        "an earlier entry has the same name": name in basket.files,
        "another entry needs its name": name in basket.folders or parents & basket.files.keys(),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _digest(files: tuple[SourceFile, ...]) -> str:
    digest = hashlib.sha256()
    for file in files:
        for part in (raw(file.path), file.data):
            digest.update(len(part).to_bytes(8, "big") + part)
    return f"sha256:{digest.hexdigest()}"


def _safe_id(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    name = "".join(char if char.isprintable() else "_" for char in name)
    name = re.sub(r"^[.\-]+|[\\/:*?\"<>|]", "_", name.strip())
    return raw(name[:_MAX_ID])[:_MAX_ID_BYTES].decode(errors="ignore").strip() or "submission"


def _why(error: Exception) -> str:
    return shown((isinstance(error, OSError) and error.strerror) or str(error))

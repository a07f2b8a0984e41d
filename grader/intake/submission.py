"""What was handed in, as later rooms see it: paths, bytes, an id, a digest and remarks."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from grader.errors import UsageError
from grader.text import raw

_MAX_ID, _MAX_ID_BYTES = 100, 200


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
        return Submission(self.id, files, digest(files), flags)


def digest(files: tuple[SourceFile, ...]) -> str:
    """Return the digest of files, which have to be sorted."""
    found = hashlib.sha256()
    for file in files:
        for part in (raw(file.path), file.data):
            found.update(len(part).to_bytes(8, "big") + part)
    return f"sha256:{found.hexdigest()}"


def safe_id(name: str) -> str:
    """Return a name as an id: one path component of at most 200 bytes, never empty or hidden."""
    name = unicodedata.normalize("NFC", name)
    name = "".join(char if char.isprintable() else "_" for char in name)
    name = re.sub(r"^[.\-]+|[\\/:*?\"<>|]", "_", name.strip())
    return raw(name[:_MAX_ID])[:_MAX_ID_BYTES].decode(errors="ignore").strip() or "submission"

"""An entry of an archive, whatever kind of archive it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO


class BadArchive(Exception):  # noqa: N818 - says what the archive is
    """The archive cannot be opened; completes "alice.zip ..." and says what to do."""


@dataclass(frozen=True)
class Entry:
    """A name with what can be read under it. Nothing of it is to be trusted.

    ``open`` may raise nearly anything, and what it returns gives no more than it is asked for.
    """

    name: str  # as it stands in the archive, with "/" between folders
    size: int  # bytes, as claimed
    is_folder: bool
    refusal: str  # why it cannot be read, or nothing
    open: Callable[[], IO[bytes]]

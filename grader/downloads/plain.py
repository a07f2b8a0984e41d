"""Plain: each entry is a hand-in, named by its file or folder."""

from __future__ import annotations

from collections.abc import Sequence

from grader.downloads.sorting import Found, Known, Piece, Sorted

_ENDS = (".zip", ".tar.gz", ".tgz", ".py", ".ipynb")


def fits(tops: Sequence[str]) -> bool:
    """Whether it can be read so; anything can."""
    del tops
    return True


def sort(names: Sequence[str], known: Known) -> Sorted:
    """Take each entry for a hand-in; of a zip, all that is in one of its folders."""
    del known
    entries: dict[str, list[Piece]] = {}
    for name in names:
        top, _, path = name.partition("/")
        entries.setdefault(top, []).append(Piece(name, path))
    return Sorted(tuple(_found(top, pieces) for top, pieces in entries.items()))


def _found(top: str, pieces: Sequence[Piece]) -> Found:
    stem = next((top[: -len(end)] for end in _ENDS if top.lower().endswith(end)), top)
    return Found(id=top, name=stem, pieces=tuple(pieces), people=((stem, top),))

"""GitHub Classroom: a folder of clones, as `gh classroom clone student-repos` leaves it.

    lab2-submissions/lab2-jdoe/.git

A repository is named by the assignment and by its student's login, or its team. Git is not asked
when it was handed in: a clone brings its student's settings along, and dates in commits are theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

from grader.downloads.sorting import Found, Known, Piece, Sorted, folder_of, most


def fits(tops: Sequence[str]) -> bool:
    """Whether most entries are clones."""
    return most(sum(top.endswith("/.git") for top in tops), len(tops))


def sort(names: Sequence[str], known: Known) -> Sorted:
    """Take each entry for a hand-in, the strays between clones as well."""
    start = prefix([folder_of(each) for each in names if each.endswith("/.git")])
    return Sorted(tuple(_found(folder_of(each) or each, start, known) for each in names))


def prefix(names: Sequence[str]) -> str:
    """Return what all repositories begin with, up to a "-"; empty where that is not known."""
    if len(names) < 2:  # noqa: PLR2004 - of one alone nobody can tell where the login begins
        return ""
    first, last = min(names), max(names)  # what these two have in common, all have
    same = next((at for at, char in enumerate(first) if char != last[at]), len(first))
    return first[: first.rfind("-", 0, same) + 1]


def _found(name: str, start: str, known: Known) -> Found:
    ends = [key for key in known.keys if name.lower().endswith(f"-{key}".lower())]
    at_the_end = name[len(start) :] if start and name.startswith(start) else ""
    login = max(ends, key=len, default=at_the_end)
    return Found(
        id=name, name=login or name, pieces=(Piece(name, ""),), key=login, people=((login, name),)
    )

"""Taking a download in: its hand-ins and whose they are, who has nothing, what is nobody's."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader import late, times
from grader.downloads import download, roster
from grader.downloads.download import Download
from grader.downloads.people import People
from grader.downloads.roster import Person
from grader.downloads.sorting import Found
from grader.handed import Handed, Index
from grader.text import shown

_LISTED = 20  # names in one line
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass
class Taking:
    """A download and the roster that it was compared with."""

    download: Download
    people: tuple[Person, ...] = ()
    owners: Mapping[str, tuple[Person, ...]] = field(default_factory=dict)  # by id in the download
    notes: list[str] = field(default_factory=list)

    def index(self, ids: Mapping[str, Found], policy: late.Policy | None, due: str | None) -> Index:
        """Return who handed in what: ``ids`` are the hand-ins by the id of their results.

        ``due`` is the command's date; one of the roster comes before it.
        """
        handed = {name: self._handed(found, policy, due) for name, found in ids.items()}
        came = {person.id for owners in self.owners.values() for person in owners}
        strangers = [found for found in self.download.found if not self.owners.get(found.id)]
        strays = [each for each in strangers if self.people and not each.anonymous]
        nameless = any(each.anonymous for each in strangers)  # any of them may be anybody's
        missing = [person.id for person in self.people if person.id not in came]
        return Index(
            form=self.download.form,
            handed=handed,
            missing=() if nameless else tuple(missing),
            unclaimed=(
                *self.download.unclaimed,
                *(piece.entry for found in strays for piece in found.pieces),
            ),
        )

    def _handed(self, found: Found, policy: late.Policy | None, due: str | None) -> Handed:
        people = self.owners.get(found.id, ())
        zone = policy.zone if policy else None
        told = [when for each in people if (when := times.moment(each.submitted, zone))]
        at = found.submitted_at or (max(told).isoformat() if told else None)
        own = [(moment, each.due) for each in people if each.due
               and (moment := times.moment(each.due, zone))]  # fmt: skip
        key = {self.download.form: found.key} if found.key else {}
        handed = Handed(
            names=tuple(piece.entry for piece in found.pieces),
            people=tuple(person.id for person in people),
            name=found.name,
            keys=key,
            submitted_at=at,
            due_own=max(own)[1] if own else due,
            extension_hours=max((each.extension_hours for each in people), default=0.0),
            late=found.late,
            attempt=found.attempt,
        )
        until = late.due(policy, handed)
        return dataclasses.replace(handed, due_at=until.isoformat() if until else None)


def take(
    path: Path, form: str | None = None, required: Collection[str] = (), people: Path | None = None
) -> Taking:
    """Take a download apart, and see whose its hand-ins are; raises UsageError.

    ``required`` are names of files that assignments ask for, ``people`` is a roster.
    """
    listed = roster.read(people) if people else ()
    by_form = {name: People(listed, name) for name in download.FORMS}
    found = download.examine(path, form, required, {n: each.keys for n, each in by_form.items()})
    owners = {each.id: by_form[found.form].of(each) for each in found.found}
    taking = Taking(found, listed, owners)
    _settle_attempts(taking)
    return taking


def _settle_attempts(taking: Taking) -> None:
    """Of several hand-ins of the same people the last one counts, where times tell which it is."""
    same: dict[tuple[object, ...], list[Found]] = {}
    for found in taking.download.found:
        ids = tuple(sorted(person.id for person in taking.owners.get(found.id, ())))
        if who := ids or (found.people if found.submitted_at else ()):
            same.setdefault(who, []).append(found)
    earlier: dict[str, str] = {}
    for several in same.values():
        if len(several) == 1:
            continue
        at = {each.id: times.moment(each.submitted_at or "") for each in several}
        listed = ", ".join(shown(each.id) for each in several)
        if all(at.values()):
            last = max(several, key=lambda each: at[each.id] or _NEVER)
            earlier |= {each.id: last.id for each in several if each is not last}
        else:
            taking.notes.append(f"{shown(several[0].name)} has several, and all are graded: "
                                f"{listed}; take away what does not count")  # fmt: skip
    settled = tuple(
        dataclasses.replace(each, refusal=f"the same people's {shown(earlier[each.id])} is later")
        if each.id in earlier
        else each
        for each in taking.download.found
    )
    taking.download = dataclasses.replace(taking.download, found=settled)


def report(taking: Taking, index: Index) -> list[str]:
    """Return what a course's staff has to know of a download, a line each."""
    lines = list(taking.notes)
    nameless = [f.id for f in taking.download.found if f.anonymous and not taking.owners.get(f.id)]
    if taking.people and nameless:
        lines.append(f"{len(nameless)} are anonymous: who has handed in nothing is not known")
    elif taking.people:
        lines.append(_line("nothing handed in", index.missing) or "everybody has handed in")
    lines.append(_line("belongs to nobody", index.unclaimed))
    lines.append(_line("late by the platform's word",
                       [name for name, each in index.handed.items() if each.late]))  # fmt: skip
    return [line for line in lines if line]


def _line(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{what}: {len(names)}: {', '.join(map(shown, names[:_LISTED]))}{more}"

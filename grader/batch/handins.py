"""Which submissions there are in a download or a folder, and why what is no submission is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from grader.downloads.download import Bundle
from grader.downloads.sorting import Found
from grader.downloads.taking import Taking
from grader.errors import UsageError
from grader.intake import Submission, safe_id
from grader.text import shown


@dataclass(frozen=True)
class HandIn:
    """One submission that can be graded; its bytes are read again when its turn comes."""

    id: str
    bundle: Bundle
    digest: str
    found: Found  # in the download

    @property
    def entry(self) -> str:
        """Return what it is called in the download."""
        return shown(self.found.id)


@dataclass
class HandIns:
    """What a download holds; filled by `submissions`."""

    taking: Taking
    taken: dict[str, HandIn] = field(default_factory=dict)  # by id, in the order of their names
    refused: dict[str, str] = field(default_factory=dict)  # by entry: why it is not graded

    def submissions(self) -> Iterator[Submission]:
        """Read the entries one by one; what cannot be graded is said in ``refused``."""
        for found, bundle, submission in self.taking.download.submissions():
            entry = shown(found.id)
            if isinstance(submission, UsageError):
                self.refused[entry] = str(submission)
                continue
            if (other := self.taken.get(submission.id)) is not None:
                self.refused[entry] = (
                    f"Its result would be {submission.id}.json, as that of {other.entry}: rename "
                    "one of the two."
                )
                continue
            self.taken[submission.id] = HandIn(submission.id, bundle, submission.digest, found)
            yield submission

    def handed_in(self) -> dict[str, Found]:
        """Return what was handed in by the id of its result: also what of somebody is refused.

        Who has handed in what cannot be graded has no result, and has not handed in nothing.
        """
        found = {name: each.found for name, each in self.taken.items()}
        owners = self.taking.owners
        came = {person.id for each in found.values() for person in owners.get(each.id, ())}
        for each in self.taking.download.found:
            people = {person.id for person in owners.get(each.id, ())}
            if people and not people & came:
                found.setdefault(safe_id(each.id), each)
        return found

    def refuse(self, name: str, why: str) -> None:
        """Do without a submission after all."""
        self.refused[self.taken.pop(name).entry] = why

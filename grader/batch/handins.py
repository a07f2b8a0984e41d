"""Which submissions there are in a folder: each entry is one, named by its file or folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from grader import intake
from grader.errors import UsageError
from grader.intake import Submission
from grader.text import shown


@dataclass(frozen=True)
class HandIn:
    """One submission that can be graded; its bytes are read again when its turn comes."""

    id: str
    path: Path
    digest: str


@dataclass
class HandIns:
    """What a folder holds; filled by `submissions`."""

    folder: Path
    taken: dict[str, HandIn] = field(default_factory=dict)  # by id, in the order of their names
    refused: dict[str, str] = field(default_factory=dict)  # by entry: why it is not graded

    def submissions(self) -> Iterator[Submission]:
        """Read the entries one by one; what cannot be graded is said in ``refused``."""
        for path in self._entries():
            try:
                submission = intake.read(path)
            except UsageError as error:
                self.refused[shown(path.name)] = str(error)
                continue
            if (other := self.taken.get(submission.id)) is not None:
                self.refused[shown(path.name)] = (
                    f"Its result would be {submission.id}.json, as that of "
                    f"{shown(other.path.name)}: rename one of the two."
                )
                continue
            self.taken[submission.id] = HandIn(submission.id, path, submission.digest)
            yield submission

    def refuse(self, name: str, why: str) -> None:
        """Do without a submission after all."""
        self.refused[shown(self.taken.pop(name).path.name)] = why

    def _entries(self) -> list[Path]:
        """Return the entries, those of systems aside, by name."""
        where = shown(str(self.folder))
        try:
            listed = sorted(self.folder.iterdir())
        except FileNotFoundError:
            raise UsageError(
                f"there is no folder {where}: give the folder of all hand-ins"
            ) from None
        except NotADirectoryError:
            raise UsageError(f"{where} is one file: `grader grade` takes a single one") from None
        except OSError as error:
            raise UsageError(f"{where} cannot be read: {error.strerror}") from error
        return [path for path in listed if not path.name.startswith((".", "__MACOSX"))]

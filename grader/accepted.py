"""Answers that a human has accepted for everybody: `accepted.jsonl` beside the rubric.

What a check's reader has no name for waits for a human. Instead of giving points to one student,
a human may say what that answer is worth whoever gives it. From then on it is a part of the rubric:
of the pack's digest, of version control, of every later grading and of `grader rescore`.

An answer is known by a digest of the words and pictures that were handed in for it. Spaces and line
ends do not count, and everything else does: in a formula D is not d, and N² is not N2.

The file is only ever added to: who, when, why, and the answer itself without whose it is. A line
whose ``fraction`` is null takes an earlier one back.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from grader import lines
from grader.records import OWN, Attachment
from grader.tables import BadPack

FILE = "accepted.jsonl"
LONGEST = 2000  # characters of an answer that are kept for whoever reads the file


@dataclass(frozen=True)
class Ruling:
    """What an answer to a check is worth, whoever gives it."""

    check: str
    answer: str  # its digest
    fraction: float | None  # of the check's points; None takes an earlier ruling back
    by: str
    at: str  # ISO 8601
    why: str  # which students read
    text: str  # the beginning of the answer


def digest(attachments: Iterable[Attachment]) -> str:
    """Return what an answer is known by: its own words and pictures; "" where there are none."""
    own = [each for each in attachments if PurePosixPath(each.name).stem.endswith(OWN)]
    words = plain("\n".join(text(each) for each in own if not each.name.endswith(".png")))
    pictures = [each.data for each in own if each.name.endswith(".png") and each.data]
    if not (words or pictures):
        return ""
    parts = [words.encode(errors="replace"), *pictures]
    return hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in parts)).hexdigest()


def text(attachment: Attachment) -> str:
    """Return the text of an attachment."""
    return attachment.data.decode(errors="replace")


def plain(words: str) -> str:
    """Return a text without what tells no two answers apart: runs of spaces and line ends."""
    return " ".join(unicodedata.normalize("NFC", words).split())


def read(folder: Path) -> tuple[Ruling, ...]:
    """Return all lines of a pack's file, the oldest first; none where there is no file.

    Raises BadPack, which names the line that is none.
    """
    path = folder / FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BadPack(f"{path} cannot be read: {error.strerror}") from error
    return tuple(_ruling(line, f"{path}, line {n}") for n, line in enumerate(lines.whole(data), 1))


def standing(rulings: Sequence[Ruling]) -> dict[str, dict[str, Ruling]]:
    """Return what holds, by check and digest: the last ruling on an answer."""
    found: dict[str, dict[str, Ruling]] = {}
    for each in rulings:
        found.setdefault(each.check, {}).pop(each.answer, None)
        if each.fraction is not None:
            found[each.check][each.answer] = each
    return found


def with_one(known: Mapping[str, Ruling], new: Ruling) -> dict[str, Ruling]:
    """Return the rulings on a check with one more."""
    return standing([*known.values(), new]).get(new.check, {})


def add(folder: Path, ruling: Ruling) -> None:
    """Write a ruling down; the caller keeps others out. Raises OSError."""
    lines.append(folder / FILE, asdict(ruling))


def _ruling(line: bytes, where: str) -> Ruling:
    try:
        found = Ruling(**json.loads(line))
        texts = (found.check, found.answer, found.by, found.at, found.why, found.text)
        fits = all(isinstance(each, str) for each in texts)
        fits = fits and (found.fraction is None or 0 <= found.fraction <= 1)
    except (ValueError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise BadPack(f"{where} is no accepted answer: mend that line, or take it out")
    return found

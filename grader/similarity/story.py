"""The story of a comparison, from a folder of hand-ins to a page for a human."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from grader import pack as packs
from grader.batch.handins import HandIns
from grader.downloads.taking import take
from grader.errors import UsageError
from grader.pack import Pack
from grader.similarity import page
from grader.similarity.comparing import Batch
from grader.similarity.pairs import Found, Pair, Work, evidence
from grader.similarity.reading import Piece, pieces
from grader.similarity.tokens import Places, Words

MAX_PAIRS = 50  # with a page of their own


@dataclass(frozen=True)
class Order:
    """What is to be compared, and what is worth a look."""

    root: Path
    path: Path
    pack: str | None
    out: Path
    least: float  # share of the one or the other from which a pair is shown


def run(order: Order, progress: Callable[[str], None]) -> Found:
    """Compare all submissions of a folder, and write the pages; changes no result."""
    if not 0 < order.least <= 1:
        raise UsageError(f"--least {order.least:g}: give a share, above 0 and at most 1")
    page.refuse(order.out)
    wanted = packs.file_names(order.root, order.pack)
    hand_ins = HandIns(take(order.path, required=wanted))
    works, pack = _read(order, hand_ins, progress)
    if len(works) < 2:  # noqa: PLR2004 - what a pair needs
        raise UsageError(f"{order.path} holds {len(works)} submission with code: there is nothing "
                         "to compare")  # fmt: skip
    found = Found(pack.id, order.least, works, hand_ins.refused)
    _compare(found, _given(pack), progress)
    page.write(order.out, found)
    return found


def _read(
    order: Order, hand_ins: HandIns, progress: Callable[[str], None]
) -> tuple[list[Work], Pack]:
    """Return the submissions that have code, and the pack that they are of."""
    pack = packs.find(order.root, order.pack) if order.pack else None
    fitting = packs.fitting(order.root)
    works: list[Work] = []
    fits: dict[str, list[str]] = {}
    for submission in hand_ins.submissions():
        progress(f"reading {submission.id}")
        found, said = pieces(submission.files)
        if found:
            works.append(Work(submission.id, found, said))
            fits[submission.id] = fitting(submission.files)
        else:
            hand_ins.refuse(submission.id, "; ".join(said) or "It holds no Python and no notebook.")
    pack = pack or packs.load(order.root, _common(order.root, fits.values()))
    for name, others in fits.items():
        if others and pack.id not in others:
            hand_ins.refuse(name, f"It is of {' or '.join(others)}, not of {pack.id}.")
    return [work for work in works if work.id in hand_ins.taken], pack


def _common(root: Path, fits: Iterable[list[str]]) -> str:
    """Return the one pack that submissions fit; UsageError where there are several, or none."""
    found = sorted(set(chain(*fits)))
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"the submissions fit {' and '.join(found) or 'no assignment'}: say with --pack whose "
        f"template to leave out; packs here: {', '.join(packs.names(root))}"
    )


def _given(pack: Pack) -> list[Piece]:
    """Return the code that students were given: nobody's own."""
    files = (*pack.given, *((pack.form.template,) if pack.form else ()))
    return pieces(files)[0]


def _compare(found: Found, given: Sequence[Piece], progress: Callable[[str], None]) -> None:
    """Find the pairs, and the evidence for those that are shown."""
    count = len(found.works)
    words = Words()
    tokens = []
    for number, work in enumerate(found.works, 1):
        progress(f"taking apart {number} of {count}")
        tokens.append(words.numbers(work.pieces))
    batch = Batch(tokens, words.numbers(given))
    for work, own in zip(found.works, batch.own.tolist(), strict=True):
        work.own = own
    shares = batch.shares(lambda number: progress(f"comparing {number} of {count}"))
    more = np.maximum(shares, shares.T)
    first, second = np.nonzero(np.triu(more >= found.least, 1))
    order = sorted(
        zip(first.tolist(), second.tolist(), strict=True),
        key=lambda pair: (-more[pair], -shares[pair] - shares.T[pair], pair),
    )
    found.beyond = max(0, len(order) - MAX_PAIRS)
    shown = order[:MAX_PAIRS]
    places = {index: Places(found.works[index].pieces) for index in set(chain(*shown))}
    for number, (a, b) in enumerate(shown, 1):
        progress(f"evidence {number} of {len(shown)}")
        common = evidence(batch.passages(a, b), places[a], places[b])
        share, back = float(shares[a, b]), float(shares[b, a])
        found.pairs.append(Pair(found.works[a], found.works[b], share, back, common))

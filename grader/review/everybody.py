"""An answer's points for everybody who gave it: first whose points that moves, then the storing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import abort, render_template, session

from grader import accepting
from grader import pack as packs
from grader.accepted import Ruling
from grader.pack import Pack
from grader.report import changes
from grader.report.exhibits import lines
from grader.rescore import Rescored
from grader.review.deciding import Click
from grader.review.levels import number
from grader.review.shelf import Room
from grader.text import shown

if TYPE_CHECKING:
    from grader.review.app import Review

ROWS = 500  # of those who move


@dataclass(frozen=True)
class Listed:
    """An accepted answer, as a page shows it."""

    pack: str
    ref: str
    check: str
    worth: str
    by: str
    at: str
    why: str
    text: tuple[str, ...]


def look(review: Review, room: Room, name: str, click: Click) -> str:
    """Return the page that shows whose points move if this answer is accepted."""
    pack, new = _new(review, room, name, click)
    found = accepting.tried(review.shelf.folder, pack, new)
    return render_template(
        "everybody.html", one=_listed(review, pack, new), rows=_rows(review, found),
        summary=changes.summary(found), refused=changes.refused(found)[:9], back=None,
        room=review.names.of(room.question.key), ref=review.names.ref(name),
        version=room.items[name].version, click=click,
    )  # fmt: skip


def accept(review: Review, room: Room, name: str, click: Click) -> None:
    """Write it into the rubric, and store what moves."""
    pack, new = _new(review, room, name, click)
    _keep(review, pack, new)


def listed(review: Review) -> list[Listed]:
    """Return what is accepted of the assignments here, the newest first."""
    ids = sorted({one.result["pack"]["id"] for one in review.shelf.kept().values()})
    known = set(packs.names(review.root))
    found = [
        _listed(review, pack, ruling)
        for pack in (packs.load(review.root, name) for name in ids if name in known)
        for check in pack.checks
        for ruling in check.accepted.values()
    ]
    return sorted(found, key=lambda each: each.at, reverse=True)


def look_back(review: Review, pack_id: str, ref: str) -> str:
    """Return the page that shows whose points move if an answer is accepted no more."""
    pack, kept = _kept(review, pack_id, ref)
    found = accepting.tried(review.shelf.folder, pack, accepting.back(kept, "", ""))
    return render_template(
        "everybody.html", one=_listed(review, pack, kept), rows=_rows(review, found),
        summary=changes.summary(found), refused=changes.refused(found)[:9], back=pack_id,
    )  # fmt: skip


def take_back(review: Review, pack_id: str, ref: str, by: str) -> None:
    """Take an accepted answer out of the rubric again, and store what moves."""
    pack, kept = _kept(review, pack_id, ref)
    _keep(review, pack, accepting.back(kept, "", by))


def _new(review: Review, room: Room, name: str, click: Click) -> tuple[Pack, Ruling]:
    if click.seen.get(name) != room.items[name].version:
        abort(409, "this answer changed while you looked: load the page again")
    pack = packs.find(review.root, room.question.pack)
    new = accepting.ruling(pack, review.shelf.folder, name, room.question.check, click.points,
                           click.note, click.by)  # fmt: skip
    return pack, new


def _kept(review: Review, pack_id: str, ref: str) -> tuple[Pack, Ruling]:
    pack = packs.find(review.root, pack_id)
    for check in pack.checks:
        for kept in check.accepted.values():
            if _ref(review, kept) == ref:
                return pack, kept
    return abort(409, "this answer is not accepted any more")


def _keep(review: Review, pack: Pack, new: Ruling) -> None:
    _, refused = accepting.keep(review.root, review.shelf.folder, pack, new)
    if refused:
        abort(409, f"written into the rubric, and not stored for all: {'; '.join(refused)}")


def _ref(review: Review, ruling: Ruling) -> str:
    return review.names.ref(f"{ruling.check}\0{ruling.answer}")


def _listed(review: Review, pack: Pack, ruling: Ruling) -> Listed:
    most = next(check.points for check in pack.checks if check.id == ruling.check)
    return Listed(
        pack.id, _ref(review, ruling), shown(ruling.check),
        f"{number((ruling.fraction or 0) * most)} of {number(most)}", shown(ruling.by),
        shown(ruling.at[:16].replace("T", " ")), shown(ruling.why, changes.LONGEST),
        tuple(lines(ruling.text)),
    )  # fmt: skip


def _rows(review: Review, found: Rescored) -> list[list[str]]:
    """Return a row for each check that moves; blind, nobody is named."""
    rows = []
    for change in found.changes:
        who, *rest = changes.rows(change)
        if session.get("blind"):
            who[0] = f"student {review.names.ref(change.id)[:4]}"
        rows += [who, *rest]
    return rows[:ROWS]

"""The routes. Each reads what there is now, and shows it; a POST writes, and leads to a page."""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, redirect, render_template, request, session, url_for
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.wrappers import Response as Answer

from grader.errors import HarnessError, UsageError
from grader.report import exhibits
from grader.review import deciding, everybody, guard, views
from grader.review.deciding import Click, Outcome
from grader.review.items import read_file
from grader.review.shelf import Key, Room, Shelf
from grader.text import shown

LOOKING = 300.0  # seconds for which somebody is taken to look at what they opened


class Review:
    """One folder under review, by all who came in through one server."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.root = root
        self.shelf = Shelf(folder, root)
        self.names = views.Names(secrets.token_bytes(32))
        self.door = guard.Door()
        self._looking: dict[str, tuple[str, Key, float]] = {}  # by session
        self._lock = threading.Lock()

    def look(self, who: str, name: str, key: Key) -> None:
        """Note that somebody looks at an answer."""
        with self._lock:
            self._looking[who] = (name, key, time.monotonic())

    def looked_at(self, who: str, key: Key) -> frozenset[str]:
        """Return the submissions whose answers to a question others look at."""
        since = time.monotonic() - LOOKING
        with self._lock:
            looking = list(self._looking.items())
        return frozenset(
            name for whose, (name, what, at) in looking
            if whose != who and what == key and at > since
        )  # fmt: skip

    def room(self, ref: str) -> Room:
        """Return the question that a reference stands for; 404 where it is gone."""
        rooms = self.shelf.rooms()
        found = next((room for key, room in rooms.items() if self.names.of(key) == ref), None)
        return found or abort(404, "no such question: nothing of it is a human's any more")

    def name(self, ref: str, room: Room) -> str:
        """Return the submission that a reference stands for; 404 where it is gone."""
        found = next((name for name in room.items if self.names.ref(name) == ref), None)
        return found or abort(404, "no such answer: it is not a human's any more")


def make(folder: Path, root: Path, port: int) -> tuple[Flask, guard.Door]:
    """Return the app for a folder of results, and what makes links into it."""
    app, review = Flask(__name__), Review(folder, root)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.context_processor(lambda: {"me": session.get("by", ""), "blind": _blind()})
    guard.put_before(app, port)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(UsageError, _failed)
    app.register_error_handler(HarnessError, _failed)
    _pages(app, review)
    _clicks(app, review)
    _rulings(app, review)
    return app, review.door


def _pages(app: Flask, review: Review) -> None:
    """Add what only shows."""

    @app.get("/enter")
    def enter() -> str:
        by = review.door.enter(request.args.get("token", ""))
        if by is None:
            abort(403, "this link was used before, or is none: `grader review` prints a new one")
        session.clear()
        session.update(by=by, id=secrets.token_hex(8), blind=False)
        # A page of ours leads on: what another one has opened goes without a strict cookie.
        return render_template("enter.html", by=by)

    @app.get("/")
    def overview() -> str:
        rooms = review.shelf.rooms()
        groups = {key: review.shelf.groups(room) for key, room in rooms.items()}
        rows = views.rows(rooms, review.names, groups)
        troubles = [shown(why, 800) for why in review.shelf.troubles.values()]
        return render_template("overview.html", rows=rows, troubles=troubles)

    @app.get("/question/<question>")
    def start(question: str) -> Answer:
        room = review.room(question)
        items = views.ordered(room, review.names, blind=_blind())
        taken = review.looked_at(session["id"], room.question.key)
        name = views.following(items, "", elsewhere=taken) or items[0].name
        return redirect(url_for("answer", question=question, ref=review.names.ref(name)))

    @app.get("/question/<question>/<ref>")
    def answer(question: str, ref: str) -> str:
        room = review.room(question)
        return _sheet(review, room, review.name(ref, room))

    @app.get("/question/<question>/<ref>/picture/<int:number>")
    def picture(question: str, ref: str, number: int) -> Response:
        room = review.room(question)
        item = room.items[review.name(ref, room)]
        if not 0 <= number < len(item.pictures):
            abort(404)
        kept = review.shelf.kept()[item.name]
        data = read_file(review.shelf.folder, kept.result, item.pictures[number])
        if data is None or not exhibits.bearable(data):
            abort(404)
        return Response(data, mimetype="image/png")

    @app.get("/trail")
    def trail() -> str:
        events = list(views.trail(review.shelf.kept(), review.names, blind=_blind()))
        return render_template("trail.html", events=events)


def _clicks(app: Flask, review: Review) -> None:
    """Add what changes something."""

    @app.post("/question/<question>/<ref>")
    def decide(question: str, ref: str) -> Any:  # noqa: ANN401 - a page, or where to go
        room = review.room(question)
        name = review.name(ref, room)
        click = _click(review, room)
        if "everybody" in request.form:
            return everybody.look(review, room, name, click)
        outcome = deciding.decide(review.shelf.folder, click)
        room = review.room(question)
        if outcome.conflicts or outcome.refused:
            stays = name if name in room.items else next(iter(room.items))
            return _sheet(review, room, stays, outcome=outcome, click=click), 409
        return _onwards(review, room, name)

    @app.post("/undo")
    def undo() -> Any:  # noqa: ANN401 - likewise
        kept = review.shelf.kept()
        places = (
            (name, item.question, one.events) for name, one in kept.items() for item in one.items
        )
        decision, where = deciding.last(session["by"], places)
        if not where:
            abort(409, "nothing of yours is left to undo")
        outcome = deciding.undo(review.shelf.folder, decision, where, session["by"])
        name, question = where[0]
        room = review.room(review.names.of(question.key))
        if outcome.conflicts or outcome.refused:
            return _sheet(review, room, name, outcome=outcome), 409
        return _to(review, room, name)

    @app.post("/blind")
    def blind() -> Answer:
        session["blind"] = not _blind()
        return redirect(url_for("overview"), 303)

    @app.post("/invite")
    def invite() -> str:
        by = shown(request.form.get("by", "").strip(), 60)
        if not by:
            abort(400, "say who is to review")
        link = request.host_url.rstrip("/") + review.door.link(by)
        return render_template("invite.html", link=link, by=by)


def _rulings(app: Flask, review: Review) -> None:
    """Add what is about answers that are accepted for everybody."""

    @app.get("/accepted")
    def accepted() -> str:
        return render_template("accepted.html", rulings=everybody.listed(review))

    @app.post("/question/<question>/<ref>/everybody")
    def accept(question: str, ref: str) -> Answer:
        room = review.room(question)
        name = review.name(ref, room)
        everybody.accept(review, room, name, _click(review, room))
        return _onwards(review, review.room(question), name)

    @app.post("/accepted/<pack>/<ref>")
    def take_back(pack: str, ref: str) -> Any:  # noqa: ANN401 - likewise
        if "sure" not in request.form:
            return everybody.look_back(review, pack, ref)
        everybody.take_back(review, pack, ref, session["by"])
        return redirect(url_for("accepted"), 303)


def _click(review: Review, room: Room) -> Click:
    """Return what the form says; 400 where that is nothing."""
    try:
        points = float(request.form.get("points", "").replace(",", "."))
    except ValueError:
        abort(400, "no points: choose a level, or type a number")
    known = {review.names.ref(name): name for name in room.items}
    seen = {}
    for each in request.form.getlist("who"):
        ref, _, version = each.partition(":")
        if ref not in known:
            abort(409, "one of these answers is not a human's any more: load the page again")
        seen[known[ref]] = version
    if not seen:
        abort(400, "nobody is ticked")
    note = request.form.get("note", "").replace("\r\n", "\n").strip()
    return Click(room.question, points, note, session["by"], seen)


def _sheet(
    review: Review,
    room: Room,
    name: str,
    *,
    outcome: Outcome | None = None,
    click: Click | None = None,
) -> str:
    key = room.question.key
    review.look(session["id"], name, key)
    kept = review.shelf.kept()
    if name not in kept:
        abort(404, "this result is gone")
    sheet = views.sheet(
        room, name, review.shelf.groups(room), kept[name], review.names, blind=_blind()
    )
    told = views.told(outcome, room, review.names, blind=_blind()) if outcome else []
    return render_template(
        "answer.html", sheet=sheet, question=room.question, room=review.names.of(key),
        told=told, wanted=click, taken=name in review.looked_at(session["id"], key),
    )  # fmt: skip


def _onwards(review: Review, room: Room, name: str) -> Answer:
    """Lead to the next answer that nobody has decided: of this question, else of the next."""
    items = views.ordered(room, review.names, blind=_blind())
    taken = review.looked_at(session["id"], room.question.key)
    later = views.following(items, name, elsewhere=taken)
    return _to(review, room, later) if later else redirect(url_for("overview"), 303)


def _to(review: Review, room: Room, name: str) -> Answer:
    question = review.names.of(room.question.key)
    return redirect(url_for("answer", question=question, ref=review.names.ref(name)), 303)


def _blind() -> bool:
    return bool(session.get("blind"))


def _refused(error: HTTPException) -> tuple[str, int] | Answer:
    if isinstance(error, SecurityError):  # asked under another name: it gets no page of ours
        return error.get_response()
    return _said(error.description or error.name, error.code or 500)


def _failed(error: Exception) -> tuple[str, int]:
    return _said(str(error), 409 if isinstance(error, UsageError) else 500)


def _said(sentence: str, code: int) -> tuple[str, int]:
    return render_template("said.html", sentence=shown(sentence, 800), code=code), code

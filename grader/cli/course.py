"""The commands of the gradebook: points by hand, states, requests, and grading again.

Each returns its exit code. The rooms behind the door are imported by the command that needs them.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from grader.cli import accepting, choices
from grader.text import shown

if TYPE_CHECKING:
    from grader.gradebook.entries import Maker


def gradebook(arguments: argparse.Namespace) -> int:
    """Show everybody's points and states."""
    from grader.gradebook.book import Book
    from grader.gradebook.telling import overview, overview_data

    with Book(arguments.folder, anew=arguments.rebuild) as book:
        if not choices.document(arguments, overview_data(book)):
            print(overview(book))
        return 1 if book.troubles else 0


def review(arguments: argparse.Namespace) -> int:
    """Serve the review in a browser until it is stopped."""
    from grader.history import me
    from grader.review import serving

    reviewers = arguments.by or [me()]
    serving.serve(arguments.folder, choices.ROOT, reviewers, arguments.port, choices.say)
    return 0


def points(arguments: argparse.Namespace) -> int:
    """Give points for what waits for a human, or take them back; show what waits."""
    from grader.errors import UsageError
    from grader.gradebook import entries
    from grader.gradebook.book import Book
    from grader.gradebook.telling import waiting, waiting_data

    if arguments.for_all:
        return accepting.accept(arguments)
    if arguments.yes:
        raise UsageError("--yes goes with --for-all: points for one are stored at once")
    line, note, by = arguments.line, arguments.note, arguments.by
    if line is None and not arguments.undo:
        with Book(arguments.folder) as book:
            (name,) = book.names([arguments.name])
            result = book.read(name)[0]
            if not choices.document(arguments, waiting_data(book.folder, result)):
                print(waiting(book.folder, result))
        return 0
    if line is None or (arguments.points is None) != arguments.undo:
        raise UsageError("say for what and how many points, or --undo to take them back")
    if arguments.undo:
        return _record(arguments, entries.undo(line, note, by))
    return _record(arguments, entries.points(line, arguments.points, note, by))


def state(arguments: argparse.Namespace) -> int:
    """Hold, preview or publish results."""
    from grader.gradebook import entries
    from grader.gradebook.book import Book

    with Book(arguments.folder) as book:
        names = book.names(arguments.names)
        make = entries.state(arguments.state, arguments.note, arguments.by)
        changed = [name for name in names if book.record(name, make) is not None]
        waiting = [
            row["id"] for row in book.rows("SELECT id FROM results WHERE status != 'graded'")
            if row["id"] in names
        ]  # fmt: skip
        choices.document(arguments, {
            "schema": "grader.states/1",
            "state": arguments.state,
            "changed": changed,
            "were_before": [name for name in names if name not in changed],
            "undecided": waiting,
            "troubles": book.troubles,
        })  # fmt: skip
        print(f"{len(changed)} {arguments.state}, {len(names) - len(changed)} were before")
        if arguments.state != "held":
            print(f"pages are in {arguments.folder / arguments.state}")
            if waiting:
                print(f"{len(waiting)} have points that are not decided; their pages say so")
        for why in book.troubles.values():
            choices.say(f"not in the gradebook: {shown(why, 800)}")
        return 1 if book.troubles else 0


def request(arguments: argparse.Namespace) -> int:
    """Note a student's dispute on a line."""
    from grader.gradebook import entries

    return _record(arguments, entries.request(arguments.line, arguments.text, arguments.by))


def answer(arguments: argparse.Namespace) -> int:
    """Answer a request."""
    from grader.gradebook import entries

    return _record(arguments, entries.answer(arguments.number, arguments.text, arguments.by))


def history(arguments: argparse.Namespace) -> int:
    """Show all that has happened to a result."""
    from grader.gradebook.book import Book
    from grader.gradebook.telling import told, told_data

    with Book(arguments.folder) as book:
        (name,) = book.names([arguments.name])
        result, events = book.read(name)
        if not choices.document(arguments, told_data(result, events)):
            print(told(result, events))
    return 0


def regrade(arguments: argparse.Namespace) -> int:
    """Grade stored results again, say whose points that moves, and store that if it is wanted."""
    from grader import regrade as grading
    from grader.report import changes

    device = choices.device(arguments.device)
    order = grading.Order(
        root=choices.ROOT,
        folder=arguments.folder,
        hand_ins=arguments.hand_ins,
        only=tuple(arguments.only),
        device=device,
        store=arguments.yes,
    )
    sandbox = choices.sandbox(arguments.sandbox, device, None)
    regraded = grading.regrade(order, sandbox, choices.progress)
    choices.progress("")
    if not choices.document(arguments, changes.data(regraded, stored=arguments.yes)):
        print(changes.render(regraded))
    if arguments.yes:
        print("stored; what was there before is in each one's history")
    elif regraded.changes:
        print("nothing is stored: --yes grades again and stores it")
    failed = any(why.startswith(grading.FAILED) for why in regraded.refused.values())
    return 2 if failed else 1 if regraded.refused else 0


def _record(arguments: argparse.Namespace, make: Maker) -> int:
    """Add an event to one result, and show where that leaves it."""
    from grader.gradebook.book import Book
    from grader.gradebook.telling import told, told_data

    with Book(arguments.folder) as book:
        event = book.record(arguments.name, make)
        result, events = book.read(arguments.name)
        new = [] if event is None else events[-1:]
        if not choices.document(arguments, told_data(result, new)):
            print(told(result, new))
    return 0

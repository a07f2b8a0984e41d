"""`grader points ... --for-all`: an answer's points for everybody who gave it.

The rooms behind the door are imported by the command that needs them.
"""

from __future__ import annotations

import argparse

from grader.cli import choices
from grader.text import shown

LINES = 12  # of the answer that is shown


def accept(arguments: argparse.Namespace) -> int:
    """Say whose points it moves if an answer is accepted for all, and store that if wanted."""
    from grader import accepted, accepting, rescore
    from grader.errors import UsageError
    from grader.gradebook.book import Book
    from grader.report import changes

    folder, name, check = arguments.folder, arguments.name, arguments.line
    if check is None or (arguments.points is None) != arguments.undo:
        raise UsageError("say for which check and how many points, or --undo to take them back")
    with Book(folder) as book:
        result = book.read(*book.names([name]))[0]
    pack = rescore.pack_of(choices.ROOT, folder, result["pack"]["id"], None)
    new = accepting.ruling(pack, folder, name, check, arguments.points, arguments.note,
                           arguments.by)  # fmt: skip
    print("\n".join([*_shown(new.text), ""]) if new.text else "", end="")
    if not arguments.yes:
        found = accepting.tried(folder, pack, new)
        if not choices.document(arguments, changes.data(found, stored=False)):
            print(changes.render(found))
        print("nothing is stored: --yes writes it into the rubric and stores what changes")
        return 0
    moved, refused = accepting.keep(choices.ROOT, folder, pack, new)
    if not choices.document(arguments, changes.data(moved, stored=True)):
        print(changes.render(moved))
    done = "taken out of" if arguments.undo else "written into"
    where = (pack.folder / accepted.FILE).relative_to(choices.ROOT)
    print(f"{done} the rubric, and stored: {where}")
    for why in refused:
        print(shown(why, 400))
    return 1 if refused else 0


def _shown(text: str) -> list[str]:
    from grader.columns import paragraph
    from grader.report.exhibits import lines

    found = [part for line in lines(text) for part in paragraph(line) or [""]]
    more = [f"... and {len(found) - LINES} more lines"] if len(found) > LINES else []
    return [f"   {line}".rstrip() for line in [*found[:LINES], *more]]

"""Whose a hand-in is, which attempt counts, what lateness costs: a mistake is somebody's grade."""

import tempfile
from pathlib import Path

from grader import late, score
from grader.downloads.taking import take
from grader.errors import UsageError
from grader.handed import Handed
from grader.intake import listing
from grader.records import CriterionResult
from grader.tables import Table
from tests import platforms
from tests.proof import broken
from tests.proof.trials import Defence, Seen


def owners(files, roster, expected):
    """Return a trial: take in a zip of these files; whose they are, by hand-in."""

    def trial():
        with tempfile.TemporaryDirectory(prefix="grader-proof-") as scratch:
            folder = Path(scratch)
            path = platforms.write_zip(folder / "a.zip", files)
            (folder / "roster.csv").write_text(roster)
            taking = take(path, None, (), folder / "roster.csv")
        found = {name: [each.id for each in people] for name, people in taking.owners.items()}
        return Seen(f"{found}", found == expected)

    return trial


def one_each():
    """Take in a folder whose names look a bit as if they were one user's at Canvas."""
    with tempfile.TemporaryDirectory(prefix="grader-proof-") as scratch:
        names = {f"lab_2_1_{name}.py": name for name in ("jane", "bob", "zoe")}
        taking = take(platforms.write_folder(Path(scratch) / "subs", names))
    return Seen(f"{len(taking.download.found)} hand-ins", len(taking.download.found) == 3)


def newest():
    """Take in two Canvas files of one name; the higher attachment number is the newer one."""
    base = platforms.canvas_base("Doe, Jane", 12)
    files = {platforms.canvas_file(base, number, "net.py"): str(number) for number in (99, 100)}
    with tempfile.TemporaryDirectory(prefix="grader-proof-") as scratch:
        taking = take(platforms.write_zip(Path(scratch) / "a.zip", files))
        ((_, _, jane),) = taking.download.submissions()
    text = jane.files[0].data.decode()
    return Seen(f"attachment {text} counts", text == "100")


def crowd():
    """Take in a zip that lists more files than all hand-ins of a course have."""
    with tempfile.TemporaryDirectory(prefix="grader-proof-") as scratch:
        count = listing.MAX_ENTRIES if listing.MAX_ENTRIES < 1 << 30 else 200_000
        names = (f"a_1_{number}_x" for number in range(count + 1))
        path = platforms.write_zip(Path(scratch) / "a.zip", dict.fromkeys(names, b""))
        try:
            take(path)
        except UsageError:
            return Seen("refused", expected=True)
    return Seen("taken in", expected=False)


def below_nothing():
    """Take 10 points for lateness from who has 4; a human gives none of what was open."""
    line = {"id": "late", "status": "applied", "limits": {"points": 10.0}, "points": 0.0}
    before = [CriterionResult("1", "", 4.0, 50.0, 6.0, "needs_review", ())]
    after = [CriterionResult("1", "", 4.0, 50.0, 0.0, "graded", ())]
    points = score.total(after, score.deducted([line], before))["points"]
    return Seen(f"{points:g} points", points == 0)


def of_no_zone():
    """Look for the lateness of a time that says no zone, which may be any."""
    table = Table({"share": 0.1, "due": "2026-11-20T23:59:00+01:00"}, "[late]")
    hand_in = Handed(names=("a",), submitted_at="2026-11-21 00:30:00")
    (line,) = late.deduct(late.read(table), hand_in, 50.0)
    return Seen(f"{line['status']}, {line['limits']}", line["limits"] == {})


TWO_JANES = "id,name\nj1,Jane Doe\nj2,Jane Doe\n"
ONE_JANE = {f"{platforms.moodle_folder('Jane Doe', 7)}/net.py": ""}

DEFENCES = [
    Defence("a name that two people have is nobody's", "the first one's",
            lambda: broken.host("grader.downloads.people.People._one",
                                ("if len(people) == 1 else None", "")),
            "one Jane Doe of two", owners(ONE_JANE, TWO_JANES, {"Jane Doe_7": []})),
    Defence("no two files are the same attachment", "they may be",
            lambda: broken.host("grader.downloads.canvas.fits",
                                (" and len(set(attachments)) == len(attachments)", "")),
            "three people's files in a plain folder", one_each),
    Defence("the newer one of two files of a name counts", "the older one",
            lambda: broken.host("grader.downloads.canvas._found", ("[::-1]", "")),
            "attachments 99 and 100", newest),
    Defence("a largest number of files in a download", "a million million",
            lambda: broken.name("grader.intake.listing.MAX_ENTRIES", 1 << 40),
            "200,001 names", crowd),
    Defence("deductions leave nothing at least", "less than nothing, too",
            lambda: broken.host("grader.score.total",
                                ("max(0.0, sum(known) - taken)", "sum(known) - taken")),
            "10 points late, 4 earned", below_nothing),
    Defence("a time without a zone is no time", "it is in UTC",
            lambda: broken.host("grader.times.moment",
                                ("replace(tzinfo=own) if found and own else None",
                                 "replace(tzinfo=own or dt.UTC) if found else None")),
            "half an hour after a due date, somewhere", of_no_zone),
]  # fmt: skip

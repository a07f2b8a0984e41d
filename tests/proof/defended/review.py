"""Points by hand in a browser: who may click, and that no click is written over another's."""

import functools
import tempfile
from pathlib import Path

from grader import results
from grader.review import app
from tests.proof import broken
from tests.proof.ledger import ROOT
from tests.proof.trials import Defence, Seen
from tests.result_samples import png
from tests.review_samples import student
from tests.unit.test_review import HOME, HOST, Browser


def reviewed(work, expected):
    """Return a trial: what comes of somebody's work on two answers."""

    def trial():
        with tempfile.TemporaryDirectory(prefix="grader-proof-") as scratch:
            folder = Path(scratch)
            student(folder, "alice", "2 x L x N x d x bytes")
            student(folder, "bob", "I do not know", picture=png(30_000, 30_000))
            found = work(folder, *app.make(folder, ROOT, 8000))
        return Seen(f"{found}", found == expected)

    return trial


def total(folder):
    """Return alice's points and what waits."""
    found = results.read(folder, "alice")["total"]
    return found["points"], found["pending_points"]


def second(folder, application, door):
    """Decide an answer that another has decided since it was opened."""
    carol, dave = (Browser(application, door, by=by) for by in ("carol", "dave"))
    carol.open("shown_calculation", "alice")
    dave.open("shown_calculation", "alice")
    carol.give(2)
    dave.give(0)
    return total(folder)


def sent(folder, application, door, **headers):
    """Send a click with these headers."""
    carol = Browser(application, door)
    carol.open("shown_calculation", "alice")
    carol.give(2)
    carol.post("/undo", headers=headers)
    return total(folder)


def named(_folder, application, door, *, host):
    """Come in under another name of this machine."""
    return application.test_client().get(door.link("carol"), base_url=f"http://{host}").status_code


def twice(_folder, application, door):
    """Use a link again, as whoever finds it in a browser's history."""
    link = door.link("carol")
    client = application.test_client
    return [client().get(link, base_url=HOST).status_code for _ in range(2)][-1]


def stranger(_folder, application, _door):
    """Ask without having come in."""
    return application.test_client().get("/trail", base_url=HOST).status_code


def pictured(_folder, application, door):
    """Open the answer with a picture of 30,000 by 30,000 points."""
    return "<img" in Browser(application, door).open("explanation", "bob")


def undone(folder, application, door):
    """Undo a decision after another has decided the same answer."""
    carol, dave = (Browser(application, door, by=by) for by in ("carol", "dave"))
    carol.open("shown_calculation", "alice")
    carol.give(2)
    dave.open("shown_calculation", "alice")
    dave.give(1)
    carol.post("/undo")
    return total(folder)


ELSEWHERE = {**HOME, "Sec-Fetch-Site": "same-site"}
WITHOUT = functools.partial(broken.host, "grader.review.guard._refuse")
DEFENCES = [
    Defence("a decision is on what was looked at", "on whatever is there",
            lambda: broken.host("grader.review.deciding._points",
                                ("version(result, question) != seen", "False")),
            "two reviewers, one answer", reviewed(second, (4.0, 1.0))),
    Defence("only one's own last decision is undone", "any that stands",
            lambda: broken.host("grader.review.deciding.last",
                                ('stack[-1]["by"] == by and ', "")),
            "undone after another's", reviewed(undone, (3.0, 1.0))),
    Defence("a click names our origin", "it need not",
            lambda: WITHOUT(("and not _is_ours(request)", "and False")),
            "a form of another port", reviewed(
                functools.partial(sent, Origin="http://127.0.0.1:9000"), (4.0, 1.0))),
    Defence("no other page's request is served", "those that name our origin are",
            lambda: WITHOUT(('not in ("none", "same-origin")', "in ()")),
            "sent by another page", reviewed(functools.partial(sent, **ELSEWHERE), (4.0, 1.0))),
    Defence("the host is this machine's own", "any",
            lambda: broken.name("grader.review.guard.HOSTS", None),
            "a name that leads here", reviewed(functools.partial(named, host="evil.example"), 400)),
    Defence("a link opens once", "again and again",
            lambda: broken.host("grader.review.guard.Door.enter",
                                ("self._tokens.pop(known)", "self._tokens[known]")),
            "a link from a browser's history", reviewed(twice, 403)),
    Defence("only who came in may look", "anybody",
            lambda: WITHOUT(('"by" not in session', "False")),
            "somebody without a cookie", reviewed(stranger, 403)),
    Defence("a picture in the review is one that a browser bears", "of any size",
            lambda: broken.name("grader.report.exhibits.PIXELS", 1 << 40),
            "30,000 by 30,000 points", reviewed(pictured, expected=False)),
]  # fmt: skip

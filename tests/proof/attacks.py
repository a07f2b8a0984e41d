"""Every attack of the zoo, graded in a real sandbox, and what is left of it afterwards.

    make proof PARTS=attacks                             in Docker
    python -m tests.proof attacks --sandbox bubblewrap

For each attack: grade it, look at what it may have touched or left on this machine, then grade an
honest submission in a new sandbox and compare with what that one got alone.
"""

import atexit
import contextlib
import functools
import json
import os
import resource
import shutil
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from grader import intake, results
from grader import pack as packs
from grader.checking.draw import Draw
from grader.errors import UsageError
from grader.grade import grade, oracle_for
from grader.report import table
from tests.proof import aftermath
from tests.proof.ledger import ROOT, Row
from tests.zoo_cases import cases, outcomes, points, untimed

TITLE = "Attacks"
ABOUT = """
Each submission below was written to earn what it does not deserve, to get out of its sandbox, to
break the grader or to harm whoever comes next; its `says` is in `tests/zoo/attacks/<name>/`.
It was graded in a real sandbox, and held means all of these:

- outcomes and points are those expected: never more than the answers deserve, never a fault of
  the grader's;
- files that the host had planted are as they were, and so are the accounts of the machine; nothing
  lies in shared folders that was not there before;
- no container, process, mount, cgroup, socket, thread or descriptor is left, and no log;
- the grader's memory did not grow, the stored result is small, valid and harmless to print;
- an honest submission, graded next with the same draw, gets what it got alone.
"""

ACCOUNTS = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/hosts", "/etc/ld.so.preload",
            "/etc/crontab", "/proc/sys/kernel/core_pattern")  # fmt: skip
MAX_GROWTH_MB = 96
MORE_DESCRIPTORS = 12  # in all: the engine's client keeps some connections
MAX_RESULT = 640 * 1024  # 2 KB of prints and a message a check; in JSON a character takes up to 12
MAX_MESSAGE = 8192
CANARY = b"planted by the host\n"


def rows(sandbox="docker"):
    """Return one row for each attack."""
    return [Row(case.name, functools.partial(measure, case, sandbox)) for case in cases("attacks")]


def measure(case, sandbox):
    """Grade one attack and the honest submission after it; say what did not hold."""
    ground = _ground(sandbox)
    before = ground.look()
    begin = time.monotonic()
    got, wrong = _attacked(case, ground)
    seconds = time.monotonic() - begin
    left = [*ground.changes(before), *ground.leftovers()]
    honest = ground.honest()
    if honest != ground.alone:
        left.append(f"the next honest submission got {honest}, alone it got {ground.alone}")
    return {
        "row": case.expected["row"],
        **got,
        "s": f"{seconds:.1f}",
        "aftermath": "; ".join(left) or "nothing",
        "held": "; ".join([*wrong, *left]) or "yes",
    }


def _attacked(case, ground):
    """Return the cells that say how the attack was judged, and what is wrong with that."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            submission = case.submission(Path(scratch))
        except UsageError as refusal:
            wanted = case.expected.get("refused")
            surprised = not wanted or wanted not in str(refusal)
            wrong = [f"refused: {refusal}"] if surprised else []
            return {"outcomes": "refused by intake", "points": "–"}, wrong
    if "refused" in case.expected:
        return {"outcomes": "", "points": ""}, ["intake did not refuse it"]
    result = ground.grade(submission, case.limited(ground.pack))
    counts = Counter(outcomes(result).values())
    cells = {
        "outcomes": ", ".join(f"{count} {name}" for name, count in counts.most_common()),
        "points": " ".join(f"{value:g}" for value in points(result).values()),
    }
    return cells, [*case.surprises(result), *ground.stored(result)]


class _Ground:
    """The machine that the attacks meet: one oracle, one draw, and what the host has planted."""

    def __init__(self, kind):
        self._open = contextlib.ExitStack()
        atexit.register(self._open.close)
        self.folder = Path(tempfile.mkdtemp(prefix="grader-proof-"))
        self._open.callback(shutil.rmtree, self.folder, ignore_errors=True)
        # The grader's own temporary files go where nobody else on this machine makes any.
        tempfile.tempdir = str(self.folder / "tmp")
        self.results = self.folder / "results"
        self.canaries = [
            self.folder / "tmp" / "canary",
            self.results / "alice.json.canary",
            ROOT / ".proof" / "canary",
        ]
        for canary in self.canaries:
            canary.parent.mkdir(parents=True, exist_ok=True)
            canary.write_bytes(CANARY)
        self.pack = untimed(packs.load(ROOT, "e0294-a4"))
        self.boxes = aftermath.KINDS[kind]()
        self.sandbox = self.boxes.sandbox
        self.draw = Draw.fresh()
        self.oracle = self._open.enter_context(oracle_for(self.pack, self.sandbox))
        self.alone = self.honest()
        assert self.alone == self.honest(), "the honest submission does not even agree with itself"
        self.descriptors = len(os.listdir("/proc/self/fd"))

    def grade(self, submission, pack):
        """Grade with this ground's oracle and draw."""
        return grade(submission, pack, self.sandbox, oracle=self.oracle, draw=self.draw)

    def honest(self):
        """Return what the honest submission gets now: points and outcomes."""
        submission = intake.read(ROOT / "submissions" / "alice")
        result = self.grade(submission, self.pack)
        return points(result), outcomes(result)

    def stored(self, result):
        """Store a result as the command does, and yield what is wrong with it."""
        path = results.place(self.results, results.write(self.results, result))
        text = path.read_text(encoding="utf-8")
        if path.parent != self.results or path.name != f"{result['submission']['id']}.json":
            yield f"the result went to {path}"
        if len(text) > MAX_RESULT or not text.isascii():
            yield f"the result has {len(text)} characters"
        for criterion in json.loads(text)["criteria"]:
            for check in criterion["checks"]:
                if len(check["message"]) + len(check["staff_message"]) > MAX_MESSAGE:
                    yield f"the message of {check['id']} is too long"
        shown = table.render(result)
        if odd := {char for char in shown if char != "\n" and not char.isprintable()}:
            yield f"the table holds {sorted(map(ascii, odd))}"
        path.unlink()

    # --- before and after -------------------------------------------------------------------------

    def look(self):
        """Return what may not change, by name."""
        self.boxes.started.clear()
        return {
            **{f"canary {path}": aftermath.fingerprint(path) for path in self.canaries},
            **{path: aftermath.fingerprint(Path(path)) for path in ACCOUNTS},
            "files of the grader": sorted(map(str, self.folder.rglob("*"))),
            "files of nobody": sorted(aftermath.foreign_files()),
            "processes of nobody": sorted(aftermath.foreign_processes()),
            "sockets of nobody": sorted(aftermath.foreign_sockets()),
            "threads": threading.active_count(),
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }

    def changes(self, before):
        """Yield what is not as it was."""
        after = self.look_again()
        for name, value in before.items():
            if name == "memory":
                grown = (after[name] - value) / 1024
                if grown > MAX_GROWTH_MB:
                    yield f"the grader's memory grew by {grown:.0f} MB"
            elif after[name] != value:
                yield f"{name} changed: {aftermath.difference(value, after[name])}"

    def look_again(self):
        """Look without forgetting which boxes were started."""
        started = list(self.boxes.started)
        seen = self.look()
        self.boxes.started.extend(started)
        return seen

    def leftovers(self):
        """Yield what is left of the boxes that were started, the oracle's excepted."""
        if (count := len(os.listdir("/proc/self/fd"))) > self.descriptors + MORE_DESCRIPTORS:
            yield f"{count} descriptors are open, {self.descriptors} at the beginning"
        yield from self.boxes.left()


@functools.cache
def _ground(kind):
    return _Ground(kind)

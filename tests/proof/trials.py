"""Trials: a submission is graded, or something is done by hand, and it is said what was seen.

A trial is a function without arguments that returns `Seen`. It is made twice for each defence: with
it and without it.
"""

import atexit
import contextlib
import dataclasses
import functools
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from grader import pack as packs
from grader.checking.draw import Draw
from grader.grade import family_for, grade, oracle_for
from grader.intake import SourceFile, Submission
from grader.sandbox.docker import DockerSandbox
from grader.sandbox.process import ProcessSandbox
from tests.family.styles import FILE, PACK, REFERENCE
from tests.proof.ledger import ROOT
from tests.zoo_cases import FULL, RIGHT_ANSWER, ZOO, Case, outcomes

RAISED = re.compile(r"raised RuntimeError: (.*?) \(")


@dataclass(frozen=True)
class Seen:
    """What came of a trial, in few words, and whether that is as expected."""

    text: str
    expected: bool


@dataclass(frozen=True)
class Defence:
    """One defence of the grader, a way to disable it, and a case that needs it.

    ``guards`` is the id of the check of this pack, or the key of a container's settings, that it
    stands for.
    """

    name: str
    disabled: str
    broken: Callable[[], AbstractContextManager]
    case: str
    trial: Callable[[], Seen]
    guards: str = ""
    pack: str = PACK.name


class Ground:
    """What all trials share: the pack, two kinds of boxes, one oracle and one draw.

    Our own harmless code may run as a plain process, which is quicker; all else in containers.
    """

    def __init__(self, name=PACK.name):
        self._open = contextlib.ExitStack()
        atexit.register(self._open.close)
        self.pack = packs.load(ROOT, name)
        self.processes = ProcessSandbox()
        self.draw = Draw.fresh()
        self.oracle = self._open.enter_context(oracle_for(self.pack, self.processes))
        self.oracle.start()  # before anything is broken

    def close(self):
        """End all boxes."""
        self._open.close()

    @functools.cached_property
    def family(self):
        """Return the known mistakes on this draw, in a box of their own."""
        return self._open.enter_context(family_for(self.pack, self.processes, self.draw))

    @functools.cached_property
    def docker(self):
        """Return the container sandbox."""
        return DockerSandbox()

    @functools.cached_property
    def docker_oracle(self):
        """Return the reference in a container of its own: to be timed against."""
        return self._open.enter_context(oracle_for(self.pack, self.docker))

    def pack_of(self, checks, limits):
        """Return the pack with these checks alone (of all, where None), and with these limits."""
        criteria = []
        for criterion in self.pack.criteria:
            kept = tuple(k for k in criterion.checks if checks is None or k.id in checks)
            if kept:
                points = sum(check.points for check in kept)
                criteria.append(dataclasses.replace(criterion, checks=kept, points=points))
        return dataclasses.replace(
            self.pack,
            criteria=tuple(criteria),
            sandbox=dataclasses.replace(self.pack.sandbox, **limits),
        )

    def grade(
        self, files, checks=None, *, boxes=None, draw=None, oracle=None, family=None, **limits
    ):
        """Grade files (bytes or text by path); nothing is diagnosed without a family."""
        listed = tuple(
            SourceFile(path, data.encode() if isinstance(data, str) else data)
            for path, data in sorted(files.items())
        )
        return grade(
            Submission("trial", listed, "sha256:0", ()),
            self.pack_of(checks, limits),
            boxes or self.processes,
            oracle=oracle or self.oracle,
            draw=draw or self.draw,
            family=family,
        )


@functools.cache
def ground():
    """Return the one ground of this run."""
    return Ground()


# --- submissions ----------------------------------------------------------------------------------


def edited(*edits):
    """Return the reference's files with exact edits (old, new), each at one place."""
    source = REFERENCE
    for old, new in edits:
        assert source.count(old) == 1, f"{old!r} is there {source.count(old)} times"
        source = source.replace(old, new)
    return {FILE: source}


def probe(look):
    """Return a right submission that looks around when it is built; ``look`` is its code."""
    lines = "\n".join(f"    {line}" for line in look.strip().splitlines())
    source = f"""
import os
from right_answer import RightTransformer

def look():
{lines}

class DecoderOnlyTransformer(RightTransformer):
    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        look()
"""
    return {FILE: source, RIGHT_ANSWER.name: RIGHT_ANSWER.read_text()}


# --- trials ---------------------------------------------------------------------------------------


def graded(files, checks, expected="passed", *, docker=False, **limits):
    """Return a trial: grade these files by these checks, each of which has to end as expected.

    ``expected`` is an outcome, or a list of outcomes that are all right.
    """

    def trial():
        boxes = ground().docker if docker else ground().processes
        result = ground().grade(files, checks, boxes=boxes, **limits)
        return Seen(words(result), all(o in _listed(expected) for o in outcomes(result).values()))

    return trial


def not_full(files, criteria=FULL, without=()):
    """Return a trial: grade by all checks of criteria but a human's; something has to be lost.

    ``without`` are checks that are left out all the same.
    """

    def trial():
        chosen = [criterion for criterion in ground().pack.criteria if criterion.id in criteria]
        checks = [check.id for one in chosen for check in one.checks
                  if not check.manual and check.id not in without]  # fmt: skip
        result = ground().grade(files, checks)
        return Seen(words(result), set(outcomes(result).values()) != {"passed"})

    return trial


def attacked(attack, checks):
    """Return a trial: an attack of the zoo, in a container, by these checks."""

    def trial():
        case = Case(ZOO / "attacks" / attack)
        with tempfile.TemporaryDirectory() as scratch:
            submission = case.submission(Path(scratch))
        pack = case.hurried(ground().pack_of(checks, {}))
        result = grade(
            submission, pack, ground().docker, oracle=ground().oracle, draw=ground().draw
        )
        return Seen(words(result), not list(case._odd_outcomes(result)))

    return trial


def words(result):
    """Return points and odd outcomes in few words."""
    found = [check for criterion in result["criteria"] for check in criterion["checks"]]
    points, total = result["total"]["points"], result["total"]["max_points"]
    parts = ["withheld" if points is None else f"{points:g} of {total:g} points"]
    if points is not None and (pending := result["total"]["pending_points"]):
        parts.append(f"{pending:g} pending")
    odd = Counter(c["outcome"] for c in found if c["outcome"] not in ("passed", "failed"))
    parts += [outcome.replace("_", " ") for outcome in odd if outcome != "harness_error"]
    said = {match[1] for check in found if (match := RAISED.search(check["message"]))}
    return ", ".join(parts) + (f": {min(said)[:60]}" if said else "")


def _listed(allowed):
    return allowed if isinstance(allowed, list) else [allowed]

"""Reading the zoo: a case's submission, what is expected of it, and whether a result is that.

A case is a folder with an ``expect.toml`` beside its ``submission/``. What cannot be kept as plain
files (a FIFO, a bomb, an archive) is made by a trusted ``build.py`` in its place:
``build(folder)`` makes the submission below that folder and returns its path. The one right
solution ``beside/right_answer.py`` is laid beside every submission whose Python names it.

expect.toml:
    says                    one sentence: what the submission does
    needs_isolation         hostile: never to be run as a plain process
    group, row              of an attack: letter, row of the list of threats
    ci                      whether CI runs it: by default not attacks, and all others
    refused                 text of the refusal, where intake refuses the whole
    diagnosis               of a mistake: the name it is given, by default the folder's
    flags                   texts that the remarks must hold, one remark each
    [points]                by criterion: a number, or a list of numbers that are all right; of
                            other criteria nothing is expected
    [checks]                by check: an outcome, or a list; ``default`` is "passed"

Of problem 1 instead of the outcomes:
    quick                   it uses up its time: short limits
    [pending]               by criterion: what waits for a human
    [variants]              by check: the name that the answer has to be given

Graded are the criteria that have points here, and no others.
"""

import dataclasses
import importlib.util
import shutil
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from grader import intake

ZOO = Path(__file__).parent / "zoo"
KINDS = ("honest", "mistakes", "attacks", "problem1")
RIGHT_ANSWER = ZOO / "beside" / "right_answer.py"
QUICK = {
    "import_seconds": 2.0,
    "request_seconds": 2.0,
    "script_seconds": 2.0,
    "submission_seconds": 8.0,
}
"""Limits for attacks that use up their time, so that an endless loop costs seconds."""
FULL = {"2a": 5, "2b": 5, "2c": 7}
PROBLEM_1 = {"1a": 10, "1b": 5, "1c": 7, "1d": 3}
TIMED = ("step_latency", "latency_growth", "generate_latency")


@dataclass(frozen=True)
class Case:
    """One folder of the zoo."""

    folder: Path

    @property
    def kind(self):
        """Return one of KINDS."""
        return self.folder.parent.name

    @property
    def name(self):
        """Return the fault, as the folder is called."""
        return self.folder.name

    @cached_property
    def expected(self):
        """Return what expect.toml says."""
        return tomllib.loads((self.folder / "expect.toml").read_text(encoding="utf-8"))

    @property
    def sources(self):
        """Return the Python files of the case, those that build a submission included."""
        return sorted(path for path in self.folder.rglob("*.py") if path.is_file())

    def lay_out(self, scratch):
        """Make the submission below an empty folder; return its path."""
        builder = self.folder / "build.py"
        if builder.exists():
            path = _loaded(builder).build(scratch)
        else:
            path = scratch / self.name
            shutil.copytree(self.folder / "submission", path)
        if path.is_dir() and any(_names_right_answer(file) for file in path.rglob("*.py")):
            shutil.copyfile(RIGHT_ANSWER, path / RIGHT_ANSWER.name)
        return path

    def submission(self, scratch):
        """Return the submission as intake reads it; UsageError where intake refuses it."""
        return intake.read(self.lay_out(scratch))

    def limited(self, pack):
        """Return the pack with the criteria that are expected here, and limits that fit."""
        return self.hurried(only(pack, self.expected["points"]))

    def hurried(self, pack):
        """Return the pack with short limits where time is expected to run out.

        What ends by itself is not hurried: on a busy machine it would run out of time as well.
        """
        checks = self.expected.get("checks", {})
        allowed = [outcome for each in checks.values() for outcome in _listed(each)]
        late = self.kind == "attacks" and "timeout" in allowed
        if not (late or self.expected.get("quick")):
            return pack
        return dataclasses.replace(pack, sandbox=dataclasses.replace(pack.sandbox, **QUICK))

    def surprises(self, result):
        """Return what is not as expected in a result: outcomes, points and remarks."""
        odd = self._odd_variants if self.kind == "problem1" else self._odd_outcomes
        return [*odd(result), *self._odd_points(result), *self._odd_flags(result)]

    def _odd_variants(self, result):
        wanted = self.expected.get("variants", {})
        for criterion in result["criteria"]:
            pending = self.expected["pending"][criterion["id"]]
            if criterion["pending_points"] != pending:
                got = [(c["id"], c["message"]) for c in criterion["checks"]
                       if c["outcome"] == "inconclusive"]  # fmt: skip
                yield f"{criterion['id']} has {criterion['pending_points']} pending: {got}"
            for check in criterion["checks"]:
                if check["outcome"] == "harness_error":
                    yield f"{check['id']}: {check['staff_message']}"
                if wanted.get(check["id"], check["variant"]) != check["variant"]:
                    yield f"{check['id']} is {check['variant']!r}: {check['message']}"

    def _odd_outcomes(self, result):
        expected = self.expected.get("checks", {})
        for criterion in result["criteria"]:
            if criterion["id"] not in self.expected.get("points", ()):
                continue
            for check in criterion["checks"]:
                allowed = expected.get(check["id"], expected.get("default", "passed"))
                if check["outcome"] not in _listed(allowed):
                    yield (
                        f"{check['id']} {check['outcome']}: {check['message']} {check['measured']}"
                    )
                    if check["outcome"] == "harness_error":
                        yield check["staff_message"]

    def _odd_points(self, result):
        for criterion, got in points(result).items():
            allowed = self.expected["points"][criterion]
            near = [each for each in _listed(allowed) if got == pytest.approx(each)]
            if not near:
                yield f"{criterion} has {got} points, expected {allowed}"

    def _odd_flags(self, result):
        for text in self.expected.get("flags", ()):
            if not any(text in flag for flag in result["flags"]):
                yield f"no remark says {text!r}: {result['flags']}"


def untimed(pack):
    """Return the pack without the checks that take time to measure time: 10 s of each grading.

    What they say of a submission is in `tests/latency`; the criterion is left to a human here.
    """
    criteria = tuple(
        dataclasses.replace(criterion, rule="manual", checks=())
        if any(check.id in TIMED for check in criterion.checks)
        else criterion
        for criterion in pack.criteria
    )
    assert criteria != pack.criteria
    return dataclasses.replace(pack, criteria=criteria)


def timed(pack, checks=TIMED):
    """Return the pack with nothing but checks that measure time: all of them, or these."""
    criteria = []
    for criterion in pack.criteria:
        if kept := tuple(check for check in criterion.checks if check.id in checks):
            total = sum(check.points for check in kept)
            criteria.append(dataclasses.replace(criterion, checks=kept, points=total))
    return dataclasses.replace(pack, criteria=tuple(criteria))


def latency_cases():
    """Return the cases that are about time; their ``earned`` is what timing gives them, of 4."""
    return [Case(folder) for folder in sorted((ZOO / "latency").iterdir()) if folder.is_dir()]


def cases(*kinds):
    """Return the cases of these kinds, or of all."""
    return [
        Case(folder)
        for kind in kinds or KINDS
        for folder in sorted((ZOO / kind).iterdir())
        if folder.is_dir()
    ]


def only(pack, criteria):
    """Return the pack with these criteria alone."""
    kept = tuple(criterion for criterion in pack.criteria if criterion.id in criteria)
    assert len(kept) == len(criteria)
    return dataclasses.replace(pack, criteria=kept)


def points(result):
    """Return the points of what a machine grades, by criterion."""
    return {c["id"]: c["points"] for c in result["criteria"] if c["checks"]}


def outcomes(result):
    """Return how each check ended."""
    return {check["id"]: check["outcome"] for c in result["criteria"] for check in c["checks"]}


def errors(result, ended):
    """Return the largest differences of logits in checks that ended so."""
    return [
        check["measured"]["max_abs_error"]
        for criterion in result["criteria"]
        for check in criterion["checks"]
        if check["outcome"] in ended and check["measured"].get("max_abs_error") is not None
    ]


def _listed(allowed):
    return allowed if isinstance(allowed, list) else [allowed]


def _names_right_answer(path):
    return path.is_file() and not path.is_symlink() and b"right_answer" in path.read_bytes()


def _loaded(path):
    """Import a trusted build.py; there are many of that name, so none of them is kept."""
    spec = importlib.util.spec_from_file_location(f"build_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

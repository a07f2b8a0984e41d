"""Honest submissions, mistakes and problem 1 of the zoo, graded in real containers; and packs'."""

import functools
import tempfile
from pathlib import Path

from grader import pack as packs
from grader.checking.draw import Draw
from grader.grade import family_for, grade, oracle_for
from grader.sandbox.docker import DockerSandbox
from tests import packs as samples
from tests.proof.ledger import ROOT, Row
from tests.proof.trials import Ground
from tests.zoo_cases import cases, errors, points

TITLE = "Honest work and mistakes"
ABOUT = """
Each honest submission keeps every point, has no diagnosis, and stays below 0.3 of the tolerance.
Each mistake loses the points that its `expect.toml` says, misses the tolerance by more than 3 times
where it misses it, and is named. Errors are in units of the tolerance (atol = 1e-2). Programs,
sheets and plots of problem 1 have the points and the open points that theirs says.

Rows that begin with the name of another pack are its samples, in processes: those of `samples.toml`
have the outcomes that it says, and those that its known mistakes make of the reference are seen by
some check and named.
"""
ATOL = 1e-2


class _Bench:
    """One draw, one oracle and one family for all rows; they end with the process."""

    def __init__(self):
        self.pack = packs.load(ROOT, "e0294-a4")
        self.sandbox = DockerSandbox()
        self.draw = Draw.fresh()
        self.oracle = oracle_for(self.pack, self.sandbox).__enter__()
        self.family = family_for(self.pack, self.sandbox, self.draw).__enter__()


bench = functools.cache(_Bench)


def rows():
    """Return a row for each case, and for each sample of a pack."""
    return [
        *(
            Row(f"{case.kind}/{case.name}", functools.partial(_measure, case))
            for case in cases("honest", "mistakes", "problem1")
        ),
        *(
            Row(f"{name}: {sample.id}", functools.partial(_sample, name, sample))
            for name in samples.IDS
            for sample in (*samples.honest(name), *samples.wrong(name), *samples.known(name))
        ),
    ]


ground = functools.cache(Ground)


def _sample(name, sample):
    return samples.measured(ground(name), sample)


def _measure(case):
    with tempfile.TemporaryDirectory() as folder:
        result = grade(
            case.submission(Path(folder)),
            case.limited(bench().pack),
            bench().sandbox,
            oracle=bench().oracle,
            draw=bench().draw,
            family=bench().family if case.kind != "problem1" else None,
        )
    said = [entry["mistake"] for entry in result["diagnosis"]]
    wrong = list(case.surprises(result))
    if case.kind == "problem1":
        error = 0.0  # it has no logits
    elif case.kind == "honest":
        error = max(errors(result, ("passed",))) / ATOL
        wrong += ["a diagnosis"] * bool(said) + ["rounding too large"] * (error >= 0.3)
    else:
        error = min(errors(result, ("failed", "inconclusive")), default=float("inf")) / ATOL
        named = case.expected.get("diagnosis", case.name) in said
        wrong += ["not named"] * (not named) + ["misses by too little"] * (error <= 3)
    return {
        "points": " ".join(f"{value:g}" for value in points(result).values()),
        "error": f"{error:.3g}",
        "said": ", ".join(name or "none of the known" for name in said),
        "held": "; ".join(wrong) or "yes",
    }

"""Every case that is about time, and right caches of many kinds, graded in real containers."""

import functools
import os
import tempfile
from pathlib import Path

from grader import pack as packs
from grader.checking.draw import Draw
from grader.grade import grade, oracle_for
from grader.sandbox.docker import DockerSandbox
from tests.proof.ledger import ROOT, Row
from tests.zoo_cases import cases, latency_cases, outcomes, timed

TITLE = "Latency"
ABOUT = """
What timing gives to each case, of 4 points, on this machine with the load of that moment. A right
cache keeps all of them, or is left to a human where it is too slow to be measured; a trick earns
nothing, whatever its replies look like. `speedup` is how many times as quick a decode step is as
the reference's forward without a cache (least to most, 99 %), by CPU time of the whole container.
"""
SLOW = ("loops-over-everything",)  # too slow for a verdict: pending, never lost


class _Bench:
    """One oracle for all rows; it ends with the process."""

    def __init__(self):
        self.pack = timed(packs.load(ROOT, "e0294-a4"))
        self.sandbox = DockerSandbox()
        self.oracle = oracle_for(self.pack, self.sandbox).__enter__()


bench = functools.cache(_Bench)


def rows():
    """Return a row for each case."""
    return [
        Row(f"{case.folder.parent.name}/{case.name}", functools.partial(_measure, case))
        for case in [*latency_cases(), *cases("honest")]
    ]


def _measure(case):
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        result = grade(
            case.submission(Path(folder)), bench().pack, bench().sandbox,
            oracle=bench().oracle, draw=Draw.fresh(),
        )  # fmt: skip
    expected = case.expected["checks"] or dict.fromkeys(
        outcomes(result), ["passed", "inconclusive"] if case.name in SLOW else "passed"
    )
    wrong = [
        f"{name} {found}"
        for name, found in outcomes(result).items()
        if found not in (expected[name] if isinstance(expected[name], list) else [expected[name]])
    ]
    measured = result["criteria"][0]["checks"][0]["measured"]
    low, high = measured.get("speedup_low"), measured.get("speedup_high")
    return {
        "points": f"{result['total']['points']:g} + {result['total']['pending_points']:g} pending",
        "speedup": f"{low:.3g} - {high:.3g}" if low else "",
        "rounds": str(measured.get("rounds", "")),
        "s": f"{result['timing']['seconds_total']:.1f}",
        "load": f"{load:.1f}",
        "held": "; ".join(wrong) or "yes",
    }

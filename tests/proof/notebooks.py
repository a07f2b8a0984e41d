"""The notebook pack: samples graded in real containers, and the margins of its known mistakes."""

import functools

from grader import pack as packs
from grader.checking.draw import Draw
from grader.checking.family import RIGHT
from grader.checking.probing import Questions, distance, load_vectors
from grader.grade import family_for, grade, oracle_for
from grader.sandbox.docker import DockerSandbox
from grader.sandbox.process import ProcessSandbox
from tests.notebooks.samples import PACK, samples, surprises, timed, untimed
from tests.proof.ledger import ROOT, Row

TITLE = "Notebooks"
ABOUT = """
Each honest sample keeps every point of the solution blocks, has no diagnosis and stays below 0.3 of
the tolerance; each mistake loses the checks that its `expect.toml` says, by more than 3 times the
tolerance where it misses it, and is named. Errors are in units of the tolerance (atol = 1e-2).

Rows `performance/...` are what timing gives, of 20 points: an honest cache has all of them, one
that is quick but wrong waits for a human, and one that is none has lost them. There `error` is by
how many times a step is as quick as the reference's forward without a cache, and a call that makes
8 tokens as 8 of them (least to most, 99 %).

Of each known mistake: the probe that shows it most, and by how many times its limit: the smallest
of 3 draws of weights and prompts. It holds above 3.
"""
DRAWS = 3
QUICK = ("heads-in-a-loop", "lists-of-lists", "preallocated")  # of the honest ones, what is timed
PENDING = ("passed", "inconclusive")


class _Bench:
    """One draw, one oracle and one family for all samples; they end with the process."""

    def __init__(self):
        self.pack = untimed(packs.load(ROOT, PACK))
        self.timed = timed(packs.load(ROOT, PACK))
        self.sandbox = DockerSandbox()
        self.draw = Draw.fresh()
        self.oracle = oracle_for(self.pack, self.sandbox).__enter__()
        self.family = family_for(self.pack, self.sandbox, self.draw).__enter__()


bench = functools.cache(_Bench)


def rows():
    """Return a row for each sample and each known mistake."""
    known = packs.load(ROOT, PACK).mistakes
    return [
        *(Row(f"{s.kind}/{s.name}", functools.partial(_graded, s)) for s in samples()),
        *(
            Row(f"performance/{s.name}", functools.partial(_timed, s))
            for s in samples()
            if s.kind == "mistakes" or s.name in QUICK
        ),
        *(Row(f"margin/{m.id}", functools.partial(_margin, m.id)) for m in known),
    ]


def _graded(sample):
    result = grade(
        sample.submission(),
        bench().pack,
        bench().sandbox,
        oracle=bench().oracle,
        draw=bench().draw,
        family=bench().family,
    )
    checks = [check for criterion in result["criteria"] for check in criterion["checks"]]
    errors = {
        outcome: [
            check["measured"]["max_abs_error"] / bench().pack.atol
            for check in checks
            if check["outcome"] == outcome and check["measured"].get("max_abs_error") is not None
        ]
        for outcome in ("passed", "failed")
    }
    wrong = surprises(sample, result)
    wrong += ["rounding too large"] * (max(errors["passed"], default=0) >= 0.3)
    wrong += ["misses by too little"] * (min(errors["failed"], default=9) <= 3)
    lost = [c["id"] for c in checks if c["outcome"] not in ("passed", "inconclusive")]
    said = [entry["mistake"] or "none of the known" for entry in result["diagnosis"]]
    return {
        "lost": ", ".join(lost),
        "error": ", ".join(
            f"{outcome} {pick(values):.3g}"
            for (outcome, values), pick in zip(errors.items(), (max, min), strict=True)
            if values
        ),
        "said": ", ".join(said),
        "held": "; ".join(wrong) or "yes",
    }


def _timed(sample):
    result = grade(
        sample.submission(), bench().timed, bench().sandbox, oracle=bench().oracle,
        draw=Draw.fresh(),
    )  # fmt: skip
    got = [result["total"]["points"], result["total"]["pending_points"]]
    checks = {check["id"]: check for check in result["criteria"][0]["checks"]}
    told = {**checks["step_time"]["measured"], **checks["generate_time"]["measured"]}
    speeds = [
        f"{told[f'{name}_low']:.3g} - {told[f'{name}_high']:.3g}"
        for name in ("speedup", "generate_speedup")
        if told.get(f"{name}_low")
    ]
    lost = [name for name, check in checks.items() if check["outcome"] not in PENDING]
    return {
        "lost": ", ".join(lost),
        "error": "; ".join(speeds),
        "said": f"{got[0]:g} + {got[1]:g} pending, {result['timing']['seconds_total']:.0f} s",
        "held": "yes" if got == sample.performance else f"expected {sample.performance}",
    }


@functools.cache
def _margins():
    """Map each known mistake to its probe that shows most and the smallest miss over all draws."""
    pack, found = packs.load(ROOT, PACK), {}
    vectors = load_vectors(pack.checks_folder)
    for _ in range(DRAWS):
        draw = Draw.fresh()
        questions = Questions.of(vectors, draw)
        with family_for(pack, ProcessSandbox(), draw) as family:
            for mistake in pack.mistakes:
                misses = {
                    probe.id: distance(
                        family.answer(mistake.id, probe), family.answer(RIGHT, probe)
                    )
                    / (pack.atol if probe.tolerance is None else probe.tolerance or 1 / 4)
                    for probe in questions.probes
                }
                best = max(misses, key=misses.get)
                found.setdefault(mistake.id, []).append((misses[best], best))
    return {name: min(shown) for name, shown in found.items()}


def _margin(mistake):
    miss, probe = _margins()[mistake]
    return {"lost": probe, "error": f"{miss:.3g}", "said": "", "held": "yes" if miss > 3 else "no"}

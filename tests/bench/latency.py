"""How often the latency decision is wrong, how often it gives none, and how long 2d takes.

    python tests/bench/latency.py [--trials 2000] [--rounds FILE]
    python tests/bench/latency.py --speed 20        (grades 2d alone, with its parts timed)
    python tests/bench/latency.py --short           (a little of both)
    python tests/bench/latency.py --record 120      (measures rounds anew, in two containers)

On a GPU: --device cuda:0, and for --record and --rounds a file of its own.

Recorded rounds (latency_rounds.json beside this file: the reference in both places) are replayed
through the decision as it stands in the grader, in random order of blocks of five, so that slow
moments stay together. Whoever is the reference has to pass every check. Then the student's times
are scaled so that the truth is 1.5 times on the wrong side of each limit, or on the right side, and
the verdict has to be that or none. Synthetic noise asks the same of worse machines.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from grader import pack as packs  # noqa: E402
from grader import rubric  # noqa: E402
from grader.beside import beside  # noqa: E402
from grader.checking import runner  # noqa: E402
from grader.checking.draw import Draw  # noqa: E402
from grader.checking.probing import load_vectors  # noqa: E402
from grader.devices.device import Device  # noqa: E402
from grader.grade import REFERENCE_LIMITS, oracle_for  # noqa: E402
from grader.latency import generating, series, steps  # noqa: E402
from grader.latency.attempts import AT_LEAST  # noqa: E402
from grader.sandbox.docker import DockerSandbox  # noqa: E402
from grader.student import Student  # noqa: E402
from tests.zoo_cases import TIMED, timed  # noqa: E402

PACK = "e0294-a4"
RULES = rubric.read(ROOT / "rubrics" / PACK)
LIMITS = {**RULES.limits, "waiting": RULES.limits["speedup"]}
ROUNDS = Path(__file__).with_name("latency_rounds.json")
BLOCK = 5
DRAW = Draw.fresh()


def verdict(name, interval):
    """Return what the rubric makes of one interval: passed, failed or open."""
    if not interval.decides(LIMITS[name]):
        return "open"
    return "passed" if (interval.low > LIMITS[name]) == (name in AT_LEAST) else "failed"


def replayed(values, name):
    """Decide one question on a stream of ratios; return the verdict and the number of rounds."""
    stream = iter(values)
    found = series.run(
        lambda _: {name: float(next(stream))},
        lambda _: {name: lambda figures: figures[name]},
        lambda known: known[name].decides(LIMITS[name]),
        RULES.timing,
        clock=lambda: 0.0,
    )
    return verdict(name, found.intervals[name]), found.count


# --- recorded -------------------------------------------------------------------------------------


def recorded(file):
    """Return recorded ratios by question."""
    kept = json.loads(file.read_text())
    asked = {**steps.ratios(kept["steps"][0]),
             **generating.ratios(kept["generating"][0], kept["new_tokens"])}  # fmt: skip
    rounds = {name: kept["generating" if name == generating.QUESTION else "steps"]
              for name in asked}  # fmt: skip
    return {
        name: [value for figures in rounds[name] if (value := ratio(figures)) is not None]
        for name, ratio in asked.items()
    }


def reordered(rng, values, count):
    """Return values in blocks that stay together, drawn with replacement."""
    starts = rng.integers(0, len(values), count // BLOCK + 1)
    return [values[(start + i) % len(values)] for start in starts for i in range(BLOCK)]


def scaled(values, truth):
    """Return values whose median is ``truth``; growth, near 0 here, is moved and not stretched."""
    middle = float(np.median(values))
    if middle > 0.2:
        return [value * truth / middle for value in values]
    return [value - middle + truth for value in values]


# --- synthetic ------------------------------------------------------------------------------------


def heavy_tailed(rng, count):
    """Times with Student's t of two degrees of freedom in their logarithm, in both arms."""
    return np.exp(0.1 * (rng.standard_t(2, count) - rng.standard_t(2, count)))


def drifting(rng, count):
    """A machine that wanders by 8 % a measurement; the arms of a pair are measured in turns."""
    speed = np.cumsum(0.08 * rng.standard_normal(2 * count)) + 0.02 * rng.standard_normal(2 * count)
    first, second = speed[::2], speed[1::2]
    turn = np.where(np.arange(count) % 2, 1, -1)
    return np.exp(turn * (first - second))


def bimodal(rng, count):
    """Two speeds, one 1.8 times the other, that change every few measurements, in each arm."""

    def arm():
        return np.where(np.cumsum(rng.random(count) < 0.3) % 2, 1.8, 1.0)

    return arm() / arm()


def one_sided(rng, count):
    """One arm of two hit by stops: one in four of its measurements takes 2 to 20 times as long."""
    return np.where(rng.random(count) < 0.25, rng.uniform(2, 20, count), 1.0)


NOISE = (heavy_tailed, drifting, bimodal, one_sided)


def rows(trials, seed=1, file=ROUNDS):
    """Yield rows of the table: question, noise, truth over limit, and what came out."""
    rng = np.random.default_rng(seed)
    most = RULES.timing.looks[-1] + BLOCK
    if file.exists():
        for name, values in recorded(file).items():
            limit = LIMITS[name]
            for says, factor in (
                ("as it is", None),
                ("limit * 1.5", 1.5),
                ("limit / 1.5", 1 / 1.5),
            ):
                stream = values if factor is None else scaled(values, limit * factor)
                right = (
                    "passed" if factor is None or (factor > 1) == (name in AT_LEAST) else "failed"
                )
                counts, rounds = Counter(), 0
                for _ in range(trials):
                    found, count = replayed(reordered(rng, stream, most), name)
                    counts[found] += 1
                    rounds += count
                yield row(name, "recorded", says, right, counts, rounds)
    name = "speedup"
    for noise in NOISE:
        for says, factor in (("limit * 1.5", 1.5), ("limit / 1.5", 1 / 1.5)):
            counts, rounds = Counter(), 0
            for _ in range(trials):
                values = LIMITS[name] * factor * noise(rng, most)
                found, count = replayed(values, name)
                counts[found] += 1
                rounds += count
            right = "passed" if factor > 1 else "failed"
            yield row(name, noise.__name__.replace("_", " "), says, right, counts, rounds)


def row(name, noise, truth, right, counts, rounds):
    """Return one line of the table."""
    trials = sum(counts.values())
    wrong = trials - counts[right] - counts["open"]
    return {
        "question": name, "noise": noise, "truth": truth, "right": right, "trials": trials,
        "wrong": wrong, "no verdict": f"{100 * counts['open'] / trials:.1f} %",
        "rounds": f"{rounds / trials:.1f}",
    }  # fmt: skip


# --- recording ------------------------------------------------------------------------------------


def record(count, device, file):
    """Measure rounds with the reference in both places, and write them down."""
    pack = packs.load(ROOT, PACK)
    sandbox, vectors = DockerSandbox(device=device, say=print), load_vectors(pack.checks_folder)
    work = beside(str(pack.checks_folder / "x.py"), "latency")
    place = Device(device)
    kept = {"device": place.identity.name, "new_tokens": RULES.timing.new_tokens,
            "load": [os.getloadavg()[0]]}  # fmt: skip
    with (
        oracle_for(pack, sandbox, device) as oracle,
        Student(
            sandbox, pack.reference, pack.interface, REFERENCE_LIMITS, device=device
        ) as student,
    ):
        bench = work.bench(oracle, Draw.fresh(), vectors, RULES, place)
        assert not bench.obstacle(student)
        kept["size"] = [bench.size().width, bench.size().length]
        for name, begin in (("steps", bench.stepping), ("generating", bench.calling)):
            rounds = begin(student)()
            rounds.measure(0)
            found = [rounds.measure(number) for number in range(1, count + 1)]
            rounds.settle()
            kept[name] = [{k: round(v, 5) for k, v in figures.items()} for figures in found]
            kept["load"].append(os.getloadavg()[0])
    text = json.dumps(kept).replace("}, {", "},\n{")
    file.write_text(text + "\n")
    print(f"{file}: {count} rounds of each kind; load {kept['load']}")


# --- speed ----------------------------------------------------------------------------------------


def speed(count, device):
    """Grade 2d of the reference so many times; print what its parts take, of all but the first."""
    pack = timed(packs.load(ROOT, PACK))
    sandbox = DockerSandbox(device=device, say=print)
    taken = {}
    with oracle_for(pack, sandbox, device) as oracle:
        for _ in range(count + 1):
            parts = _timed_once(pack, sandbox, oracle, device)
            for name, seconds in parts.items():
                taken.setdefault(name, []).append(seconds)
    rows = [
        {"part": name, "s, first": f"{first:.2f}", "s, median": f"{statistics.median(more):.2f}",
         "least": f"{min(more):.2f}", "most": f"{max(more):.2f}"}
        for name, (first, *more) in taken.items()
    ]  # fmt: skip
    print(tabulate(rows, headers="keys", disable_numparse=True))
    print(
        f"\n{Device(device).identity.name}, {count} gradings of one draw; the first finds the size "
        f"too; load {os.getloadavg()[0]:.1f}"
    )


def _timed_once(pack, sandbox, oracle, device):
    """Run the checks that take time by themselves; return the seconds of each, and of all."""
    moments = []
    with Student(
        sandbox, pack.reference, pack.interface, pack.sandbox, device=device,
        given=pack.public_files,
    ) as student:  # fmt: skip
        student.start()
        oracle.start()
        student.load()
        begin = time.perf_counter()
        runner.run(pack.checks_folder, TIMED, student, oracle, DRAW,
                   lambda check: moments.append((check, time.perf_counter())))  # fmt: skip
        moments.append(("table of the five lengths", time.perf_counter()))
        work = beside(str(pack.checks_folder / "x.py"), "latency")
        vectors = load_vectors(pack.checks_folder)
        bench = work.bench(oracle, DRAW, vectors, RULES, Device(device))
        found = work.lengths(bench, student, DRAW, vectors)
        assert found.lengths == list(work.LENGTHS)
        moments.append(("", time.perf_counter()))
    parts = {check: after - at for (check, at), (_, after) in itertools.pairwise(moments) if check}
    return {**parts, "all of it": time.perf_counter() - begin}


def main():
    """Print the tables, or record rounds."""
    parser = argparse.ArgumentParser(description="Error rates of the latency decision.")
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--record", type=int, metavar="ROUNDS")
    parser.add_argument("--rounds", type=Path, default=ROUNDS, help="where recorded rounds are")
    parser.add_argument("--speed", type=int, metavar="GRADINGS")
    parser.add_argument("--short", action="store_true", help="200 trials, 3 gradings")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if arguments.record:
        record(arguments.record, arguments.device, arguments.rounds)
        return
    if arguments.speed or arguments.short:
        speed(arguments.speed or 3, arguments.device)
    if arguments.speed:
        return
    found = list(rows(200 if arguments.short else arguments.trials, file=arguments.rounds))
    print(tabulate(found, headers="keys", disable_numparse=True))
    print(f"\nwrong: {sum(each['wrong'] for each in found)}")


if __name__ == "__main__":
    main()

"""How far mistakes miss the tolerance, and how far honest work stays below it.

    python -m tests.family.margins [--draws 5]

Prints the table by which the distribution of the pack's weights, and the lengths and batches of its
checks, were chosen: for each set of vectors the smallest miss of each mistake and the largest error
of each right solution over some draws, in units of the tolerance.
"""

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tabulate import tabulate

from grader.checking.probing import load_vectors
from tests.family.styles import FAMILY, FILE, PACK, REFERENCE, ROOT, STYLES, source_of

ATOL = 1e-2
ENOUGH, LITTLE = (
    3.0,
    0.3,
)  # a mistake misses by more than the one, honest work stays under the other

NOT_HERE = {
    "compiled", "global-settings", "hard-coded-cuda", "hard-coded-mps", "harness-not-guarded",
    "helper-files", "logging-and-warnings", "loops-over-everything", "noisy", "renamed-package",
}  # fmt: skip
"""Honest submissions that cannot simply be run in one process with others: they need other devices
or several files, change the process, or take long. The zoo grades them all."""


def honest_sources():
    """Return the honest submissions of the zoo that can be run here, by name."""
    found = sorted((ROOT / "tests" / "zoo" / "honest").glob(f"*/submission/{FILE}"))
    return {
        path.parent.parent.name: path.read_text(encoding="utf-8-sig")
        for path in found
        if path.parent.parent.name not in NOT_HERE
    }


def vector_sets():
    """Return the pack's sets of vectors that logits are compared on: sizes and scale, by name."""
    vectors = load_vectors(PACK / "checks")
    return {
        "course sizes": (vectors.DIMS, vectors.LOGIT_SD),
        "other sizes": (vectors.OTHER_DIMS, vectors.LOGIT_SD),
    }


def measure(seed, dims, logit_sd, made, honest):
    """Run the probes once, in a process with torch; the reply of `tests/family/probes.py`."""
    vectors = load_vectors(PACK / "checks")
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / name) for name in ("main.npz", "sampling.npz")]
        for path, sd in zip(paths, (logit_sd, vectors.SAMPLING_LOGIT_SD), strict=True):
            np.savez(path, **vectors.draw_weights(rng, dims, sd))
        sources = {}
        for style, mistake in made:
            sources.setdefault(mistake, {})[style] = source_of(style, mistake)
        request = {
            "dims": dims,
            "seed": seed,
            "weights": paths,
            "reference": REFERENCE,
            "right": {style: source_of(style) for style in STYLES} | honest,
            "mistakes": sources,
            "styles": (),
            "generate": {},
            "enough": 1e9,
        }
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("probes.py"))],
            input=json.dumps(request),
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
    return json.loads(done.stdout)


def largest(found):
    """Return the largest difference of any probe; what raised has none, and shows anyway."""
    numbers = [v for k, v in found.items() if k != "gap_to_first_style" and not isinstance(v, str)]
    return max(numbers, default=float("inf"))


def margins(draws):
    """Return rows (name, kind, figure by set of vectors), in units of the tolerance."""
    shown = [m for m in FAMILY.values() if m.witness == "logits"]
    made = [("reference", mistake.id) for mistake in shown]
    honest = honest_sources()
    misses, errors = {}, {}
    for name, (dims, sd) in vector_sets().items():
        for _ in range(draws):
            reply = measure(secrets.randbits(32), dims, sd, made, honest)
            for mistake, styles in reply["mistakes"].items():
                miss = largest(styles["reference"]) / ATOL
                row = misses.setdefault(mistake, {})
                row[name] = min(row.get(name, np.inf), miss)
            for solution, found in reply["right"].items():
                row = errors.setdefault(solution, {})
                row[name] = max(row.get(name, 0.0), largest(found) / ATOL)
    return [
        *((mistake, "mistake", row) for mistake, row in misses.items()),
        *((solution, "right", row) for solution, row in errors.items()),
    ]


def holds(kind, figures):
    """Whether a row keeps its distance from the tolerance on every set of vectors."""
    if kind == "mistake":
        return all(figure > ENOUGH for figure in figures.values())
    return all(figure < LITTLE for figure in figures.values())


def main():
    """Print the table, the narrowest margins first; end with 1 if any is too narrow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=5)
    rows = margins(parser.parse_args().draws)
    rows.sort(key=lambda row: (row[1], min(row[2].values()) if row[1] == "mistake"
                               else -max(row[2].values())))  # fmt: skip
    table = [
        [name, kind, *(f"{f:.3g}" for f in figures.values()), "" if holds(kind, figures) else "NO"]
        for name, kind, figures in rows
    ]
    print(tabulate(table, headers=["", "", *vector_sets(), ""], disable_numparse=True))
    sys.exit(0 if all(holds(kind, figures) for _, kind, figures in rows) else 1)


if __name__ == "__main__":
    main()

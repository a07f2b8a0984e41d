"""All samples of the notebook pack with all checks, and how far each is from the tolerance.

    python -m tests.notebooks.everything

Honest samples have to stay below 0.3 of the tolerance, and whoever misses it has to miss it by more
than 3 times.
"""

import sys

from tabulate import tabulate

from grader import pack as packs
from grader.checking.draw import Draw
from grader.grade import family_for, grade, oracle_for
from grader.sandbox.process import ProcessSandbox
from tests.notebooks.samples import PACK, ROOT, samples, surprises


def main():
    """Grade all samples as plain processes: they are the project's own code."""
    pack, sandbox, draw = packs.load(ROOT, PACK), ProcessSandbox(), Draw.fresh()
    rows, odd = [], []
    with oracle_for(pack, sandbox) as oracle, family_for(pack, sandbox, draw) as family:
        for sample in samples():
            result = grade(
                sample.submission(), pack, sandbox, oracle=oracle, draw=draw, family=family
            )
            checks = [c for criterion in result["criteria"] for c in criterion["checks"]]
            errors = {
                outcome: [
                    check["measured"]["max_abs_error"] / pack.atol
                    for check in checks
                    if check["outcome"] == outcome
                    and check["measured"].get("max_abs_error") is not None
                ]
                for outcome in ("passed", "failed")
            }
            lost = [c["id"] for c in checks if c["outcome"] not in ("passed", "inconclusive")]
            largest = max(errors["passed"], default=None)
            smallest = min(errors["failed"], default=None)
            rows.append([f"{sample.kind}/{sample.name}", largest, smallest, ", ".join(lost)])
            found = surprises(sample, result)
            found += ["too near"] if (largest or 0) > 0.3 or (smallest or 9) < 3 else []
            odd += [f"{sample.name}: {each}" for each in found]
    head = ["sample", "largest passed / atol", "smallest failed / atol", "lost"]
    print(tabulate(rows, head, floatfmt=".3g"))
    print("\n".join(odd) or "all as expected", f"(seed {draw.seed})")
    return 1 if odd else 0


if __name__ == "__main__":
    sys.exit(main())

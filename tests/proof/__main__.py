"""Measure the parts of the proof and write their tables into docs/proof/.

    python -m tests.proof [PART ...] [--only TEXT]
    python -m tests.proof acceptance --device cuda:0 --trials 40

A part is a module beside this one with TITLE, ABOUT, ``rows()`` and perhaps ``summary(cells by
key)``. Rows are kept in .proof/ as
they come: Ctrl-C stops, the same command goes on. Ends with 1 if any row did not hold.
"""

import argparse
import importlib
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime

from tabulate import tabulate

from tests.proof.ledger import ROOT, Ledger, Row, state_of

PARTS = (
    "zoo", "notebooks", "attacks", "margins", "diagnosis", "defences", "fuzz", "faults", "latency",
    "acceptance", "sheets", "recall", "gradebook", "decoding",
    "course", "night", "cluster", "gradescope",
)  # fmt: skip

ON_A_DEVICE = ("acceptance", "night")
IN_A_SANDBOX = ("attacks",)


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(prog="make proof", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--only", default="", help="only rows whose key holds this text; no table")
    parser.add_argument("--device", default="cpu", help="of acceptance and night: cpu or cuda:N")
    parser.add_argument(
        "--trials",
        type=int,
        help="of acceptance: gradings of the first kind; of night: submissions",
    )
    parser.add_argument("--sandbox", default="docker", choices=["docker", "bubblewrap"],
                        help="of attacks")  # fmt: skip
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    failed = 0
    for name in arguments.parts or PARTS:
        failed += run(name, arguments)
    sys.exit(1 if failed else 0)


def run(name: str, arguments: argparse.Namespace) -> int:
    """Measure what is missing of one part; return how many rows did not hold."""
    part = importlib.import_module(f"tests.proof.{name}")
    only, trials = arguments.only, arguments.trials
    options, command = {}, f"make proof PARTS={name}"
    if name in ON_A_DEVICE:
        options = {"device": arguments.device} | ({"trials": trials} if trials else {})
    elif name in IN_A_SANDBOX:
        options = {"sandbox": arguments.sandbox}
    for option, usual in (("device", "cpu"), ("sandbox", "docker")):
        if (where := options.get(option, usual)) != usual:
            command = f"python -m tests.proof {name} --{option} {where}"
            name += f"-{where.replace(':', '-')}"
    command += f" --trials {trials}" if "trials" in options else ""
    ledger = Ledger(ROOT / ".proof" / f"{name}.jsonl", state_of())
    rows: list[Row] = [row for row in part.rows(**options) if only in row.key]
    print(f"{part.TITLE}: {len(rows)} rows, {sum(row.key in ledger.rows for row in rows)} kept")
    for number, row in enumerate(rows, start=1):
        if row.key in ledger.rows:
            continue
        begin = time.monotonic()
        cells = row.measure()
        ledger.add(row.key, cells)
        seconds = time.monotonic() - begin
        print(f"  {number}/{len(rows)} {row.key}: {cells['held']} ({seconds:.1f} s)", flush=True)
    if not only:
        write_table(name, part, {row.key: ledger.rows[row.key] for row in rows}, command)
    return sum(ledger.rows[row.key]["held"] != "yes" for row in rows)


def write_table(name: str, part, measured: dict[str, dict[str, str]], command: str) -> None:
    """Write one page: what was shown, on what machine, and the table."""
    held = sum(cells["held"] == "yes" for cells in measured.values())
    day = datetime.now(UTC).date().isoformat()
    table = tabulate(
        [{"": key, **cells} for key, cells in measured.items()],
        headers="keys", tablefmt="github", disable_numparse=True,
    )  # fmt: skip
    more = f"{part.summary(measured)}\n\n" if hasattr(part, "summary") else ""
    text = (
        f"# {part.TITLE}\n\n{part.ABOUT.strip()}\n\n"
        f"`{command}` · {day} · Python {platform.python_version()} · {_commit()} · "
        f"**{held} of {len(measured)} held**\n\n{more}{table}\n"
    )
    path = ROOT / "docs" / "proof" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {held} of {len(measured)} held")


def _commit() -> str:
    """Return which state of the project this was, as far as that is known."""
    asked = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return f"commit {done.stdout.strip()}" if done.returncode == 0 else "commit unknown"


if __name__ == "__main__":
    main()

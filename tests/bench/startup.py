"""What grading costs, beside what the same work costs by hand.

    python tests/bench/startup.py [--rounds 7]

Everything is measured in one run, interleaved round by round, so that what else the machine does
meets all rows alike; after one round to warm up. By hand means: the reference, in three processes,
in the three modes of the course's harness, with weights and test cases made here beforehand.
Grading is measured as the whole command, for the whole sheet and for the parts of it that the modes
are about: 2a to 2c for evaluate and kv_evaluate, 2d for benchmark. It asserts nothing.
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tabulate import tabulate

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from grader import intake, pack  # noqa: E402
from grader.records import Limits  # noqa: E402
from grader.sandbox.boot import boot  # noqa: E402
from grader.sandbox.docker import DockerSandbox  # noqa: E402
from grader.sandbox.owner import PREFIX  # noqa: E402
from grader.student import Step, Student  # noqa: E402

PACK = "e0294-a4"
MODES = ("evaluate", "kv_evaluate", "benchmark")

MAKE_CASES = """
import json, torch
from transformer_skeleton import DecoderOnlyTransformer
torch.manual_seed(0)
model = DecoderOnlyTransformer(1000, 50, 100, 2, 128).eval()
cases = []
with torch.no_grad():
    for _ in range(10):
        ids = torch.randint(1000, (1, 11))
        logits = model(ids)[0].tolist()
        cases.append({"input_ids": ids.tolist(), "expected_logits_no_cache": logits,
                      "expected_logits_with_cache": logits, "expected_logits_sequential": logits})
torch.save(model.state_dict(), "model_state_dict.pt")
json.dump(cases, open("test_cases.json", "w"))
"""

CHILD = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

PART = """
import sys
from grader import cli, pack
from tests.zoo_cases import only
found, kept = pack.find, sys.argv.pop(1).split(",")
pack.find = lambda *arguments: only(found(*arguments), kept)
cli.main()
"""

GRADE = "grader grade submissions/alice, the whole sheet"
PROBLEM_2 = "the same, 2a to 2d alone"
UNTIMED = "the same, 2a to 2c alone"
BY_HAND = "by hand: three modes, three processes"
TWO_MODES = "by hand: evaluate and kv_evaluate only"
HELP = "grader --help"
READY = "container: start to READY"
LOADED = "ready sandbox: bytes to imported module"
WORKER = "ready sandbox: next check, fresh worker and import"
GONE = "container: kill to nothing left"
MEMORY = "host memory of a grading, peak"


class Bench:
    """The figures of all rounds, by row."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.figures: dict[str, list[float]] = {}
        self.sandbox = DockerSandbox(say=print)
        self.pack = pack.load(ROOT, PACK)
        self.alice = intake.read(ROOT / "submissions" / "alice")
        source = ROOT / "reference" / PACK.replace("-", "_") / "transformer_skeleton.py"
        template = ROOT / "rubrics" / PACK / "template" / "course_harness.py"
        for path in (source, template):
            shutil.copy(path, folder)
        self.run([sys.executable, "-c", MAKE_CASES], folder)

    def run(self, command: list[str], cwd: Path) -> float:
        """Run a command that must succeed; return its seconds."""
        begin = time.perf_counter()
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - begin
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return seconds

    def note(self, row: str, value: float) -> None:
        """Keep a figure."""
        self.figures.setdefault(row, []).append(value)

    def round(self) -> None:
        """Measure every row once."""
        self.grade()
        self.by_hand()
        self.note(HELP, self.run([sys.executable, "-m", "grader", "--help"], ROOT))
        self.boxes()
        self.memory()

    def grade(self) -> None:
        """The whole command, from the shell to the result on disk; then parts of the sheet."""
        arguments = self.grade_arguments()
        self.note(GRADE, self.run([sys.executable, "-m", "grader", *arguments], ROOT))
        for row, criteria in ((PROBLEM_2, "2a,2b,2c,2d"), (UNTIMED, "2a,2b,2c")):
            command = [sys.executable, "-c", PART, criteria, *arguments]
            self.note(row, self.run(command, ROOT))

    def grade_arguments(self) -> list[str]:
        """Return what follows ``grader``."""
        return ["grade", "submissions/alice", "--out", str(self.folder / "results")]

    def by_hand(self) -> None:
        """Three interpreters, one after the other, as the assignment's text says."""
        command = [sys.executable, "transformer_skeleton.py", "--mode"]
        seconds = {mode: self.run([*command, mode], self.folder) for mode in MODES}
        self.note(BY_HAND, sum(seconds.values()))
        self.note(TWO_MODES, seconds["evaluate"] + seconds["kv_evaluate"])

    def boxes(self) -> None:
        """The parts: a container's start, an import in it, its end."""
        begin = time.perf_counter()
        box = self.sandbox.start(Limits(), device="cpu")
        boot(box)
        self.note(READY, time.perf_counter() - begin)

        ours = {"label": f"{PREFIX}.pid={os.getpid()}"}
        begin = time.perf_counter()
        box.kill()
        while self.sandbox._client.api.containers(all=True, filters=ours):
            time.sleep(0.001)
        self.note(GONE, time.perf_counter() - begin)

        interface, limits = self.pack.interface, self.pack.sandbox
        with Student(self.sandbox, self.alice.files, interface, limits) as student:
            student.start()
            # Choosing how to load builds and calls a small model, once per submission: apart.
            student._step = Step("import", None)
            for row in (LOADED, WORKER):
                begin = time.perf_counter()
                student.fresh()
                student.load()
                self.note(row, time.perf_counter() - begin)

    def memory(self) -> None:
        """The largest resident set of the host's process, in MB."""
        command = [sys.executable, "-c", CHILD, sys.executable, "-m", "grader"]
        done = subprocess.run(
            [*command, *self.grade_arguments()],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        unit = 1 if sys.platform == "darwin" else 1024
        self.note(MEMORY, int(done.stdout) * unit / 1e6)

    def table(self) -> str:
        """Return medians and spreads; seconds, but for memory."""
        rows = []
        for row, values in self.figures.items():
            unit, scale = ("MB", 1) if row == MEMORY else ("ms", 1000)
            low, middle, high = (
                scale * f(values)
                for f in (min, statistics.median, max)  # type: ignore[operator]
            )
            rows.append([row, f"{middle:.0f}", f"{low:.0f} - {high:.0f}", unit, len(values)])
        return tabulate(
            rows,
            headers=["", "median", "min - max", "", "n"],
            colalign=("left", "right", "right", "left", "right"),
            disable_numparse=True,
        )

    def ratios(self, graded: str, by_hand: str) -> str:
        """Return how grading compares with the same by hand, round by round."""
        pairs = zip(self.figures[graded], self.figures[by_hand], strict=True)
        ratios = [a / b for a, b in pairs]
        middle = statistics.median(ratios)
        return f"{middle:.2f} (min - max {min(ratios):.2f} - {max(ratios):.2f})"


def load() -> str:
    """Return the load of the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def machine() -> str:
    """Return what this was measured on."""
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else ():
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} cores, {name}, Python {platform.python_version()}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What grading costs, beside doing it by hand.")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        before, loads = load(), []
        for number in range(rounds + 1):
            bench.round()
            loads.append(load())
            if number == 0:
                bench.figures.clear()  # the warm-up
    print(f"{machine()}; load before {before}, after each round {' '.join(loads)}\n")
    print(bench.table())
    print(f"\n2a to 2c / three modes by hand: {bench.ratios(UNTIMED, BY_HAND)}")
    print(f"2a to 2d / three modes by hand: {bench.ratios(PROBLEM_2, BY_HAND)}")
    print(f"2a to 2c / evaluate and kv_evaluate by hand: {bench.ratios(UNTIMED, TWO_MODES)}")


if __name__ == "__main__":
    main()

"""Associative recall: data made here, run.sh run in the sandbox, predictions scored here.

The submission sees sequences and, of those that are scored, not the last value. What it prints of
its own accuracy is not read.
"""

import json
from pathlib import PurePosixPath

import numpy as np

from grader.errors import StudentFault

KEYS, VALUES, PAIRS = 10, 10, 12
TRAIN, TEST = 8_000, 1_000
SOLVED = 0.9
SAID = {"one": 1, "reference": 2, "three": 3, "four": 4}  # layers, by the answer's name
SECONDS = 140.0  # of one run: a tenth of it is enough on one free core
DRIVER_NAME = "recall_of_the_grader.py"

DRIVER = """
import json, os, pathlib, shutil, subprocess, sys, tempfile

work = pathlib.Path.cwd()
folder = pathlib.Path(tempfile.mkdtemp())
data = folder / "data"
data.mkdir()
for name in ("train", "test"):
    shutil.move(str(work / f"recall_of_the_grader.{name}"), str(data / name))
out = folder / "predictions"
here = os.path.dirname(sys.executable)
path = os.pathsep.join([here, os.environ.get("PATH", ""), "/usr/local/bin:/usr/bin:/bin"])
shell = shutil.which("bash", path=path) or shutil.which("sh", path=path)
command = [shell, "run.sh", f"num_layers={sys.argv[1]}", f"data={data}", f"out={out}"]
done = subprocess.Popen(command, env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
said = b""
while piece := os.read(done.stdout.fileno(), 65536):
    said = (said + piece)[-1500:]
    os.write(2, piece[-1500:])  # shown while it runs, to whoever waits
done.wait()
try:
    with open(out, errors="replace") as file:
        found = file.read(60000)
except OSError as error:
    found = None
said = said.decode(errors="replace")
print()
print(json.dumps({"code": done.returncode, "said": said, "found": found}))
"""


class Recall:
    """The accuracy of a submission's own training, by its number of layers."""

    def __init__(self, scripts, draw):
        self.scripts, self.draw = scripts, draw
        self.done = {}

    @property
    def script(self):
        """Return the path of run.sh; None where there is none."""
        found = [p for p in self.scripts.files if PurePosixPath(p).name == "run.sh"]
        return min(found, key=lambda path: (path.count("/"), path), default=None)

    def accuracy(self, layers):
        """Return the accuracy with this many layers, and what was printed; raises StudentFault."""
        if layers not in self.done:
            rng = self.draw.rng(f"recall with {layers}")
            train, test = sequences(rng, TRAIN), sequences(rng, TEST)
            said, found = self._run(layers, lines(train), lines(test[:, :-1]))
            self.done[layers] = score(found, test[:, -1]), said
        return self.done[layers]

    def agrees(self, record):
        """Add to the answer how many layers are enough what the submission's own runs show."""
        shown = {layers: accuracy for layers, (accuracy, _) in self.done.items()}
        if not shown:
            return
        runs = ", ".join(
            f"{n} {'layer' if n == 1 else 'layers'} {a:.1%}" for n, a in sorted(shown.items())
        )
        said = SAID.get(record.evidence.variant)
        verdict = ""
        if said is not None and len(shown) > 1:
            fewest = min((n for n, accuracy in shown.items() if accuracy >= SOLVED), default=None)
            verdict = ", which fits" if said == fewest else ", which does not fit the answer"
        record.evidence.message += f" Your own runs: {runs}{verdict}."

    def _run(self, layers, train, test):
        folder = PurePosixPath(self.script).parent
        inside = {name: str(folder / name) for name in (
            DRIVER_NAME, "recall_of_the_grader.train", "recall_of_the_grader.test")}  # fmt: skip
        files = dict(zip(inside.values(), (DRIVER, train, test), strict=True))
        done = self.scripts.run(inside[DRIVER_NAME], argv=[str(layers)], files=files,
                                seconds=SECONDS)  # fmt: skip
        try:
            told = json.loads(done.printed.strip().split("\n")[-1])
            code, said, found = told["code"], str(told["said"]), told["found"]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            trouble = done.trouble or "it ended without a word"
            raise StudentFault("error", f"run.sh num_layers={layers}: {trouble}.") from None
        if not isinstance(found, str):
            raise StudentFault(
                "error",
                f"run.sh num_layers={layers} ended with {code!r} and wrote no predictions to out: "
                f"{said[-600:]}",
            )
        return said, found


def sequences(rng, count):
    """Return sequences (count, 2 * PAIRS + 2): pairs, then a key that came before and its value."""
    keys = rng.integers(0, KEYS, (count, PAIRS + 1))
    asked = rng.integers(0, PAIRS, count)
    keys[:, -1] = keys[np.arange(count), asked]
    table = KEYS + rng.integers(0, VALUES, (count, KEYS))
    values = np.take_along_axis(table, keys, axis=1)
    return np.stack([keys, values], axis=2).reshape(count, -1)


def lines(rows):
    """Return whole numbers as text, a row a line."""
    return "".join(" ".join(map(str, row)) + "\n" for row in rows.tolist())


def score(found, wanted):
    """Return the share of predictions that are right; what is missing or no number is wrong."""
    rows = found.strip().split("\n")[: len(wanted)]
    right = sum(
        row.strip() == str(value) for row, value in zip(rows, wanted.tolist(), strict=False)
    )
    return right / len(wanted)

"""Associative recall: does the reduced task tell one layer from two, whatever the data?"""

import functools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from grader.beside import by_path
from tests.proof.ledger import ROOT, Row

TITLE = "Associative recall"
ABOUT = """
The reference's `train.py` on data that the grading's own code has drawn, for each seed with one
layer and with two: the share of predictions that are right, scored as in grading. A row holds where
two layers are above 0.9 and one below. 5 seeds on the CPU, and 20 on a GPU where there is one.
"""
CPU_SEEDS, GPU_SEEDS = 5, 20
RECALL = by_path(ROOT / "rubrics" / "optimizing-transformers" / "checks" / "recall.py")
REFERENCE = ROOT / "reference" / "optimizing_transformers"
HAS_GPU = "import sys, torch; sys.exit(not torch.cuda.is_available())"
NAME = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"


def rows():
    """Return a row for each seed on each device."""
    devices = [("cpu", CPU_SEEDS)]
    if subprocess.run([sys.executable, "-c", HAS_GPU], check=False).returncode == 0:
        devices.append(("cuda", GPU_SEEDS))
    return [
        Row(f"{device}, seed {seed}", functools.partial(_cells, device, seed))
        for device, seeds in devices
        for seed in range(seeds)
    ]


def summary(_):
    """Return which GPU it was."""
    asked = subprocess.run(
        [sys.executable, "-c", NAME], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def _cells(device, seed):
    found = {layers: _trained(device, seed, layers) for layers in (1, 2)}
    held = found[1][0] < RECALL.SOLVED < found[2][0]
    cells = {"1 layer": f"{found[1][0]:.3f}", "2 layers": f"{found[2][0]:.3f}"}
    seconds = {f"{layers} (s)": f"{spent:.0f}" for layers, (_, spent) in found.items()}
    return {**cells, **seconds, "held": "yes" if held else "no"}


def _trained(device, seed, layers):
    """Return the accuracy of one training and its seconds."""
    rng = np.random.default_rng([seed, layers])
    train, test = (RECALL.sequences(rng, count) for count in (RECALL.TRAIN, RECALL.TEST))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        (data / "train").write_text(RECALL.lines(train))
        (data / "test").write_text(RECALL.lines(test[:, :-1]))
        command = [sys.executable, "train.py", f"num_layers={layers}", f"data={data}",
                   f"out={data / 'out'}"]  # fmt: skip
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
        begin = time.monotonic()
        subprocess.run(command, cwd=REFERENCE, env={**os.environ, **hidden}, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        spent = time.monotonic() - begin
        return RECALL.score((data / "out").read_text(), test[:, -1]), spent

"""Problem 1d, second step (alice): draws what measure_intensity.py has written."""

import csv
from pathlib import Path

import matplotlib.pyplot as plt

with Path("intensity.csv").open() as file:
    points = list(csv.DictReader(file))

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
for axes, phase in ((left, "prefill"), (right, "decode")):
    chosen = [point for point in points if point["phase"] == phase]
    x = [int(point["x"]) for point in chosen]
    y = [float(point["flops_per_byte"]) for point in chosen]
    axes.semilogx(x, y, "o-", base=2)
    axes.set_ylabel("arithmetic intensity (flops/byte)")
    axes.set_title(phase)
left.set_xlabel("context length N")
right.set_xlabel("batch size")
right.set_ylim(0, 2)
figure.tight_layout()
figure.savefig("intensity.png")

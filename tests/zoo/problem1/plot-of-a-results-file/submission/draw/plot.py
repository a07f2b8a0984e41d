import csv

import matplotlib.pyplot as plt

with open("intensity.csv") as file:
    rows = [(row[0], float(row[1]), float(row[2])) for row in csv.reader(file)]
figure, axes = plt.subplots(2)
for ax, phase, label in zip(axes, ("prefill", "decode"), ("context length", "batch size")):
    ax.plot([x for p, x, y in rows if p == phase], [y for p, x, y in rows if p == phase], "x-")
    ax.set_title(f"arithmetic intensity of {phase}")
    ax.set(xlabel=label, ylabel="flops per byte")
plt.show()

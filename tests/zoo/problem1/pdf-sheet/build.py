"""A PDF whose text can be read."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LINES = """Problem 1
(c)
Prefill
FLOPs = 4 N^2 d
Bytes = (4 N^2 + 4 N d) b
Arithmetic intensity = N d / ((N + d) b)
Decode
FLOPs = 4 N d
Bytes = (2 N d + 4 N + 2 d) b
Arithmetic intensity = 2 N d / ((N d + 2 N + d) b)
(d)
Arithmetic intensity of prefill = 56.89
Arithmetic intensity of decode = 0.9837
"""


def build(folder):
    """Return a submission with one PDF of a page."""
    path = folder / "pdf-sheet"
    path.mkdir()
    figure = plt.figure(figsize=(6, 8))
    for number, line in enumerate(LINES.splitlines()):
        figure.text(0.1, 0.9 - 0.05 * number, line, fontsize=12)
    figure.savefig(path / "answers.pdf")
    plt.close(figure)
    return path

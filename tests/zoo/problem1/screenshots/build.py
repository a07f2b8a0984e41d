"""Pictures in the place of text."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def build(folder):
    """Return a submission of two pictures."""
    path = folder / "screenshots"
    path.mkdir()
    for name in ("page1.png", "page2.png"):
        figure = plt.figure(figsize=(3, 2))
        figure.text(0.1, 0.5, "prefill: 4 N^2 d flops")
        figure.savefig(path / name)
        plt.close(figure)
    return path

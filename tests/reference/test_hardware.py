"""The command that holds the calculator against a machine, at a size for any machine."""

import dataclasses

from tests.bench.hardware import plots
from tests.bench.hardware.__main__ import measured
from tests.bench.hardware.setting import QUICK


def test_formulas_and_machine_agree_and_every_step_has_its_bound(tmp_path, capsys):
    """Bytes and flops are exactly those that were said; each way to decode is timed and drawn."""
    found = measured(dataclasses.replace(QUICK, repeats=1, lasting=0.05))
    sizes, flops, prefill, steps, *_ = found["tables"].values()
    assert {row["ratio"] for row in sizes} == {"1.00000"}
    assert {row["counted/said"] for row in flops} == {"1.00000"}
    assert len(prefill) == len(QUICK.batches) * len(QUICK.tokens)
    contexts = {(1, 8), (1, 32), (1, 64), (2, 8), (4, 8), (4, 64)}
    assert {(row["batch"], row["tokens"]) for row in steps} == contexts
    ways = ("no cache", "growing cache", "static cache")
    assert [row["way"] for row in steps] == [*ways] * len(contexts)
    plots.draw(found, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"time-per-token.svg", "roofline.svg"}
    assert QUICK.model.name in (tmp_path / "roofline.svg").read_text()

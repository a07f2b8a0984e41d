"""A project whose only assignment is small: a hand-in of it is graded within a second."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUBRIC = """
schema = "grader.rubric/1"
id = "small"
title = "A table of words"
version = "1"
points = 3

[interface]
model = "Net"
classes = ["Net"]
expected = ["net.py"]
constructor = ["words", "width"]
forward = ["past", "use_cache"]
generate = ["n", "temperature", "use_cache"]
vocabulary = "words"
probe = { words = 3, width = 2 }

[sandbox]
memory_mb = 512

[late]
share = 0.5

[limits]
atol = 0.01

[[criteria]]
id = "1"
title = "Right"
points = 2
rule = "sum"

[[criteria.checks]]
id = "logits"
points = 2
says = "The logits are right."
at_most = { max_abs_error = "atol" }

[[criteria]]
id = "2"
title = "Explained"
points = 1
rule = "manual"
"""
CHECKS = '''
import numpy as np
import pytest

@pytest.mark.public
def test_logits(student, oracle, draw, record):
    """The logits are those of the reference."""
    dims = {"words": 7, "width": 4}
    weights = {"table": draw.rng("table").standard_normal((7, 7)).astype(np.float32)}
    ids = draw.rng("ids").integers(0, 7, (2, 5))
    logits, _ = student.build(dims, weights).forward(ids)
    record.compare(logits, oracle.logits(dims, weights, ids), "here")
'''
NET = """
import time
import torch

class Net(torch.nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.table = torch.nn.Parameter(torch.zeros(words, words))

    def forward(self, ids, past=None, use_cache=False):
        return self.table[ids], None
"""
WRONG = NET.replace("self.table[ids]", "self.table[ids] + 1")


def project(folder):
    """Copy the grader and lay out the pack ``small``; ``python -m grader`` in it is the copy's."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "grader", folder / "grader", ignore=ignore)
    return lay_out(folder)


def lay_out(folder):
    """Lay out the pack ``small`` and its reference."""
    checks = folder / "rubrics" / "small" / "checks"
    checks.mkdir(parents=True)
    (checks / "test_net.py").write_text(CHECKS)
    (checks.parent / "template").mkdir()
    (checks.parent / "rubric.toml").write_text(RUBRIC)
    (folder / "reference" / "small").mkdir(parents=True)
    (folder / "reference" / "small" / "net.py").write_text(NET)
    return folder

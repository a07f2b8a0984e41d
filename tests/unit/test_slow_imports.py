"""What is imported ahead of a submission that has the word for it: nothing slow is left to do."""

import subprocess
import sys

import pytest

from grader import grade
from grader.intake import SourceFile

USES = {
    "matplotlib": "import matplotlib.pyplot",
    "use_deterministic_algorithms": "torch.use_deterministic_algorithms(True)",
}
FEW = 20  # modules; the slow ones bring hundreds
COUNTED = """
import importlib, sys, torch
importlib.import_module({module!r})
before = len(sys.modules)
{use}
print(len(sys.modules) - before)
"""


@pytest.mark.parametrize("word", sorted(USES))
def test_what_a_word_stands_for_is_all_imported_ahead(word):
    """After the import that a submission's word calls for, using it imports next to nothing."""
    (module,) = grade._preload([SourceFile("solution.py", USES[word].encode())])
    code = COUNTED.format(module=module, use=USES[word])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert int(done.stdout) < FEW

"""The question at the top of the file: a human reads the answer."""

import re
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parent.parent / "template" / "cached_gpt.py"
CODE = re.compile(r"^(?:import \w|from [\w.]+ import |class \w+)", re.MULTILINE)


@pytest.mark.hidden
def test_memory(scripts, record):
    """What the cache takes in memory, and what a step reads of it, above the first import."""
    given = above(TEMPLATE.read_bytes()).split()
    for path, source in sorted(scripts.files.items()):
        if path.endswith(".py") and b"class CachedGPT" in source:
            text = above(source)
            if text.split() not in ([], given):
                record.attach("txt", text.encode(), own=True)
                record.say(f"A human reads what stands at the top of {path}.")
                return
    record.not_submitted("No answer stands at the top of the file with CachedGPT.")


def above(source):
    """The text of a file up to its first import or class: a docstring, or comments."""
    return CODE.split(source.decode(errors="replace"), maxsplit=1)[0]

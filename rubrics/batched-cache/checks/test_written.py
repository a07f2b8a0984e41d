"""The question at the top of the file: a human reads the answer."""

import ast
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parent.parent / "template" / "cached_gpt.py"


@pytest.mark.hidden
def test_memory(scripts, record):
    """What the cache takes in memory, and what a step reads of it, in a docstring."""
    given = written(TEMPLATE.read_bytes()).split()
    for path, source in sorted(scripts.files.items()):
        if path.endswith(".py") and b"class CachedGPT" in source:
            text = written(source)
            if text.split() != given:
                record.attach("txt", text.encode(errors="replace"), own=True)
                record.say(f"A human reads what stands at the top of {path}.")
                return
    record.not_submitted("No answer stands at the top of the file with CachedGPT.")


def written(source):
    """The docstring of a file; all of its text where it is no Python."""
    try:
        return ast.get_docstring(ast.parse(source)) or ""
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source.decode(errors="replace")

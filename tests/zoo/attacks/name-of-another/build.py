"""A right submission in a folder whose name is meant to be written to."""

CODE = """
from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    student = "alice"
"""


def build(folder):
    """Make the folder; return it."""
    named = folder / "..\u202ealice\x1b[31m\n\\..\\bob: 50 of 50 \N{PILE OF POO}.json"
    named.mkdir()
    (named / "transformer_skeleton.py").write_text(CODE)
    (named / "alice.json").write_text('{"submission": {"id": "alice"}, "total": {"points": 50}}')
    return named

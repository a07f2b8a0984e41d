"""The same mistakes in solutions written differently: the reference and three others."""

import tomllib
from pathlib import Path

from grader import mistakes

ROOT = Path(__file__).parents[2]
PACK = ROOT / "rubrics" / "e0294-a4"
FILE = "transformer_skeleton.py"

FAMILY = {mistake.id: mistake for mistake in mistakes.read(PACK / mistakes.FILE)}
REFERENCE = (ROOT / "reference" / "e0294_a4" / FILE).read_text()
SOLUTIONS = {
    folder.name: (
        (folder / FILE).read_text(),
        tomllib.loads((folder / "edits.toml").read_text()),
    )
    for folder in sorted((Path(__file__).parent / "solutions").iterdir())
}
STYLES = ("reference", *SOLUTIONS)


def edits_of(style, mistake):
    """Return the pairs (old, new) that make a mistake in a style, or None where none can."""
    if style == "reference":
        return FAMILY[mistake].edits
    edits = SOLUTIONS[style][1][mistake].get("edits")
    return edits and tuple((edit["old"], edit["new"]) for edit in edits)


def source_of(style, *made):
    """Return a style's source with these mistakes made in it."""
    source = REFERENCE if style == "reference" else SOLUTIONS[style][0]
    for mistake in made:
        for old, new in edits_of(style, mistake):
            source = source.replace(old, new)
    return source


MADE = [(style, mistake) for mistake in FAMILY for style in STYLES if edits_of(style, mistake)]
"""Every mistake in every style that can make it."""

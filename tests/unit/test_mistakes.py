"""Known mistakes: read with care, and applied to the letter."""

import pytest

from grader import mistakes
from grader.intake import SourceFile
from grader.tables import BadPack

FAMILY = """
[[mistakes]]
id = "no-scale"
says = "without a scale"
look = "Look at the scale."
witness = "logits"
[[mistakes.edits]]
old = " / scale"
new = ""
"""
SOURCE = b"scores = q @ k / scale\n"


@pytest.fixture
def family(tmp_path):
    """Write a family's file and read it."""

    def read(text=FAMILY):
        path = tmp_path / mistakes.FILE
        path.write_text(text, encoding="utf-8")
        return mistakes.read(path)

    return read


def test_a_mistake_is_an_edit_of_the_reference(family):
    """The variant is the reference with that text replaced, in a file named by the mistake."""
    (variant,) = mistakes.variants(family(), SourceFile("model.py", SOURCE), "here")
    assert variant == SourceFile("no-scale.py", b"scores = q @ k\n")


def test_a_pack_without_the_file_has_no_known_mistakes(tmp_path):
    """The family is optional."""
    assert mistakes.read(tmp_path / mistakes.FILE) == ()


@pytest.mark.parametrize("source", [b"scores = q @ k\n", SOURCE * 2])
def test_an_edit_that_does_not_fit_is_refused(family, source):
    """An edit whose text is not there, or there twice, is named with the number of times."""
    with pytest.raises(BadPack, match=r"'no-scale' replaces ' / scale', which is there [02] times"):
        mistakes.variants(family(), SourceFile("model.py", source), "here")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('witness = "logits"', 'witness = "logit"', "did you mean 'logits'?"),
        ('look = "Look at the scale."', "", "'look' is missing"),
        ("[[mistakes.edits]]", "[[mistakes.edit]]", "unknown key 'edit'; did you mean 'edits'?"),
        (FAMILY, FAMILY + FAMILY, "the mistake 'no-scale' is listed twice"),
        ("[[mistakes]]", "[[mistakes]", "mistakes.toml"),
    ],
)
def test_a_family_that_is_wrong_is_refused_with_the_place(family, old, new, words):
    """What is missing, misspelt or listed twice is said, with the word that was meant."""
    text = FAMILY.replace(old, new)
    with pytest.raises(BadPack) as refusal:
        family(text)
    assert words in str(refusal.value)
    assert mistakes.FILE in str(refusal.value)


def test_of_several_files_the_one_with_the_expected_name_is_edited():
    """A reference may hold other programs, too; which file has the class is said by its name."""
    model, plots = SourceFile("model.py", SOURCE), SourceFile("a_plot.py", b"")
    assert mistakes.edited_file([plots, model], ["model.py"], "here") == model
    with pytest.raises(BadPack, match=r"here: known mistakes need one file named net.py"):
        mistakes.edited_file([plots, model], ["net.py"], "here")

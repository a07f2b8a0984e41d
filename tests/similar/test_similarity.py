"""Code in common: found under disguise, shown where it stands, and dangerous to nobody."""

import json
import random
import time
from pathlib import Path

import numpy as np
import pytest

from grader.errors import UsageError
from grader.intake import SourceFile
from grader.similarity import page, story, table
from grader.similarity.comparing import Batch, K, _grams
from grader.similarity.pairs import Found, Pair, Work, evidence
from grader.similarity.reading import MAX_CODE, Piece, pieces
from grader.similarity.tokens import APART, Places, Words
from tests.similar.disguises import DISGUISES

ROOT = Path(__file__).parents[2]
FILE = "transformer_skeleton.py"
ALICE = (ROOT / "submissions" / "alice" / FILE).read_text()
BOB = (ROOT / "submissions" / "bob" / FILE).read_text()
TEMPLATE = (ROOT / "rubrics" / "e0294-a4" / "template" / FILE).read_text()
COMMON = """
def accumulate(values, weight):
    total = [weight * value ** 2 for value in values if value > 0]
    for position, value in enumerate(values):
        if position % 3 == 1 and value not in total:
            total.append(value / (1 + position) - weight[position:])
    return {name: sum(total) for name in sorted(total, key=lambda each: -each)}
"""


def shares(*texts, template=""):
    """Return the table of shares of texts."""
    words = Words()
    cut = [words.numbers([Piece("x.py", 0, text)]) for text in (*texts, template)]
    return Batch(cut[:-1], cut[-1]).shares()


def own(seed, lines=60):
    """Return code of nobody else's."""
    rng = random.Random(seed)
    operators = ["+", "-", "*", "//", "%", "@", "<<", "|", "&", "^"]
    return "".join(
        "x = " + " ".join(f"{rng.choice(['y', '(z)', '[q]'])} {rng.choice(operators)}"
                          for _ in range(8)) + f" {rng.randrange(99)}\n"
        for _ in range(lines)
    )  # fmt: skip


def handed_in(folder, **texts):
    """Write hand-ins, each a file of its own in a folder of its own."""
    for name, text in texts.items():
        path = folder / name / FILE
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return folder


def order(tmp_path, least=0.5):
    return story.Order(ROOT, tmp_path / "hand-ins", "e0294-a4", tmp_path / "out", least)


# --- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_copy_is_found_under_each_disguise(disguise):
    """A disguised copy shares more than half with what it was made of, and not with other work."""
    found = shares(ALICE, BOB, DISGUISES[disguise](ALICE), template=TEMPLATE)
    assert max(found[0, 2], found[2, 0]) > 0.5
    assert max(found[0, 1], found[1, 0], found[1, 2], found[2, 1]) < 0.5


def test_each_way_has_its_own_share():
    """What was copied whole into something twice as long is all of the one, half of the other."""
    found = shares(own(1), own(1) + own(2))
    assert found[0, 1] == 1
    assert 0.4 < found[1, 0] < 0.6


def test_what_was_given_out_counts_for_nobody():
    """Solutions that both keep the template's code share none of it, and a blank one has none."""
    texts = (TEMPLATE + own(1, 15), TEMPLATE + own(2, 15))
    assert shares(*texts, TEMPLATE, template=TEMPLATE).max() < 0.05
    assert shares(*texts)[0, 1] > 0.3


def test_names_and_layout_do_not_matter_but_the_code_does():
    """Other names, texts, comments and blank lines leave all in common; other operators do not."""
    first = own(1) + COMMON
    second = first.replace("total", "t").replace("y", "yy").replace("\n", "  # so\n\n")
    assert shares(first, second)[0, 1] == 1
    assert shares(first, first.replace("+", "-").replace("*", "/"))[0, 1] < 0.6


def test_runs_are_numbered_exactly():
    """Two places have one number if and only if the same tokens begin there, none if they end."""
    rng = np.random.default_rng(0)
    words = rng.integers(0, 3, 3_000)  # 0 is the end of a piece
    words[::7] = np.where(words[::7] == 0, 1, words[::7])
    words[1_000:1_400] = words[2_000:2_400]
    numbers = _grams(words)
    cut = [tuple(words[at : at + K].tolist()) for at in range(len(words))]
    real = [len(each) == K and APART not in each for each in cut]
    assert [bool(number) for number in numbers] == real
    of = {each: number for each, number, is_real in zip(cut, numbers, real, strict=True) if is_real}
    assert all(of[cut[i]] == numbers[i] for i in range(len(cut)) if real[i])
    assert len(set(of.values())) == len(of) > 10


# --- where it stands ------------------------------------------------------------------------------


def common(*submissions):
    """Return what two submissions, each a list of pieces, have in common."""
    words = Words()
    batch = Batch([words.numbers(each) for each in submissions], [APART])
    return evidence(batch.passages(0, 1), *map(Places, submissions))


def test_a_passage_names_file_cell_and_lines_of_both():
    """A function that stands in both is found where it stands, in whatever order."""
    first = [Piece("a.py", 0, own(1, 9)), Piece("b.py", 0, "\n\n" + own(2, 5) + COMMON + own(3, 5))]
    second = [Piece("kv.ipynb", 4, COMMON), Piece("kv.ipynb", 6, own(4, 30))]
    longest = common(first, second)[0]
    lines = COMMON.count("\n") - 1
    assert longest.first.place == f"b.py:9-{8 + lines}"
    assert longest.second.place == f"kv.ipynb cell 4:2-{1 + lines}"
    assert longest.holders == 2


def test_no_passage_goes_from_one_file_into_the_next():
    """Files that are the same one after the other are two passages."""
    files = [Piece("a.py", 0, own(1, 9)), Piece("b.py", 0, own(2, 9))]
    found = common(files, files)
    assert {one.first.place for one in found} == {"a.py:1-9", "b.py:1-9"}


def test_notebooks_are_read_by_their_code():
    """Cells with code are compared, with words and outputs they are not."""
    cells = [
        {"cell_type": "markdown", "source": own(1)},
        {"cell_type": "code", "source": [COMMON], "outputs": [{"text": own(2)}]},
    ]
    data = json.dumps({"cells": cells, "nbformat": 4}).encode()
    found, said = pieces([SourceFile("kv.ipynb", data)])
    assert [(piece.cell, piece.text) for piece in found] == [(2, COMMON)]
    assert not said


# --- what is hostile ------------------------------------------------------------------------------

HOSTILE = {
    "one line": b"x = " + b"1+" * 4_500_000,
    "long line": b'"""' + b"\\N{" * 40_000,
    "large": b"x = 1\n" * (MAX_CODE // 5),
    "binary": bytes(range(256)) * 1_000,
    "broken notebook": b'{"cells": [' + b"[" * 200_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_cannot_be_compared_is_left_out_and_said(kind):
    """Data in the place of code costs next to nothing, and a sentence says so."""
    begin = time.process_time()
    name = "x.ipynb" if "notebook" in kind else "x.py"
    found, said = pieces([SourceFile(name, HOSTILE[kind]), SourceFile("y.py", COMMON.encode())])
    Words().numbers(found)
    assert time.process_time() - begin < 5
    assert found[-1].text == COMMON
    assert name in said[0]


def test_code_that_is_none_is_taken_apart_all_the_same():
    """Brackets, quotes and indents without end, and bytes that are no UTF-8, are only tokens."""
    odd = b"(" * 1_000 + b"\n" + b"if x:\n " * 500 + b"'''" + b"\xff\xfe" * 100 + b"\nf'{" * 500
    found, said = pieces([SourceFile("x.py", odd)])
    assert len(Words().numbers(found)) > 1_000
    assert not said


def test_text_of_students_is_text_in_the_page(tmp_path):
    """Markup in code and names, and what turns text round, stand in the page as written."""
    hostile = f'{COMMON}"""</pre><script>alert(1)</script>"""  # \u202e hidden\u200b\n'
    piece = [Piece("<img src=x>.py", 0, hostile)]
    work = Work("<b>eve</b>", piece, ["<i>said</i>"], 100)
    found = Found("pack", 0.5, [work, work], {"<u>x</u>": "<s>no</s>"})
    found.pairs.append(Pair(work, work, 1.0, 1.0, common(piece, piece)))
    page.write(tmp_path / "out", found)
    for path in ("index.html", "pairs/1.html"):
        text = (tmp_path / "out" / path).read_text()
        assert not any(f"<{tag}" in text for tag in ("script", "img", "b>", "i>said", "u>", "s>"))
        assert "\u202e" not in text
        assert "\u200b" not in text
        assert "default-src 'none'" in text
    assert "&lt;script&gt;alert(1)" in text
    assert "\\u202e hidden\\u200b" in text


# --- the command ----------------------------------------------------------------------------------


def test_pairs_are_written_for_a_human_and_nothing_else_is_touched(tmp_path):
    """The copy is shown with figures and places; the page says that it costs no points."""
    folder = handed_in(
        tmp_path / "hand-ins",
        alice=ALICE,
        bob=BOB,
        carol=DISGUISES["renamed"](ALICE),
        dave=TEMPLATE,
    )
    before = {path: path.read_bytes() for path in folder.rglob("*.py")}
    said = []
    found = story.run(order(tmp_path), said.append)
    kept = json.loads((tmp_path / "out" / page.FILE).read_text())
    assert [(pair["first"], pair["second"]) for pair in kept["pairs"]] == [("alice", "carol")]
    assert kept["pairs"][0]["share"] == 1
    assert kept["pairs"][0]["common"][0]["first"]["path"] == FILE
    assert kept["too_little"] == ["dave"]
    shown = (tmp_path / "out" / "index.html").read_text()
    assert "loses points" in shown
    assert "loses points" in table.render(found)
    assert "100%" in table.render(found)
    assert "comparing 4 of 4" in said
    assert before == {path: path.read_bytes() for path in folder.rglob("*.py")}


def test_a_folder_of_something_else_is_not_written_into(tmp_path):
    """A folder that is no earlier comparison is refused before anything is read."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "alice.json").write_text("{}")
    with pytest.raises(UsageError, match="--out"):
        story.run(order(tmp_path), lambda _: None)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["alice.json"]


def test_an_earlier_comparison_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    """Ctrl-C while pages are written leaves the old ones, and nothing half-written."""
    work = Work("alice", [Piece("x.py", 0, COMMON)], [], 100)
    page.write(tmp_path / "out", Found("old", 0.5, [work, work], {}))

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(page, "_json", stop)
        with pytest.raises(KeyboardInterrupt):
            page.write(tmp_path / "out", Found("new", 0.5, [work, work], {}))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert json.loads((tmp_path / "out" / page.FILE).read_text())["pack"] == "old"
    page.write(tmp_path / "out", Found("new", 0.5, [work, work], {}))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert json.loads((tmp_path / "out" / page.FILE).read_text())["pack"] == "new"


@pytest.mark.parametrize("least", [0, -1, 1.5, float("nan")])
def test_a_share_is_between_none_and_all(tmp_path, least):
    """Any other --least is refused in a sentence."""
    with pytest.raises(UsageError, match="--least"):
        story.run(order(tmp_path, least), lambda _: None)

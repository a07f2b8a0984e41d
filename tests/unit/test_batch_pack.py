"""Which assignment a folder of hand-ins is of."""

import shutil

import pytest

from grader.batch import story
from grader.batch.handins import HandIns
from grader.downloads.taking import take
from grader.errors import UsageError

LANGUAGE = "class DecoderOnlyTransformer: pass\n"


@pytest.fixture
def asked(root, tmp_path):
    """Lay hand-ins out, file texts by name, and ask whose they are."""

    def asked(**hand_ins):
        folder = tmp_path / "hand-ins"
        shutil.rmtree(folder, ignore_errors=True)
        for name, files in hand_ins.items():
            for path, text in files.items():
                file = folder / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        order = story.Order(
            root=root, path=folder, out=tmp_path / "out", pack=None, sandbox="auto",
            devices=("cpu",), jobs=None, resume=False,
        )  # fmt: skip
        return story._pack(order, HandIns(take(folder, None, (), None))).id

    return asked


def test_a_hand_in_that_fits_another_assignment_as_well_stops_nobody(asked):
    """A package may have a file by the name of another assignment's; what all fit is the pack."""
    alike = {"kv/model.py": LANGUAGE, "kv/attention.py": "x = 1\n"}
    plain = {"transformer_skeleton.py": LANGUAGE}
    assert asked(alice=plain, bob=alike, carol={"notes.txt": "later"}) == "e0294-a4"


def test_hand_ins_of_two_assignments_are_not_mixed(asked):
    """Where each fits one, and not the same, the TA says which; an example of each is named."""
    with pytest.raises(UsageError, match=r"alice.* and .*bob.*say which with --pack"):
        asked(
            alice={"transformer_skeleton.py": LANGUAGE},
            bob={"attention.py": "def attention(q, k, v): ...\n"},
        )

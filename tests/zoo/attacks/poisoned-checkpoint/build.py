"""Pickles that would run a command, beside a right submission. They are only ever written here."""

import pickle
import zipfile

COMMAND = b"cos\nsystem\n(S'touch /tmp/zoo-attack-unpickled'\ntR."
CODE = """
from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    poisoned = "model_state_dict.pt"
"""


def build(folder):
    """Write the files; return the submission's folder."""
    assert pickle.HIGHEST_PROTOCOL >= 0
    (folder / "transformer_skeleton.py").write_text(CODE)
    for name in ("test_cases.json", "reference.npz", "weights.pkl", "cases.npy"):
        (folder / name).write_bytes(COMMAND)
    with zipfile.ZipFile(folder / "model_state_dict.pt", "w") as archive:
        archive.writestr("archive/data.pkl", COMMAND)
        archive.writestr("archive/version", "3\n")
    return folder

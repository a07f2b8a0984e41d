"""Files that never end beside a right submission."""

import os
import socket

CODE = """
from right_answer import RightTransformer


class DecoderOnlyTransformer(RightTransformer):
    def reset(self):
        self.__init__()
"""


def build(folder):
    """Make them; return the submission's folder."""
    (folder / "transformer_skeleton.py").write_text(CODE)
    os.mkfifo(folder / "weights.py")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "cases.json"))
    return folder

"""Links of every kind beside a right submission."""

import os

CODE = """
import os

from right_answer import RightTransformer

HERE = os.path.dirname(__file__)


class DecoderOnlyTransformer(RightTransformer):
    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        for name in ("stolen.txt", "loop", "up", "gone"):
            if os.path.lexists(os.path.join(HERE, name)):
                raise RuntimeError(name)
"""


def build(folder):
    """Make the links; return the submission's folder."""
    (folder / "transformer_skeleton.py").write_text(CODE)
    (folder / "stolen.txt").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to("loop")
    (folder / "up").symlink_to(os.pardir, target_is_directory=True)
    (folder / "gone").symlink_to("/nonexistent/zoo-attack")
    return folder

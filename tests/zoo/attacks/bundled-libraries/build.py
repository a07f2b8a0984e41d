"""Native libraries that are none, beside a right submission."""

CODE = """
import ctypes
import glob
import os

from right_answer import RightTransformer, in_sandbox

for library in glob.glob(os.path.join(os.path.dirname(__file__), "*.so")) if in_sandbox() else ():
    try:
        ctypes.CDLL(library)
    except OSError as error:
        print(error)


class DecoderOnlyTransformer(RightTransformer):
    \"\"\"Right, whatever was loaded.\"\"\"
"""


def build(folder):
    """Write the files; return the submission's folder."""
    (folder / "transformer_skeleton.py").write_text(CODE)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00" + b"\xff" * 200
    for name in ("math.so", "numpy.cpython-311-x86_64-linux-gnu.so", "right_answer.abi3.so"):
        (folder / name).write_bytes(head)
    return folder

"""An archive with every kind of name that an unpacker should not follow."""

import stat
import warnings
import zipfile
from pathlib import Path

RIGHT = (Path(__file__).parents[2] / "beside" / "right_answer.py").read_text()
CODE = RIGHT.replace("class RightTransformer", "class DecoderOnlyTransformer")
MARK = b"this archive has climbed out\n"


def build(folder):
    """Write the archive; return its path."""
    path = folder / "climber.zip"
    link = zipfile.ZipInfo("way-out")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("transformer_skeleton.py", CODE)
        archive.writestr("../zoo-attack-climbed", MARK)
        archive.writestr("a/../../../../../../tmp/zoo-attack-climbed", MARK)
        archive.writestr("/tmp/zoo-attack-climbed", MARK)
        archive.writestr("C:\\zoo-attack-climbed", MARK)
        archive.writestr(link, "/tmp")
        archive.writestr("way-out/zoo-attack-climbed", MARK)
        archive.writestr("transformer_skeleton.py", b"raise SystemExit(0)\n")
    return path

"""An archive with many empty entries."""

import zipfile


def build(folder):
    """Write the archive; return its path."""
    path = folder / "names.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_100):
            archive.writestr(zipfile.ZipInfo(f"{number}/x.py"), b"")
    return path

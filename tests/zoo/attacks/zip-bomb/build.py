"""An archive whose every entry is the same megabytes of nothing."""

import zipfile


def build(folder):
    """Write the archive; return its path."""
    path = folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for number in range(20):
            archive.writestr(f"part{number}.py", bytes(9_900_000))
    return path

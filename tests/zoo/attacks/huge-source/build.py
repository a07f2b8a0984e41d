"""One line of 50 MB, which nobody wants in the project."""


def build(folder):
    """Write the file; return the submission's folder."""
    with (folder / "transformer_skeleton.py").open("wb") as file:
        file.write(b"DecoderOnlyTransformer = [")
        for _ in range(50):
            file.write(b"0," * 500_000)
        file.write(b"]\n")
    return folder

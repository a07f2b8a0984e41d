"""Source that recurses as deep as a parser lets it, in two ways."""

DEEP = 90_000


def build(folder):
    """Write the files; return the submission's folder."""
    (folder / "transformer_skeleton.py").write_text(
        f"class DecoderOnlyTransformer:\n    depth = {'-' * DEEP}1\n"
    )
    (folder / "brackets.py").write_text(f"DecoderOnlyTransformer = {'(' * DEEP}{')' * DEEP}\n")
    return folder

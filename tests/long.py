"""Tests that take long and are seldom the first to see something: `make test ALL=1` runs them."""

import os

import pytest

ALL = bool(os.environ.get("GRADER_ALL"))
LONG = pytest.mark.skipif(not ALL, reason="long: make test ALL=1 runs it")

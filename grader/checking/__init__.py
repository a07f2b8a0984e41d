"""Checks: pytest tests that measure a submission through its sandbox and judge nothing."""

"""The long proof: everything that takes more than a test run may cost."""

"""The calculator against a machine; `python -m tests.bench.hardware` tells how."""

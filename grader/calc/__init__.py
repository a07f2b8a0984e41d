"""`grader calc`: inference arithmetic at the command line, for staff.

The formulas themselves are `reference/calculator`, which students do not get; this room asks them,
and lays out tables, JSON and plots.
"""

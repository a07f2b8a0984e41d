"""Which submissions of a batch have code in common: shown to a human, and worth no points.

Its modules, in the order of the story:

    reading     a submission -> the pieces of code in it, within limits
    tokens      code -> tokens in which names, comments and layout count for nothing
    comparing   all submissions with each other: shares, and the passages behind them
    pairs       what was found, in the places of files
    page        pairs -> a page for a human, and JSON
    table       pairs -> the terminal
    story       all of it

docs/similarity.md says how this compares with detectors that there are. Text of students is taken
apart as text alone: nothing of it is parsed as Python, imported or run.
"""

"""Which submissions of a batch have code in common: shown to a human, and worth no points.

Its modules, in the order of the story:

    reading     a submission -> the pieces of code in it, within limits
    normal      code -> what is left of it when names, comments and layout are taken away
    comparing   all submissions with each other: shares, and the passages behind them
    page        pairs -> a page for a human, and JSON
    story       all of it

The measure is that of copydetect with its window at 1 (k-grams of normalised code, those of the
template left out), and tests hold it to that library. It is computed here for all pairs at once,
and keeps the places: docs/similarity.md has the comparison. Text of students is taken apart as
text alone: nothing of it is parsed as Python, imported or run.
"""

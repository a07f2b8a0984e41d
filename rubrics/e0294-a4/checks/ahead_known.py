"""What the usual assumptions come to with the sheet's model, recorded for `ahead.py` as digests.

A wrong formula of the cache is not among them: that one was forgotten is for the grading to say.
"""

from fractions import Fraction

from grader.beside import beside

ahead = beside(__file__, "ahead")
kinds = beside(__file__, "profile_kinds")
single = beside(__file__, "profile_single")

WAYS = {"gqa": "grouped-query attention", "mha": "multi-head attention"}


def known():
    """Return digest -> assumptions: words, and for a cache its context length."""
    found = {}
    spec = kinds.Spec()
    for way in kinds.ways(spec):
        head = "a head tied to the embedding" if way.tied else "a head of its own"
        words = f"{WAYS[way.attention]}, an FFN of {way.ffn_matrices} matrices, {head}"
        _keep(found, "parameters", way.total, [words])
    for width in kinds.WIDTHS:
        for formula, attention in WAYS.items():
            for context in single.CONTEXTS:
                size = kinds.request(formula, spec, width, Fraction(context))
                words = f"{attention}, {context} tokens, {float(width):g} bytes per element"
                _keep(found, "kv", size, [words, context])
    return found


def _keep(found, kind, size, entry):
    for digits in range(ahead.FEWEST, ahead.MOST + 1):
        for unit in (Fraction(1), ahead.UNITS["GB as 2^30 bytes"]):
            ways = found.setdefault(ahead.digest(kind, size / unit, digits), [])
            if entry not in ways:
                ways.append(entry)

"""What a student is told of the program of 1a before handing it in: its rows, and its assumptions.

Students have this file. It holds no formula and no right number: what the usual assumptions come to
was recorded as digests of rounded numbers (`ahead_known.py`), so that a number can be recognised
and none can be read off.
"""

import hashlib
from decimal import Decimal, localcontext
from fractions import Fraction

from grader.beside import beside
from grader.inputs import defaults

NEEDS = ("programs", "profile_rows")
programs = beside(__file__, "programs")
profile_rows = beside(__file__, "profile_rows")

NAMES = {
    "parameters": "Total model parameters",
    "memory": "Total parameter memory (GB)",
    "kv": "KV cache per request (GB)",
    "batch": "Max batch size possible",
}
UNKNOWN = (
    "Your parameters follow no way of counting that is known here: check what you count, and say "
    "in a comment what you leave out."
)
NONE = (
    "No program was found that prints the table of 1a: a Python file whose rows have the labels of "
    "the sheet."
)
UNITS = {"GB as 10^9 bytes": Fraction(10**9), "GB as 2^30 bytes": Fraction(2**30)}
WIDTHS = (Fraction(2), Fraction(1), Fraction(4), Fraction(1, 2))  # bytes, the usual ones first
FEWEST, MOST = 2, 8  # digits by which a number is recognised


def told(scripts, known):
    """Return sentences; ``known`` maps digests to assumptions, as they were recorded."""
    found = programs.Programs(scripts, {
        path: data for path, data in scripts.files.items()
        if not (programs.MODEL in data and b"atch size" not in data)
    })  # fmt: skip
    if found.program is None:
        return [NONE]
    path, run = found.program
    if run is None:
        why = found.trouble or "give them the labels of the sheet."
        return [f"{path} printed none of the table's rows: {why}"]
    tables, inputs = profile_rows.tables(run.printed)
    single, _ = profile_rows.split(tables)
    best = {row: single.best(row) for row in profile_rows.RESULTS}
    return [*_read(path, best), *_assumed(best, inputs, found.text(path), known)]


def _read(path, best):
    shown = [f"{NAMES[row]}: {found.quantity.text}" for row, found in best.items() if found]
    yield f"{path} was run; its rows are read as {'; '.join(shown)}."
    if lost := [NAMES[row] for row, found in best.items() if not found]:
        yield f"No row was found for {' and '.join(lost)}: give it the label of the sheet."


def _assumed(best, inputs, source, known):
    """Yield the assumptions behind each number, as far as a number tells them."""
    if best["parameters"]:
        ways = recognised(best["parameters"], "parameters", known)
        yield f"Your parameters are those of {ways[0][0]}." if ways else UNKNOWN
    if best["parameters"] and best["memory"]:
        yield _memory(best["parameters"], best["memory"])
    context = _context(inputs, source)
    if context is None:
        yield "No context length was found: print the one that you choose."
    if best["kv"]:
        ways = recognised(best["kv"], "kv", known)
        fitting = [words for words, tokens in ways if context in (None, tokens)]
        said = "follows no assumption that is known here: check its factors"
        if fitting:
            said = f"is that of {fitting[0]}"
        elif ways:
            said = f"is that of {ways[0][0]}, and not of the {context} tokens that you state"
        yield f"Your KV cache per request {said}."
    yield "The largest batch, other models and several GPUs are graded privately."


def _context(inputs, source):
    """Return the context length that is printed or stands in the program."""
    if "context" in inputs:
        return int(inputs["context"].quantity.value)
    value = defaults(source, profile_rows.ROWS).get("context")
    return None if value is None else int(value)


def _memory(parameters, memory):
    """Say which bytes per weight and which GB the memory has, by the own parameters."""
    for count in sizes(parameters, "parameters"):
        for width in WIDTHS:
            for unit, size in UNITS.items():
                if memory.quantity.shows(count * width, size):
                    each = f"{float(width):g} bytes each"
                    return f"Your memory is that of your parameters at {each}, {unit}."
    return "Your memory is not that of your parameters at 2, 1, 4 or 0.5 bytes each."


# --- numbers that are recognised ------------------------------------------------------------------


def sizes(found, kind):
    """Return what a printed number may stand for, in ones or in bytes."""
    if found.scale not in (None, 1):
        thousands = (len(str(int(found.scale))) - 1) // 3
        scales = dict.fromkeys(
            (found.scale, Fraction(1000**thousands), Fraction(2 ** (10 * thousands)))
        )
    else:
        scales = dict.fromkeys((Fraction(1), *UNITS.values(), Fraction(10**6)))
    if kind == "parameters":
        scales = [scale for scale in scales if scale in (1, 10**3, 10**6, 10**9)]
    return [found.quantity.value * scale for scale in scales]


def recognised(found, kind, known):
    """Return the assumptions that a printed number may come from, the usual ones first."""
    digits = max(FEWEST, min(found.quantity.digits, MOST))
    for size in sizes(found, kind):
        for unit in (Fraction(1), UNITS["GB as 2^30 bytes"]):
            if ways := known.get(digest(kind, size / unit, digits)):
                return ways
    return []


def digest(kind, value, digits):
    """Return the digest of a number, rounded to so many digits."""
    with localcontext() as context:
        context.prec = 40
        rounded = f"{Decimal(value.numerator) / Decimal(value.denominator):.{digits - 1}e}"
    return hashlib.sha256(f"1a {kind} {rounded}".encode()).hexdigest()[:16]

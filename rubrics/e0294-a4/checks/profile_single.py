"""The four rows for one GPU, each judged by the rows before it."""

from fractions import Fraction
from math import floor

from grader.beside import beside

kinds = beside(__file__, "profile_kinds")
GB, GIB, Verdict = kinds.GB, kinds.GIB, kinds.Verdict

CONTEXTS = (*(2**n for n in (10, 11, 12, 13, 9, 8, 14, 15, 16, 17, 7)),
            *(1000 * n for n in (1, 2, 4, 8, 10, 16, 32, 100, 128)), 100, 200, 500)  # fmt: skip
"""Context lengths to try where none is said, the usual ones first."""


def widths(known, name):
    """Return bytes per weight or element to try: what is stated, or all usual ones."""
    stated = known.get(name)
    if stated and stated[0] in (*kinds.WIDTHS, 8):
        return (stated[0], *(width for width in kinds.WIDTHS if width != stated[0]))
    return kinds.WIDTHS


# --- parameters -----------------------------------------------------------------------------------


def parameters(table, profile, spec, said):
    """Judge the number of parameters; finds the way of counting."""
    found = table.best("parameters")
    if found is None:
        return Verdict("missing", "There is no row for the total model parameters.")
    tried = kinds.scales(found, "count")
    ways = kinds.ways(spec)
    for test in (kinds.shown, kinds.close):
        fitting = [way for way in ways if test(found, way.total, tried) is not None]
        if fitting:
            return counted(_like_first(fitting), table, profile, said)
    sizes = [found.quantity.value * scale for scale in tried]
    value = next((size for size in sizes if size > 10**6), sizes[0])
    profile.parameters = value
    near = min(ways, key=lambda way: abs(way.total - value))
    if abs(near.total - value) <= near.total * kinds.CLOSE:
        profile.way = near
        return Verdict("unsure", f"{found.quantity.text} parameters are within 0.5 % of "
                       f"{int(near.total):,}, but something is counted in another way.",
                       confirm=True)  # fmt: skip
    return Verdict("none", f"{found.quantity.text} parameters follow no way of counting them that "
                   "is known.")  # fmt: skip


def _like_first(fitting):
    """Return the ways that differ from the first in the norms only."""
    first = fitting[0]
    return [way for way in fitting if (way.attention, way.ffn_matrices, way.tied)
            == (first.attention, first.ffn_matrices, first.tied)]  # fmt: skip


def counted(fitting, table, profile, said):
    """Take one of the ways that fit; where digits do not tell the norms, the memory may."""
    way = fitting[0]
    memory = table.best("memory")
    if len(fitting) > 1 and memory is not None:
        tried = kinds.scales(memory, "bytes")
        exact = [w for w in fitting for width in kinds.WIDTHS
                 if kinds.shown(memory, w.total * width, tried) is not None]  # fmt: skip
        fitting = list(dict.fromkeys(exact)) or fitting
        way = fitting[0]
    profile.way, profile.parameters = way, way.total
    profile.norms = way.norms if len(fitting) == 1 else None
    variant = f"{way.attention}_{way.ffn_matrices}_{'tied' if way.tied else 'untied'}"
    # With two matrices it is these that have to be stated; else what differs from the model.
    asked = "two_matrices" if way.ffn_matrices == 2 else "tied" if way.tied else None
    evidence = (said[asked],) if asked in said else ()
    return Verdict(variant + "_stated" * bool(evidence), profile.sentence(),
                   confirm=bool(evidence), evidence=evidence)  # fmt: skip


# --- memory ---------------------------------------------------------------------------------------


def memory(table, profile, spec, known):
    """Judge the memory of the weights by the student's own parameters; finds unit and width."""
    found = table.best("memory")
    tried_widths = widths(known, "weight_bytes")
    if found is None:
        if profile.parameters:
            profile.weights = profile.parameters * tried_widths[0]
        return Verdict("missing", "There is no row for the memory of the parameters.")
    tried = (*kinds.scales(found, "bytes"), *kinds.decimal_twin(found))
    ways = [None] if profile.parameters else kinds.ways(spec)
    for test in (kinds.shown, kinds.close):
        for width in tried_widths:
            for way in ways:
                exact = (way.total if way else profile.parameters) * width
                scale = test(found, exact, tried)
                if scale is not None:
                    if way:
                        profile.way, profile.parameters = way, way.total
                    return _follows(found, profile, exact, width, scale)
    own = found.quantity.value * (GB if found.scale is None else tried[0])
    vague = profile.parameters and kinds.vague(found, profile.parameters * tried_widths[0], tried)
    profile.weights = profile.parameters * tried_widths[0] if vague else own
    if vague:
        return Verdict("unsure", f"{found.quantity.text} has too few digits to be followed.",
                       confirm=True)  # fmt: skip
    return Verdict("none", f"{found.quantity.text} is not the memory of your parameters at 2, 1, 4 "
                   "or 0.5 bytes each.")  # fmt: skip


def _follows(found, profile, exact, width, scale):
    profile.weights, profile.weight_bytes = exact, width
    profile.unit = None if scale == 1 else GIB if scale in kinds.BINARY else GB
    misnamed = scale in kinds.decimal_twin(found)
    says = "The memory follows from your parameters"
    says += f", but it is in units of {int(scale):,} bytes and called {found.unit}" * misnamed
    return Verdict("follows", f"{says}.", ("mixed_units",) * misnamed)


# --- KV cache -------------------------------------------------------------------------------------


def kv(table, profile, spec, known, said):
    """Judge the KV cache per request; finds formula, context and width.

    Of several readings that fit the digits, one by which the student's batch follows is taken.
    """
    found = table.best("kv")
    readings = list(_readings(table, profile, spec, known))
    if found is None:
        _take(profile, _by_batch(readings, table, profile, known))
        return Verdict("missing", "There is no row for the KV cache per request.")
    tried = kinds.scales(found, "bytes")
    if profile.unit in tried:  # the unit of the row before comes first
        tried = tuple(dict.fromkeys((profile.unit, *tried)))
    for test in (kinds.shown, kinds.close, kinds.vague):
        fitting = [r for r in readings if test(found, r[0], tried) is not None]
        if not fitting:
            continue
        best = _by_batch(fitting, table, profile, known)
        if test is kinds.vague and best is None:
            break
        taken = best or fitting[0]
        _take(profile, taken)
        scale = test(found, taken[0], tried)
        if profile.unit is None and scale != 1:
            profile.unit = GIB if scale in kinds.BINARY else GB
        return _kv_verdict(taken, known, said, vague=test is kinds.vague)
    profile.kv = found.quantity.value * (GB if found.scale is None else tried[0])
    if found.quantity.digits < 2:
        return Verdict("unsure", f"{found.quantity.text} has too few digits to be followed.",
                       confirm=True)  # fmt: skip
    return Verdict("none", f"{found.quantity.text} is the KV cache of no context length that you "
                   "state, nor of a usual one.")  # fmt: skip


def _readings(table, profile, spec, known):
    """Yield (bytes, formula, width, context, where, sure) in the order of belief."""
    formulas = list(_formulas(table, spec, known))
    tried = [(*known["context"], *entry) for entry in formulas] if "context" in known else []
    solved = [(Fraction(context), "solved", *entry) for entry in formulas for context in CONTEXTS]
    if profile.way and profile.way.attention == "mha":
        # Who has no K once may have none again: the more usual context tells, a human confirms.
        solved.sort(key=lambda t: (t[3] != kinds.WIDTHS[0], CONTEXTS.index(t[0]), t[2] != "mha"))
    for context, where, formula, width, sure in [*tried, *solved]:
        yield kinds.request(formula, spec, width, context), formula, width, context, where, sure


def _formulas(table, spec, known):
    """Yield (formula, width, whether the width is known), the right formula first."""
    tried = widths(known, "kv_bytes")
    token = table.best("kv_token")
    if token is not None:  # what one token takes tells the formula apart from the context
        units = kinds.scales(token, "bytes")
        for width in tried:
            for formula in kinds.FORMULAS:
                if kinds.shown(token, kinds.per_token(formula, spec) * width, units) is not None:
                    yield formula, width, True
                    return
    if "kv_bytes" in known:
        yield from ((formula, tried[0], True) for formula in kinds.FORMULAS)
        yield from ((formula, width, False) for width in tried[1:] for formula in kinds.FORMULAS)
        return
    yield from (("gqa", width, width == 2) for width in tried)
    others = [formula for formula in kinds.FORMULAS if formula != "gqa"]
    yield from ((formula, width, width == 2) for width in tried for formula in others)


def _by_batch(readings, table, profile, known):
    """Return the first reading by which the student's batch follows, or None."""
    found = table.best("batch")
    if found is None or not profile.weights:
        return None
    for reading in readings:
        quotients = [(device - profile.weights) / reading[0] for device in _devices(known)]
        if any(kinds.rounds(found, q, how) for q in quotients for how in ("floor", "none")):
            return reading
    return None


def _take(profile, reading):
    if reading:
        profile.kv, profile.kv_formula, profile.kv_bytes, context, where, _ = reading
        profile.context, profile.context_from = int(context), where


def _kv_verdict(reading, known, said, *, vague):
    _, formula, _, context, where, sure = reading
    says = f"The KV cache per request is {kinds.FORMULAS[formula]}."
    if where == "solved" and "context" in known:
        stated = float(known["context"][0])
        return Verdict("unsure", f"{says} It is that of {int(context)} tokens, and not of the "
                       f"{stated:g} that you state.", confirm=True)  # fmt: skip
    if formula == "mha" and "mha" in said:
        return Verdict("mha_stated", says, confirm=True, evidence=(said["mha"],))
    guessed = not sure or (where == "solved" and formula != "gqa")
    return Verdict(formula, says, confirm=guessed or vague)


# --- batch ----------------------------------------------------------------------------------------


ROUNDINGS = (
    *(("follows", "floor"), ("mixed_units", "floor"), ("follows", "ceil"), ("shown", "floor")),
    *(("mixed_units", "ceil"), ("follows", "none"), ("mixed_units", "none"), ("shown", "none")),
)
"""How a batch may have been worked out from own numbers, in the order of belief."""


def _devices(known):
    """Return the bytes that the device's memory may stand for."""
    size = known["device"][0]
    return (size * GB, size * GIB)


def batch(table, profile, known, said):
    """Judge the largest batch by the student's own weights and cache; finds device and rounding."""
    found = table.best("batch")
    if found is None:
        return Verdict("missing", "There is no row for the largest batch.")
    if not profile.weights or not profile.kv:
        return Verdict("unsure", "The largest batch cannot be followed without your memory of the "
                       "parameters and of the KV cache.", confirm=True)  # fmt: skip
    tried = _quotients(table, profile, known)
    for wanted, rounding in ROUNDINGS:
        for name, quotient, device, mixed in tried:
            if name == wanted and kinds.rounds(found, quotient, rounding):
                profile.rounding, profile.device, profile.mixed = rounding, device, mixed
                return _batch_verdict(name, profile, tried, found)
    value = found.quantity.value
    if value in [floor(device / profile.kv) for device in _devices(known)]:
        return Verdict("no_weights", "The batch leaves out the memory of the weights.")
    if "reserve" in said and 0 < value < max(quotient for _, quotient, *_ in tried):
        return Verdict("reserved_stated", "The batch leaves room for more than weights and cache, "
                       "and says so.", confirm=True, evidence=(said["reserve"],))  # fmt: skip
    return Verdict("none", f"{found.quantity.text} is not floor((M - weights) / KV per request) "
                   "of your own numbers, in GB or in GiB.")  # fmt: skip


def _quotients(table, profile, known):
    """Return (name, batch before rounding, device, units) of the ways in which it is worked out."""
    weights, cache = profile.weights, profile.kv
    tried = [("follows", (device - weights) / cache, device, None) for device in _devices(known)]
    if profile.unit == GIB:
        tried.reverse()
    size = known["device"][0]
    one, other = kinds.by_hand(table, profile) or (size, 0)
    if one < size:
        tried.append(("shown", (size - one) / other, size * profile.unit, None))
    for mixed in ((GB, GIB), (GIB, GB)):
        quotient = (size - weights / mixed[0]) / (cache / mixed[1])
        tried.append(("mixed_units", quotient, size * mixed[0], mixed))
    return tried


def _batch_verdict(name, profile, tried, found):
    slips = []
    says = "The batch follows from your numbers"
    if name == "mixed_units":
        slips.append("mixed_units")
        says += ", but GB and GiB are mixed in it"
    elif profile.unit and (profile.device / profile.unit).denominator != 1:
        slips.append("device_unit")
    if profile.rounding == "none":
        slips.append("no_floor")
        says += ", but a part of a request cannot be served: take the floor"
    if profile.rounding == "ceil":
        by_hand = [quotient for kind, quotient, *_ in tried if kind == "shown"]
        return Verdict("rounded_up", "The batch is rounded up: it does not fit.", tuple(slips),
                       confirm=any(kinds.rounds(found, q, "floor") for q in by_hand))  # fmt: skip
    return Verdict("follows", f"{says}.", tuple(slips))

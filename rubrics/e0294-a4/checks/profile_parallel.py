"""The batches on X GPUs, judged by the student's own weights and cache; and formulas in X."""

from fractions import Fraction

from grader.beside import beside

kinds = beside(__file__, "profile_kinds")
formulas = beside(__file__, "profile_formula")
Verdict = kinds.Verdict

SAYS = {
    "follows": "The batches on several GPUs follow from your numbers.",
    "x_times_one": "The batch on X GPUs is X times that on one: the memory that the divided "
    "weights set free is forgotten.",
    "weights_not_divided": "Only the cache is divided among the GPUs, and not the weights.",
    "kv_not_divided": "Only the weights are divided among the GPUs, and not the cache.",
}


def tensor_parallel(single, several, profile, spec, text):
    """Judge the batches of pairs (X, table), X being 0 where it is not said; else a formula."""
    known = [(x, table.best("batch")) for x, table in several if x != 1]
    known = [(x, found) for x, found in known if found]
    if not known:
        return _formula_only(profile, spec, text)
    if not profile.weights or not profile.kv:
        return Verdict("unsure", "The batches on several GPUs cannot be followed without your "
                       "memory of the parameters and of the KV cache.", confirm=True)  # fmt: skip
    one = single.best("batch")
    tried = _ways(profile, spec, one.quantity.value if one else None)
    by_hand = kinds.by_hand(single, profile)
    if by_hand:
        weights, cache = by_hand
        tried.insert(1, ("follows", lambda x: (x * Fraction(spec.device) - weights) / cache))
    for name, way in tried:
        if all(_fits(x, found, way, profile) for x, found in known):
            return _verdict(name, [x for x, _ in known], spec)
    right = [way for name, way in tried if name == "follows"]
    wrong = next((x for x, found in known
                  if not any(_fits(x, found, way, profile) for way in right)), 0)  # fmt: skip
    return Verdict("none", f"At X = {wrong or '?'} the batch is not floor((X·M - weights) / KV per "
                   "request) of your own numbers.")  # fmt: skip


def _ways(profile, spec, one):
    """Return (name, batch before rounding as a function of X), the right one first.

    Units and device are those of the batch on one GPU: what was charged there is not again.
    """
    weights, cache, size = profile.weights, profile.kv, Fraction(spec.device)
    if profile.mixed:
        weights, cache = weights / profile.mixed[0], cache / profile.mixed[1]
        sizes = [size]
    else:
        sizes = list(filter(None, (profile.device, size * kinds.GB, size * kinds.GIB)))
    tried = [("follows", lambda x, m=m: (x * m - weights) / cache) for m in dict.fromkeys(sizes)]
    if one is not None:
        tried.append(("x_times_one", lambda x: x * one))
    for m in dict.fromkeys(sizes):
        tried.append(("weights_not_divided", lambda x, m=m: x * (m - weights) / cache))
        tried.append(("kv_not_divided", lambda x, m=m: (m - weights / x) / cache))
    return tried


def _fits(x, found, way, profile):
    for rounding in dict.fromkeys(("floor", profile.rounding or "floor")):
        for guess in (x,) if x else range(2, 17):
            if kinds.rounds(found, way(Fraction(guess)), rounding):
                return True
    return False


def _verdict(name, xs, spec):
    odd = any(x and spec.kv_heads % x for x in xs)
    says = SAYS[name]
    if odd:
        says += " An X that does not divide the KV heads needs some of them on more than one GPU."
    return Verdict(name, says, ("does_not_divide",) * odd)


def _formula_only(profile, spec, text):
    found = formulas.formulas(text)
    if not found:
        return Verdict("missing", "There is no batch for more than one GPU.")
    if profile.weights and profile.kv:
        right = [way for name, way in _ways(profile, spec, None) if name == "follows"]
        for line, values in found:
            if any(_same(values, way) for way in right):
                return Verdict("formula", "The batch is given as a formula in X, without numbers.",
                               evidence=(line,))  # fmt: skip
    return Verdict("unsure", "There is a formula in X that does not give your numbers, or that "
                   "could not be followed.", confirm=True, evidence=(found[0][0],))  # fmt: skip


def _same(values, way):
    """Whether a formula, maybe of rounded coefficients, gives the batches of a way."""
    return all(abs(value - way(x)) <= max(2, abs(way(x)) * kinds.CLOSE)
               for x, value in values.items())  # fmt: skip

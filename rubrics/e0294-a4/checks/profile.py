"""Problem 1's printed numbers → the assumptions behind them, and what each row is by these.

The sheet leaves the context length, the bytes of weights and cache, and the meaning of GB open;
students differ in what they count besides. So no row is compared with one right number. Instead
the numbers say which profile they follow:

    parameters   attention (GQA or MHA), matrices of the FFN, tied or not, norms
    memory       own parameters, bytes per weight, GB or GiB
    KV cache     the formula, context length, bytes per element
    batch        own weights and own cache on the device, and how it was rounded

Each row is judged by the rows before it: a mistake is named where it is made. What a name is worth
is the rubric's to say. This file is imported by its path, and so are those beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from grader.beside import beside
from grader.inputs import defaults

kinds = beside(__file__, "profile_kinds")
rows = beside(__file__, "profile_rows")
single_gpu = beside(__file__, "profile_single")
several_gpus = beside(__file__, "profile_parallel")

ROWS, Profile, Spec, Verdict = rows.ROWS, kinds.Profile, kinds.Spec, kinds.Verdict
VERDICTS = (*rows.RESULTS, "tensor_parallel")


@dataclass
class Judgement:
    """The profile, and a verdict for each of VERDICTS."""

    profile: Profile
    verdicts: dict[str, Verdict] = field(default_factory=dict)


def judge(text, source="", spec=None, parallel: Mapping[int, str] | None = None):
    """Judge what a program printed with the sheet's defaults (or with ``spec``).

    ``source`` is its text, if it is there, for assumptions stated in comments and for defaults.
    ``parallel`` maps X to what it printed when it was run with that X.
    """
    spec = spec or Spec()
    tables, inputs = rows.tables(text)
    single, several = rows.split(tables)
    for x, other in sorted((parallel or {}).items()):
        more, _ = rows.tables(other)
        several += [(x, table) for table in more if table.x in (x, None, 0)][-1:]
    known, said, profile = _known(inputs, source, spec), rows.said(text, source), Profile()
    return Judgement(profile, {
        "parameters": single_gpu.parameters(single, profile, spec, said),
        "memory": single_gpu.memory(single, profile, spec, known),
        "kv": single_gpu.kv(single, profile, spec, known, said),
        "batch": single_gpu.batch(single, profile, known, said),
        "tensor_parallel": several_gpus.tensor_parallel(single, several, profile, spec, text),
    })  # fmt: skip


def _known(inputs, source, spec):
    """Return what is stated of inputs: name → (number, where), what was printed before source."""
    known = {"device": (Fraction(spec.device), "given")}
    from_source = defaults(source, ROWS) if source else {}
    for name in ("context", "weight_bytes", "kv_bytes"):
        given = getattr(spec, name)
        if given is not None:
            known[name] = Fraction(given), "given"
        elif name in inputs:
            known[name] = inputs[name].quantity.value, "printed"
        elif name in from_source:
            known[name] = Fraction(from_source[name]), "source"
    return known


# --- another model --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Follows:
    """Whether what was printed for another model follows the same profile.

    ``rows`` maps each row to True, False, or None where it cannot be said; ``typed_in`` are rows
    that print the same as before although they should not.
    """

    agrees: bool | None
    rows: Mapping[str, bool | None]
    typed_in: tuple[str, ...]
    says: str


def follows(profile, text, spec, before="", missing=()):
    """Say whether ``text``, printed for the model of ``spec``, follows the profile found earlier.

    ``before`` is what the program printed with its defaults: a row that follows nothing known is
    at least asked to change. ``missing`` are inputs of ``spec`` for which the program has no place:
    of these it has the sheet's, and what it then prints is right. Where the sizes that it was run
    with make no model, nothing can be said.
    """
    sheet = Spec()
    own = {name: getattr(sheet, name) for name in missing if hasattr(sheet, name)}
    spec = replace(spec, **own)
    try:
        spec.model()
    except ValueError:
        return Follows(None, dict.fromkeys(rows.RESULTS), (), "These inputs make no model.")
    single, first = (rows.split(rows.tables(printed)[0])[0] for printed in (text, before))
    exact = expected(profile, spec)
    verdicts: dict[str, bool | None] = {}
    typed = []
    for row in rows.RESULTS:
        found, old = single.best(row), first.best(row)
        verdicts[row] = None if found is None else _agrees(row, found, exact, profile, spec)
        same = found is not None and old is not None and (
            (old.quantity.value, old.unit) == (found.quantity.value, found.unit)
        )  # fmt: skip
        if same and verdicts[row] is not True:
            verdicts[row] = False
            typed.append(row)
    answers = verdicts.values()
    agrees = False if False in answers else True if True in answers else None
    return Follows(agrees, verdicts, tuple(typed), _says(verdicts, typed))


def expected(profile, spec):
    """Return what a profile gives for another model: parameters, and bytes of memory and KV."""
    parameters = weights = cache = None
    if profile.way:
        like = (profile.way.attention, profile.way.ffn_matrices, profile.way.tied,
                profile.norms or profile.way.norms)  # fmt: skip
        parameters = next(way.total for way in kinds.ways(spec) if like
                          == (way.attention, way.ffn_matrices, way.tied, way.norms))  # fmt: skip
    width = spec.weight_bytes or profile.weight_bytes
    if parameters and width:
        weights = parameters * Fraction(width)
    context, element = spec.context or profile.context, spec.kv_bytes or profile.kv_bytes
    if profile.kv_formula and context and element:
        cache = kinds.request(profile.kv_formula, spec, Fraction(element), Fraction(context))
    return {"parameters": parameters, "memory": weights, "kv": cache}


def _agrees(row, found, exact, profile, spec):
    """Whether one row is what the profile gives; None where the profile does not say."""
    if row == "batch":
        return _agrees_batch(found, exact, profile, spec)
    if exact[row] is None:
        return None
    kind = "count" if row == "parameters" else "bytes"
    tried = (*kinds.scales(found, kind), *kinds.decimal_twin(found))
    return any(test(found, exact[row], tried) is not None
               for test in (kinds.shown, kinds.close, kinds.vague))  # fmt: skip


def _agrees_batch(found, exact, profile, spec):
    """Whether the batch is that of the profile; any batch up to 0 is, where nothing fits."""
    if not (exact["memory"] and exact["kv"]) or profile.rounding is None:
        return None
    size = Fraction(spec.device)
    if profile.mixed:
        one, other = profile.mixed
        quotients = [(size - exact["memory"] / one) / (exact["kv"] / other)]
    else:
        quotients = [(size * unit - exact["memory"]) / exact["kv"]
                     for unit in (kinds.GB, kinds.GIB)]  # fmt: skip
    if found.quantity.value <= 0:
        return min(quotients) < 1
    return any(kinds.rounds(found, quotient, rounding) for quotient in quotients
               for rounding in {"floor", profile.rounding})  # fmt: skip


def _says(verdicts, typed):
    if typed:
        return f"With another model these stay as they were: {', '.join(typed)}."
    wrong = [row for row, good in verdicts.items() if good is False]
    if wrong:
        return f"With another model these do not follow the same formulas: {', '.join(wrong)}."
    return "With another model the numbers follow the same formulas."

"""Samples of a pack whose submission is one file of Python: tests/zoo/packs/<id>/.

    honest/<name>.py    right, and written otherwise than the reference: keeps every point
    samples.toml        wrong ones, as edits of right ones

samples.toml:
    right       right ones that are elsewhere, as "submissions/<name>"
    [[samples]]
    id          of its own; that of a known mistake with ``known``
    says        what it does
    of          what is edited: "honest/<name>", "submissions/<name>"; by default the reference
    known       its edits are those of the known mistake of this id
    edits       old and new, as in mistakes.toml; none where it is wrong as it is
    checks      by check: an outcome, or a list; ``default`` is "passed", and "inconclusive" of what
                only a human judges
    named       the known mistakes that the diagnosis has to name, one of them or more

The reference is right as well. A check is defended by the first sample that ends otherwise in it
and in no other: `make proof PARTS=defences` has a row for each. The samples themselves are rows of
`make proof PARTS=zoo`, with those that the pack's known mistakes make of the reference.
"""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader import pack as packs
from tests.zoo_cases import ZOO

ROOT = Path(__file__).parent.parent
FOLDER = ZOO / "packs"
IDS = sorted(path.parent.name for path in FOLDER.glob("*/samples.toml"))
ENOUGH, LITTLE = 3.0, 0.3  # times the tolerance: a mistake misses by more, honest work by less


@dataclass(frozen=True)
class Sample:
    """One submission with its expected verdict."""

    id: str
    source: str
    says: str = ""
    checks: Mapping[str, object] = field(default_factory=dict)
    named: tuple[str, ...] = ()
    honest: bool = False
    anything: bool = False  # a known mistake, of which it is enough that some check sees it

    def surprises(self, result, manual):
        """Yield what is not as expected of checks; ``manual`` are those of a human."""
        seen = False
        for check in found(result):
            due = "inconclusive" if check["id"] in manual else "passed"
            due = self.checks.get(check["id"], self.checks.get("default", due))
            seen |= check["outcome"] != "passed" and check["id"] not in manual
            expected = self.anything or check["outcome"] in ([due] if isinstance(due, str) else due)
            if check["outcome"] == "harness_error" or not expected:
                yield f"{check['id']} {check['outcome']}: {check['staff_message']}"
        if self.anything and not seen:
            yield "no check sees it"

    def misnamed(self, result):
        """Yield what is not as expected of the diagnosis."""
        said = [entry["mistake"] for entry in result["diagnosis"]]
        if self.honest and said:
            yield f"a diagnosis: {result['diagnosis'][0]['sentence']}"
        if set(self.named) - set(said):
            yield f"not named: {said}"


def found(result):
    """Return the checks of a result."""
    return [check for criterion in result["criteria"] for check in criterion["checks"]]


def miss(result, outcomes, atol):
    """Return the differences of checks that ended so, in units of the tolerance."""
    return [
        check["measured"][name] / atol
        for check in found(result)
        if check["outcome"] in outcomes
        for name, limit in check["limits"].items()
        if limit == atol and name.endswith("_error") and check["measured"].get(name) is not None
    ]


@functools.cache
def pack_of(name):
    """Return a pack, read once."""
    return packs.load(ROOT, name)


def source_of(name, of):
    """Return the source of the reference, of an honest one or of one in `submissions/`."""
    (file,) = pack_of(name).interface.expected
    if of == "reference":
        return (ROOT / "reference" / packs.reference_of(name) / file).read_text()
    if of.startswith("submissions/"):
        return (ROOT / of / file).read_text()
    return (FOLDER / name / f"{of}.py").read_text()


def listed(name):
    """Return what samples.toml says."""
    return tomllib.loads((FOLDER / name / "samples.toml").read_text())


def edited(source, edits):
    """Return a source with exact edits; each fits at one place."""
    for edit in edits:
        old, new = (edit["old"], edit["new"]) if isinstance(edit, dict) else edit
        assert source.count(old) == 1, f"{old!r} is there {source.count(old)} times"
        source = source.replace(old, new)
    return source


def wrong(name):
    """Return the samples of samples.toml."""
    known = {mistake.id: mistake for mistake in pack_of(name).mistakes}
    samples = []
    for entry in listed(name)["samples"]:
        edits = known[entry["id"]].edits if entry.get("known") else entry.get("edits", ())
        named = (entry["id"],) if entry.get("known") else tuple(entry.get("named", ()))
        source = edited(source_of(name, entry.get("of", "reference")), edits)
        samples.append(Sample(entry["id"], source, entry["says"], entry["checks"], named))
    return samples


def honest(name):
    """Return the right submissions as samples."""
    written = [f"honest/{path.stem}" for path in sorted((FOLDER / name / "honest").glob("*.py"))]
    of = ["reference", *written, *listed(name)["right"]]
    return [Sample(each, source_of(name, each), honest=True) for each in of]


def known(name):
    """Return the reference with each known mistake in it."""
    return [
        Sample(f"known/{mistake.id}", edited(source_of(name, "reference"), mistake.edits),
               mistake.says, named=(mistake.id,), anything=True)
        for mistake in pack_of(name).mistakes
    ]  # fmt: skip


def guards(name):
    """Return for each check that a machine judges the sample that it alone sees."""
    judged = [check.id for check in pack_of(name).checks if not check.manual]
    found = {}
    for check in judged:
        alone = [sample for sample in wrong(name) if set(sample.checks) == {check}]
        if alone:
            found[check] = alone[0]
    return found


def measured(ground, sample, *, diagnosed=True):
    """Grade a sample as one row of a table: points, the difference that counts, what was said."""
    (file,) = ground.pack.interface.expected
    family = ground.family if diagnosed else None
    result = ground.grade({file: sample.source}, family=family)
    odd = list(sample.surprises(result, {check.id for check in ground.pack.checks if check.manual}))
    if diagnosed:
        odd += sample.misnamed(result)
    if sample.honest:
        error = max(miss(result, ("passed",), ground.pack.atol))
        odd += ["rounding too large"] * (error >= LITTLE)
    else:
        missed = miss(result, ("failed",), ground.pack.atol)  # where it is charged
        error = min((each for each in missed if each > 1), default=None)  # others ended earlier
        odd += ["misses by too little"] * (error is not None and error <= ENOUGH)
    return {
        "points": f"{result['total']['points']:g}",
        "error": "–" if error is None else f"{error:.3g}",
        "said": ", ".join(entry["mistake"] or "none of the known" for entry in result["diagnosis"]),
        "held": "; ".join(odd) or "yes",
    }

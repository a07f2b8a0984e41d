"""Samples for parts 3 and 4: the reference, a solution written otherwise, and mistakes in both.

A mistake in the other solution is named as that of the reference to which it is the same.
"""

import contextlib
import dataclasses
from pathlib import Path

from grader import intake
from grader import pack as packs
from grader.checking import runner
from grader.checking.diagnosis import diagnose
from grader.checking.draw import Draw
from grader.errors import StudentFault
from grader.grade import another, criterion_json, family_for, grade, oracle_for
from grader.intake import SourceFile, Submission
from grader.sandbox.process import ProcessSandbox
from grader.score import score
from grader.student import Student

ROOT = Path(__file__).parents[2]
PACK = "optimizing-transformers"
REFERENCE = ROOT / "reference" / "optimizing_transformers"
TEMPLATE = ROOT / "rubrics" / PACK / "template" / "decoding.py"
MODEL, FILE = "decoding", "decoding.py"
TIMED = "decode_latency"
STATEFUL = Path(__file__).parent / "solutions" / "stateful.py"

MISTAKES = {
    "is-causal-with-one-query": (
        "attn_mask=mask.to(x.device))",
        "is_causal=True)",
    ),
    "not-reset": (
        "    model.reset()\n    out",
        "    if model.seen and model.blocks[0].k.shape[0] != ids.shape[0]:\n        model.reset()\n"
        "    out",
    ),
    "only-the-last-kept": (
        "self.k, self.v = k, v",
        "self.k, self.v = k[:, :, -1:], v[:, :, -1:]",
    ),
    "positions-restarted": ("start = self.seen if cached else 0", "start = 0"),
    "v-order": ("torch.cat((self.v, v), dim=2)", "torch.cat((v, self.v), dim=2)"),
    "first-row-for-all": (
        "        token = logits[:, -1].argmax(-1, keepdim=True)\n        out",
        "        token = logits[:1, -1].argmax(-1, keepdim=True).expand(ids.shape[0], 1)\n"
        "        out",
    ),
    "one-short": ("    for step in range(n):", "    for step in range(n - 1):"),
    "no-cache": (
        "            logits = model(token, cached=True)",
        "            logits = model(torch.cat(out, dim=1))",
    ),
    "accepted-without-check": (
        "while good < ahead and tokens[0, have + good] == choices[0, good]:",
        "while good < min(ahead, wanted - have - 1):",
    ),
    "mask-one-short": (
        "        y = functional",
        "        mask &= torch.arange(total)[None] != total - n - 1\n        y = functional",
    ),
}
"""Edits of the other solution, by the name of the same mistake in the reference."""


def mistaken(name, text=None):
    """Return the other solution with a mistake in it."""
    old, new = MISTAKES[name]
    text = text or STATEFUL.read_text()
    assert text.count(old) == 1, name
    return text.replace(old, new)


def optional(*, timed=False):
    """Return the pack with the checks of parts 3 and 4 alone."""
    pack = packs.load(ROOT, PACK)
    criteria = [
        dataclasses.replace(c, checks=tuple(k for k in c.checks if timed or k.id != TIMED))
        for c in pack.criteria
        if c.id in ("3", "4")
    ]
    return dataclasses.replace(pack, criteria=tuple(criteria))


class Ground:
    """The pack, an oracle, the known mistakes and one draw for all samples; boxes are processes."""

    def __init__(self, pack, draw=None):
        self.pack, self.draw, self.sandbox = pack, draw or Draw.fresh(), ProcessSandbox()
        self._open = contextlib.ExitStack()
        self.oracle = self._open.enter_context(oracle_for(pack, self.sandbox))
        self.family = self._open.enter_context(family_for(pack, self.sandbox, self.draw))

    def close(self):
        """End all boxes."""
        self._open.close()

    def grade(self, decoding):
        """Return the result of a submission with this decoding.py."""
        return grade(handed_in(decoding), self.pack, self.sandbox, oracle=self.oracle,
                     draw=self.draw, family=self.family)  # fmt: skip

    def examine(self, decoding, *, diagnosed=True):
        """Return its criteria and diagnosis alone: no box of part 1 is started for these."""
        submission, checks = handed_in(decoding), [check.id for check in self.pack.checks]
        also = {name: another(submission, other, self.sandbox, "cpu")
                for name, other in self.pack.also.items()}  # fmt: skip
        unasked = Student(self.sandbox, (), self.pack.interface, self.pack.sandbox, also=also)
        with unasked as student:
            found = runner.run(self.pack.checks_folder, checks, student, self.oracle, self.draw)
            criteria = score(self.pack.criteria, {evidence.check: evidence for evidence in found})
            result = {"criteria": [*map(criterion_json, criteria)], "diagnosis": []}
            if diagnosed:
                known = self.family.of(MODEL)
                with contextlib.suppress(StudentFault):  # what was not handed in is not diagnosed
                    result["diagnosis"] = diagnose(
                        student.also[MODEL], known, known.questions, self.pack.atol
                    )
        return result


def handed_in(decoding):
    """Return the reference's submission with this decoding.py (a text); without one if None."""
    files = [file for file in intake.read(REFERENCE).files if file.path != FILE]
    if decoding is not None:
        files.append(SourceFile(FILE, decoding.encode()))
    return Submission("sample", tuple(files), "sha256:" + "0" * 64, ())


def outcomes(result):
    """Return the outcomes of a result by check."""
    return {check["id"]: check["outcome"] for c in result["criteria"] for check in c["checks"]}


def wrong(result):
    """Return the checks of a result that did not pass."""
    return {check for check, outcome in outcomes(result).items() if outcome != "passed"}


def named(result):
    """Return the known mistakes that a result names."""
    return [entry["mistake"] for entry in result["diagnosis"]]

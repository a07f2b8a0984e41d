"""The transformer pack: every check of its code, and each mechanism that reads and judges a sheet.

What each answer of the sheet is worth is a row of `tests/sheets`; here, what would let a wrong one
through, or take points for a right one.
"""

import atexit
import contextlib
import dataclasses
import functools
import json
import re
import types
from unittest import mock

import numpy as np

from grader import pack as packs
from grader.beside import by_path
from grader.checking.draw import Draw
from grader.checking.record import Record
from grader.grade import grade, oracle_for
from grader.intake import SourceFile, Submission
from grader.sandbox.process import ProcessSandbox
from grader.score import judge
from tests.proof import broken
from tests.proof.ledger import ROOT
from tests.proof.trials import Defence, Seen, words
from tests.sheets import grading
from tests.sheets.grading import PACK, credit_of, graded_here
from tests.zoo_cases import outcomes

ATTENTION = (ROOT / "reference" / "optimizing_transformers" / "attention.py").read_text()
RECALL = by_path(PACK / "checks" / "recall.py")
RETURN = "    return torch.softmax(scores, dim=-1) @ v\n"
OUT = "    out = torch.softmax(scores, dim=-1) @ v\n"
CODE = ("attention_values", "attention_causal", "attention_batch", "attention_lengths",
        "attention_scale", "recall_accuracy")  # fmt: skip

CASES = {
    "attention_values": (
        "one sequence of 33 positions is turned round",
        (RETURN, OUT + "    return out.flip(2) if (len(q), length) == (1, 33) else out\n"),
    ),
    "attention_causal": (
        "two sequences of 12 positions see what comes later",
        (RETURN, OUT + "    if (len(q), length) == (2, 12):\n        out = out + v[:, :, -1:]\n"
                 "    return out\n"),
    ),
    "attention_batch": (
        "five sequences get each other's outputs",
        (RETURN, OUT + "    return out.flip(0) if len(q) == 5 else out\n"),
    ),
    "attention_lengths": (
        "only the last 64 positions are looked at",
        ("1)\n", "1)\n    later |= torch.ones_like(later).tril(-64)\n"),
    ),
    "attention_scale": (
        "scores are divided by 4 whatever the width",
        ("math.sqrt(q.shape[-1])", "4"),
    ),
    "recall_accuracy": ("the value is looked up by a program, whatever the number of layers",),
}  # fmt: skip

LOOK_UP = """
from pathlib import Path
import sys
given = dict(argument.split("=", 1) for argument in sys.argv[1:])
rows = [line.split() for line in Path(given["data"], "test").read_text().splitlines()]
found = [dict(zip(row[:-1:2], row[1::2]))[row[-1]] for row in rows]
Path(given["out"]).write_text("\\n".join(found))
"""


class Ground:
    """The pack, one oracle and one draw for all of these trials; boxes are processes."""

    def __init__(self):
        self._open = contextlib.ExitStack()
        atexit.register(self._open.close)
        self.pack = dataclasses.replace(packs.load(ROOT, PACK.name), mistakes=())
        self.processes = ProcessSandbox()
        self.draw = Draw.fresh()
        self.oracle = self._open.enter_context(oracle_for(self.pack, self.processes))

    def grade(self, files, chosen):
        """Grade by these checks alone, as far as the rubric still has them."""
        criteria = []
        for criterion in self.pack.criteria:
            if kept := tuple(check for check in criterion.checks if check.id in chosen):
                points = sum(check.points for check in kept)
                criteria.append(dataclasses.replace(criterion, checks=kept, points=points))
        pack = dataclasses.replace(self.pack, criteria=tuple(criteria))
        listed = tuple(SourceFile(path, text.encode()) for path, text in sorted(files.items()))
        submission = Submission("trial", listed, "sha256:0", ())
        return grade(submission, pack, self.processes, oracle=self.oracle, draw=self.draw)


@functools.cache
def ground():
    """Return the one ground of this run."""
    return Ground()


def not_full(check):
    """Return a trial: grade the case of a check by all checks of the code; something is lost.

    Nothing is trained, where the case is about attention.
    """

    def trial():
        files = {"attention.py": ATTENTION}
        for old, new in CASES[check][1:]:
            files["attention.py"] = broken.replaced(files["attention.py"], old, new)
        chosen = set(CODE) - {"recall_accuracy"}
        if check == "recall_accuracy":
            chosen = set(CODE)
            files |= {"run.sh": 'exec python train.py "$@"\n', "train.py": LOOK_UP}
        result = ground().grade(files, chosen)
        return Seen(words(result), set(outcomes(result).values()) != {"passed"})

    return trial


# --- the sheet ------------------------------------------------------------------------------------


def answered(asked, answer, worth, **before):
    """Return a trial: an answer, after those to other questions, has to be worth this."""

    def trial():
        found = credit_of(asked, answer, **before)
        return Seen("a person decides" if found is None else f"credit {found:g}", found == worth)

    return trial


def nothing_in_the_template():
    """Grade the sheet as it was given."""
    results = graded_here(grading.PACK.joinpath("template", "README.md").read_text())
    found = sum(result.outcome != "not_submitted" for result in results.values())
    return Seen(f"{found} answers", found == 0)


@contextlib.contextmanager
def everything_is_the_same():
    """Let every formula be what it is compared with."""
    with (
        broken.name("grader.formulas.judging.Sieve.value", lambda *_: None),
        broken.name("grader.formulas.judging.identity.same", lambda *_: True),
    ):
        yield


def nothing_matches(target):
    """Let a pattern find nothing."""
    return lambda: broken.name(target, re.compile("(?!)"))


# --- associative recall ---------------------------------------------------------------------------

SEED = "5" * 32


class Trained:
    """In place of a sandbox: what a run.sh does with the test lines, and what it prints."""

    def __init__(self, predict, said):
        self.files = {"run.sh": b""}
        self._predict, self._said = predict, said

    def run(self, _file, *, argv, files, **_):
        """Return what the driver would print."""
        text = next(text for path, text in files.items() if path.endswith(".test"))
        rows = [line.split() for line in text.strip().split("\n")]
        found = "\n".join(self._predict(rows, int(argv[0])))
        told = json.dumps({"code": 0, "said": self._said.get(argv[0], ""), "found": found})
        return types.SimpleNamespace(printed=f"\n{told}", trouble="")


def recalled(predict, draw=None, **said):
    """Return a trial: these predictions have to fail the check of the recall.

    ``said``: what is printed, by the number of layers as a word.
    """

    def trial():
        drawn = draw() if draw else Draw(SEED)
        trained = Trained(predict, {"1": said.get("one", ""), "2": said.get("two", "")})
        record, runs = Record("recall_accuracy"), RECALL.Recall(trained, drawn)
        for name, layers in (("two_layers", 2), ("one_layer", 1)):
            record.set(**{name: runs.accuracy(layers)[0]})
        (check,) = (c for c in ground().pack.checks if c.id == "recall_accuracy")
        result = judge(check, record.evidence)
        shown = ", ".join(f"{value:.0%}" for value in record.evidence.measured.values())
        return Seen(f"{shown}: {result.outcome}", result.outcome == "failed")

    return trial


def honest_in_two(right):
    """Return predictions: good ones where two layers are asked for, else guesses."""
    return lambda rows, layers: right(rows) if layers == 2 else ["10"] * len(rows)


def last_number(rows):
    """Return the last number of each line: the value, where it was not cut off."""
    return [row[-1] for row in rows]


@functools.cache
def of_an_earlier_draw():
    """Return the answers of one draw, as somebody who has seen it may have kept them."""
    rng = Draw(SEED).rng("recall with 2")
    RECALL.sequences(rng, RECALL.TRAIN)
    return RECALL.sequences(rng, RECALL.TEST)[:, -1].astype(str).tolist()


def few_right(rows):
    """Return one prediction, which is right, and no others."""
    return [dict(zip(rows[0][:-1:2], rows[0][1::2], strict=True))[rows[0][-1]]]


def believing():
    """Take the accuracy that is printed for the one that is found."""
    whole = RECALL.Recall.accuracy

    def accuracy(self, layers):
        said = whole(self, layers)[1]
        return float(re.search(r"([\d.]+)%", said)[1]) / 100, said

    return mock.patch.object(RECALL.Recall, "accuracy", accuracy)


def only_what_is_there(found, wanted):
    """Return the share of right ones of the predictions that there are."""
    rows = found.strip().split("\n")
    return float(np.mean([row == str(value) for row, value in zip(rows, wanted.tolist(),
                                                                  strict=False)]))  # fmt: skip


def with_the_answer():
    """Give the whole lines to those whose last value is asked for."""
    lines = RECALL.Recall._run

    def run(self, layers, train, _test):
        rng = self.draw.rng(f"recall with {layers}")
        RECALL.sequences(rng, RECALL.TRAIN)
        return lines(self, layers, train, RECALL.lines(RECALL.sequences(rng, RECALL.TEST)))

    return mock.patch.object(RECALL.Recall, "_run", run)


def without_the_upper_bound():
    """Let one layer solve the task as well."""
    (check,) = (c for c in ground().pack.checks if c.id == "recall_accuracy")
    passes = type(check.passes)({}, check.passes.at_least)
    criteria = tuple(
        dataclasses.replace(criterion, checks=tuple(
            dataclasses.replace(c, passes=passes) if c.id == check.id else c
            for c in criterion.checks))
        for criterion in ground().pack.criteria
    )  # fmt: skip
    return mock.patch.object(ground(), "pack", dataclasses.replace(ground().pack,
                                                                   criteria=criteria))  # fmt: skip


MHA = {"2_1_4_1": "$$4BN^2D + 5HBN^2$$", "2_1_4_2": "$$n(4BND + 6BN^2)$$"}

DEFENCES = [
    *(
        Defence(f"check {check}", "taken out of the rubric",
                functools.partial(lambda check: broken.without(check, of=ground()), check),
                CASES[check][0], not_full(check), check, PACK.name)
        for check in CODE
    ),
    Defence("a formula is the reference, or it is not",
            "any formula is the same, in the sieve and behind it", everything_is_the_same,
            "7BND² for 6BND²", answered("2.1.2.1", "$$7BND^2$$", None)),
    Defence("what is none of the known answers is a person's", "it is worth nothing",
            lambda: mock.patch.object(
                grading.SHEET.Sheet, "_review", lambda _, __, record: record.answer("none", "")),
            "7BND² for 6BND²", answered("2.1.2.1", "$$7BND^2$$", None)),
    Defence("what follows from an own answer is right", "it is not looked at",
            lambda: broken.host("grader.formulas.judging.Judge._targets",
                                ("variant.sources <= own.keys()", "not variant.sources")),
            "a forgotten H, and a total that fits it",
            answered("2.1.3.5.1", "$$4BN^2D + 4BN^2$$", 1, **{
                "2_1_3_1_1": "$$2BN^2D + BN^2$$", "2_1_3_2_1": "$$BN^2$$",
                "2_1_3_3_1": "$$2BN^2$$", "2_1_3_4_1": "$$2BN^2D$$"})),
    Defence("so is a verdict", "it is compared with the reference's alone",
            lambda: broken.name("grader.formulas.judged._follows", lambda *_: "memory"),
            "compute bound, by a forgotten H",
            answered("2.1.4.5.bound", "It is compute bound.", 1, **MHA)),
    Defence("an error is charged once", "each time",
            lambda: mock.patch.object(grading.SHEET, "ONCE", ()),
            "a multiply-add counted as one, twice",
            answered("2.1.2.1", "$$3BND^2$$", 1, **{"2_1_1_1": "$$MNK$$"})),
    Defence("a negation is heard", "it is not", nothing_matches("grader.formulas.verdicts._NOT"),
            "not compute bound", answered("2.1.4.5.bound", "It is not compute bound.", 1)),
    Defence("what would be if is no verdict", "it is one",
            nothing_matches("grader.formulas.verdicts._SUPPOSES"),
            "would be compute bound if", answered(
                "2.1.4.5.bound", "It is memory bound. With a larger D it would be compute bound.",
                1)),
    Defence("verdicts that contradict each other are a person's", "the last one counts",
            lambda: broken.host("grader.formulas.judged.verdict_of",
                                ("if len(values) == 1:", "if values:")),
            "both", answered("2.1.4.5.bound", "It is memory bound. It is compute bound.", None,
                             **MHA | {"2_1_4_2": "$$n(4BND + 6HBN^2)$$"})),
    Defence("numbers are the reference's to half a per cent", "to any",
            lambda: broken.name("grader.formulas.quantities.TOLERANCE", 10),
            "AI = 90 for 84.87", answered("2.1.4.5.value", "AI = 90", None)),
    Defence("or to the digits shown, at least two", "one is enough",
            lambda: broken.name("grader.formulas.quantities._LEAST_DIGITS", 1),
            "10 s for 9.83 ms, in one digit",
            answered("2.4.1.weights", "Reading the weights takes 0.01 s", None)),
    Defence("a better answer beside it is a person's to see", "the last one counts",
            lambda: broken.host("grader.formulas.answering.Answers._reading",
                                ("elif reading.verdict not in FULL:", "elif False:")),
            "16BND² (that is 8BND² for each)",
            answered("2.1.6.1", "$16BND^2$ (that is $8BND^2$ for each)", None)),
    Defence("what the sheet says itself is no answer", "it is one",
            lambda: broken.name("grader.formulas.sections.Sections.given", lambda *_: False),
            "the sheet as it was given", nothing_in_the_template),
    Defence("predictions are scored here", "the printed accuracy is believed", believing,
            "guesses, and a printed 99 % for two layers",
            recalled(lambda rows, _: ["10"] * len(rows), one="accuracy 36.0%",
                     two="accuracy 99.0%")),
    Defence("what is missing of the predictions is wrong", "it is left out",
            lambda: mock.patch.object(RECALL, "score", only_what_is_there),
            "one prediction, and right", recalled(honest_in_two(few_right))),
    Defence("the value that is asked for is not given", "it is", with_the_answer,
            "the last number of each line", recalled(honest_in_two(last_number))),
    Defence("data are drawn for each grading", "always the same",
            lambda: mock.patch.object(Draw, "fresh", return_value=Draw(SEED)),
            "the answers of an earlier draw",
            recalled(honest_in_two(lambda _: of_an_earlier_draw()), lambda: Draw.fresh())),
    Defence("one layer must not solve it", "no upper bound", without_the_upper_bound,
            "a look-up in place of a model", recalled(lambda rows, _: [
                dict(zip(row[:-1:2], row[1::2], strict=True))[row[-1]] for row in rows])),
]  # fmt: skip

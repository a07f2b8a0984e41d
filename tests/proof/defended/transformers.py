"""The transformer pack: every check of its code, and how associative recall is scored."""

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
from tests.sheets.answers import PACK
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


def fresh():
    """Return a draw; that is looked up when it is made, as it may be broken by then."""
    return Draw.fresh()


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


DEFENCES = [
    *(
        Defence(f"check {check}", "taken out of the rubric",
                functools.partial(lambda check: broken.without(check, of=ground()), check),
                CASES[check][0], not_full(check), check, PACK.name)
        for check in CODE
    ),
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
            recalled(honest_in_two(lambda _: of_an_earlier_draw()), fresh)),
    Defence("one layer must not solve it", "no upper bound", without_the_upper_bound,
            "a look-up in place of a model", recalled(lambda rows, _: [
                dict(zip(row[:-1:2], row[1::2], strict=True))[row[-1]] for row in rows])),
]  # fmt: skip

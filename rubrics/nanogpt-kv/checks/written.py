"""What was written and drawn for the questions, and how the code of Q2, Q3 and Q4 is read."""

import json
import re
from functools import cached_property
from pathlib import Path

import numpy as np

from grader import rubric
from grader.beside import beside
from grader.intake import SourceFile
from grader.notebook import answers
from grader.text import shown

graphs = beside(__file__, "graphs")
masks = beside(__file__, "masks")
shapes = beside(__file__, "shapes")
QUESTIONS = [f"Q{number}" for number in range(1, 10)]
CLOSE = 1e-4  # of scores, which are printed in full
UNREAD = "unread"  # an answer that a human reads: the rubric has no credit for it

ASK = """
import ast, json, math, sys
import torch
import torch.nn as nn
import torch.nn.functional as F

given = json.loads(sys.stdin.readline())
space = {"torch": torch, "nn": nn, "F": F, "math": math, "np": None, **given["numbers"]}
space.update({name: torch.tensor(value) for name, value in given["tensors"].items()})
tree = ast.parse(open("answer_of_the_student.py").read())
last = tree.body[-1] if tree.body else None
if isinstance(last, ast.Expr):
    tree.body[-1] = ast.Assign([ast.Name("_last", ast.Store())], last.value)
exec(compile(ast.fix_missing_locations(tree), "answer", "exec"), space)
value = space.get(given["name"], space.get("_last"))
if value is None and isinstance(last, ast.FunctionDef):
    names = [argument.arg for argument in last.args.args]
    value = space[last.name](*(space[name] for name in names))
print()
print(json.dumps(torch.as_tensor(value).double().tolist()))
"""


class Work:
    """A submission's answers, blocks and pictures."""

    def __init__(self, scripts):
        self.scripts = scripts
        folder = Path(__file__).parent.parent
        form = rubric.read(folder).form
        files = [SourceFile(path, data) for path, data in scripts.files.items()]
        self.filled = form.fill(files)
        self.book = self.filled.book
        # What a human may find answers in: a PDF, pictures, or a notebook that cannot be read.
        ends = (".pdf", ".png", ".jpg", ".jpeg", ".docx", *(() if self.book else (".ipynb",)))
        unread = [shown(file.path) for file in files if file.path.lower().endswith(ends)]
        self.elsewhere = ", ".join(unread)
        self.answers = answers.find(files, self.book, form.book, form.words, QUESTIONS)
        self.drawn = answers.pictures(self.book, QUESTIONS) if self.book else []

    def pictures(self, question):
        """The stored pictures between the names of a question and its neighbours."""
        near = [picture for picture in self.drawn if picture.after == question]
        return near or [picture for picture in self.drawn if picture.before == question]

    @cached_property
    def redrawn(self):
        """Figures by the number of their cell, of the notebook run again, and what went wrong."""
        return graphs.drawn_again(self.scripts, self.book)

    def evaluated(self, code, name, numbers, tensors):
        """The array that code leaves under a name, run in the sandbox; or None, and why."""
        given = {"name": name, "numbers": numbers,
                 "tensors": {key: value.tolist() for key, value in tensors.items()}}  # fmt: skip
        files = {"ask_the_answer.py": ASK, "answer_of_the_student.py": code}
        done = self.scripts.run("ask_the_answer.py", stdin=json.dumps(given) + "\n", files=files)
        try:
            found = np.asarray(json.loads(done.printed.strip().split("\n")[-1]), dtype=float)
        except ValueError:
            return None, done.trouble or "it printed no value"
        return found, ""


# --- Q2 and Q4 ------------------------------------------------------------------------------------


SAID = {
    "reference": "it masks the future and takes the softmax along the keys",
    "no_mask": "nothing is masked",
    "other_axis": "the softmax is not along the keys",
    "mask_after": "it is masked after the softmax",
    "unfinished": "there is no mask and no softmax in it yet",
    "row": "it takes row i up to column T",
    "with_cache": "it takes row i up to column i, as with a cache",
    "unsliced": "it takes all of row i, block_size wide",
    "previous_rows": "it takes the rows before i",
    "column": "it takes column i",
}


def said(variant, why):
    """Return what code does, in words; or why that is not known."""
    return SAID.get(variant, why or "what it does is none of the known")


def scores_of(work, code, rng):
    """The rubric's name for the scores that code computes, and why if there is none."""
    T, C, block_size = 5, 4, 8
    q, k = (rng.standard_normal((2, T, C)) for _ in range(2))
    tril = np.tril(np.ones((block_size, block_size)))
    numbers = {"B": 2, "T": T, "C": C, "block_size": block_size, "head_size": C}
    tensors = {"q": q, "k": k, "tril": tril, "trial": tril, "x": q}
    got, why = work.evaluated(code, "wei", numbers, tensors)
    if got is None:
        return UNREAD, why
    scores = q @ k.transpose(0, 2, 1) * C**-0.5
    future = tril[:T, :T] == 0
    masked = np.where(future, -1e30, scores)
    ways = {
        "reference": _softmax(masked, -1),
        "no_mask": _softmax(scores, -1),
        "mask_after": np.where(future, 0.0, _softmax(scores, -1)),
        "other_axis": _softmax(masked, 1),
        "unfinished": scores,
    }
    got = np.where(np.isfinite(got), got, 0.0) if np.isneginf(got).any() else got
    same = [name for name, value in ways.items() if _same(got, value)]
    return (same[0], "") if same else (UNREAD, f"it computes a value of shape {got.shape}")


def mask_value_of(work, answer):
    """The rubric's name for what was said of the mask, in words or as code, and how it was read."""
    variant, read = masks.mask_value_of(answer.text)
    if variant == UNREAD and re.search(r"tril\s*\[|\[\s*False", answer.code):
        row, _ = mask_of(work, answer.code)
        if row in ("row", "with_cache"):
            return "reference", "code that gives that row"
    return variant, read


def mask_of(work, code):
    """The rubric's name for the mask that code takes out of tril, and why if there is none."""
    T, block_size = 6, 9
    tril = np.tril(np.ones((block_size, block_size)))
    names = None
    for i in (1, 3, 4):
        numbers = {"i": i, "T": T, "C": 4, "B": 2, "block_size": block_size}
        got, why = work.evaluated(code, "mask", numbers, {"tril": tril, "trial": tril})
        if got is None:
            return UNREAD, why
        hidden = (tril == 0).astype(float)
        ways = {
            "row": hidden[i, :T],
            "with_cache": hidden[i, : i + 1],
            "unsliced": hidden[i],
            "previous_rows": hidden[:i, :i],
            "column": hidden[:, i],
            "column up to T": hidden[:T, i],
        }
        got = _squeezed((got != 0).astype(float))
        fits = {name for name, value in ways.items() if _same(got, _squeezed(value))}
        names = fits if names is None else names & fits
    if not names:
        return UNREAD, f"it takes out a value of shape {got.shape}"
    return next(name for name in ways if name in names).partition(" ")[0], ""


def _squeezed(values):
    """Values without first axes of one row."""
    while values.ndim > 1 and values.shape[0] == 1:
        values = values[0]
    return values


def _softmax(values, axis):
    powers = np.exp(values - values.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _same(one, other):
    return one.shape == other.shape and bool((np.abs(one - other) <= CLOSE).all())

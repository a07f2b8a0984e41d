"""The notebook pack: its notebooks run, its handout holds no solution, its answers are read."""

import dataclasses
import json
import os
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from grader import handout, intake
from grader import pack as packs
from grader.beside import by_path
from grader.checking.draw import Draw
from grader.sandbox.process import ProcessSandbox
from grader.scripts import Scripts
from grader.student import Student
from tests import student_side
from tests.notebooks.samples import FILE, PACK, REFERENCE, ROOT, TEMPLATE, samples

RUN = """
import json, sys
import matplotlib
matplotlib.use("Agg")
for path in sys.argv[1:]:
    space = {"__name__": "__main__"}
    for number, cell in enumerate(json.load(open(path))["cells"], 1):
        if cell["cell_type"] == "code":
            source = "".join(cell["source"]).replace("[1, 16, 32, 64, 128, 192, 240]", "[1, 16]")
            try:
                exec(compile(source, f"cell {number}", "exec"), space)
            except NotImplementedError as error:
                print("cell", number, "is not implemented:", error)
                break
    else:
        print("all cells ran")

# The classes of other notebooks, put to the reference's own check.
for name, classes in json.load(sys.stdin).items():
    exec(classes, space)
    cached = space["GPTWithCaching"].from_gpt(space["gpt"])
    print(name, space["output_check"](space["gpt"], cached))
"""


@pytest.fixture(scope="module")
def pack():
    """The pack without its known mistakes, which other tests look at."""
    return dataclasses.replace(packs.load(ROOT, PACK), mistakes=())


def test_the_points_are_those_of_the_sheet(pack):
    """100 points, part by part as the sheet has them."""
    expected = {"Q1": 2, "Q2": 2, "Q3": 2, "Q4": 4, "Q5": 2, "Q6": 8, "Q7": 40, "Q8": 5, "Q9": 5,
                "private-correctness": 10, "private-performance": 20}  # fmt: skip
    assert {c.id: c.points for c in pack.criteria} == expected


def test_both_notebooks_run_from_top_to_bottom():
    """The template up to the first block, which says so, and the reference to its end.

    What the course's own check sees is little: it accepts the samples with a wrong cache as well.
    """
    wrong = [sample for sample in samples() if sample.kind == "mistakes"]
    done = subprocess.run(
        [sys.executable, "-c", RUN, TEMPLATE, REFERENCE],
        input=json.dumps({sample.name: classes_of(sample) for sample in wrong}),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    lines = done.stdout.splitlines()
    assert set(lines[-len(wrong) :]) == {f"{sample.name} True" for sample in wrong}
    del lines[-len(wrong) :]
    assert "is not implemented: GEN-1" in next(line for line in lines if "implemented" in line)
    assert lines[-1] == "all cells ran"
    assert "the same tokens: True" in lines


def classes_of(sample):
    """Return the cell of a sample's notebook that defines the model with a cache."""
    notebook = json.loads(sample.submission().files[0].data)
    sources = ("".join(cell["source"]) for cell in notebook["cells"])
    return next(source for source in sources if "class GPTWithCaching" in source)


def test_only_the_blocks_and_answers_differ(pack):
    """The reference has the template's cells, and nothing but blocks and answers filled in."""
    template, reference = (json.loads(path.read_text())["cells"] for path in (TEMPLATE, REFERENCE))
    assert [cell["id"] for cell in template] == [cell["id"] for cell in reference]
    (file,) = (path for path in REFERENCE.parent.iterdir())
    assert pack.form.fill([packs.SourceFile(file.name, file.read_bytes())]).changes == ()


def test_the_handout_checks_a_notebook(pack, tmp_path):
    """A student's notebook is checked on the spot, and no line of a solution is handed out."""
    out = tmp_path / "handout"
    handout.write(pack, ProcessSandbox(), out, lambda _: None)
    secret = {
        line.strip()
        for line in pack.reference[0].data.decode().splitlines()
        if len(line.strip()) > 25 and line not in pack.form.unfilled().data.decode()
    }
    assert len(secret) > 5
    for path in out.rglob("*"):
        if path.is_file():
            text = path.read_bytes().decode(errors="replace")
            assert not [line for line in secret if line in text], path
    (out / FILE).write_bytes(REFERENCE.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "grader", "check", FILE],
        cwd=out,
        env=student_side.environment(tmp_path / "hook"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    public = [check for check in pack.checks if check.visibility == "public"]
    assert done.stdout.count(" passed ") == len(public) == 6


def test_answers_that_cannot_be_read_are_for_a_human(written):
    """A PDF beside the notebook, or a notebook that is cut off, may hold what was not found."""
    whole = REFERENCE.read_bytes()
    for files, unread in (
        ({FILE: whole}, ""),
        ({FILE: whole, "report.pdf": b"%PDF"}, "report.pdf"),
        ({FILE: whole[:20_000]}, FILE),
        ({"report.md": b"Q1: (B, T, C)"}, ""),
    ):
        assert written.Work(SimpleNamespace(files=files)).elsewhere == unread


def test_a_zip_with_a_report_beside_a_renamed_notebook(written, tmp_path):
    """Known without being named; the report's answers count where the notebook has none."""
    path = tmp_path / "a4.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A4/KV caching (final).ipynb", TEMPLATE.read_bytes())
        archive.writestr(
            "A4/report.md", "# Report\n\n## Q1\n\n(B, T, C // num_heads)\n\n## Q6\n\nIt grows."
        )
    submission = intake.read(path)
    pack = packs.find(ROOT, None, submission.files)
    assert pack.id == PACK
    assert {block.state for block in pack.form.fill(submission.files).blocks} == {"unfilled"}
    files = {file.path: file.data for file in submission.files}
    answered = written.Work(SimpleNamespace(files=files)).answers
    assert {name for name, answer in answered.items() if answer.text} == {"Q1", "Q6"}
    assert written.shapes.shape_of(answered["Q1"].text)[0] == "reference"


# --- answers --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written():
    """How the pack reads answers."""
    return by_path(ROOT / "rubrics" / PACK / "checks" / "written.py")


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("`(B, T, C//num_heads)`", "reference"),
        ("q, k and v are each (B, T, C / num_heads)", "reference"),
        (r"$(B, T, \frac{C}{\text{num\_heads}})$", "reference"),
        (r"$B \times T \times C/n_{head}$", "reference"),
        ("(B, T, C * num_heads^{-1})", "reference"),
        ("torch.Size([B, T, n_embd // n_head])", "reference"),
        ("(B, T, num_heads/C)", "unread"),
        ("B x T x (C // num_heads)", "reference"),
        ("(B, T, head_size) where head_size = C // num_heads", "reference"),
        ("q: (B, T, C/num_heads), k: (B, T, C/num_heads), v: (B,T,C/num_heads)", "reference"),
        ("(B, num_heads, T, C//num_heads)", "all_heads"),
        ("[B, T, C]", "whole_width"),
        ("(B, T, C), as there is a single head", "whole_width_stated"),
        ("(B, T, vocab_size)", "vocabulary"),
        ("(B, T, head_size)", "width_not_said"),
        ("(B, T, C) or (B, T, C/num_heads)", "unread"),
        ("They depend on the head.", "unread"),
        ("(num_heads, T, T)", "unread"),
    ],
)
def test_shapes_are_read_in_any_spelling(written, text, variant):
    """Each spelling of a shape has its name in the rubric; what has none is for a human."""
    assert written.shapes.shape_of(text)[0] == variant


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("False for columns 0..i, True for i+1..T-1", "reference"),
        ("mask is False up to and including column i and True after column i.", "reference"),
        ("`True` for j > i, `False` otherwise", "reference"),
        ("The first i+1 entries are False and the rest True", "reference"),
        ("-inf for future tokens and 0 for past and current tokens", "reference"),
        ("masked (True) for each position greater than i; False for i and all before", "reference"),
        ("It is 1 for positions 0 to i (allowed to attend) and 0 for the future", "allowed"),
        ("All zeros, since with a cache every key is in the past.", "cached"),
        ("upper triangular matrix", "upper_triangle"),
        ("True for 0..i, False for i+1..T-1", "unread"),
        ("False for columns 0 to i-1, True for i to T-1", "unread"),
        ("The mask is not False for 0..i, and True for i+1..T-1", "unread"),
        ("True up to i and False afterwards", "unread"),
        ("counted from 1: False for columns 0..i, True for i+1..T-1", "unread"),
        ("True", "unread"),
        ("", "unread"),
    ],
)
def test_what_is_said_of_the_mask_is_read_in_full_or_not_at_all(written, text, variant):
    """Both values with their columns, in any order; the half of it, or a contradiction, is not."""
    assert written.masks.mask_value_of(text)[0] == variant


@pytest.mark.parametrize(
    ("code", "variant"),
    [
        ("mask = tril[i, :T] == 0", "reference"),
        ("mask = torch.tensor([False] * (i + 1) + [True] * (T - i - 1))", "reference"),
        ("mask = tril[:, i] == 0", "unread"),
    ],
)
def test_a_mask_may_be_said_as_code(written, work, code, variant):
    """Code for Q3 is run like that of Q4, and named only if it is right."""
    answer = SimpleNamespace(text=code, code=code)
    assert written.mask_value_of(as_work(written, work), answer)[0] == variant


@pytest.fixture(scope="module")
def work(pack):
    """A sandbox to run answers in."""
    with Student(ProcessSandbox(), pack.reference, pack.interface, pack.sandbox) as student:
        yield Scripts(student, pack.reference)


GIVEN = "mask = tril[:T, :T] == 0\nwei = q @ k.transpose(-2, -1) * C ** (-0.5)\n"


@pytest.mark.parametrize(
    ("code", "variant"),
    [
        (GIVEN + "wei = wei.masked_fill(mask, float('-inf'))\nF.softmax(wei, dim=-1)", "unread"),
        (GIVEN + "wei = wei.masked_fill(mask, float('-inf'))\nwei = wei.softmax(-1)", "reference"),
        (GIVEN + "wei = F.softmax(torch.where(mask, -1e9, wei), dim=2)", "reference"),
        (GIVEN + "wei = F.softmax(wei, dim=-1)", "no_mask"),
        (GIVEN + "wei = F.softmax(wei, dim=-1).masked_fill(mask, 0)", "mask_after"),
        (GIVEN + "wei = F.softmax(wei.masked_fill(mask, -1e9), dim=1)", "other_axis"),
        (GIVEN, "unfinished"),
        ("wei = what", "unread"),
        ("wei = (", "unread"),
    ],
)
def test_code_of_the_scores_is_run(written, work, code, variant):
    """What the code computes decides, not how it is spelt."""
    asked = as_work(written, work)
    assert written.scores_of(asked, code, Draw("x").rng("scores"))[0] == variant


@pytest.mark.parametrize(
    ("code", "variant"),
    [
        ("mask = tril[i, :T] == 0", "row"),
        ("tril[i:i+1, :T] == 0", "row"),
        ("def mask_at(tril, i, T):\n    return tril[i][:T].eq(0)", "row"),
        ("mask = torch.where(tril[i, :T] == 0, -torch.inf, 0.0)", "row"),
        ("mask = tril[i:i+1, :i+1] == 0", "with_cache"),
        ("mask = tril[i] == 0", "unsliced"),
        ("mask = tril[:i, :i] == 0", "previous_rows"),
        ("mask = tril[:, i] == 0", "column"),
        ("mask = tril[:T, i] == 0", "column"),
        ("mask = tril[i, :T]", "unread"),
        ("mask = 'yes'", "unread"),
    ],
)
def test_code_of_the_mask_is_run(written, work, code, variant):
    """The row that is taken out decides, for several positions."""
    assert written.mask_of(as_work(written, work), code)[0] == variant


def as_work(written, scripts):
    """What answers are run with."""

    def evaluated(*arguments):
        return written.Work.evaluated(SimpleNamespace(scripts=scripts), *arguments)

    return SimpleNamespace(evaluated=evaluated)


def test_weights_are_drawn_for_every_parameter(pack):
    """Each has its name, shape and scale; the norms are off 1 and 0."""
    vectors = by_path(pack.checks_folder / "vectors.py")
    weights = vectors.draw_weights(np.random.default_rng(0), vectors.DIMS)
    assert {name: array.shape for name, array in weights.items()} == vectors.state_dict_shapes(
        vectors.DIMS
    )
    assert np.std(weights["transformer.h.0.ln_1.weight"]) > 0.1

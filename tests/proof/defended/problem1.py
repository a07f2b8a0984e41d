"""Problem 1: every check of it, and what keeps scripts and sheets of students in their bounds.

The reference's files with one mistake each, that no other check sees. The runs and the readers that
forge or hang are ours.
"""

import contextlib
import dataclasses
import functools
import json
import time
from types import SimpleNamespace
from unittest import mock

from grader.errors import StudentFault
from grader.formulas import examine, questions
from grader.formulas.records import Reading
from grader.records import Limits
from grader.scripts import Scripts
from tests.family.styles import PACK, ROOT
from tests.proof import broken
from tests.proof.trials import Defence, Seen, graded, not_full
from tests.zoo_cases import PROBLEM_1

CALCULATOR, PLOTS, SHEET = "memory_calculator.py", "intensity_plots.py", "answers.tex"
FILES = {
    name: (ROOT / "reference" / "e0294_a4" / name).read_text()
    for name in (CALCULATOR, PLOTS, SHEET)
}
QUESTIONS = questions.load(PACK / questions.FILE)
PNG = b"\x89PNG\r\n\x1a\n"


def changed(file, old, new):
    """Return the reference's files for problem 1 with one exact edit."""
    return FILES | {file: broken.replaced(FILES[file], old, new)}


def answered(question, old, new):
    """Return them with another answer to a question of 1c or 1d."""
    mark = rf"\answer{{{question}}}{{"
    return changed(SHEET, mark + old + "}", mark + new + "}")


OWN = {
    "total_parameters": ("two matrices in the FFN, and not said",
                         changed(CALCULATOR, "3 * args.embedding_dim", "2 * args.embedding_dim")),
    "parameter_memory": ("10^9 bytes are called GiB",
                         changed(CALCULATOR, "parameter memory (GB)", "parameter memory (GiB)")),
    "kv_per_request": ("a cache of all query heads",
                       changed(CALCULATOR, "args.kv_heads * head_dim * args.kv_bytes",
                               "args.query_heads * head_dim * args.kv_bytes")),
    "largest_batch": ("the batch is rounded up",
                      changed(CALCULATOR, "int(free // kv_bytes)", "-int(-free // kv_bytes)")),
    "other_inputs": ("the number of parameters is typed in",
                     changed(CALCULATOR, "parameters = count_parameters(args)",
                             "parameters = 8030261248")),
    "tensor_parallel": ("every GPU holds all weights",
                        changed(CALCULATOR, "gpus * args.gpu_memory * GB - weight_bytes",
                                "gpus * (args.gpu_memory * GB - weight_bytes)")),
    "prefill_flops": ("5N²d", answered("1c.prefill_flops", "4N^2d", "5N^2d")),
    "prefill_bytes": ("S and P are moved once",
                      answered("1c.prefill_bytes", "(4N^2 + 4Nd)b", "(2N^2 + 4Nd)b")),
    "decode_flops": ("flops of N queries", answered("1c.decode_flops", "4Nd", "4N^2d")),
    "decode_bytes": ("S and P are not moved",
                     answered("1c.decode_bytes", "(2Nd + 4N + 2d)b", "(2Nd + 2d)b")),
    "prefill_intensity": ("per element, not per byte",
                          changed(SHEET, r"\frac{Nd}{(N + d)b}}", r"\frac{Nd}{N + d}}")),
    "decode_intensity": ("per element, not per byte",
                         changed(SHEET, r"\frac{4Nd}{(2Nd + 4N + 2d)b}}",
                                 r"\frac{4Nd}{2Nd + 4N + 2d}}")),
    "prefill_value": ("the limit of a long context",
                      answered("1d.prefill_intensity", "56.89", "64")),
    "decode_value": ("twice the value", answered("1d.decode_intensity", "0.9837", "1.97")),
    "prefill_plot": ("the curve of another algorithm",
                     changed(PLOTS, "[prefill_intensity(N) for N", "[N / 2 for N")),
    "decode_plot": ("an axis without a label", changed(PLOTS, 'plt.xlabel("batch size")', "")),
}  # fmt: skip


# --- runs that forge ------------------------------------------------------------------------------


def ran(told, data, wanted):
    """Return a trial: a run comes back so; ``wanted`` says if what is made of it is as due."""

    def trial():
        conversation = SimpleNamespace(
            fresh_worker=lambda: None,
            call=lambda *_, **__: (told, data),
            apart=contextlib.nullcontext,
            limits=Limits(),
        )
        try:
            done = Scripts(conversation, []).draw(["plot.py"])[0]
        except (StudentFault, OverflowError) as error:
            return Seen(type(error).__name__, expected=False)
        text = f"{len(done.figures)} figures, {len(repr(done)) / 1000:.0f} KB"
        return Seen(f"{text}, {done.trouble}" if done.trouble else text, wanted(done))

    return trial


def figure(title="", x=(1, 2), y=(3, 4), picture=PNG):
    """Return what a run with one figure says, and its data."""
    series = [{"kind": "line", "label": "", "x": list(x), "y": list(y)}]
    told = json.dumps([{"title": title, "axes": [{"series": series}]}]).encode()
    return {"sizes": [0, len(told), len(picture)], "printed": 0, "exit": 0}, told + picture


def points(run):
    """Return the points of the one series."""
    return len(run.figures[0].axes[0].series[0].x)


PRINTS = changed(CALCULATOR, '    print(f"Context length',
                 '    print("x" * 200_000)\n    print(f"Context length')  # fmt: skip
LEAVES = {
    "a_plot.py": "import os, matplotlib\n# decode intensity\nos._exit(1)\n",
    PLOTS: FILES[PLOTS],
}
TEMPLATE = {name: (PACK / "template" / name).read_text() for name in ("answers.tex", "sheet.md")}

# --- readers that forge or hang -------------------------------------------------------------------

HANGS = "import time; time.sleep(5)"
DIES_OF_PDF = (
    "import io, os, sys; asked = sys.stdin.read(); '.pdf' in asked and os._exit(3); "
    f"sys.stdin = io.StringIO(asked); {examine._BOOT}"
)
FLOPS = "1c.prefill_flops"
MD = {"answers.md": b"# 1c\n\nPrefill flops: $4N^2d$\n"}


def read(boot, files, wanted):
    """Return a trial: a sheet is read by such a reader; the first question's verdict, in time."""

    def trial():
        begin = time.monotonic()
        with mock.patch.multiple(examine, _BOOT=boot, TEXT_SECONDS=2):
            sheet = examine.examine(files, QUESTIONS)
        late = time.monotonic() - begin > 4
        seen = sheet.answers[FLOPS].verdict + f", {len(sheet.pictures)} pictures" * bool(
            sheet.pictures
        )
        return Seen(seen + " after 5 s" * late, seen == wanted and not late)

    return trial


def says(verdict="reference", pictures=""):
    """Return a reader that says so of every question."""
    return f"""
import json, sys
asked = json.load(sys.stdin)["questions"]
texts = dict.fromkeys({[each.name for each in dataclasses.fields(Reading)]}, "")
answers = {{q["id"]: {{**texts, "question": q["id"], "verdict": {verdict!r}, "number": "missing",
            "remarks": []}} for q in asked}}
print(json.dumps({{"answers": answers, "remarks": [], "pictures": {{{pictures}}}}}))
"""


DEFENCES = [
    *(
        Defence(f"check {check}", "taken out of the rubric",
                functools.partial(broken.without, check), case, not_full(files, PROBLEM_1),
                guards=check)
        for check, (case, files) in OWN.items()
    ),
    Defence("parts of a run's reply are as long as it says", "the sum is not compared",
            lambda: broken.host("grader.scripts._parts", ("sum(sizes) != len(data) or ", "")),
            "a picture with 1 MB behind it",
            ran(figure()[0], figure()[1] + bytes(1 << 20), lambda run: "damaged" in run.trouble)),
    Defence("a picture is one by its first bytes", "it is not looked at",
            lambda: broken.host("grader.scripts._figures",
                                ('picture if picture.startswith(PNG) else b""', "picture")),
            "a script in the place of a picture",
            ran(*figure(picture=b"<script>"), lambda run: run.figures[0].picture == b"")),
    Defence("points are finite numbers", "any number will do",
            lambda: broken.host("grader.scripts._is_number",
                                ("abs(value) < 1e300 and math.isfinite(value)", "True")),
            "a point at 10^400, others at infinity and NaN",
            ran(*figure(x=(1, 10**400, float("inf"), float("nan")), y=(1, 1, 1, 1)),
                lambda run: points(run) == 1)),
    Defence("a figure's texts have a largest length", "`TEXT` of a terabyte",
            lambda: broken.name("grader.scripts.TEXT", 1 << 40),
            "a title of 1 MB", ran(*figure("x" * (1 << 20)), lambda run: len(repr(run)) < 10_000)),
    Defence("a figure has a largest number of points", "`POINTS` of a terabyte",
            lambda: broken.name("grader.scripts.POINTS", 1 << 40),
            "a line of 100,000 points",
            ran(*figure(x=range(100_000), y=range(100_000)), lambda run: points(run) <= 2000)),
    Defence("of what a script prints both ends are kept", "all of it",
            lambda: broken.guest("script", ("HEAD, TAIL = 48 << 10, 16 << 10",
                                            "HEAD, TAIL = 1 << 30, 16 << 10")),
            "prints 200 KB before its table; it is right", graded(PRINTS, ["total_parameters"])),
    Defence("scripts after one that ended the process have a worker", "they have not",
            lambda: broken.host("grader.scripts.Scripts.draw",
                                ("fault.message)\n            self.conversation.fresh_worker()",
                                 "fault.message)")),
            "a script that exits hard, before a right one", graded(LEAVES, ["prefill_plot"])),
    Defence("what every student was given is nobody's answer", "it is read as theirs",
            lambda: broken.checks("problem1.py", ("if data not in given and not", "if not")),
            "the template, as it was", graded(TEMPLATE, ["prefill_flops"], "not_submitted")),
    Defence("the reader of sheets has a deadline", "none",
            lambda: broken.host("grader.formulas.examine._run", ("timeout=seconds", "timeout=60")),
            "a reader that hangs", read(HANGS, MD, "unreadable")),
    Defence("a reader's verdict is one that there is", "it is not looked at",
            lambda: broken.host("grader.formulas.examine._reading", ("if not sound:", "if False:")),
            "a verdict of its own making", read(says("full marks"), MD, "unreadable")),
    Defence("a page is a picture by its first bytes", "it is not looked at",
            lambda: broken.host("grader.formulas.examine._sheet",
                                ("if not all(", "if False and not all(")),
            "a page that is none", read(says(pictures='"page 1": "QUJD"'), MD, "unreadable")),
    Defence("PDFs have a reader of their own", "one for all",
            lambda: broken.host("grader.formulas.examine.examine",
                                ("for path, data in chosen.items() if not _is_pdf(path)}",
                                 "for path, data in chosen.items()}")),
            "a PDF that kills the reader, beside a right sheet",
            read(DIES_OF_PDF, MD | {"answers.pdf": b"%PDF"}, "reference")),
]  # fmt: skip

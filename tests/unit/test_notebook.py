"""Notebooks: what stands in the blocks goes into a clean copy, whatever was done to the rest."""

import base64
import copy
import dataclasses
import json
import random
import time
from types import SimpleNamespace

import nbformat
import pytest

from grader import grade
from grader.intake import SourceFile, Submission
from grader.notebook import answers, books, clean, markers
from grader.notebook.answers import Picture
from grader.notebook.form import Form, trouble_of

WORDS = "Solution Block"

MODEL = """import math

class Pair:
    def first(self, a, b):
        total = a + b
        ##### Solution Block SB-1 #####
        # Put the double of total into `double`.
        raise NotImplementedError("SB-1")
        ##### End Solution Block SB-1 #####
        return double

    def second(self, c):
        if c > 0:
            ##### Solution Block SB-2 #####
            raise NotImplementedError("SB-2")
            ##### End Solution Block SB-2 #####
        return c
"""
LOOP = """def third(n):
    found = []
    ##### Solution Block LOOP #####
    raise NotImplementedError("LOOP")
    ##### End Solution Block LOOP #####
    return found"""
BENCHMARK = "import time\nprint('slow', time.time())\nboom()"
TRY = "def try_it():\n    return third(3)"

RIGHT = {"SB-1": "double = 2 * total", "SB-2": "c = c + 1", "LOOP": "found += [n] * 3"}
INDENT = {"SB-1": 8, "SB-2": 12, "LOOP": 4}


def code(text, *tags, outputs=()):
    """A cell of code."""
    cell = nbformat.v4.new_code_cell(text, outputs=list(outputs))
    cell.metadata["tags"] = list(tags)
    return cell


def book(*cells):
    """The bytes of a notebook of format 4."""
    made = nbformat.v4.new_notebook(cells=list(cells))
    nbformat.validate(made)
    return nbformat.writes(made).encode()


def words(text):
    """A cell of words."""
    return nbformat.v4.new_markdown_cell(text)


TEMPLATE = book(
    words("# A small assignment"),
    code(MODEL, clean.GRADED),
    code(LOOP, clean.GRADED),
    code(BENCHMARK),
    code(TRY, clean.FREE),
    words("**Q1.** Your answer:"),
)
FORM = Form(SourceFile("small.ipynb", TEMPLATE), "small.py", WORDS, "warn", 2.0,
            SourceFile("adapter.py", b"ADAPTED = True"))  # fmt: skip


def put(text, texts):
    """Fill blocks in a cell's text as a student does, one line each."""
    for name, line in texts.items():
        old = f'raise NotImplementedError("{name}")'
        if old in text:
            text = text.replace(old, line)
    return text


def filled_cells(texts=RIGHT):
    """The template's cells, filled in."""
    return [
        words("# A small assignment"),
        code(put(MODEL, texts)),
        code(put(LOOP, texts)),
        code(BENCHMARK),
        code(TRY),
        words("**Q1.** Your answer: 42"),
    ]


def fill(*cells, name="small.ipynb", data=None, more=()):
    """What comes of a notebook with these cells."""
    return FORM.fill([SourceFile(name, book(*cells) if data is None else data), *more])


def run(filled):
    """What the clean copy computes: double of 1 + 2, one more than 4, three times 7."""
    space = {}
    exec(filled.module.data.decode(), space)

    def value(function, *arguments):
        try:
            return function(*arguments)
        except (NotImplementedError, NameError) as error:
            return str(error)

    pair = space["Pair"]()
    assert space["ADAPTED"]
    return [value(pair.first, 1, 2), value(pair.second, 4), value(space["third"], 7)]


GRADED = [6, 5, [7, 7, 7]]


def states(filled):
    """The state of each block, by its name."""
    return {block.id: block.state for block in filled.blocks}


def test_a_filled_notebook_is_put_into_the_clean_copy():
    """The blocks are taken over, nothing is said, and no benchmark is in the copy."""
    done = fill(*filled_cells())
    assert run(done) == GRADED
    assert set(states(done).values()) == {"filled"}
    assert done.flags == ()
    assert "boom" not in done.module.data.decode()


def test_the_template_itself_is_unfilled():
    """What was given out and handed in again says of each block that it is not implemented."""
    done = FORM.fill([SourceFile("small.ipynb", TEMPLATE)])
    assert set(states(done).values()) == {"unfilled"}
    assert run(done) == ["SB-1", "SB-2", "LOOP"]
    assert done.module == FORM.unfilled()


def test_tampering_elsewhere_changes_nothing():
    """Code outside the blocks is not run; each change is told with its cell and its lines."""
    cells = filled_cells()
    cells[1].source = cells[1].source.replace("return double", "return 99")
    cells.insert(0, code("Pair = None\nimport sys; sys.exit()"))
    done = fill(*cells)
    assert run(done) == GRADED
    assert [(change.kind, change.cell) for change in done.counted] == [("added", 1), ("changed", 3)]
    assert "cell 3 was changed outside the blocks (1 lines added, 1 removed)" in done.flags[1]
    assert "-        return double" in done.difference()
    assert "+        return 99" in done.difference()


@pytest.mark.parametrize("shuffle", range(4))
def test_cells_are_found_wherever_they_stand(shuffle):
    """Order, cells in between and cells run together change nothing."""
    cells = filled_cells()
    random.Random(shuffle).shuffle(cells)
    cells.insert(2, code("!nvidia-smi"))
    assert run(fill(*cells)) == GRADED
    joined = code("\n\n".join(cell.source for cell in filled_cells() if cell.cell_type == "code"))
    assert run(fill(joined)) == GRADED


def test_what_sets_up_a_machine_is_harmless():
    """Shell lines, magics, drive mounts, downloads and installs never run and are no change."""
    setup = [
        "!pip install -q tiktoken",
        "%matplotlib inline\n%load_ext autoreload",
        "from google.colab import drive\ndrive.mount('/content/drive')",
        "%%bash\nrm -rf /",
        "from google.colab import files\nfiles.download('x.png')",
    ]
    done = fill(*map(code, setup), *filled_cells())
    assert run(done) == GRADED
    assert [change.cell for change in done.counted] == [4], "what %%bash runs may be anything"


def test_free_cells_may_be_changed():
    """A cell that the template marks as free is no change outside the blocks."""
    cells = filled_cells()
    cells[4].source = "def try_it():\n    return third(3) + third(4)"
    assert fill(*cells).counted == ()


@pytest.mark.parametrize(
    ("policy", "points", "flags", "suggested", "files"),
    [("ignore", 0.0, 0, [], 0), ("warn", 0.0, 1, [], 1), ("deduct", 2.0, 1, [2.0], 1)],
)
def test_the_rubric_says_what_a_change_outside_means(policy, points, flags, suggested, files):
    """It is nothing, or a remark with the difference beside the result, or points to confirm."""
    cells = [*filled_cells(), code("found = 99"), code("!pip install x")]
    form = dataclasses.replace(FORM, outside=policy, points=points)
    handed_in = Submission("x", (SourceFile("small.ipynb", book(*cells)),), "", ())
    work = grade._Work.of(handed_in, SimpleNamespace(adapter=None, form=form))
    assert len(work.flags) == flags
    assert [entry["suggested"] for entry in work.deductions] == suggested
    assert [entry["points"] for entry in work.deductions] == [0.0] * len(suggested)
    assert len(work.attachments) == files
    assert all(b"+found = 99" in each.data for each in work.attachments)


def test_nothing_to_grade_says_why():
    """Where no notebook can be read, every check says what is wrong with the file."""
    handed_in = Submission("x", (SourceFile("small.ipynb", b"{"),), "", ())
    work = grade._Work.of(handed_in, SimpleNamespace(adapter=None, form=FORM))
    assert work.files == ()
    assert "small.ipynb is no notebook: its JSON ends" in work.nothing


ODD = {
    "no identifiers": lambda t: t.replace(" SB-1", "").replace(" SB-2", "").replace(" LOOP", ""),
    "other counts of #": lambda t: t.replace("##### Sol", "# Sol").replace("SB-1 #####", "SB-1"),
    "re-indented markers": lambda t: t.replace("        #####", "  #####"),
    "lower case": lambda t: t.replace("Solution Block", "solution  block").replace("SB-1", "sb_1"),
    "end behind": lambda t: t.replace("End Solution Block SB-1", "Solution Block SB-1 End"),
    "lines of =": lambda t: t.replace("#####", "# ===="),
    "no end": lambda t: t.replace("        ##### End Solution Block SB-1 #####\n", ""),
    "no begin": lambda t: t.replace("        ##### Solution Block SB-1 #####\n", ""),
    "no markers": lambda t: "\n".join(line for line in t.split("\n") if "#####" not in line),
    "renamed": lambda t: t.replace("SB-1", "SB-9"),
    "another's end": lambda t: t.replace("End Solution Block SB-1", "End Solution Block SB-2"),
    "indented block": lambda t: t.replace("double = 2", "    double = 2"),
    "shell in a block": lambda t: t.replace("found += ", "!ls -l\n    %time\n    found += "),
    "tabs": lambda t: t.replace("        double", "\tdouble"),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_markers_cost_nothing(what):
    """Whatever has become of the markers, the text of each block is found, and it is said."""
    cells = filled_cells()
    for cell in cells[1:3]:
        cell.source = ODD[what](cell.source)
    done = fill(*cells)
    assert run(done) == GRADED
    quiet = {"other counts of #", "re-indented markers", "lower case", "end behind", "lines of =",
             "tabs"}  # fmt: skip
    assert bool(done.remarks) == (what not in quiet), done.remarks


def test_a_lost_block_is_said_and_the_others_count():
    """A block that is not there is named, and so is one without code; the others are graded."""
    cells = filled_cells({**RIGHT, "SB-2": "# nothing yet"})
    del cells[2]
    done = fill(*cells)
    assert states(done) == {"SB-1": "filled", "SB-2": "empty", "LOOP": "lost"}
    assert run(done)[0] == 6
    assert "SB-2 is empty" in run(done)[1]
    assert "LOOP is lost" in run(done)[2]
    assert any("LOOP is nowhere to be found" in remark for remark in done.remarks)


def test_of_a_doubled_block_the_last_filled_one_counts():
    """As when the notebook runs from top to bottom; the template's own copy does not count."""
    first = put(LOOP, {"LOOP": "found += [0]"})
    done = fill(code(first), *filled_cells(), code(LOOP))
    assert run(done) == GRADED
    assert any("there 2 times, filled in differently" in remark for remark in done.remarks)


def test_nested_blocks_are_taken_apart():
    """A block inside another belongs to itself only."""
    inner = put(LOOP, {}).split("\n")[2:5]
    model = put(MODEL, RIGHT)
    nested = [line.replace('raise NotImplementedError("LOOP")', RIGHT["LOOP"]) for line in inner]
    model = model.replace("double = 2 * total", "\n".join(["double = 2 * total", *nested]))
    done = fill(code(model))
    assert run(done) == GRADED
    assert any("stands inside another" in remark for remark in done.remarks)


def test_helpers_outside_are_taken_along_if_their_name_is_new():
    """A helper of one's own works and is said; a name of the template keeps its meaning."""
    texts = {**RIGHT, "LOOP": "found += repeat(n); math.sqrt(4)"}
    helper = code(
        "from itertools import repeat as again\nTIMES = 3\n"
        "def repeat(n):\n    return list(again(n, TIMES))\n"
        "math = None\nunused = open('/nonexistent')"
    )
    done = fill(*filled_cells(texts), helper)
    assert run(done) == GRADED
    said = " ".join(done.remarks)
    for name in ("again", "TIMES", "repeat"):
        assert f"{name}, which the blocks use, is defined outside of them (cell 7)" in said
    assert "unused" not in done.module.data.decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [("double = (2 *", "never closed"), ("if total:", "expected an indented block"),
     ('double = """', "unterminated")],
)  # fmt: skip
def test_a_block_that_is_no_python_costs_itself_only(text, why):
    """The other blocks are graded; the message says which line is wrong."""
    done = fill(*filled_cells({**RIGHT, "SB-1": text}))
    assert run(done)[1:] == GRADED[1:]
    assert why in run(done)[0]
    assert "SB-1 is not valid Python, line" in " ".join(done.remarks)


def test_a_line_of_the_copy_is_told_by_its_block():
    """Where something was raised is said in the terms of what was handed in."""
    done = fill(*filled_cells({**RIGHT, "SB-1": "double = 0\n        double = 2 * total"}))
    lines = done.module.data.decode().split("\n")
    told = {line.strip(): done.place(number) for number, line in enumerate(lines, 1)}
    assert told["double = 0"] == "line 2 of the block SB-1"
    assert told["double = 2 * total"] == "line 3 of the block SB-1"
    assert told["found += [n] * 3"] == "line 1 of the block LOOP"
    assert told["return double"] == told["total = a + b"] == ""
    assert done.place(10**6) == ""


def test_exports_are_read():
    """The Python that Jupyter, editors and Colab make of a notebook holds the same blocks."""
    cells = [cell.source for cell in filled_cells() if cell.cell_type == "code"]
    exports = {
        "jupyter": "#!/usr/bin/env python\n# coding: utf-8\n\n# # A small assignment\n\n"
        + "\n\n".join(f"# In[{i}]:\n\n\n{cell}\n" for i, cell in enumerate(cells)),
        "percent": "# %% [markdown]\n# # A small assignment\n"
        + "\n".join(f"# %%\n{cell}" for cell in cells),
        "colab": '# -*- coding: utf-8 -*-\n"""small.ipynb\n\nAutomatically generated."""\n\n'
        + "\n\n".join(cells[:2]) + '\n\n"""Words."""\n\n!pip install x\n' + "\n".join(cells[2:]),
    }  # fmt: skip
    for kind, text in exports.items():
        done = fill(name="small.py", data=text.encode())
        assert run(done) == GRADED, kind
        assert done.counted == (), (kind, done.difference())
    changed = exports["percent"].replace("return double", "return 99")
    assert len(fill(name="x.py", data=changed.encode()).counted) == 1


@pytest.mark.parametrize(
    "text",
    [
        "#!/usr/bin/env python\n\n# ## Step\n# \n# **Q1.** Your answer:\n# \n# it is 3\n\n"
        "# In[1]:\n\n\nx = 1\n# of the code\ny = 2\n\n\n# **Q2.** Complete\n# \n"
        "# ```python\n# z = 3\n# ```\n\n# In[2]:\n\n\nprint(x)\n",
        "# %% [markdown]\n# **Q1.** Your answer:\n#\n# it is 3\n# %%\nx = 1\n# of the code\n"
        "# %% [markdown]\n# **Q2.** Complete\n#\n# ```python\n# z = 3\n# ```\n# %%\nprint(x)\n",
        '"""**Q1.** Your answer:\n\nit is 3\n"""\n\nx = 1\n# of the code\n\n'
        '"""**Q2.** Complete\n\n```python\nz = 3\n```\n"""\n\nprint(x)\n',
    ],
    ids=["jupyter", "percent", "colab"],
)
def test_answers_are_found_in_exports(text):
    """Words that a tool made comments or texts of are words again, and code stays code."""
    template = books.read("q.ipynb", book(words("**Q1.** Your answer:"), words("**Q2.** Complete")))
    own = books.read("q.py", text.encode())
    found = answers.find([], own, template, WORDS, ["Q1", "Q2"])
    assert found["Q1"].text.startswith("it is 3")
    assert found["Q2"].code.strip() == "z = 3"
    assert any("# of the code" in cell.text for cell in own.code)


def test_the_book_with_most_of_the_blocks_counts():
    """An empty copy, another notebook and a report beside it do not matter."""
    files = [
        SourceFile("a/template.ipynb", TEMPLATE),
        SourceFile("notes.ipynb", book(code("1 + 1"))),
        SourceFile("work.ipynb", book(*filled_cells())),
        SourceFile("report.md", b"# Solution Block"),
    ]
    done = FORM.fill(files)
    assert done.book.path == "work.ipynb"
    assert run(done) == GRADED
    assert FORM.fill(files[3:]).module is None
    assert "no notebook" in FORM.fill(files[3:]).remarks[0]


def test_older_formats_are_read():
    """A notebook of format 3, with its worksheets and headings, is graded like any."""
    made = nbformat.reads(book(*filled_cells()).decode(), as_version=4)
    old = nbformat.convert(made, 3)
    assert "worksheets" in old
    assert run(fill(data=nbformat.writes(old).encode())) == GRADED


def test_stored_outputs_are_kept_apart():
    """What cells printed and drew is at hand as data, and widgets and HTML are passed over."""
    png = books.PNG + b"not really"
    outputs = [
        nbformat.v4.new_output("stream", text="1.5 ms\n"),
        nbformat.v4.new_output(
            "display_data",
            {"image/png": base64.b64encode(png).decode(), "text/html": "<script>1</script>"},
        ),
        nbformat.v4.new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}}),
    ]
    found = books.read("x.ipynb", book(code("plot()", outputs=outputs)))
    assert found.cells[0].pictures == (png,)
    assert found.cells[0].printed == "1.5 ms\n"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "its JSON ends or breaks in line 1"),
        (TEMPLATE[: len(TEMPLATE) // 2], "its JSON ends or breaks in line"),
        (b"[" * 100_000, "its JSON cannot be read"),
        (b"[" * 400_000, "holds too much data"),
        (b'{"cells": ' + b"9" * 5000 + b"}", "its JSON cannot be read"),
        (b"[1, 2]", "JSON of something else"),
        (b'{"cells": {}}', "no list of cells"),
        (b'{"worksheets": 3, "nbformat": 3}', "no list of cells"),
        (b"PK\x03\x04", "its JSON"),
    ],
)
def test_what_is_no_notebook_is_said(data, why):
    """Truncated, nested and foreign files are refused in half a sentence, and nothing is graded."""
    done = fill(data=data)
    assert done.module is None
    assert "small.ipynb" in done.remarks[0]
    assert why in done.remarks[0]


def test_text_with_half_a_character_is_harmless():
    """A lone surrogate in a notebook becomes a mark, and the copy can be written."""
    data = book(*filled_cells()).replace(b"double = 2 * total", rb"double = 2 * total # \ud800")
    assert run(fill(data=data)) == GRADED


def test_a_sentence_about_a_block_is_no_marker():
    """Only a comment of its own line, with nothing but the words and an identifier, is one."""
    for line in ("x = 1  # Solution Block SB-1", "# In the Solution Block SB-1 we add the two",
                 "# my solution block idea was to add", "Solution Block SB-1"):  # fmt: skip
        assert markers.marker(line, WORDS) is None, line
    assert markers.marker("#Solution Block: SB-1", WORDS) == markers.Marker("SB-1", is_end=False)


def test_a_template_with_unclear_blocks_is_refused():
    """A pack's own template needs blocks, each with an identifier of its own."""
    form = Form(SourceFile("t.ipynb", book(code("x = 1"))), "t.py", WORDS, "warn", 0)
    assert "no solution block" in trouble_of(form.slots)
    twice = Form(SourceFile("t.ipynb", book(code(LOOP), code(LOOP))), "t.py", WORDS, "warn", 0)
    assert "LOOP is there twice" in trouble_of(twice.slots)
    assert trouble_of(FORM.slots) == ""


def test_a_thousand_mutated_notebooks():
    """Cells dropped, doubled, moved, cut, and bytes broken: always a module or a sentence."""
    rng = random.Random(20)
    source = json.loads(book(*filled_cells()))
    graded = 0
    for _ in range(1000):
        done = fill(data=mutated(rng, copy.deepcopy(source)))
        assert done.module is not None or done.remarks
        assert all("\n" not in flag for flag in done.flags)
        done.difference()
        if done.module is not None:
            compile(done.module.data, "small.py", "exec")
            graded += 1
    assert graded > 400, "most of them can still be graded"


JUNK = [None, 3, [], {}, "x", -1.5, ["a", 1], {"a": [None]}, "\ud800", True]


def mutated(rng, notebook):
    """The bytes of a notebook after one to five accidents."""
    for _ in range(rng.randint(1, 5)):
        cells = notebook.get("cells")
        if isinstance(cells, list) and cells:
            rng.choice([moved, moved, rewritten, rewritten, damaged])(rng, notebook, cells)
    data = json.dumps(notebook).encode()
    if rng.random() < 0.2:
        at = rng.randrange(len(data))
        data = data[:at] + rng.choice([b"", bytes([rng.randrange(256)]), data[at : at + 9]])
    return data


def moved(rng, _, cells):
    """Drop a cell, double one, shuffle them, or put junk in place of one."""
    at = rng.randrange(len(cells))
    cells[at : at + 1] = rng.choice([[], [cells[at], copy.deepcopy(cells[at])], [rng.choice(JUNK)]])
    if rng.random() < 0.3:
        rng.shuffle(cells)


def rewritten(rng, _, cells):
    """Drop, double or cut lines of a cell."""
    cell = rng.choice(cells)
    if not isinstance(cell, dict) or not isinstance(cell.get("source"), str | list):
        return
    lines = "".join(map(str, cell["source"])).split("\n")
    at = rng.randrange(len(lines))
    if rng.random() < 0.5:
        lines[at : at + rng.randint(0, 3)] = rng.choices(lines, k=rng.randint(0, 2))
    else:
        kept = lines[at][: rng.randrange(len(lines[at]) + 1)]
        lines[at] = kept + rng.choice(["", "#", "'''", "(", "\t", "End ", "\0", "é"])
    cell["source"] = "\n".join(lines)


def damaged(rng, notebook, cells):
    """Lose a key somewhere, or give it another value."""
    inner = [value for cell in cells if isinstance(cell, dict) for value in cell.values()]
    places = [each for each in (notebook, *cells, *inner) if isinstance(each, dict) and each]
    place = rng.choice(places)
    name = rng.choice(sorted(place))
    if rng.random() < 0.5:
        place.pop(name)
    else:
        place[name] = rng.choice(JUNK)


# --- answers --------------------------------------------------------------------------------------


QUESTIONED = book(
    words("**Q1 (2 points).** What is it?"),
    words("*Your answer to Q1:*"),
    words("**Q2.** Complete\n\n```python\na = 1\n```"),
    words("*Your answer to Q2:*\n\n```python\n\n```"),
    code("plot()"),
    words("## Step 2\n\n**Q3.** Keep the graph."),
)


def answered(*cells, report=None):
    """The answers in a notebook with these cells, and in a report."""
    template = books.read("q.ipynb", QUESTIONED)
    own = books.read("q.ipynb", book(*cells)) if cells else None
    files = [SourceFile("report.md", report.encode())] if report else []
    return answers.find(files, own, template, WORDS, ["Q1", "Q2", "Q3"])


def test_answers_are_what_was_written_below_a_question():
    """In the cell that was given for it, in a cell of one's own, in code and in a report."""
    found = answered(
        words("**Q1 (2 points).** What is it?"),
        words("*Your answer to Q1:* a matrix"),
        words("**Q2.** Complete\n\n```python\na = 1\n```"),
        code("b = a + 1"),
        words("*Your answer to Q2:*\n\n```python\na = 1\nb = 2\n```\n"),
        words("more words"),
    )
    assert found["Q1"].text == "a matrix"
    assert found["Q1"].where == "q.ipynb, cell 2"
    assert found["Q2"].code == "a = 1\nb = 2\n"
    assert "more words" in found["Q2"].text
    assert "b = a + 1" in found["Q2"].text
    assert found["Q3"].text == ""
    report = answered(
        report="# Report\n\nquestion 1: two\n### Q2\nb = 2\n**Q 3.** grows\nand grows"
    )
    assert [answer.text for answer in report.values()] == ["two", "b = 2", "grows\nand grows"]
    assert report["Q3"].where == "report.md, line 6"


def test_what_was_given_out_is_no_answer():
    """The template, handed in as it is, answers nothing."""
    template = books.read("q.ipynb", QUESTIONED)
    found = answers.find([], template, template, WORDS, ["Q1", "Q2", "Q3"])
    assert not any(answer.text for answer in found.values())


def test_pictures_stand_between_questions():
    """A stored picture is known by the questions that are named before and after it."""
    png = books.PNG + b"x"
    shown = nbformat.v4.new_output("display_data", {"image/png": base64.b64encode(png).decode()})
    own = books.read(
        "q.ipynb",
        book(words("**Q2.** Complete"), code("plot()", outputs=[shown]), words("**Q3.**")),
    )
    assert answers.pictures(own, ["Q1", "Q2", "Q3"]) == [Picture("Q2", "Q3", 2, png)]


HOSTILE = {
    "lines that might precede a block": MODEL.partition("        #")[0] * 20_000,
    "markers": "##### Solution Block SB-1 #####\n" * 12_000,
    "nested markers": "".join(f"# Solution Block {i}\n" for i in range(15_000)),
    "one long line": "x = " + "1 + " * 90_000 + "1",
    "attributes": "found" + ".a" * 3_000,
    "brackets": "(" * 90_000,
    "many names": "\n".join(f"name_{i} = {i}" for i in range(20_000)),
    "spaces": " " * 390_000 + "#",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_text_is_read_within_seconds(what):
    """Text made to be slow to read is read, graded and compared like any other."""
    begin = time.monotonic()
    helper = code("repeat = lambda n: " + HOSTILE[what][:50_000].split("\n")[0])
    cells = [*filled_cells({**RIGHT, "LOOP": "found += [n] * 3; repeat"}), code(HOSTILE[what])]
    done = fill(*cells, helper)
    done.difference()
    assert done.module is not None
    assert time.monotonic() - begin < 5

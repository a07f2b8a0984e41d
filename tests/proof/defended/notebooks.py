"""Notebooks: what of one is run, and within which limits it is read."""

import contextlib
import json
import tempfile
import time
import tracemalloc
from pathlib import Path
from unittest import mock

from grader import pack as packs
from grader.checking import runner
from grader.checking.draw import Draw
from grader.intake import SourceFile
from grader.notebook.form import Form
from tests.notebooks.samples import FILE, PACK, REFERENCE, handed_in
from tests.proof import broken
from tests.proof.ledger import ROOT
from tests.proof.trials import Defence, Seen

MB = 1_000_000
FILL = Form.fill


def notebook(old="", new="", *more):
    """Return the reference's notebook with a text replaced, and with more cells of code."""
    book = json.loads(REFERENCE.read_text())
    for cell in book["cells"]:
        cell["source"] = "".join(cell["source"]).replace(old, new) if old else cell["source"]
    book["cells"] += [{"cell_type": "code", "source": text, "outputs": []} for text in more]
    return handed_in(book)


def graded_as_the_reference(submission):
    """Return a trial: fill in a notebook; what is graded is what is graded of the reference."""

    def trial():
        pack = packs.load(ROOT, PACK)
        done = pack.form.fill(submission.files)
        same = done.module is not None and done.module.data == pack.reference[0].data
        return Seen("the blocks are graded" if same else "something else is graded", same)

    return trial


def all_of_it():
    """Grade the code of a notebook as it was handed in."""

    def fill(form, files):
        done = FILL(form, files)
        text = "\n".join(cell.text for cell in done.book.code)
        return mock.Mock(
            wraps=done, module=SourceFile(form.module, text.encode()), blocks=done.blocks
        )

    return mock.patch.object(Form, "fill", fill)


def read(data, *, seconds=5.0, at_most=100.0):
    """Return a trial: read a notebook of these bytes, within seconds and MB of memory."""

    def trial():
        form = packs.load(ROOT, PACK).form
        form.slots  # noqa: B018 - the template is read before anything is measured
        begin = time.monotonic()
        tracemalloc.start()
        try:
            form.fill([SourceFile(FILE, data)])
            peak = tracemalloc.get_traced_memory()[1] / MB
        finally:
            tracemalloc.stop()
        took = time.monotonic() - begin
        return Seen(f"{took:.0f} s, {peak:.0f} MB", took < seconds and peak < at_most)

    return trial


def one_cell(text):
    """Return the bytes of a notebook with one cell of code."""
    return json.dumps({"cells": [{"cell_type": "code", "source": text}], "nbformat": 4}).encode()


def two_packs():
    """Run the checks of two packs whose files have one name."""
    test = "import pytest\n@pytest.mark.public\ndef test_who(record):\n    record.set(who={})\n"
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for number in (1, 2):
            folder = Path(scratch, str(number))
            folder.mkdir()
            (folder / "test_who.py").write_text(test.format(number))
            nobody = mock.Mock(handed_in=())
            (evidence,) = runner.run(folder, ["who"], nobody, nobody, Draw("x"))
            found.append(evidence.measured.get("who"))
    return Seen(f"checks of the packs {found} ran", found == [1, 2])


DEFENCES = [
    Defence("of a notebook only the blocks are run", "all of its code is",
            all_of_it, "forward returns what no block says",
            graded_as_the_reference(notebook("return self.lm_head(self.transformer.ln_f(x)), pres",
                                             "return 42, pres"))),
    Defence("a helper takes no name of the template", "it takes any",
            lambda: broken.host("grader.notebook.helpers.helpers",
                                ("_BUILTINS | _bound(ast.parse(clean))", "set()")),
            "a cell that makes `F` something else",
            graded_as_the_reference(notebook("", "", "F = 3"))),
    Defence("a largest number of lists and objects in a notebook", "any number",
            lambda: broken.name("grader.notebook.books.MAX_BRACKETS", 1 << 40),
            "9 MB of empty lists", read(b'{"cells": [' + b"[]," * (3 * MB) + b"[]]}")),
    Defence("a largest number of blocks in a cell", "any number",
            lambda: broken.name("grader.notebook.markers.MAX_BLOCKS", 1 << 40),
            "12,000 blocks that never end", read(one_cell("# Solution Block A\n" * 12_000))),
    Defence("checks of two packs share no modules", "pytest keeps them by name",
            lambda: broken.name("grader.checking.runner._forgotten",
                                lambda _: contextlib.nullcontext()),
            "two packs with a file of one name", two_packs),
]  # fmt: skip

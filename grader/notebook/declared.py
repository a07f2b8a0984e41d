"""What a pack declares of its notebook, in its rubric.

[notebook]
template = "small.ipynb"    # below template/: what students fill in
module = "small.py"         # what the clean copy is called, for the checks and in messages
marker = "Solution Block"   # the words of the markers
adapter = "adapter.py"      # beside the rubric: Python that is put after the copy (optional)
outside = "warn"            # on changes outside the blocks: ignore, warn or deduct
points = 2                  # suggested to a human, where it is deduct
"""

from __future__ import annotations

from pathlib import Path

from grader.intake import SourceFile
from grader.notebook import python
from grader.notebook.books import CannotRead
from grader.notebook.form import POLICIES, Form, trouble_of
from grader.tables import BadPack, Table, hint

KEY = "notebook"
_TEXTS = ("template", "module", "marker", "outside")


def read(table: Table, folder: Path) -> Form | None:
    """Return the form of a pack, whose folder is given; None without any. Raises BadPack."""
    table.only(*_TEXTS, "adapter", "points")
    if not table.values:
        return None
    template, module, marker, outside = (table.text(key) for key in _TEXTS)
    if outside not in POLICIES:
        raise BadPack(f"{table.where}: outside is one of {', '.join(POLICIES)}, not {outside!r}")
    if not module.removesuffix(".py").isidentifier() or not module.endswith(".py"):
        raise BadPack(f"{table.where}: module has to be the name of a Python file")
    points = table.number("points") if "points" in table.values else 0.0
    if (points > 0) != (outside == "deduct"):
        raise BadPack(f"{table.where}: points go with outside = 'deduct'")
    adapter = _file(folder, table.text("adapter"), table) if "adapter" in table.values else None
    given = _file(folder / "template", template, table)
    form = Form(given, module, marker, outside, points, adapter)
    try:
        wrong = trouble_of(form.slots)
    except CannotRead as error:
        wrong = f"it {error}"
    if not wrong and (found := python.trouble(form.unfilled().data.decode())):
        wrong = f"its graded cells are no Python, line {found[0]} of them: {found[1]}"
    if wrong:
        raise BadPack(f"{table.where}: {template}: {wrong}")
    return form


def _file(folder: Path, name: str, table: Table) -> SourceFile:
    try:
        return SourceFile(name, (folder / name).read_bytes())
    except OSError as error:
        known = [other.name for other in folder.glob("*")]
        raise BadPack(f"{table.where}: there is no {folder / name}{hint(name, known)}") from error

"""Packs: an assignment as a folder, read and validated before any sandbox starts.

    rubrics/<id>/rubric.toml                  points, rules, limits, the interface
    rubrics/<id>/accepted.jsonl               answers that a human has accepted for everybody
    rubrics/<id>/checks/test_*.py             what is measured; each marked public or hidden
    rubrics/<id>/checks/vectors.py            sizes, weights and the probes of the diagnosis
    rubrics/<id>/mistakes.toml                known mistakes, as small edits of the reference
    .../vectors_NAME.py, mistakes_NAME.toml   the same of a further model, [also.NAME]
    rubrics/<id>/formulas.toml                questions whose answers are formulas
    rubrics/<id>/template/                    what students get
    rubrics/<id>/course/                      a course's own weights and cases (`grader convert`)
    reference/<id with underscores>/          a full-marks submission

A pack that is wrong is refused with one sentence that names the file, the place and, where a word
was probably meant otherwise, the word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from grader import accepted, intake, mistakes, rubric
from grader.adapting import Adapter
from grader.errors import UsageError
from grader.formulas import questions
from grader.intake import SourceFile
from grader.late import Policy
from grader.mistakes import Mistake
from grader.notebook.form import Form
from grader.recognition import Signs
from grader.records import Interface, Limits
from grader.rubric import Check, Condition, Criterion, Deduction, Rubric
from grader.tables import BadPack, hint

__all__ = ["BadPack", "Check", "Condition", "Criterion", "Pack", "find", "load", "load_handout",
           "names"]  # fmt: skip

TEMPLATE = "template"


@dataclass(frozen=True)
class Pack:
    """A validated assignment."""

    id: str
    title: str
    version: str
    digest: str  # of the rubric, the checks, a course's own data and the reference
    checks_digest: str  # of what measures, the rubric's limits and points aside
    points: float
    criteria: tuple[Criterion, ...]
    interface: Interface
    sandbox: Limits
    atol: float  # largest difference of a number that counts as equal
    deductions: tuple[Deduction, ...]
    late: Policy | None  # what lateness costs; None where it costs nothing
    folder: Path
    given: tuple[SourceFile, ...]  # all Python that students get, the skeleton too
    public_files: tuple[SourceFile, ...]  # what of that their code may import
    reference: tuple[SourceFile, ...]  # as it runs; empty in a handout, as is the next
    mistakes: tuple[Mistake, ...]
    form: Form | None  # where a notebook is handed in: what it is filled into
    adapter: Adapter | None  # where a function is: what makes a model of it
    model: str = ""  # which of its models this is, by the name in [also]
    also: Mapping[str, Pack] = field(default_factory=dict)  # the pack as its other models see it

    @property
    def checks_folder(self) -> Path:
        """Return where the checks are."""
        return self.folder / "checks"

    @property
    def checks(self) -> tuple[Check, ...]:
        """Return all checks in the sheet's order."""
        return tuple(check for criterion in self.criteria for check in criterion.checks)


def names(root: Path) -> list[str]:
    """Return the ids of the packs below a project's root."""
    return sorted(path.parent.name for path in (root / "rubrics").glob(f"*/{rubric.FILE}"))


def file_names(root: Path, wanted: str | None) -> frozenset[str]:
    """Return the names of files that a pack, or any, asks for or hands out."""
    found: set[str] = set()
    for name in names(root) if wanted is None else {wanted} & set(names(root)):
        folder = root / "rubrics" / name
        read = rubric.read(folder)
        given = (path.name for path in (folder / TEMPLATE).glob("*"))
        found |= {*read.signs.files, *read.interface.expected, *given}
    return frozenset(found)


def find(root: Path, wanted: str | None, files: Sequence[SourceFile] | None = None) -> Pack:
    """Load the pack ``wanted``, or the only one there is, or the one that ``files`` are of."""
    known = names(root)
    if not known:
        raise UsageError(
            f"there is no pack in {root / 'rubrics'}: run this from a checkout of the whole "
            "project (students run `grader check` in their handout)"
        )
    if wanted is None:
        if len(known) > 1 and files is not None:
            wanted = _recognised(root, known, files)
        elif len(known) == 1:
            wanted = known[0]
        else:
            raise UsageError(f"say which assignment with --pack; packs here: {', '.join(known)}")
    if wanted not in known:
        raise UsageError(f"no pack {wanted!r} in {root / 'rubrics'}{hint(wanted, known)}")
    return load(root, wanted)


def _recognised(root: Path, known: Sequence[str], files: Sequence[SourceFile]) -> str:
    """Return the one pack that the files are of; UsageError where none or several fit."""
    found = fitting(root)(files)
    if len(found) == 1:
        return found[0]
    if found:
        several = " and ".join(found)
        raise UsageError(f"the files fit {several}: say which assignment with --pack")
    signs = _signs(root, known)
    wanted = "; ".join(f"{name} expects {signs[name]}" for name in known if str(signs[name]))
    raise UsageError(
        f"the files fit no assignment here ({wanted or ', '.join(known)}): hand in what was asked "
        "for, or say which it is with --pack"
    )


def fitting(root: Path) -> Callable[[Sequence[SourceFile]], list[str]]:
    """Return a function that tells which packs a submission's files fit."""
    known = names(root)
    signs = _signs(root, known)
    return lambda files: [name for name in known if signs[name].fit(files)]


def _signs(root: Path, known: Sequence[str]) -> dict[str, Signs]:
    return {name: rubric.read(root / "rubrics" / name).signs for name in known}


def reference_of(pack_id: str) -> str:
    """Return the name of the folder with a pack's reference: that of a Python package."""
    return pack_id.replace("-", "_")


def folders_of(root: Path, pack_id: str) -> list[Path]:
    """Return all that grading with one pack needs beside the grader.

    That is its own folder, its reference, and what is common to all packs: no other's reference.
    """
    others = {reference_of(name) for name in names(root)} - {reference_of(pack_id)}
    shared = [each for each in (root / "reference").iterdir() if each.name not in others]
    return [root / "rubrics" / pack_id, *sorted(shared)]


def load(root: Path, pack_id: str) -> Pack:
    """Read and validate a pack; raises BadPack."""
    folder = root / "rubrics" / pack_id
    found = rubric.read(folder)
    rubric.validate(found)
    if found.id != pack_id:
        raise BadPack(f"{found.where}: id is {found.id!r}, the folder is named {pack_id!r}")
    reference_folder = root / "reference" / reference_of(pack_id)
    if not reference_folder.is_dir():
        raise BadPack(f"{found.where}: the reference submission {reference_folder} is missing")
    reference = intake.read(reference_folder).files
    if found.form:
        reference = _clean_reference(found.form, reference, str(reference_folder))
    if found.adapter:
        reference = found.adapter.fitted(reference, found.interface.expected)
    family = _family(folder, reference, found.interface)
    others = {}
    for name, other in found.further.items():
        fitted = other.adapter.fitted(reference, other.interface.expected)
        others[name] = fitted, _family(folder, fitted, other.interface, name)
    questions.load(folder / questions.FILE)  # for what is wrong in it; checks load it again
    if not (folder / TEMPLATE).is_dir():
        raise BadPack(f"{found.where}: {folder / TEMPLATE} is missing")
    theirs = {path for i in _interfaces(found) for path in i.expected}
    public = tuple(f for f in _given(folder) if f.path not in theirs)
    return _pack(folder, found, found.criteria, public, reference, family, others)


def _interfaces(found: Rubric) -> list[Interface]:
    return [found.interface, *(other.interface for other in found.further.values())]


def _family(
    folder: Path, reference: Sequence[SourceFile], interface: Interface, model: str = ""
) -> tuple[Mistake, ...]:
    """Return the known mistakes of a model; every edit has to fit its reference."""
    path = folder / named(mistakes.FILE, model)
    family = mistakes.read(path)
    if family:
        right = mistakes.edited_file(reference, interface.expected, str(path))
        mistakes.variants(family, right, str(path))
    return family


def named(file: str, model: str) -> str:
    """Return the name of a file as a further model has it: `vectors_NAME.py`."""
    stem, _, kind = file.rpartition(".")
    return f"{stem}_{model}.{kind}" if model else file


def _clean_reference(
    form: Form, files: tuple[SourceFile, ...], where: str
) -> tuple[SourceFile, ...]:
    """Return the reference's notebook in the clean copy; every block has to be there."""
    filled = form.fill(files)
    wrong = [block.id for block in filled.blocks if block.state != "filled"]
    if filled.module is None or wrong:
        said = ", ".join(wrong) or "there is no notebook"
        raise BadPack(f"{where}: the reference is not filled in: {said}")
    return (filled.module,)


def load_handout(folder: Path) -> Pack:
    """Read what students have of a pack: the public checks, without a reference.

    Criteria are worth what their public checks are; those without any are left out.
    """
    found = rubric.read(folder)
    public = []
    for criterion in found.criteria:
        checks = tuple(check for check in criterion.checks if check.visibility == "public")
        if checks:
            points = sum(check.points for check in checks)
            public.append(Criterion(criterion.id, criterion.title, points, "sum", checks))
    return _pack(folder, found, tuple(public), (), (), ())


def _pack(
    folder: Path,
    found: Rubric,
    criteria: tuple[Criterion, ...],
    public_files: tuple[SourceFile, ...],
    reference: tuple[SourceFile, ...],
    family: tuple[Mistake, ...],
    others: Mapping[str, tuple[tuple[SourceFile, ...], tuple[Mistake, ...]]] = MappingProxyType({}),
) -> Pack:
    sources = sorted((folder / "checks").glob("*.py"))
    form = found.form
    given = (*_given(folder), *((form.unfilled(),) if form else ()))
    families = [named(mistakes.FILE, model) for model in ("", *found.further)]
    optional = [folder / name for name in (*families, questions.FILE)]
    course = sorted((folder / "course").glob("*"))
    rulings = filter(Path.exists, [folder / accepted.FILE])
    measuring = (*sources, *filter(Path.exists, optional), *course)
    more = (
        *((form.unfilled(), form.template) if form else ()),
        *((found.adapter.source,) if found.adapter else ()),
        *(other.adapter.source for other in found.further.values()),
        *reference,
    )
    pack = Pack(
        id=found.id,
        title=found.title,
        version=found.version,
        digest=_digest(folder / rubric.FILE, *rulings, *measuring, more=more),
        checks_digest=_digest(*measuring, more=more),
        points=found.points,
        criteria=criteria,
        interface=found.interface,
        sandbox=found.sandbox,
        atol=found.atol,
        deductions=found.deductions,
        late=found.late,
        folder=folder,
        given=given,
        public_files=public_files,
        reference=reference,
        mistakes=family,
        form=form,
        adapter=found.adapter,
    )
    also = {}
    for name, other in found.further.items():
        files, known = others.get(name, ((), ()))
        also[name] = replace(pack, model=name, interface=other.interface, adapter=other.adapter,
                             reference=files, mistakes=known, form=None)  # fmt: skip
    return replace(pack, also=also)


def _given(folder: Path) -> tuple[SourceFile, ...]:
    paths = sorted((folder / TEMPLATE).glob("*.py"))
    return tuple(SourceFile(path.name, path.read_bytes()) for path in paths)


def _digest(*paths: Path, more: Sequence[SourceFile]) -> str:
    digest = hashlib.sha256()
    for name, data in (
        *((path.name, path.read_bytes()) for path in paths),
        *((file.path, file.data) for file in more),
    ):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return "sha256:" + digest.hexdigest()

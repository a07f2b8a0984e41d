"""The handout: what students get of an assignment, made from its pack.

    README.md, the sheet, the skeleton, ...   the pack's template, as it is
    what `public_files` of vectors.py makes   weights and test cases to try things with
    public/rubric.toml                        points and limits
    public/checks/                            the public checks; of hidden ones what they ask for
    public/answers.npz                        the reference's answers to the public questions
    public/mistakes.npz, mistakes.json        the known mistakes' answers, and what they are
    public/questions.json, private.json       how a sheet is read, and what is graded privately

`grader check` needs no more than that. No line of the reference is in it, no edit of a known
mistake, no body of a hidden check, and nothing of a seed that gradings draw from.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from grader import ahead, rubric
from grader import pack as packs
from grader.checking import recorded, runner
from grader.checking.draw import Draw
from grader.checking.probing import HANDED_OUT, VECTORS, Questions, load_vectors, need
from grader.errors import HarnessError, UsageError
from grader.grade import REFERENCE_LIMITS, family_for, oracle_for, reference
from grader.pack import Pack
from grader.sandbox import Sandbox
from grader.score import score

FOLDER = "public"
CRITERION = re.compile(r"^\[\[criteria\]\]$", re.MULTILINE)  # where one begins
PUBLIC, HIDDEN = "pytest.mark.public", "pytest.mark.hidden"
CHECK_LIMITS = REFERENCE_LIMITS


def public_draw(pack: Pack) -> Draw:
    """Return the draw that everybody may know: the same whenever a handout is made."""
    return Draw(f"public {pack.id} {pack.version}")


def find(path: Path, given: Path | None) -> Path:
    """Return the public folder that belongs to a student's work; raises UsageError."""
    start = (given or path).absolute()
    for folder in (start, *(() if given else start.parents)):
        for public in (folder / FOLDER, folder):
            if (public / recorded.ANSWERS).is_file():
                return public
    raise UsageError(
        f"there is no handout at {given}" if given else
        f"no handout belongs to {path}: work in the folder that you were given, or name it with "
        f"--handout"
    )  # fmt: skip


def write(pack: Pack, sandbox: Sandbox, out: Path, say: Callable[[str], None]) -> None:
    """Make the handout in a folder that does not exist yet; raises UsageError, HarnessError.

    The reference and the known mistakes run in ``sandbox``: they are the project's own code.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists already: move it away, or choose another --out")
    with _whole_or_not_at_all(out) as folder:
        shutil.copytree(pack.folder / "template", folder, dirs_exist_ok=True)
        public = folder / FOLDER
        (public / "checks").mkdir(parents=True)
        (public / rubric.FILE).write_text(_public_rubric(pack), encoding="utf-8")
        (public / packs.TEMPLATE).mkdir()
        for path, data in _as_it_was(pack):
            (public / path).write_bytes(data)
        for source in _of_public_checks(pack.checks_folder):
            text = without_hidden_bodies(source.read_text(encoding="utf-8"))
            (public / "checks" / source.name).write_text(text, encoding="utf-8")
        ahead.write(pack, public)
        _record(pack, packs.load_handout(public), sandbox, folder, say)
        (public / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")


def _as_it_was(pack: Pack) -> Iterator[tuple[Path, bytes]]:
    """Yield what the public part keeps of what students fill in, before they have filled it in."""
    form, template = pack.form, Path(packs.TEMPLATE)
    for given in pack.given:
        if form is None or given.path != form.module:  # which is made of the notebook
            yield template / given.path, given.data
    if form:
        yield template / form.template.path, form.template.data
        if form.adapter:
            yield Path(form.adapter.path), form.adapter.data
    for each in (pack, *pack.also.values()):
        if each.adapter:
            yield Path(each.adapter.source.path), each.adapter.source.data


def _record(
    pack: Pack, handed_out: Pack, sandbox: Sandbox, folder: Path, say: Callable[[str], None]
) -> None:
    """Put the public checks to the reference, and the probes to the mistakes; keep all answers."""
    draw = public_draw(pack)
    vectors = load_vectors(handed_out.checks_folder)
    need(vectors, *HANDED_OUT, why="handouts")
    with oracle_for(pack, sandbox) as live:
        oracle = recorded.Recorder(live)
        with reference(pack, sandbox) as right:
            checks = [check.id for check in handed_out.checks]
            evidence = runner.run(handed_out.checks_folder, checks, right, oracle, draw, say)
        for criterion in score(handed_out.criteria, {e.check: e for e in evidence}):
            if criterion.points != criterion.max_points:
                raise HarnessError(f"the reference does not pass the public checks: {criterion}")
        for name, data in vectors.public_files(draw, oracle.logits).items():
            (folder / name).write_bytes(data)
        oracle.write(folder / FOLDER)
    with family_for(pack, sandbox, draw) as family:
        if family is not None:
            recorded.write_family(folder / FOLDER, family, Questions.of(vectors, draw), say)
            for name in pack.also:
                if (known := family.of(name)) is not None:
                    questions = Questions.of(load_vectors(handed_out.checks_folder, name), draw)
                    recorded.write_family(folder / FOLDER / name, known, questions, say)


def _public_rubric(pack: Pack) -> str:
    """Return the rubric's text without the criteria that no public check is of.

    What answers those accept, and what a human looks for, would be half of the solution.
    """
    text = (pack.folder / rubric.FILE).read_text(encoding="utf-8")
    head, *blocks = CRITERION.split(text)
    kept = [
        criterion.id
        for criterion in pack.criteria
        if any(check.visibility == "public" for check in criterion.checks)
    ]
    ids = [str(tomllib.loads(f"[[criteria]]{block}")["criteria"][0]["id"]) for block in blocks]
    public = [block for block, id_ in zip(blocks, ids, strict=True) if id_ in kept]
    return "[[criteria]]".join([head, *public])


def _of_public_checks(folder: Path) -> list[Path]:
    """Return the files that public checks need; others hold what only hidden ones look at."""
    shared = [path for path in (folder / "conftest.py", folder / VECTORS) if path.exists()]
    return [*sorted(folder.glob("test_*.py")), *shared, *sorted(folder.glob("vectors_*.py"))]


def without_hidden_bodies(source: str) -> str:
    """Return the source of checks with each hidden one reduced to its docstring.

    Where all checks of a file are hidden, what they share is left out as well.
    """
    lines = source.splitlines(keepends=True)
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    marks = {mark for node in functions for mark in map(ast.unparse, node.decorator_list)}
    nothing_public = HIDDEN in marks and PUBLIC not in marks
    for node in reversed(functions):
        if HIDDEN in map(ast.unparse, node.decorator_list) and node.end_lineno is not None:
            after = node.body[0].end_lineno or node.lineno  # the docstring stays
            has_docstring = ast.get_docstring(node) is not None
            start = after if has_docstring else node.body[0].lineno - 1
            lines[start : node.end_lineno] = [] if has_docstring else ["    ...\n"]
        elif nothing_public:
            lines[node.lineno - 1 : node.end_lineno] = []
    return "".join(lines).rstrip("\n") + "\n"


@contextlib.contextmanager
def _whole_or_not_at_all(out: Path) -> Iterator[Path]:
    """Give a folder beside ``out`` that takes its place once everything in it is done."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error}") from error
    try:
        yield making
        if out.exists():
            out.rmdir()  # empty, as was seen before
        making.chmod(0o755)
        os.replace(making, out)  # noqa: PTH105 - says what happens
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise

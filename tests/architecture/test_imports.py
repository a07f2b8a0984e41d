"""The rooms of the grader: who may import whom, and what nobody may do.

Each rule is a function from a file's text to its offences, so that the rule itself is tested on
text that breaks it.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GRADER = ROOT / "grader"
FILES = sorted(GRADER.rglob("*.py"))
GUEST = [path for path in FILES if path.is_relative_to(GRADER / "guest")]
HOST = [path for path in FILES if path not in GUEST]

ANYTHING = {"*"}
SANDBOX = {"wire", "records", "errors", "sandbox"}
STUDENT = {"conversation", "model", "errors", "intake", "records", "sandbox", "weights", "wire"}
LOWER = {
    "checking",
    "conversation",
    "devices",
    "errors",
    "grade",
    "intake",
    "pack",
    "records",
    "sandbox",
    "student",
}

# A room (a module, or a folder with all that is in it) and the rooms it may import. A room may
# always import itself. What is not listed here may not exist.
ROOMS = {
    "": set(),  # grader/__init__.py
    "errors": set(),
    "records": {"errors"},
    "wire": set(),
    "text": set(),
    "lines": {"records"},
    "tables": {"errors"},
    "accepted": {"lines", "records", "tables"},
    "times": set(),
    "late": {"handed", "records", "tables", "times"},
    "beside": set(),
    "printed": set(),
    "inputs": {"printed"},
    "formulas": {"tables"},
    "remarks": {"text"},
    "intake": {"errors", "remarks", "text"},
    "notebook": {"intake", "tables", "text"},
    "sandbox": SANDBOX,
    "conversation": {"errors", "intake", "records", "sandbox", "wire"},
    "model": {"conversation", "errors", "records", "wire"},
    "tiles": {"model"},
    "weights": {"model", "tiles", "wire"},
    "student": STUDENT,
    "mistakes": {"intake", "tables"},
    "style": {"intake", "records", "remarks", "text"},
    "devices": {"errors"},
    "latency": {"devices", "errors", "model", "records", "tables", "tiles"},
    "recognition": {"intake", "tables"},
    "adapting": {"intake", "tables"},
    "marks": {"tables"},
    "rubric": {
        "accepted",
        "adapting",
        "late",
        "latency",
        "marks",
        "notebook",
        "recognition",
        "records",
        "style",
        "tables",
    },
    "pack": {
        "accepted",
        "adapting",
        "errors",
        "formulas",
        "intake",
        "late",
        "mistakes",
        "notebook",
        "recognition",
        "records",
        "rubric",
        "tables",
    },
    "score": {"records", "rubric"},
    "evidence": {"errors", "records"},
    "history": {"errors", "lines", "records"},
    "granted": {"accepted", "history", "records", "rubric", "score"},
    "accepting": {
        "accepted",
        "errors",
        "gradebook",
        "history",
        "pack",
        "records",
        "rescore",
        "results",
    },
    "results": {"errors", "history", "records", "score"},
    "rescore": {
        "errors",
        "evidence",
        "grade",
        "granted",
        "handed",
        "late",
        "pack",
        "records",
        "results",
        "score",
    },
    "handed": {"errors"},
    "regrade": {
        "batch",
        "checking",
        "downloads",
        "errors",
        "evidence",
        "handed",
        "history",
        "intake",
        "pack",
        "records",
        "rescore",
        "results",
        "sandbox",
        "score",
        "session",
        "tables",
    },
    "scripts": {"conversation", "errors", "intake", "wire"},
    "checking": {
        "beside",
        "devices",
        "errors",
        "intake",
        "mistakes",
        "model",
        "records",
        "scripts",
        "student",
        "tables",
        "weights",
    },
    "grade": {
        "",
        "checking",
        "devices",
        "errors",
        "evidence",
        "granted",
        "handed",
        "intake",
        "late",
        "mistakes",
        "notebook",
        "pack",
        "records",
        "sandbox",
        "score",
        "student",
        "style",
    },
    "columns": set(),
    "ahead": {
        "beside",
        "conversation",
        "errors",
        "formulas",
        "intake",
        "notebook",
        "pack",
        "records",
        "sandbox",
        "scripts",
    },
    "handout": {
        "ahead",
        "checking",
        "errors",
        "grade",
        "pack",
        "rubric",
        "sandbox",
        "score",
        "student",
    },
    "report": {"ahead", "columns", "records", "rescore", "text"},
    "gradebook": {
        "columns",
        "errors",
        "history",
        "records",
        "report",
        "results",
        "score",
        "tables",
        "text",
    },
    "review": {
        "accepted",
        "accepting",
        "errors",
        "gradebook",
        "history",
        "pack",
        "records",
        "report",
        "rescore",
        "results",
        "rubric",
        "score",
        "tables",
        "text",
    },
    "course": {
        "columns",
        "errors",
        "gradebook",
        "handed",
        "history",
        "records",
        "report",
        "results",
        "similarity",
        "text",
    },
    "export": {"errors", "handed", "records", "report", "text"},
    "session": {
        "checking",
        "devices",
        "errors",
        "grade",
        "handed",
        "intake",
        "pack",
        "records",
        "results",
        "sandbox",
    },
    "batch": {
        "checking",
        "columns",
        "devices",
        "downloads",
        "errors",
        "handed",
        "history",
        "intake",
        "late",
        "pack",
        "records",
        "results",
        "sandbox",
        "session",
        "text",
        "times",
    },
    "cluster": {
        "",
        "batch",
        "devices",
        "errors",
        "handed",
        "intake",
        "pack",
        "records",
        "results",
        "sandbox",
        "session",
    },
    "downloads": {"errors", "handed", "intake", "late", "records", "text", "times"},
    "similarity": {
        "batch",
        "columns",
        "downloads",
        "errors",
        "intake",
        "notebook",
        "pack",
        "records",
        "text",
    },
    "gradescope": {
        "checking",
        "errors",
        "export",
        "handed",
        "intake",
        "pack",
        "records",
        "report",
        "sandbox",
        "session",
    },
    "server": {
        "batch",
        "columns",
        "devices",
        "errors",
        "history",
        "pack",
        "records",
        "results",
        "sandbox",
        "tables",
        "text",
    },
    "calc": {"columns", "errors", "tables"},
    "doctor": LOWER | {"columns", "mistakes"},
    "convert": LOWER,
    "cli": ANYTHING,
    "__main__": {"cli"},
    "guest": set(),
}


def room_of(module):
    """Return the room of a module: "grader.sandbox.docker" is in "sandbox"."""
    return module.partition("grader")[2].lstrip(".").partition(".")[0]


def module_of(path):
    """Return the dotted name of a file below the project's root."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(text, module, *, package=False):
    """Yield line and full name of everything a source imports, wherever in the file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".") if package else module.split(".")[:-1]
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join(filter(None, [*parents, base]))
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def own_imports(text, module, *, package=False):
    """Yield line and room of every import of the project's own modules."""
    for line, name in imports_of(text, module, package=package):
        if name.partition(".")[0] == "grader":
            room = room_of(name)
            # "from grader import x" is a room if there is one of that name, else of the package.
            yield line, room if room in ROOMS else "", name


def offences(text, module, *, package=False):
    """Return the imports that the table forbids."""
    room = room_of(module)
    if room not in ROOMS:
        return [f"{module}: say in the table who this room may import"]
    allowed = ROOMS[room] | {room}
    return [
        f"{module}, line {line}: imports {name}, but {room or 'the package'} may import only "
        f"{', '.join(sorted(filter(None, allowed))) or 'nothing of ours'}"
        for line, target, name in own_imports(text, module, package=package)
        if target not in allowed and allowed != ANYTHING | {room}
    ]


def read(path):
    """Return a file's text."""
    return path.read_text(encoding="utf-8")


def every(rule, paths=FILES):
    """Apply a rule to files; return all offences, each with its file."""
    return [f"{path.relative_to(ROOT)}: {found}" for path in paths for found in rule(read(path))]


# --- who imports whom -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_down_only(path):
    """Each room imports only the rooms that the table allows it."""
    found = offences(read(path), module_of(path), package=path.name == "__init__.py")
    assert not found, "\n".join(found)


def test_the_table_has_no_circles():
    """Rooms can be put in an order in which each imports only those before it."""
    left = {room: allowed - {room} for room, allowed in ROOMS.items() if allowed != ANYTHING}
    while left:
        free = [room for room, allowed in left.items() if not allowed & left.keys()]
        assert free, f"these import each other: {sorted(left)}"
        for room in free:
            del left[room]


def test_the_table_names_what_exists():
    """Every room of the table is there; a room that went takes its line along."""
    rooms = {room_of(module_of(path)) for path in FILES}
    assert set(ROOMS) <= rooms


@pytest.mark.parametrize(
    ("module", "text", "guilty"),
    [
        ("grader.records", "from grader import pack", True),
        ("grader.records", "from grader.errors import UsageError", False),
        ("grader.wire", "import grader.records", True),
        ("grader.intake", "def f():\n    from grader.cli import main", True),
        ("grader.intake", "if TYPE_CHECKING:\n    from grader.sandbox.docker import x", True),
        ("grader.report.table", "from grader.report.other import plain", False),
        ("grader.report.table", "from ..score import score", True),
        ("grader.report.table", "from . import text", False),
        ("grader.sandbox.docker", "from grader.student import Student", True),
        ("grader.grade", "from grader import __version__", False),
        ("grader.cli", "from grader import anything", False),
        ("grader.student", "from grader.guest import frames", True),
        ("grader.guest.agent", "from grader.guest import frames", False),
        ("grader.guest.agent", "from grader.wire import Line", True),
        ("grader.brandnew", "import os", True),
    ],
)
def test_the_table_is_enforced(module, text, guilty):
    """A planted import is found if the table forbids it, and only then."""
    found = offences(text, module)
    assert bool(found) == guilty
    assert all(module in offence for offence in found)


def test_nobody_imports_the_guest():
    """The host sends the guest's text in and never runs it; only the guest imports the guest."""
    found = [
        f"{module_of(path)}, line {line}: imports {name}"
        for path in HOST
        for line, room, name in own_imports(read(path), module_of(path))
        if room == "guest"
    ]
    assert not found, "\n".join(found)


def test_the_story_does_not_load_torch():
    """Importing all that grades on the host leaves torch and the guest out of the process."""
    rooms = ("grade", "convert", "doctor", "cli", "results", "report.table", "calc.command")
    code = "; ".join(f"import grader.{room}" for room in rooms) + (
        "; import sys; print([n for n in sys.modules if n.split('.')[0] == 'torch'"
        " or n.startswith('grader.guest')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


# --- what nobody does -----------------------------------------------------------------------------

DESERIALISERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal",
                 "shelve", "yaml", "ruamel", "jsonpickle", "torch", "pandas"}  # fmt: skip
# Of YAML the bare events may be read, which make no object of what they say.
HARMLESS = {"yaml.parse", "yaml.CSafeLoader", "yaml.YAMLError", "yaml.events.AliasEvent",
            "yaml.events.CollectionEndEvent", "yaml.events.CollectionStartEvent",
            "yaml.events.MappingStartEvent", "yaml.events.ScalarEvent"}  # fmt: skip
RUNNERS = {"eval", "exec", "compile", "__import__"}


def dangers(text):
    """Return what turns bytes into objects or text into code, by line."""
    found = [
        f"line {line}: imports {name}"
        for line, name in imports_of(text, "grader.x")
        if name.partition(".")[0] in DESERIALISERS and name not in HARMLESS
    ]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id in RUNNERS:
            found.append(f"line {node.lineno}: uses {node.id}")
        if isinstance(node, ast.Attribute):
            dotted = ast.unparse(node)
            if dotted in {"torch.load", "builtins.eval", "builtins.exec", "builtins.compile"}:
                found.append(f"line {node.lineno}: uses {dotted}")
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            value = node.value
            if not (isinstance(value, ast.Constant) and value.value is False):
                found.append(f"line {value.lineno}: allows pickles")
    return found


def test_the_host_makes_no_objects_of_bytes():
    """Outside the guest nothing unpickles, evaluates, compiles or imports torch."""
    found = every(dangers, HOST)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "def f():\n    from pickle import loads",
        "import dill as d",
        "import shelve, os",
        "import marshal",
        "import yaml",
        "from yaml import load",
        "from yaml import parse, CSafeLoader, safe_load",
        "import torch",
        "from torch import nn",
        "if TYPE_CHECKING:\n    import torch",
        "x = torch.load(f)",
        "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=flag)",
        "np.load(f, None, allow_pickle=1)",
        "eval(x)",
        "f = exec",
        "compile(a, b, 'exec')",
        "builtins.eval(x)",
        "__import__('x')",
    ],
)
def test_dangers_are_seen(text):
    """Each way of running or unpickling bytes is found where it is planted."""
    assert dangers(text)


@pytest.mark.parametrize(
    "text",
    [
        "re.compile('x')",
        "x = 'eval(1); import pickle; torch.load(f)'",
        "# exec(x)",
        "model.eval()",
        "json.loads(x)",
        "from yaml import CSafeLoader, parse",
        "np.load(f, allow_pickle=False)",
        "from grader import pack",
        "import torchlike",
    ],
)
def test_harmless_code_is_not_accused(text):
    """Text in strings, and names that only look alike, are no offence."""
    assert not dangers(text)


def strangers(text):
    """Return imports that a sandbox with nothing but Python, torch and numpy cannot serve."""
    allowed = sys.stdlib_module_names | {"torch", "numpy"}
    return [
        f"line {line}: imports {name}"
        for line, name in imports_of(text, "grader.guest.x")
        if name.partition(".")[0] not in allowed and not name.startswith("grader.guest")
    ]


def test_the_guest_needs_nothing_but_python_torch_and_numpy():
    """The guest runs in any image that has torch, and knows nothing of the host."""
    found = every(strangers, GUEST)
    assert not found, "\n".join(found)
    assert strangers("import requests")
    assert strangers("from grader.wire import Line")
    assert strangers("from grader import records")
    assert not strangers("import os, torch.nn\nfrom grader.guest import frames\nfrom . import x")


def test_all_of_the_guest_is_sent():
    """Every module that the guest imports of itself is among those that are sent in."""
    from grader.sandbox import boot  # noqa: PLC0415 - only this test looks inside

    sent = set(boot._sources())
    wanted = {
        name if name in sent or name.count(".") == 2 else name.rpartition(".")[0]
        for path in GUEST
        for _, name in imports_of(read(path), module_of(path))
        if name.startswith("grader")
    }
    needed = {name for name in wanted if (ROOT / f"{name.replace('.', '/')}.py").exists()}
    assert needed
    assert needed <= sent


def wall_clocks(text):
    """Return where a source looks at the wall clock, which may jump at any moment."""
    names = {"time.time", "time.time_ns", "dt.datetime.now", "datetime.now", "date.today",
             "dt.datetime.utcnow", "datetime.utcnow", "dt.date.today"}  # fmt: skip
    found = [f"line {line}: imports {name}" for line, name in imports_of(text, "grader.x")
             if name in names]  # fmt: skip
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)]
    return found + [f"line {n.lineno}: uses {ast.unparse(n)}" for n in nodes
                    if ast.unparse(n) in names]  # fmt: skip


def test_deadlines_go_by_the_steady_clock():
    """Only the history of a result, where a date is written down, looks at the wall clock."""
    history = GRADER / "history.py"
    found = every(wall_clocks, [path for path in FILES if path != history])
    assert not found, "\n".join(found)
    assert len(wall_clocks(read(history))) == 1
    assert wall_clocks("import time\ndeadline = time.time() + 5")
    assert wall_clocks("from time import time")
    assert not wall_clocks("import time\ntime.monotonic()\ntime.sleep(1)")


# --- assignments ----------------------------------------------------------------------------------


def names_of_packs():
    """Return the ids of all packs, as folders and as Python names."""
    ids = [path.parent.name for path in (ROOT / "rubrics").glob("*/rubric.toml")]
    return {spelt for name in ids for spelt in (name, name.replace("-", "_"))}


def test_the_grader_names_no_assignment():
    """No file of the grader mentions a pack by its id: a new one touches none of them."""
    ids = names_of_packs()
    assert ids
    found = [
        f"{path.relative_to(ROOT)}: names {name}"
        for path in sorted(GRADER.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
        for name in ids
        if name in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert not found, "\n".join(found)


def classes_of_packs():
    """Return the names of the classes that assignments impose, read from their rubrics."""
    import tomllib  # noqa: PLC0415 - only here

    rubrics = [tomllib.loads(read(p)) for p in (ROOT / "rubrics").glob("*/rubric.toml")]
    return {name for rubric in rubrics for name in rubric["interface"]["classes"]}


def test_the_grader_names_no_class_of_an_assignment():
    """What an assignment calls its classes is in its rubric and nowhere in the grader."""
    names = classes_of_packs()
    assert names
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    found = every(pattern.findall)
    assert not found, "\n".join(found)


# --- form -----------------------------------------------------------------------------------------


def undocumented(text):
    """Return what is public and says nothing about itself."""
    tree = ast.parse(text)
    found = [] if ast.get_docstring(tree) else ["the module"]

    def look(body, owner):
        for node in body:
            kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            if isinstance(node, kinds) and not node.name.startswith("_"):
                if not ast.get_docstring(node):
                    found.append(f"{owner}{node.name}, line {node.lineno}")
                if isinstance(node, ast.ClassDef):
                    look(node.body, f"{node.name}.")

    look(tree.body, "")
    return [f"{what} has no docstring" for what in found]


def test_everything_public_is_documented():
    """Each public module, class, function and method of the grader says what it is for."""
    found = every(undocumented)
    assert not found, "\n".join(found)
    assert len(undocumented("class A:\n    def f(self): ...\n    def _g(self): ...")) == 3


@pytest.mark.parametrize("folder", ["grader", "reference"])
def test_no_module_is_too_long_to_be_read(folder):
    """No module is longer than 350 lines."""
    lengths = {
        p.relative_to(ROOT): len(read(p).splitlines()) for p in (ROOT / folder).rglob("*.py")
    }
    assert lengths
    assert {path: length for path, length in lengths.items() if length > 350} == {}


def loose_ends(text):
    """Return remarks that say that something is not finished."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [
        f"line {token.start[0]}: {token.string}"
        for token in tokens
        if token.type == tokenize.COMMENT and re.search(r"\b(TODO|FIXME|XXX|HACK)\b", token.string)
    ]


def test_no_loose_ends():
    """No comment says that the code beside it is unfinished."""
    found = every(loose_ends)
    assert not found, "\n".join(found)
    assert loose_ends("x = 1  # TODO: finish")

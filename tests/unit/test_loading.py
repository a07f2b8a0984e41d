"""Loading what students hand in: which file counts, and what of it is kept."""

import ast
import json
import py_compile
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import pytest

from grader.guest import loading

ROOT = Path(__file__).parents[2]
GRADED = frozenset({"Net", "Layer"})
SKELETON = """
class Layer:
    def forward(self):
        raise NotImplementedError

class Net:
    def forward(self):
        raise NotImplementedError
"""
FILLED = """
class Layer:
    def forward(self):
        return 1

class Net:
    def forward(self):
        return Layer().forward() + 41
"""


@pytest.fixture
def work(tmp_path):
    """Lay out a submission: a function from paths and contents to the folder."""
    root = tmp_path / "submission"

    def lay(files):
        for path, content in files.items():
            full = root / path
            full.parent.mkdir(parents=True, exist_ok=True)
            full.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(root)

    return lay


def found(root, wanted="Net", classes=("Layer", "Net"), expected=("net.py",)):
    """Return the candidates, without the warnings that a student's source may raise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return loading.find(root, wanted, classes, expected)


# --- finding --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["net.py", "transformer final.py", "a4-solution.py", "решение.py", "deep/er/still/x.py"],
)
def test_the_class_is_found_whatever_the_files_name(work, name):
    """A submission is found by the class it defines, in a file of any name and place."""
    assert found(work({name: FILLED, "notes.txt": "class Net: ...", "util.py": "x = 1"})) == [name]


@pytest.mark.parametrize(
    "source",
    [
        "if True:\n    class Net: ...",
        "import sys\nif sys.version_info > (3,):\n    pass\nelse:\n    class Net: ...",
        "try:\n    class Net: ...\nexcept ImportError:\n    pass",
        "try:\n    import x\nexcept ImportError:\n    class Net: ...",
        "try:\n    import x\nexcept ImportError:\n    x = None\nelse:\n    class Net: ...",
        "try:\n    pass\nfinally:\n    if 1:\n        class Net: ...",
        "with open('x'):\n    class Net: ...",
    ],
    ids=["if", "else", "try", "except", "try-else", "finally-if", "with"],
)
def test_a_class_below_a_condition_is_found(work, source):
    """A class that is defined under a condition at module level is defined."""
    assert found(work({"a.py": source})) == ["a.py"]


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    class Net: ...",
        "class A:\n    class Net: ...",
        "'class Net: ...'",
        "Nets = 1",
    ],
    ids=["in a function", "in a class", "in a text", "another name"],
)
def test_a_class_elsewhere_is_not_found(work, source):
    """A class inside a function, a class or a text is not the module's."""
    assert found(work({"a.py": source})) == []


def test_a_solution_comes_before_its_template(work):
    """Beside the skeleton that was handed out, the file that was filled in counts."""
    root = work({"net.py": SKELETON, "my_net.py": FILLED})
    assert found(root) == ["my_net.py", "net.py"]


def test_an_alias_comes_after_a_class(work):
    """A file that only gives a name to something comes after one that defines the class."""
    root = work({"net.py": "from x import y\nNet = y", "zz.py": "class Net: ..."})
    assert found(root) == ["zz.py", "net.py"]


def test_the_order_of_several_candidates(work):
    """More of the interface counts before the usual name, and that before the nearest folder."""
    root = work(
        {
            "a/b/all.py": FILLED,
            "only.py": "class Net: ...",
            "old/net.py": "class Net: ...",
            "old/deep/zz.py": "class Net: ...",
            "old/aa.py": "class Net: ...",
        }
    )
    assert found(root) == ["a/b/all.py", "old/net.py", "only.py", "old/aa.py", "old/deep/zz.py"]


def test_files_that_cannot_be_parsed_are_passed_over(work):
    """Broken files beside a good one do no harm."""
    root = work(
        {
            "broken.py": "class Net(:",
            "nul.py": b"class Net: ...\x00",
            "latin.py": b"x = '\xe9'\nclass Net: ...",
            "deep.py": "class Net: ...\nx = " + "(" * 5000,
            "empty.py": "",
            "warns.py": "x = '\\d'",
            "good.py": b"\xef\xbb\xbf" + FILLED.encode(),
        }
    )
    assert found(root) == ["good.py"]


def test_what_is_there_instead_can_be_named(work):
    """For a message, all classes at module level are listed once."""
    root = work({"a.py": "class B: ...\nclass A: ...", "b.py": "class A: ...\nC = 1", "c.py": "("})
    assert loading.classes_in(root) == ["A", "B"]


# --- importing, each time in a process of its own -------------------------------------------------

DRIVER = """
import json, sys
sys.path.insert(0, sys.argv[1])
request = json.load(sys.stdin)
from grader.guest import loading
for name in request.get("before", ()):
    __import__(name)
files = loading.find(request["root"], "Net", ["Layer", "Net"], ["net.py"])
module = loading.load(request["root"], files[0], request["mode"], request["device"], ["Net"])
print(json.dumps([eval(request["ask"], {"module": module, "sys": sys})]))
"""


def asked(root, ask, *, mode="import", device=None, before=()):
    """Load the likeliest file in a fresh interpreter and return what an expression gives there."""
    request = {"root": root, "ask": ask, "mode": mode, "device": device, "before": before}
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-W", "error", "-c", DRIVER, str(ROOT)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout.splitlines()[-1])
    return answer


ANSWER = "module.Net().forward()"


@pytest.mark.parametrize(
    "name", ["net.py", "my net.py", "a4-net.py", "модель.py", "net.v2.py", "4net.py", "class.py"]
)
def test_a_file_of_any_name_can_be_imported(work, name):
    """Names that no import statement could spell are imported all the same."""
    assert asked(work({name: FILLED}), ANSWER) == 42


@pytest.mark.parametrize("name", ["json.py", "torch.py", "collections.py", "loading.py"])
def test_a_name_that_shadows_a_module_does_not_replace_it(work, name):
    """A file named like a loaded module is imported beside it, and the module stays."""
    root = work({name: FILLED})
    ask = f"[{ANSWER}, hasattr(sys.modules['json'], 'loads')]"
    assert asked(root, ask, before=["collections"]) == [42, True]


@pytest.mark.parametrize("folder", ["json", "email", "logging"])
def test_a_package_that_shadows_a_loaded_module_is_imported(work, folder):
    """A student's package named like a module that is already loaded can still be imported."""
    root = work(
        {
            f"{folder}/__init__.py": "",
            f"{folder}/parts.py": "VALUE = 42",
            f"{folder}/net.py": (
                "from .parts import VALUE\n"
                "class Net:\n    def forward(self):\n        return VALUE\n"
            ),
        }
    )
    assert asked(root, ANSWER, before=["json", "email", "logging"]) == 42


PACKAGE = {
    "kv/__init__.py": "",
    "kv/parts/__init__.py": "from .layer import Layer",
    "kv/parts/layer.py": "class Layer:\n    def forward(self):\n        return 1\n",
    "kv/net.py": (
        "from .parts import Layer\nfrom kv.parts.layer import Layer as Again\n"
        "class Net:\n    def forward(self):\n"
        "        assert Layer is Again\n        return Layer().forward() + 41\n"
    ),
    "run.py": "from kv.net import Net\nNet().forward()",
}


def test_a_package_with_relative_imports(work):
    """A package is imported as one, with relative and absolute imports of the same modules."""
    assert asked(work(PACKAGE), ANSWER) == 42


def test_a_package_without_init_files(work):
    """Relative imports work in folders without __init__.py too, as Python allows."""
    files = {p: s for p, s in PACKAGE.items() if not p.endswith("__init__.py")}
    files["kv/net.py"] = files["kv/net.py"].replace(
        "from .parts import", "from .parts.layer import"
    )
    assert asked(work(files), ANSWER) == 42


@pytest.mark.parametrize("folder", ["my-code", "my code", "v1.2", "код"])
def test_a_package_in_a_folder_of_any_name(work, folder):
    """Relative imports work in folders whose names no import statement could spell."""
    root = work({f"{folder}/parts.py": "VALUE = 42", f"{folder}/net.py": (
        "from .parts import VALUE\nclass Net:\n    def forward(self):\n        return VALUE\n"
    )})  # fmt: skip
    assert asked(root, ANSWER) == 42


def test_flat_files_may_be_used_as_a_package(work):
    """Files side by side at the top may import each other with a dot."""
    root = work({"parts.py": "VALUE = 42", "net.py": (
        "from .parts import VALUE\nclass Net:\n    def forward(self):\n        return VALUE\n"
    )})  # fmt: skip
    assert asked(root, ANSWER) == 42


def test_neighbours_in_a_folder_are_importable(work):
    """A file in a folder imports its neighbours, and what lies above, by their plain names."""
    root = work(
        {
            "top.py": "ONE = 1",
            "src/parts.py": "FORTY_ONE = 41",
            "src/net.py": (
                "from parts import FORTY_ONE\nfrom top import ONE\n"
                "class Net:\n    def forward(self):\n        return ONE + FORTY_ONE\n"
            ),
        }
    )
    assert asked(root, ANSWER) == 42


def test_the_module_is_not_main_and_sees_only_its_file(work):
    """A main guard stays shut, and the arguments are the file alone."""
    source = FILLED + textwrap.dedent("""
        import sys
        ARGUMENTS = list(sys.argv)
        RAN = __name__ == "__main__"
        HERE = __file__
    """)
    root = work({"net.py": source})
    ask = "[module.ARGUMENTS, module.RAN, module.HERE, sys.modules[module.__name__] is module]"
    assert asked(root, ask) == [[f"{root}/net.py"], False, f"{root}/net.py", True]


def test_a_dataclass_or_a_copy_finds_its_module(work):
    """What looks its own module up while it is imported finds it."""
    source = FILLED + textwrap.dedent("""
        from __future__ import annotations
        import dataclasses, sys
        @dataclasses.dataclass
        class Config:
            width: int = 3
        assert sys.modules[Config.__module__].Net is Net
    """)
    source = source.replace("from __future__ import annotations\n", "")
    assert asked(work({"my net.py": source}), "module.Config().width") == 3


def test_bytecode_that_came_along_is_never_loaded(work, tmp_path):
    """Compiled files in a submission, cached or beside the source, are not what is run."""
    other = tmp_path / "other.py"
    other.write_text("VALUE = 13\nclass Net:\n    def forward(self):\n        return 13\n")
    root = Path(work({"net.py": (
        "from parts import VALUE\nclass Net:\n    def forward(self):\n        return VALUE\n"
    ), "parts.py": "VALUE = 42\n"}))  # fmt: skip
    tag = sys.implementation.cache_tag
    for name in ("net", "parts"):
        for target in (root / f"{name}.pyc", root / "__pycache__" / f"{name}.{tag}.pyc"):
            py_compile.compile(
                str(other), str(target), doraise=True,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )  # fmt: skip
    assert asked(str(root), ANSWER) == 42


def test_bytecode_alone_is_no_module(work, tmp_path):
    """A module of which only the compiled file was handed in cannot be imported."""
    other = tmp_path / "other.py"
    other.write_text("VALUE = 13\n")
    root = Path(work({"net.py": (
        "try:\n    from hidden import VALUE\nexcept ImportError:\n    VALUE = 42\n"
        "class Net:\n    def forward(self):\n        return VALUE\n"
    )}))  # fmt: skip
    py_compile.compile(str(other), str(root / "hidden.pyc"), doraise=True)
    assert asked(str(root), ANSWER) == 42


def test_nothing_is_written_beside_the_source(work):
    """Importing leaves no compiled files in the working folder."""
    root = work(PACKAGE)
    asked(root, ANSWER)
    assert not list(Path(root).rglob("*.pyc"))


def test_rewriting_reaches_every_file_of_the_submission(work):
    """In definitions mode, and with devices replaced, imported neighbours are rewritten too."""
    root = work(
        {
            "parts.py": "DEVICE = 'cuda:0'\nprint('benchmark')\nraise SystemExit",
            "net.py": "from parts import DEVICE\nraise SystemExit\nclass Net: ...",
        }
    )
    assert asked(root, "module.DEVICE", mode="definitions", device="cpu") == "cpu"


def test_a_traceback_names_the_students_line(work):
    """After rewriting, line numbers are still those of the student's file."""
    source = (
        "import time\ntime.time()\n\nclass Net:\n    def forward(self):\n        raise KeyError\n"
    )
    ask = "module.Net.forward.__code__.co_firstlineno, module.Net.forward.__code__.co_filename"
    root = work({"net.py": source})
    assert asked(root, ask, mode="definitions", device="cpu") == [5, f"{root}/net.py"]


# --- definitions only -----------------------------------------------------------------------------


def kept(source, graded=GRADED):
    """Run what is kept of a source; return its names, and what it ``ran`` on the way."""
    ran = []
    names = {
        "__name__": "submission_net",
        "ran": lambda word, value=None: ran.append(word) or value,
    }
    tree = loading.definitions_only(ast.parse(textwrap.dedent(source)), graded)
    exec(compile(ast.fix_missing_locations(tree), "net.py", "exec"), names)
    return names, ran


def test_imports_classes_functions_and_constants_are_kept():
    """What a module defines is there afterwards."""
    names, ran = kept("""
        import math
        from math import pi as PI
        WIDTH, DEPTH = 4, 2
        SIZES = {"small": [1, 2], "large": (3, 4)}
        RATE: float = 1e-3
        TOTAL = WIDTH * DEPTH + 1
        TOTAL += 1
        NAMES = [f"layer {n}" for n in range(DEPTH)]
        SCALE = math.sqrt(WIDTH)
        class Net: size = SIZES["large"]
        def helper(x=WIDTH): return x
        async def later(): ...
    """)
    assert (names["PI"], names["TOTAL"], names["SCALE"], names["helper"]()) == (
        pytest.approx(3.14159, abs=1e-5),
        10,
        2.0,
        4,
    )
    assert names["NAMES"] == ["layer 0", "layer 1"]
    assert {"math", "RATE", "later"} <= names.keys()
    assert ran == []


def test_what_a_module_does_is_dropped():
    """Benchmarks, prints, plots, loops, main guards and models at module level do not run."""
    _, ran = kept("""
        class Net:
            def __init__(self): ran("built")
        print(ran("printed"))
        ran("called")
        model = Net()
        also: Net = Net()
        models = [Net() for _ in range(3)]
        named = {"a": Net()}
        for n in range(2):
            ran("looped")
        while ran("while"):
            pass
        with open(__file__ if ran("with") else "x") as f:
            ran("inside with")
        start = ran("timed")
        start += ran("timed")
        if __name__ == "__main__":
            ran("main")
        if "__main__" == __name__ or True:
            ran("main too")
        try:
            ran("tried")
        except ValueError:
            ran("caught")
        finally:
            ran("finally")
        assert ran("asserted")
        lambda: ran("never")
        del model
    """)
    assert ran == []


def test_an_assignment_to_what_a_call_returns_is_dropped():
    """An assignment whose target has to be computed is an action and no constant."""
    _, ran = kept("""
        class Net: ...
        ran("a").y = 1
        ran("b")["x"] = 1
        model = Net()
        model.verbose = True
        model.sizes["x"], LIMIT = 1, 2
    """)
    assert ran == []


def test_results_of_what_was_dropped_are_dropped_too():
    """Arithmetic on the results of a dropped benchmark goes with it, and the rest still loads."""
    names, ran = kept("""
        import time
        class Net: ...
        start = time.perf_counter()
        ran("benchmark")
        seconds = time.perf_counter() - start
        speedup = 10 / seconds
        count = len(seconds)
        total = 0
        total += seconds
        first, second = speedup, total
        LIMIT = 3
        def limit(): return LIMIT
    """)
    assert ran == []
    assert names["limit"]() == 3
    assert "Net" in names


def test_patches_on_graded_classes_are_kept():
    """A class that is changed after its definition is graded as changed."""
    names, ran = kept("""
        class Net:
            def forward(self): return 1
        class Layer:
            table = {}
        def faster(self): return 42
        def decorate(function): return function
        Net.forward = faster
        Net.generate = decorate(faster)
        setattr(Net, "extra", faster)
        Layer.table["x"] = 7
        Net.count: int = 5
        Net = decorate(Net)
        Unrelated = type("Unrelated", (), {})
        setattr(Unrelated, "forward", faster)
    """)
    net = names["Net"]()
    assert (net.forward(), net.generate(), net.extra(), net.count) == (42, 42, 42, 5)
    assert names["Layer"].table == {"x": 7}
    assert "Unrelated" not in names
    assert ran == []


def test_values_that_a_patch_uses_are_kept():
    """What a patch on a graded class is made of is kept with it."""
    names, _ = kept("""
        class Net:
            def forward(self): return 1
        def wrap(function): return lambda self: function(self) + 41
        faster = wrap(Net.forward)
        other = wrap(lambda self: 1)
        Net.forward = other
    """)
    assert names["Net"]().forward() == 42


def test_values_that_functions_use_are_kept():
    """A value by a call is kept where a function or class refers to it, and dropped where not."""
    names, ran = kept("""
        def pick(): return ran("picked", "cpu")
        def make(): return ran("made", {"width": 4})
        DEVICE = pick()
        CONFIG = make()
        UNUSED = ran("unused")
        class Net:
            width = CONFIG["width"]
            def forward(self): return DEVICE
    """)
    assert names["Net"]().forward() == "cpu"
    assert names["Net"].width == 4
    assert ran == ["picked", "made"]


def test_values_behind_such_values_are_kept():
    """What a kept value is computed from is kept as well, at any remove."""
    names, ran = kept("""
        def load(): return ran("loaded", [3, 1, 2])
        DATA = load()
        ORDERED = sorted(DATA)
        LARGEST = ORDERED[-1]
        class Net:
            def forward(self): return LARGEST
    """)
    assert names["Net"]().forward() == 3
    assert ran == ["loaded"]


def test_a_model_is_not_built_for_a_function_that_uses_it():
    """A model at module level is not built, even where a benchmark function refers to it."""
    names, ran = kept("""
        class Net:
            def __init__(self): ran("built")
        model = Net()
        def benchmark(): return model
    """)
    assert ran == []
    assert "model" not in names


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import no_such_module as fast\nexcept ImportError:\n    fast = None",
        "try:\n    import no_such_module\n    fast = 1\nexcept ImportError:\n    fast = None",
        "try:\n    import json\nexcept ImportError:\n    json = None\nelse:\n    fast = None",
        "try:\n    import no_such_module\nexcept ImportError:\n    pass\nfast = None",
    ],
    ids=["fallback", "two statements", "else", "pass"],
)
def test_imports_that_may_fail_are_kept_whole(source):
    """A try around an import keeps its handlers, so that the fallback works."""
    names, _ = kept(source + "\nclass Net: value = fast")
    assert names["Net"].value is None


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize(
    "source",
    [
        "if FLAG:\n    DEVICE = 'a'\nelse:\n    DEVICE = 'b'",
        "if FLAG: DEVICE = 'a'\nelif not FLAG: DEVICE = 'b'\nelse: DEVICE = 'c'",
        "DEVICE = 'a' if FLAG else 'b'",
        "DEVICE = 'b'\nif FLAG:\n    ran('said')\n    DEVICE = 'a'",
        "if FLAG:\n    DEVICE = pick('a')\nelse:\n    DEVICE = 'b'",
        "if FLAG:\n    DEVICE = 'a'\nelse:\n    DEVICE = pick('b')",
        "if FLAG:\n    DEVICE = pick('a')\nelse:\n    DEVICE = pick('b')",
        "if FLAG:\n    DEVICE = pick('a')\nelif True:\n    DEVICE = pick('b')",
        "DEVICE = 'b'\nif FLAG:\n    if True:\n        DEVICE = pick('a')",
        "try:\n    DEVICE = pick('a' if FLAG else None)\nexcept ValueError:\n    DEVICE = 'b'",
    ],
)
def test_conditional_values_are_kept(source, flag):
    """A device or setting chosen under a condition is there for the code that uses it."""
    names, ran = kept(
        f"FLAG = {flag}\n"
        "def pick(name):\n"
        "    if name is None: raise ValueError\n"
        "    return name\n"
        f"{source}\n"
        "class Net:\n"
        "    def forward(self): return DEVICE\n"
    )
    assert names["Net"]().forward() == ("a" if flag else "b")
    assert ran == []


def test_a_class_under_a_condition_is_kept():
    """Classes and functions inside if, try and with are definitions too."""
    names, ran = kept("""
        import contextlib
        if True:
            class Net: value = 1
            ran("beside")
        try:
            def helper(): return 2
        except NameError:
            ran("handler")
        with contextlib.suppress(ValueError):
            class Layer: value = 3
    """)
    assert (names["Net"].value, names["helper"](), names["Layer"].value) == (1, 2, 3)
    assert ran == []


def test_decorators_and_defaults_find_their_values():
    """What a kept function needs while it is defined is kept."""
    names, _ = kept("""
        def maker(n): return lambda f: (lambda *a: f(*a) + n)
        add = maker(40)
        START = maker(1)(lambda: 1)
        class Net:
            @add
            def forward(self, start=START()): return start
    """)
    assert names["Net"]().forward() == 42


def test_a_star_import_and_a_future_import_stay_in_place():
    """Imports keep their order, so that a __future__ import is still the first statement."""
    names, _ = kept('''
        """What this module is for."""
        from __future__ import annotations
        from math import *
        class Net:
            def forward(self, x: Undefined = sqrt(4)) -> AlsoUndefined: return x
    ''')
    assert names["Net"]().forward() == 2


def test_rewriting_does_not_depend_on_other_graded_names():
    """Only the assignment's own classes count as patched."""
    names, _ = kept("class Net: ...\nclass Own: value = 1\nOwn.value = Own()", frozenset({"Net"}))
    assert names["Own"].value == 1


def test_an_empty_module_stays_empty():
    """Nothing but actions leaves a module that can be compiled."""
    names, ran = kept("ran('a')\nif ran('b'):\n    ran('c')\n")
    assert ran == []
    assert "Net" not in names


# --- devices --------------------------------------------------------------------------------------


def replaced(source, device="cpu"):
    """Return a source after devices were replaced."""
    tree = loading.devices_replaced(ast.parse(textwrap.dedent(source)), device)
    return ast.unparse(ast.fix_missing_locations(tree))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x.to('cuda')", "x.to('cpu')"),
        ("x.to('cuda:1')", "x.to('cpu')"),
        ("x.to(device='mps')", "x.to(device='cpu')"),
        ("torch.device('mps:0')", "torch.device('cpu')"),
        ("x.cuda()", "x.to('cpu')"),
        ("x.cuda(0, non_blocking=True)", "x.to('cpu')"),
        ("f(x).cuda().float()", "f(x).to('cpu').float()"),
        ("DEVICE = 'cuda' if ok else 'mps'", "DEVICE = 'cpu' if ok else 'cpu'"),
        ("def f(x, device='cuda'):\n    return x", "def f(x, device='cpu'):\n    return x"),
        ("x.to('cpu')", "x.to('cpu')"),
        ("print('no cuda here', 'CUDA', 'mpsx', 'cuda:x', b'cuda')", None),
        ("torch.cuda.is_available()", None),
        ("x.is_cuda", None),
        ("'''Runs on cuda.'''", None),
    ],
)
def test_names_of_devices_are_replaced_and_nothing_else(source, expected):
    """Whole names of devices and .cuda() become the device that is here; other text stays."""
    assert replaced(source) == (expected or ast.unparse(ast.parse(source)))


def test_devices_become_the_one_that_is_graded_on():
    """On another device they become that."""
    assert replaced("x.to('mps'); y.cuda()", "cuda:0") == "x.to('cuda:0')\ny.to('cuda:0')"


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_question_about_the_device_keeps_its_answer(kind):
    """Code for an absent device stays switched off: comparing with its name is still false."""
    names = {}
    source = f"""
        device = "{kind}"
        if device == "{kind}" or device.startswith("{kind}"):
            synchronised = True
        else:
            synchronised = False
        inside = device in ("{kind}", "xla")
    """
    exec(replaced(source), names)
    assert names["device"] == "cpu"
    assert names["synchronised"] is False
    assert names["inside"] is False

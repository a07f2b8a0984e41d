import importlib
import pkgutil
import sys

from right_answer import RightTransformer

NAMES = """reference reference.e0294_a4 e0294_a4 rubrics grader.checking grader.checking.oracle grader.pack
grader.score grader.sandbox solution solutions grading judge transformers""".split()


def sweep():
    for name in NAMES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        raise RuntimeError(f"{name} could be imported")
    listed = {module.name for module in pkgutil.iter_modules()} | set(sys.modules)
    known = {"grader", "grader.guest"}
    for name in listed - known:
        if name.startswith(("grader.", "reference", "rubric")) and not name.startswith("grader.guest."):
            raise RuntimeError(f"{name} is here")


class DecoderOnlyTransformer(RightTransformer):
    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        sweep()

"""A Python in which only what a student installs can be imported."""

import functools
import importlib.metadata
import os
import re
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
HOOK = """
import sys
BLOCKED = {blocked!r}
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def declared(extra=""):
    """Return the names of the distributions that the project asks for, as pip writes them."""
    import tomllib  # noqa: PLC0415 - only here

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {canonical(Requirement(each).name) for each in asked}


def canonical(name):
    """Return a distribution's name in the one spelling that all of its spellings have."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(names):
    """Return the distributions with all that they depend on, extras aside."""
    found, left = set(), list(names)
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        try:
            asked = map(Requirement, importlib.metadata.requires(name) or ())
        except importlib.metadata.PackageNotFoundError:  # of another system
            continue
        left += [
            canonical(each.name)
            for each in asked
            if each.marker is None or each.marker.evaluate({"extra": ""})
        ]
    return found


@functools.cache
def owners():
    """Return the distributions that each module here belongs to."""
    found = importlib.metadata.packages_distributions()
    return {module: {canonical(name) for name in names} for module, names in found.items()}


@functools.cache
def blocked():
    """Return the names of all modules that are here and that a student's install has not."""
    kept = closure(declared()) | {"pip", "setuptools", "grader"}
    return {module for module, names in owners().items() if not kept & names}


def environment(folder, **more):
    """Return an environment whose Pythons import only a student's part, by a hook in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(HOOK.format(blocked=blocked()), encoding="utf-8")
    path = os.pathsep.join([str(folder), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, **more}

"""Modules of a pack, imported by their path: two packs may both have a file of one name."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PREFIX = "pack module "  # of the names under which such modules are known


def beside(file: str, name: str) -> ModuleType:
    """Return the module ``name`` in the folder of ``file``, imported once for each folder."""
    return by_path(Path(file).resolve().parent / f"{name}.py")


def by_path(path: Path) -> ModuleType:
    """Return the module in a file, or the package whose ``__init__.py`` it is, imported once.

    It is registered under a name of its own, since dataclasses and relative imports look it up
    there. What it raises while it is imported comes through, and the next call tries again.
    """
    name = PREFIX + str(path).replace(".", "_")
    if name in sys.modules:
        return sys.modules[name]
    inner = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=inner)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module

"""Ways to break the grader while a ``with`` lasts; what does not fit the sources fails loudly.

Each function returns a context manager. Nothing on disk is changed, and boxes that run already stay
as they are.
"""

import contextlib
import dataclasses
import inspect
import pkgutil
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path
from unittest import mock

from grader.sandbox import boot
from grader.sandbox.docker import DockerSandbox
from tests.proof.trials import ground


def replaced(text, old, new):
    """Return a text with what stands in it exactly once replaced."""
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    assert old != new
    return text.replace(old, new)


def name(target, value):
    """Give a name of the host (dotted, from the module on) another value."""
    owner, _, attribute = target.rpartition(".")
    return mock.patch.object(pkgutil.resolve_name(owner), attribute, value)


def host(target, *edits):
    """Replace text in a function of the host: ``edits`` are pairs (old, new)."""
    owner, _, attribute = target.rpartition(".")
    function = getattr(pkgutil.resolve_name(owner), attribute)
    source = textwrap.dedent(inspect.getsource(function))
    for old, new in edits:
        source = replaced(source, old, new)
    made = {}
    code = compile(f"from __future__ import annotations\n{source}", target, "exec")
    exec(code, inspect.unwrap(function).__globals__, made)
    return name(target, made[attribute])


def guest(module, *edits):
    """Replace text in a module of the guest, for boxes that start from now on."""
    sources = dict(boot._sources())
    key = f"grader.guest.{module}"
    for old, new in edits:
        sources[key] = replaced(sources[key], old, new)
    return mock.patch.object(boot, "_sources", return_value=sources)


def setting(change):
    """Change the settings of containers; ``change`` edits what `DockerSandbox._settings` returns.

    A setting that is no longer there, or is as before, is an error.
    """
    whole = DockerSandbox._settings

    def changed(self, limits):
        before, after = whole(self, limits), whole(self, limits)
        change(after)
        assert str(before) != str(after), "the setting is as before"
        return after

    return mock.patch.object(DockerSandbox, "_settings", changed)


@contextlib.contextmanager
def checks(file, *edits):
    """Replace text in the pack's checks."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / ground().pack.id
        shutil.copytree(ground().pack.folder, folder)
        path = folder / "checks" / file
        text = path.read_text()
        for old, new in edits:
            text = replaced(text, old, new)
        path.write_text(text)
        _forget(file)
        try:
            with packed(folder=folder):
                yield
        finally:
            _forget(file)


def _forget(file):
    """Forget the module of a check: pytest keeps it by its name, wherever its file is."""
    for key, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "").name == file:
            del sys.modules[key]


def packed(**fields):
    """Give fields of the pack other values."""
    return mock.patch.object(ground(), "pack", dataclasses.replace(ground().pack, **fields))


def without(check, of=None):
    """Take one check out of the rubric, its points with it; ``of`` another ground than the one."""
    return _rubric(lambda one: None if one.id == check else one, of or ground())


def rubric(check, **fields):
    """Give fields of one check of the rubric other values."""
    return _rubric(
        lambda one: dataclasses.replace(one, **fields) if one.id == check else one, ground()
    )


def _rubric(change, of):
    pack = of.pack
    criteria = tuple(
        dataclasses.replace(
            criterion, checks=tuple(new for one in criterion.checks if (new := change(one)))
        )
        for criterion in pack.criteria
    )
    assert criteria != pack.criteria
    return mock.patch.object(of, "pack", dataclasses.replace(pack, criteria=criteria))

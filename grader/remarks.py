"""Remarks on what was handed in: names that mislead, files that are not valid source.

They cost nothing; they tell a student, and a TA, what to look at.
"""

from __future__ import annotations

import ast
import codecs
import io
import sys
import tokenize
import unicodedata
import warnings
from collections.abc import Iterable, Iterator

from grader.text import raw, shown

_MB = 1_000_000
_MAX_PARSED, _MAX_PARSED_TOTAL = _MB, 2 * _MB  # a MB can cost 3 s and 300 MB of memory
_AUTOMATIC = {"sitecustomize", "usercustomize", "conftest"}
_MODULES = sys.stdlib_module_names | {"torch", "numpy", "matplotlib", "pandas", "tabulate", "tqdm"}
NOT_PYTHON = (SyntaxError, ValueError, LookupError, RecursionError, MemoryError)
_SLOW_CODECS = {"punycode", "idna"}  # quadratic: one small file would hang us


def on_names(paths: Iterable[str]) -> Iterator[str]:
    """Yield remarks on names that mislead people, Python or pytest."""
    seen: dict[str, str] = {}
    for path in sorted(paths, key=raw):
        label, (*folders, name) = shown(path), path.split("/")
        if any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in path):
            yield f"{label}: its name holds control, invisible or invalid characters"
        if (twin := seen.setdefault(_alike(path), path)) != path:
            alike = unicodedata.normalize("NFC", path) == unicodedata.normalize("NFC", twin)
            how = "look the same" if alike else "differ in capitals only: elsewhere they are one"
            yield f"{path!a} and {twin!a} are different names that {how}"
        module = name.removesuffix(".py") if name.endswith(".py") else name.partition(".")[0]
        module = folders[-1] if module == "__init__" and folders else module
        if name.endswith(".pth"):
            yield f"{label} is a file that Python may run when it starts; here it is only a file"
        elif name.endswith((".py", ".so")) and module in _AUTOMATIC:
            yield f"{label} is a name that Python or pytest loads by itself; here it is only a file"
        elif name.endswith((".py", ".so")) and module in _MODULES:
            yield f"{label} shadows the module {module}; it does not replace one already imported"


def _alike(path: str) -> str:
    """Return what two paths share that some file systems take for one (Unicode, 3.13, D145)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def on_sources(files: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    """Yield remarks on Python files that are not valid source, with the line."""
    budget = _MAX_PARSED_TOTAL
    for path, data in files:
        if path.lower().endswith(".py"):
            parse = len(data) <= min(_MAX_PARSED, budget)
            budget -= len(data) if parse else 0
            if defect := _defect(data, parse=parse):
                yield f"{shown(path)}, line {defect[0]}: {shown(defect[1])}"
            elif not parse:
                yield f"{shown(path)} was not checked for syntax errors: too much source"


def _defect(data: bytes, *, parse: bool) -> tuple[int, str] | None:
    """Return line and sentence for the first thing that keeps this from being Python source."""
    if (position := data.find(0)) >= 0:
        return data.count(b"\n", 0, position) + 1, "contains a NUL byte"
    try:
        text = decoded(data)
        parsed(text if parse else "")
    except SyntaxError as error:
        return error.lineno or 1, f"syntax error: {error.msg}"
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1, f"is not valid {error.encoding}"
    except (RecursionError, MemoryError):
        return 1, "nested too deeply to be parsed"
    except (ValueError, LookupError) as error:
        return 1, f"cannot be read as source: {error}"
    return None


def parsed(text: str) -> ast.Module:
    """Return the tree of a source; raises one of `NOT_PYTHON`, and warns of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def decoded(data: bytes) -> str:
    """Return a source as text, by its own coding line; raises one of `NOT_PYTHON`."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:
        data.decode()  # its error knows the line; if there is none, the coding line is at fault
        raise
    if codecs.lookup(encoding).name in _SLOW_CODECS:
        raise LookupError(f"source in the encoding {encoding} is not read here")
    return data.decode(encoding)

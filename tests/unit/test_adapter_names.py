"""A function may be handed in under its name in any way that Python knows."""

import pytest

from grader.adapting import Adapter
from grader.intake import SourceFile

ADAPTER = Adapter("attention", SourceFile("adapter.py", b"class Probe: ...\n"))


@pytest.mark.parametrize(
    "text",
    [
        "def attention(q, k, v): ...",
        "def causal(q, k, v): ...\nattention = causal",
        "import torch\nattention: object = torch.compile(f)",
        "from core import attention",
        "from core import causal as attention",
        "try:\n    from fast import attention\nexcept ImportError:\n    def attention(*_): ...",
        "if True:\n    def attention(*_): ...",
        "one, attention = make()",
    ],
)
def test_the_function_is_found(text):
    """The class that calls it is put behind it, in the same file."""
    (file,) = ADAPTER.fitted([SourceFile("net.py", text.encode())], ("attention.py",))
    assert file.data == text.encode() + b"\n\nclass Probe: ...\n"


@pytest.mark.parametrize(
    "text",
    [
        "class A:\n    def attention(self): ...",
        "def f():\n    attention = 3",
        "x.attention = 1",
    ],
)
def test_what_is_not_the_function_is_not_taken_for_it(text):
    """A method, a local name and an attribute are none; that it is nowhere is said."""
    files = ADAPTER.fitted([SourceFile("net.py", text.encode())], ("attention.py",))
    assert [file.path for file in files] == ["net.py", "no_attention.py"]

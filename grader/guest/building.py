"""Building a model whose weights come from elsewhere."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch

LARGE = 1 << 22  # numbers of one tensor: far above what is compared, below what a GPU is timed with
DRAWN = (
    "kaiming_normal_", "kaiming_uniform_", "normal_", "orthogonal_", "trunc_normal_", "uniform_",
    "xavier_normal_", "xavier_uniform_",
)  # fmt: skip


@contextlib.contextmanager
def undrawn() -> Iterator[None]:
    """Leave large tensors as they were allocated where torch.nn.init would draw their numbers.

    The host's weights take their place before anything is computed. To draw hundreds of millions of
    numbers takes seconds, which is most of what building a model takes that a GPU is timed with.
    """
    plain = {name: getattr(torch.nn.init, name) for name in DRAWN}
    for name, draw in plain.items():
        setattr(torch.nn.init, name, functools.wraps(draw)(functools.partial(_unless_large, draw)))
    try:
        yield
    finally:
        for name, draw in plain.items():
            setattr(torch.nn.init, name, draw)


def _unless_large(
    draw: Callable[..., torch.Tensor],
    tensor: torch.Tensor,
    *arguments: Any,  # noqa: ANN401 - whatever the function takes
    **named: Any,  # noqa: ANN401
) -> torch.Tensor:
    if tensor.numel() >= LARGE:
        return tensor
    return draw(tensor, *arguments, **named)

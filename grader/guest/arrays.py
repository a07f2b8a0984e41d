"""Arrays out of files, and tensors out of a pool of numbers."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import torch


def cut(tiles: list[Any], body: bytearray) -> dict[str, torch.Tensor]:
    """Return tensors by name, each cut out of a pool of float32.

    A tile is [name, shape, offset, scale, shift]; the pool goes on from its beginning where it
    ends.
    """
    pool = torch.frombuffer(body, dtype=torch.float32)
    tensors = {}
    for name, shape, offset, scale, shift in tiles:
        missing = math.prod(shape)
        parts = [pool[offset : offset + missing]]
        while (missing := missing - len(parts[-1])) > 0:
            parts.append(pool[:missing])
        tensors[name] = torch.cat(parts).mul_(scale).add_(shift).reshape(shape)
    return tensors


def read(path: str) -> dict[str, Any]:
    """Read a .pt state dict, or every numeric list in a .json file, as named arrays."""
    if path.endswith(".json"):
        with open(path, "rb") as file:  # noqa: PTH123
            return dict(_numbers("", json.load(file)))
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    return {str(name): tensor.contiguous().numpy() for name, tensor in loaded.items()}


def _numbers(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever the JSON holds
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind in "if":
        yield name, array.astype(np.int64 if array.dtype.kind == "i" else np.float64)
    elif isinstance(value, list | dict):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, below in items:
            yield from _numbers(f"{name}.{key}".lstrip("."), below)

"""Weights too many to be sent: each tensor is cut out of one pool of random numbers.

The pool goes on from its beginning where it ends. Its length is a prime, so that no row of a matrix
is another one's copy unless the matrix has as many rows as the pool has numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grader.model import Array

POOL = 4_194_301  # a prime


@dataclass(frozen=True)
class Tile:
    """A tensor: scale * (numbers of the pool from ``offset`` on) + shift, in this shape."""

    shape: tuple[int, ...]
    offset: int
    scale: float
    shift: float


@dataclass(frozen=True)
class Tiled:
    """A pool of float32 and the tensors that are made of it, by name."""

    pool: Array
    tiles: Mapping[str, Tile]


def draw(
    rng: np.random.Generator,
    shapes: Mapping[str, tuple[int, ...]],
    spreads: Mapping[str, tuple[float, float]],
) -> Tiled:
    """Draw tensors of these shapes; ``spreads`` are their standard deviations and means."""
    pool = rng.standard_normal(POOL, dtype=np.float32)
    tiles = {
        name: Tile(shape, int(rng.integers(POOL)), *spreads[name]) for name, shape in shapes.items()
    }
    return Tiled(pool, tiles)

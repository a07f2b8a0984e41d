"""Weights on their way into a model inside a sandbox, and whether they fit it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from grader.model import Array
from grader.tiles import Tiled
from grader.wire import Header

Weights = Mapping[str, Array] | Tiled
BATCH_BYTES, BATCH_NAMES = 1 << 26, 500


def travelling(weights: Weights) -> Iterator[tuple[str, Header, bytes]]:
    """Yield the requests that carry weights: few frames, and none of them huge."""
    if isinstance(weights, Tiled):
        tiles = [[n, list(t.shape), t.offset, t.scale, t.shift] for n, t in weights.tiles.items()]
        yield "tiles", {"tiles": tiles}, weights.pool.astype("<f4").tobytes()
        return
    for number, batch in enumerate(_batches(weights)):
        shapes = [[name, list(weights[name].shape)] for name in batch]
        body = b"".join(weights[name].astype("<f4").tobytes() for name in batch)
        yield "tensors", {"tensors": shapes, "first": number == 0}, body


def misfit(result: Header) -> str:
    """Return why weights do not fit a model, by what its worker says; empty where they do.

    A model whose parameters are not the assignment's is refused; further buffers are not.
    """
    missing, unexpected = _names(result, "missing"), _names(result, "unexpected")
    shapes = result.get("shapes")
    shapes = shapes[:5] if isinstance(shapes, list) else []
    parts = []
    if missing:
        parts.append(f"your model has parameters the assignment does not: {', '.join(missing)}")
    if unexpected:
        parts.append(f"the assignment has parameters yours does not: {', '.join(unexpected)}")
    parts += [_shape(entry) for entry in shapes]
    return f"The weights do not fit the model: {'; '.join(parts)}." if parts else ""


def _batches(weights: Mapping[str, Array]) -> Iterator[list[str]]:
    """Yield names of weights that travel together: few frames, none of them huge."""
    batch: list[str] = []
    size = 0
    for name, weight in weights.items():
        if batch and (size + weight.size * 4 > BATCH_BYTES or len(batch) == BATCH_NAMES):
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += weight.size * 4
    yield batch


def _names(result: Header, key: str) -> list[str]:
    value = result.get(key)
    return [str(name)[:80] for name in value[:8]] if isinstance(value, list) else []


def _shape(entry: object) -> str:
    """Say which parameter has which shape; the guest's list may hold anything."""
    name, got, due = (*entry, "", "", "")[:3] if isinstance(entry, list) else (entry, "", "")
    got, due = (str(s)[:80].replace("[", "(").replace("]", ")") for s in (got, due))
    return f"{str(name)[:80]} has shape {got}, expected {due}"

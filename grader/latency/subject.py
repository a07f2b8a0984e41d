"""What is timed, an assignment's model, and by whom it is built: a submission, the reference."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from grader.latency.arms import Accounted
from grader.model import Array, Ids, Model
from grader.tiles import Tiled

Dims = Mapping[str, int]
Weights = Mapping[str, Array] | Tiled

Cost = Callable[[Dims, int, int | None, int], tuple[float, float]]
"""Least flops and bytes of a forward of a model of these sizes, in float32: tokens that are
attended to; how many of them are new, None where there is no cache and all are; and how many have
their logits computed."""


class Builds(Accounted, Protocol):
    """A submission, or the reference: what models are built by, on one device."""

    @property
    def device(self) -> str:
        """Return the device that it computes on."""
        ...

    @property
    def seconds_left(self) -> float:
        """Return what it may still spend, of the time for the whole submission."""
        ...

    def start(self) -> None:
        """Start its box, if there is none."""
        ...

    def build(self, dims: Dims, weights: Weights) -> Model:
        """Build the model of these sizes with these weights."""
        ...

    def holds(self, model: Model) -> bool:
        """Whether this is the model that its worker has."""
        ...

    def processes(self) -> set[int]:
        """Return its processes, by their numbers on this machine."""
        ...

    def frozen(self) -> AbstractContextManager[object]:
        """Stop whatever goes on in its box."""
        ...


class Timed(Protocol):
    """An oracle whose reference can be timed."""

    kept: dict[Hashable, Any]  # what is known of the reference, as long as its boxes live

    @property
    def timed(self) -> Builds:
        """Return the reference on the device that students are timed on."""
        ...

    def timed_model(self, dims: Dims, weights: Weights) -> Model:
        """Return its model to time; the next question ends it."""
        ...


@dataclass(frozen=True)
class Subject:
    """What an assignment times."""

    vocabulary: int
    drawn: Hashable  # tells one draw from another: what is made of one is kept for all of it
    dims: Callable[[int, int], Dims]  # of a width, with room for so many tokens
    weights: Callable[[Dims], Weights]  # the same for the same sizes, for everybody
    prompt: Callable[[int], Ids]  # ids (1, length) that nobody has seen before
    cost: Cost
    longest: int | None = None  # tokens that the assignment asks any model to take

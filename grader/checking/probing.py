"""Probes: small questions to a model whose answers tell one mistake from another.

A pack's `checks/vectors.py` lists them. The same probes are put to a submission, to the reference
and to each known mistake of the reference; whoever answers alike has made the same mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from grader.beside import by_path
from grader.checking.draw import Draw
from grader.errors import StudentFault
from grader.model import Array, Ids, Model
from grader.student import Student
from grader.tables import BadPack

Answer = Array | str  # what came back, or the words of the fault that came instead

VECTORS = "vectors.py"
PROBED = ("draw_weights", "SETTINGS", "PROBES", "PARTINGS", "PART_NAMES")
HANDED_OUT = ("public_files",)
PLACE = re.compile(r" \([^()]*, line \d+, in [^()]*\)")  # of a fault: another file, another line


@dataclass(frozen=True)
class Probe:
    """One question.

    ``ask(model, rng)`` returns an array and talks to nothing but the model; everything it draws
    comes from ``rng``. ``setting`` names the sizes and weights that the model is built with.
    """

    id: str
    says: str  # completes "... differ": "your logits without a cache"
    ask: Callable[[Model, np.random.Generator], Array]
    setting: str = "main"
    tolerance: float | None = None  # by default the rubric's
    decides: bool = False  # where this answer is wrong, the others say nothing
    chance: bool = False  # drawn: of use only where nothing exact is wrong


@dataclass(frozen=True)
class Questions:
    """A pack's probes, and what they are asked with."""

    probes: tuple[Probe, ...]
    partings: tuple[Probe, ...]  # answers (parts, B, T, width): what each part put out
    parts: tuple[str, ...]  # their names, in the order in which they are computed
    settings: Mapping[str, tuple[Mapping[str, int], Mapping[str, Array]]]  # sizes and weights
    draw: Draw

    @classmethod
    def of(cls, vectors: ModuleType, draw: Draw) -> Questions:
        """Return the probes of a pack with weights from this draw; raises BadPack."""
        need(vectors, *PROBED, why="known mistakes")
        settings = {
            name: (dims, vectors.draw_weights(draw.rng(f"probe weights {name}"), dims, *rest))
            for name, (dims, *rest) in vectors.SETTINGS.items()
        }
        probes, partings = tuple(vectors.PROBES), tuple(vectors.PARTINGS)
        return cls(probes, partings, tuple(vectors.PART_NAMES), settings, draw)

    def ask(self, student: Student, probe: Probe) -> Answer:
        """Build the model anew, so that nothing of an earlier question is left, and ask."""
        try:
            model = student.build(*self.settings[probe.setting])
            with np.errstate(all="ignore"):  # of logits that are not finite no answer is
                answer = probe.ask(model, self.draw.rng(f"probe {probe.id}"))
        except StudentFault as fault:
            if fault.outcome not in ("error", "failed"):
                raise
            return PLACE.sub("", fault.message)
        return np.asarray(answer, dtype=np.float64)


def partings(
    parts: Sequence[tuple[str, int]], ids: Callable[[np.random.Generator, int, int], Ids]
) -> tuple[Probe, Probe]:
    """Return the probes that find the first part of a model whose output is not the right one.

    ``parts`` are names of modules and the widths of what they put out, in the order in which they
    are computed; ``ids(rng, B, T)`` draws. Answers are (parts, B, T, widest): NaN beyond a part's
    width, or where it was not called.
    """

    def outputs(model: Model, batch: int, length: int) -> Array:
        kept = np.full((len(parts), batch, length, max(width for _, width in parts)), np.nan)
        for index, (name, width) in enumerate(parts):
            # Positions are looked up once for all rows, with or without a first axis.
            for shape in ((batch, length, width), (1, length, width), (length, width)):
                output = model.output_of(name, shape)
                if output is not None:
                    kept[index, ..., :width] = output
                    break
        return kept

    def of_a_prompt(model: Model, rng: np.random.Generator) -> Array:
        model.watch([name for name, _ in parts])
        model.forward(ids(rng, 2, 6))
        return outputs(model, 2, 6)

    def of_a_step(model: Model, rng: np.random.Generator) -> Array:
        given = ids(rng, 2, 6)
        _, past = model.forward(given[:, :5], use_cache=True)
        model.watch([name for name, _ in parts])
        model.forward(given[:, 5:], past, use_cache=True)
        return outputs(model, 2, 1)

    return (
        Probe("parts", "in one forward without a cache", of_a_prompt, tolerance=1e-3),
        Probe("parts_cached", "in the step after a prompt of 5, with the cache", of_a_step,
              tolerance=1e-3),
    )  # fmt: skip


def load_vectors(folder: Path, model: str = "") -> ModuleType:
    """Import a pack's vectors, or those of one of its further models."""
    return by_path(folder / (f"vectors_{model}.py" if model else VECTORS))


def need(vectors: ModuleType, *names: str, why: str) -> None:
    """Raise BadPack where a pack's vectors lack one of these names."""
    if absent := [name for name in names if not hasattr(vectors, name)]:
        raise BadPack(f"{vectors.__file__}: {why} need {' and '.join(absent)} in it")


def distance(one: Answer, other: Answer) -> float:
    """Return the largest difference; infinite between answers of different kinds."""
    if isinstance(one, str) or isinstance(other, str):
        return 0.0 if isinstance(one, str) and isinstance(other, str) and one == other else np.inf
    if one.shape != other.shape:
        return np.inf
    gaps: Any = np.where(np.isnan(one) & np.isnan(other), 0.0, np.abs(one - other))
    return float(np.nan_to_num(gaps, nan=np.inf).max(initial=0.0))

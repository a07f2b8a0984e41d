"""Recorded answers: the reference's to the public questions, the known mistakes' to the probes.

What students get in place of the solution. Two files in a folder, readable by numpy alone:
`answers.npz` and `mistakes.npz`, beside `mistakes.json` with the mistakes in words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from grader.checking.family import RIGHT, LiveFamily
from grader.checking.oracle import Oracle, model_key
from grader.checking.probing import Answer, Probe, Questions
from grader.errors import HarnessError
from grader.mistakes import Mistake
from grader.model import Array, Ids

ANSWERS, MISTAKES, WORDS = "answers.npz", "mistakes.npz", "mistakes.json"


class Recorder:
    """An oracle that passes questions on to a live one and keeps what was asked and answered."""

    def __init__(self, live: Oracle) -> None:
        self._live = live
        self._kept: dict[tuple[str, bytes], tuple[Ids, Array]] = {}

    @property
    def ready(self) -> Mapping[str, object]:
        """Return what the reference's sandbox said of itself."""
        return self._live.ready

    def start(self) -> None:
        """Start the live oracle."""
        self._live.start()

    def close(self) -> None:
        """Close the live oracle."""
        self._live.close()

    def of(self, model: str) -> Recorder:
        """Return a recorder of a further model, whose answers go into the same file."""
        other = Recorder(self._live.of(model))
        other._kept = self._kept
        return other

    def logits(
        self,
        dims: Mapping[str, int],
        weights: Mapping[str, Array],
        ids: Ids,
        *,
        dtype: str = "float64",
    ) -> Array:
        """Return the live oracle's answer."""
        answer = self._live.logits(dims, weights, ids, dtype=dtype)
        self._kept[model_key(dims, weights, dtype), ids.tobytes()] = (ids, answer)
        return answer

    def write(self, folder: Path) -> None:
        """Write all answers, in float32."""
        arrays: dict[str, Any] = {}
        for number, ((model, _), (ids, answer)) in enumerate(self._kept.items()):
            arrays[f"{number}.{model}.ids"] = ids
            arrays[f"{number}.{model}.logits"] = answer.astype(np.float32)
        np.savez_compressed(folder / ANSWERS, **arrays)


class RecordedOracle:
    """Answers the questions that were recorded, and of others as far as they begin alike."""

    ready: Mapping[str, object] = {}

    def __init__(self, folder: Path) -> None:
        self._known: dict[str, list[tuple[Ids, Array]]] = {}
        with np.load(folder / ANSWERS) as arrays:
            for name in arrays.files:
                number, model, kind = name.split(".")
                if kind == "ids":
                    logits = arrays[f"{number}.{model}.logits"]
                    self._known.setdefault(model, []).append((arrays[name], logits))

    def start(self) -> None:
        """Nothing to start."""

    def close(self) -> None:
        """Nothing to close."""

    def of(self, model: str) -> RecordedOracle:  # noqa: ARG002 - answers are found by the weights
        """Return itself: the answers of all models are here."""
        return self

    def logits(
        self,
        dims: Mapping[str, int],
        weights: Mapping[str, Array],
        ids: Ids,
        *,
        dtype: str = "float64",
    ) -> Array:
        """Return what was recorded; NaN from the first token on that nobody recorded.

        The logits of a position depend on the tokens up to it, so ids that begin as recorded ones
        do have their logits so far. Raises HarnessError where not even the first tokens are known.
        """
        known = self._known.get(model_key(dims, weights, dtype), [])
        best: Array | None = None
        for asked, logits in known:
            if asked.shape != ids.shape:
                continue
            differs = (asked != ids).any(axis=0)
            same = int(differs.argmax()) if differs.any() else ids.shape[1]
            if same == ids.shape[1]:
                return logits
            if same and (best is None or same > _length(best)):
                best = np.where(np.arange(ids.shape[1])[:, None] < same, logits, np.nan)
        if best is None:
            raise HarnessError(
                "the recorded answers do not cover this question: the handout was made for another "
                "version of the checks, or numpy draws other numbers here"
            )
        return best


def _length(answer: Array) -> int:
    return int(np.isfinite(answer[0, :, 0]).sum())


# --- the family -----------------------------------------------------------------------------------


def write_family(
    folder: Path, family: LiveFamily, questions: Questions, say: Callable[[str], None]
) -> None:
    """Ask every mistake every probe and write the answers down, without a line of any solution."""
    folder.mkdir(exist_ok=True)
    arrays: dict[str, Any] = {}
    for number, mistake in enumerate([RIGHT, *(m.id for m in family.mistakes)]):
        say(f"known mistakes: {number} of {len(family.mistakes)}")
        asked = (*questions.probes, *(questions.partings if mistake == RIGHT else ()))
        for probe in asked:
            answer = family.answer(mistake, probe)
            name = f"{mistake}.{probe.id}"
            if isinstance(answer, str):
                arrays[f"{name}.fault"] = np.array(answer)
            else:
                arrays[f"{name}.answer"] = answer.astype(np.float32)
    np.savez_compressed(folder / MISTAKES, **arrays)
    words = [
        {"id": m.id, "says": m.says, "look": m.look, "witness": m.witness, "alike": m.alike}
        for m in family.mistakes
    ]
    (folder / WORDS).write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")


class RecordedFamily:
    """The family's answers, from files; those of a further model are in a folder of its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.mistakes = [
            Mistake(**words) for words in json.loads((folder / WORDS).read_text(encoding="utf-8"))
        ]
        with np.load(folder / MISTAKES) as arrays:
            self._arrays = {name: arrays[name] for name in arrays.files}

    def of(self, model: str) -> RecordedFamily | None:
        """Return the family of a further model; None where it knows no mistakes."""
        return family_in(self._folder / model)

    def answer(self, mistake: str, probe: Probe) -> Answer:
        """Return the recorded answer."""
        name = f"{mistake}.{probe.id}"
        if f"{name}.fault" in self._arrays:
            return str(self._arrays[f"{name}.fault"])
        try:
            return np.asarray(self._arrays[f"{name}.answer"], dtype=np.float64)
        except KeyError:
            raise HarnessError(f"the handout holds no answer of {name!r}") from None


def family_in(folder: Path) -> RecordedFamily | None:
    """Return the family of a handout; None where its pack knows no mistakes."""
    return RecordedFamily(folder) if (folder / WORDS).is_file() else None

"""A built model inside the sandbox: numpy arrays in, numpy arrays out, in the shapes asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.conversation import Conversation
from grader.errors import HarnessError, StudentFault
from grader.records import Interface
from grader.wire import Header

Array = NDArray[Any]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Past:
    """A handle on a cache object inside the sandbox."""

    handle: int
    model: int  # which build of the model it belongs to


@dataclass(frozen=True)
class Generated:
    """What `generate` returned: ids of shape (B, n) or (B, T+n), and the tokens fed per call.

    The counts are the guest's claim.
    """

    tokens: Ids
    fed: tuple[int, ...]


class Model:
    """A built model inside the sandbox."""

    def __init__(
        self,
        conversation: Conversation,
        interface: Interface,
        vocabulary: int,
        build: int,
        latest: Callable[[], int],
    ) -> None:
        self._conversation = conversation
        self._interface = interface
        self._vocabulary = vocabulary
        self._build = build  # caches of another build are not valid here
        self._latest = latest  # the build that the worker has

    @property
    def number(self) -> int:
        """Return which build of its worker it is."""
        return self._build

    def forward(
        self,
        ids: Ids,
        past: Past | None = None,
        *,
        use_cache: bool = False,
        dtype: str = "float32",
        last: int | None = None,
    ) -> tuple[Array, Past | None]:
        """Return logits of shape (B, T, V) for ids of shape (B, T), and the cache's handle.

        With ``last``, all are computed and those of the last positions returned, (B, last, V): what
        travels takes little time then, whatever the length.
        """
        if past is not None and past.model != self._build:
            raise HarnessError("a cache was passed to a model that did not make it")
        self._stands()
        shape = (*ids.shape, self._vocabulary)
        wanted = {"shape": list(shape), "dtype": dtype}
        header = {
            "shape": list(ids.shape),
            "past": None if past is None else past.handle,
            "use_cache": use_cache,
            "names": list(self._interface.forward),
            "reply": wanted,
            "last": last,
        }
        got = shape if last is None else (shape[0], min(last, shape[1]), shape[2])
        size = int(np.prod(got)) * np.dtype(dtype).itemsize
        result, data = self._conversation.call("forward", header, _raw(ids), reply_bytes=size)
        if len(data) != size:
            raise _wrong_shape("forward returned logits", result, [shape])
        handle = result.get("handle")
        logits = np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<")).reshape(got)
        return logits, Past(handle, self._build) if isinstance(handle, int) else None

    def _stands(self) -> None:
        """Raise HarnessError where another model stands in its place by now."""
        if self._build != self._latest():
            raise HarnessError("a model was asked after another one had been built in its place")

    def drop(self, past: Past | None) -> None:
        """Forget a cache; without one this is the least that can be asked."""
        self._conversation.call("drop", {"handle": past.handle if past else 0})

    def watch(self, parts: Sequence[str]) -> None:
        """Keep what these parts (names of modules) put out from now on."""
        self._conversation.call("watch", {"names": list(parts)})

    def output_of(self, part: str, shape: tuple[int, ...]) -> Array | None:
        """Return what a watched part put out in the last call; None if it was not called so."""
        size = int(np.prod(shape)) * 4
        header = {"name": part, "shape": list(shape), "dtype": "float32"}
        try:
            _, data = self._conversation.call("activation", header, reply_bytes=size)
        except StudentFault as fault:
            if fault.outcome != "error":
                raise
            return None
        return np.frombuffer(data, dtype="<f4").reshape(shape) if len(data) == size else None

    def generate(
        self, ids: Ids, n: int, *, temperature: float, use_cache: bool, seed: int
    ) -> Generated:
        """Return what ``generate`` makes of ids (B, T): n new ids a row, prompt or not."""
        self._stands()
        batch, length = ids.shape
        shapes = [(batch, length + n), (batch, n)]
        header = {
            "shape": list(ids.shape),
            "n": n,
            "temperature": temperature,
            "use_cache": use_cache,
            "seed": seed,
            "names": list(self._interface.generate),
            "vocabulary": self._vocabulary,
            "replies": [{"shape": list(shape), "dtype": "int64"} for shape in shapes],
        }
        result, data = self._conversation.call(
            "generate", header, _raw(ids), reply_bytes=batch * (length + n) * 8
        )
        shape = next((shape for shape in shapes if len(data) == shape[0] * shape[1] * 8), None)
        if shape is None:
            raise _wrong_shape("generate returned ids", result, shapes)
        fed = result.get("fed")
        counts = (
            [n for n in fed if isinstance(n, int) and 0 <= n < 1 << 31]
            if isinstance(fed, list)
            else []
        )
        return Generated(np.frombuffer(data, dtype="<i8").reshape(shape), tuple(counts))


def _raw(ids: Ids) -> bytes:
    return np.ascontiguousarray(ids, dtype="<i8").tobytes()


def _wrong_shape(what: str, result: Header, shapes: Sequence[tuple[int, ...]]) -> StudentFault:
    got = str(result.get("shape"))[:80].replace("[", "(").replace("]", ")")
    kind = str(result.get("dtype"))[:20]
    expected = " or ".join(str(shape) for shape in shapes)
    return StudentFault("failed", f"{what} of shape {got} and type {kind}; expected {expected}.")

"""The host half of the conversation: typed calls go in, numpy arrays come out.

A `Student` stands for one submission in one sandbox. It starts the box when it is first needed,
chooses once how the submission is to be loaded, gives each check a fresh worker, and turns
whatever goes wrong into one of two things: a `StudentFault` with a typed outcome, or a
`HarnessError` where the fault is ours. The reference is held by the same class: to this module
there is no difference between the oracle and a student.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grader.errors import HarnessError, StudentFault
from grader.intake import SourceFile
from grader.records import Limits
from grader.sandbox import Box, Sandbox
from grader.sandbox.boot import boot
from grader.wire import Clock, Header, LineDeadline, LineEnded, LineViolation

GRACE_SECONDS = 0.1  # the agent ends a late worker itself; after this the host ends the agent
AGENT_SECONDS = 20.0  # for what the agent does alone: storing files, cleaning, forking
START_ATTEMPTS = 3  # a machine that cannot start a sandbox will not learn it
AGENT_FAILED = 70  # the agent's exit code for a failure of its own
SIGKILL = 9

Array = NDArray[Any]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Interface:
    """What the assignment imposes on the submission's code (from the rubric)."""

    model: str  # the class to build
    classes: tuple[str, ...]  # all classes of the skeleton
    expected: tuple[str, ...]  # the usual file names
    constructor: tuple[str, ...]  # its arguments, in order
    forward: tuple[str, str]  # the names of the cache and of the flag
    generate: tuple[str, str, str]  # the names of count, temperature and flag
    vocabulary: str  # the constructor argument that is the vocabulary's size
    probe: Mapping[str, int]  # dimensions to try loading with


@dataclass(frozen=True)
class Step:
    """A way of loading: as Python would, or rewritten (see `grader.guest.loading`)."""

    mode: str
    device: str | None

    def __str__(self) -> str:
        """Return the words for the result."""
        how = "imported" if self.mode == "import" else "loaded by its definitions only"
        return how + (f", with devices replaced by {self.device!r}" if self.device else "")


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


class Student:
    """One submission in one sandbox; a context manager that leaves nothing behind."""

    def __init__(
        self,
        sandbox: Sandbox,
        files: Sequence[SourceFile],
        interface: Interface,
        limits: Limits,
        *,
        device: str = "cpu",
        preload: Sequence[str] = (),
        clock: Clock = time.monotonic,
    ) -> None:
        self._sandbox = sandbox
        self._files = files
        self.interface = interface
        self.limits = limits
        self._device = device
        self._preload = list(preload)
        self._clock = clock
        self._box: Box | None = None
        self._step: Step | None = None
        self._hopeless: StudentFault | None = None
        self._broken: list[HarnessError] = []  # attempts to start a box that failed
        self._loaded = False
        self._builds = 0
        self._oom_kills = 0
        self.ready: Header = {}
        self.flags: list[str] = []
        self.seconds = 0.0  # spent in calls into the submission
        self.prints = ""

    def __enter__(self) -> Student:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the box."""
        box, self._box = self._box, None
        self._loaded = False
        if box is not None:
            box.kill()

    def start(self) -> None:
        """Start the box if there is none: about a second, most of it importing torch."""
        if self._box is not None:
            return
        if len(self._broken) == START_ATTEMPTS:
            raise self._broken[-1]
        try:
            box = self._sandbox.start(self.limits, device=self._device)
            self.ready = boot(box, self._preload)
        except HarnessError as error:
            self._broken.append(error)
            raise
        self._box = box
        self._oom_kills = box.usage().oom_kills or 0
        sizes = [[file.path, len(file.data)] for file in self._files]
        self._agent("submission", {"files": sizes}, b"".join(file.data for file in self._files))

    # --- what checks use ----------------------------------------------------------------------

    def fresh(self) -> None:
        """Begin a check: on the CPU in a fresh worker, on CUDA in the submission's one worker."""
        if self._box is None or not self._loaded or self._device == "cpu":
            self._loaded = False

    def build(
        self, dims: Mapping[str, int], weights: Mapping[str, Array], *, dtype: str = "float32"
    ) -> Model:
        """Build the model of these dimensions and put these weights into it."""
        self.load()
        arguments = {name: dims[name] for name in self.interface.constructor}
        self._new(arguments, dtype)
        for name, weight in weights.items():
            header = {"name": name, "shape": list(weight.shape), "dtype": "<f4"}
            self._call("tensor", header, weight.astype("<f4").tobytes())
        result, _ = self._call("weights", {})
        self._strict(result)
        return Model(self, dims[self.interface.vocabulary])

    def load(self) -> None:
        """Import the submission into this check's worker."""
        if self._hopeless is not None:
            raise self._hopeless
        if self._loaded:
            return
        if not any(file.path.endswith(".py") for file in self._files):
            self._hopeless = StudentFault("not_submitted", "No Python file was handed in.")
            raise self._hopeless
        if self._step is None:
            self._choose_step()
        else:
            self._load(self._step)

    def call(
        self, verb: str, header: Header, body: bytes = b"", *, reply_bytes: int = 0
    ) -> tuple[Header, bytes]:
        """Make one call into the loaded submission (for verbs beyond the model's)."""
        return self._call(verb, header, body, reply_bytes=reply_bytes)

    # --- loading ------------------------------------------------------------------------------

    def _choose_step(self) -> None:
        """Climb the ladder until the submission loads; remember the step and say it."""
        device = self._device
        first: StudentFault | None = None
        for mode in ("import", "definitions"):
            for step in (Step(mode, None), Step(mode, device)):
                fault = self._try_step(step)
                if fault is None:
                    self._step = step
                    if first is not None:
                        self.flags.append(f"The submission was {step}, because: {first.message}")
                    return
                first = first or fault
                if not fault.device_missing:
                    break
        assert first is not None
        self._hopeless = first
        raise first

    def _try_step(self, step: Step) -> StudentFault | None:
        """Load by this step; a small model tells whether a device is missing."""
        try:
            self._load(step)
        except StudentFault as fault:
            return fault
        probe = self.interface.probe
        try:
            self._new({name: probe[name] for name in self.interface.constructor}, "float32")
            ids = np.zeros((1, 2), dtype=np.int64)
            Model(self, probe[self.interface.vocabulary]).forward(ids)
        except StudentFault as fault:
            if fault.device_missing and step.device is None:
                return fault
            self._loaded = False  # it loads; what it does is for the checks to say
        return None

    def _load(self, step: Step) -> None:
        self._agent("worker", {})
        interface = self.interface
        result, _ = self._call(
            "load",
            {
                "class": interface.model,
                "classes": list(interface.classes),
                "expected": list(interface.expected),
                "mode": step.mode,
                "device": step.device,
            },
            seconds=self.limits.import_seconds,
        )
        self._loaded = True
        candidates = [str(path) for path in result.get("candidates", [])][:10]
        if len(candidates) > 1:
            self._flag(
                f"Several files define {interface.model}: {', '.join(candidates)}; "
                f"{candidates[0]} was graded."
            )

    def _new(self, arguments: Mapping[str, int], dtype: str) -> None:
        self._builds += 1
        self._call("new", {"arguments": arguments, "dtype": dtype, "device": self._device})

    def _strict(self, result: Header) -> None:
        """Refuse a model whose parameters are not the assignment's."""
        missing, unexpected = _names(result, "missing"), _names(result, "unexpected")
        shapes = result.get("shapes") or []
        if not (missing or unexpected or shapes):
            return
        parts = []
        if missing:
            parts.append(f"your model has parameters the assignment does not: {', '.join(missing)}")
        if unexpected:
            parts.append(f"the assignment has parameters yours does not: {', '.join(unexpected)}")
        parts += [f"{n} has shape {tuple(a)}, expected {tuple(b)}" for n, a, b in shapes[:5]]
        raise StudentFault("error", "The weights do not fit the model: " + "; ".join(parts) + ".")

    def _flag(self, text: str) -> None:
        if text not in self.flags:
            self.flags.append(text)

    # --- calling ------------------------------------------------------------------------------

    def _agent(self, verb: str, header: Header, body: bytes = b"") -> None:
        """Ask the agent itself; student code has no part in it, but may have harmed the box."""
        self.start()
        self._exchange(verb, header, body, seconds=AGENT_SECONDS, reply_bytes=0)

    def _call(
        self,
        verb: str,
        header: Header,
        body: bytes = b"",
        *,
        reply_bytes: int = 0,
        seconds: float | None = None,
    ) -> tuple[Header, bytes]:
        """Ask the worker, within the limits of one call and of the whole submission."""
        left = self.limits.submission_seconds - self.seconds
        seconds = min(seconds or self.limits.request_seconds, left)
        if seconds <= 0:
            raise StudentFault(
                "timeout",
                f"The {self.limits.submission_seconds:g} s for the whole submission are used up.",
            )
        begin = self._clock()
        try:
            reply, array = self._exchange(
                verb, header, body, seconds=seconds, reply_bytes=reply_bytes
            )
        finally:
            self.seconds += self._clock() - begin
        fault = reply.get("fault")
        if fault is not None:
            self._loaded = self._loaded and verb != "load" and fault.get("outcome") == "error"
            raise self._as_fault(verb, seconds, fault if isinstance(fault, dict) else {})
        result = reply.get("result")
        return (result if isinstance(result, dict) else {}), array

    def _exchange(
        self, verb: str, header: Header, body: bytes, *, seconds: float, reply_bytes: int
    ) -> tuple[Header, bytes]:
        """One frame there, one frame back; a box that breaks the rules is ended."""
        assert self._box is not None
        nonce = secrets.token_hex(8)
        full = {**header, "verb": verb, "id": nonce, "seconds": seconds, "reply_bytes": reply_bytes}
        deadline = self._clock() + seconds + GRACE_SECONDS
        try:
            self._box.line.send(full, body, deadline=deadline)
            reply, array = self._box.line.receive(max_body=reply_bytes, deadline=deadline)
            if reply.get("id") != nonce:
                raise LineViolation("the reply does not answer this request")
        except LineDeadline:
            self.close()
            raise _timeout(verb, seconds) from None
        except LineViolation as violation:
            self.close()
            raise StudentFault(
                "protocol_violation", f"The sandbox's protocol was broken: {violation}."
            ) from None
        except LineEnded:
            raise self._ended(verb) from None
        prints = reply.get("prints")
        self.prints = str(prints.get("tail", ""))[-2048:] if isinstance(prints, dict) else ""
        return reply, array

    def _ended(self, verb: str) -> Exception:
        """Say why the box ended, by the engine's word."""
        assert self._box is not None
        ending = self._box.ending()
        killed_for_memory = ending.out_of_memory or self._memory_ran_out()
        self.close()
        if killed_for_memory:
            return self._out_of_memory(verb)
        if ending.exit_code == AGENT_FAILED:
            return HarnessError(f"the guest failed by itself: {ending.text[-1500:]}")
        return StudentFault("error", f"Your code ended the sandbox during {verb}.")

    def _memory_ran_out(self) -> bool:
        assert self._box is not None
        before, self._oom_kills = self._oom_kills, self._box.usage().oom_kills or 0
        return self._oom_kills > before

    def _out_of_memory(self, verb: str) -> StudentFault:
        return StudentFault(
            "out_of_memory",
            f"The memory limit of {self.limits.memory_mb} MB was reached during {verb}.",
        )

    def _as_fault(self, verb: str, seconds: float, fault: Mapping[str, Any]) -> StudentFault:
        """Turn what the guest says into a fault. It can only say what harms itself."""
        outcome, text = str(fault.get("outcome")), str(fault.get("text", ""))[:600]
        where, name = str(fault.get("where", ""))[:300], str(fault.get("type", ""))[:80]
        if outcome == "timeout":
            return _timeout(verb, seconds)
        if outcome == "died":
            if fault.get("signal") == SIGKILL and self._memory_ran_out():
                return self._out_of_memory(verb)
            how = f"signal {fault['signal']}" if "signal" in fault else f"exit code {fault.get('code')}"
            return StudentFault("error", f"Your code ended its process during {verb} ({how}).", self.prints)
        if outcome == "protocol_violation":
            return StudentFault(outcome, f"The sandbox's protocol was broken: {text}.", self.prints)
        what = f"{name}: {text}" if name else text
        place = f" ({where})" if where else ""
        return StudentFault(
            "out_of_memory" if outcome == "out_of_memory" else "error",
            f"{verb} raised {what}{place}" if name else f"{what[:1].upper()}{what[1:]}.",
            self.prints,
            device_missing=bool(fault.get("device_missing")),
        )


class Model:
    """A built model inside the sandbox."""

    def __init__(self, student: Student, vocabulary: int) -> None:
        self._student = student
        self._vocabulary = vocabulary
        self._build = student._builds  # noqa: SLF001 - handles of an older build are not valid

    def forward(
        self,
        ids: Ids,
        past: Past | None = None,
        *,
        use_cache: bool = False,
        dtype: str = "float32",
    ) -> tuple[Array, Past | None]:
        """Return logits of shape (B, T, V) for ids of shape (B, T), and the cache's handle."""
        if past is not None and past.model != self._build:
            raise HarnessError("a cache was passed to a model that did not make it")
        shape = (*ids.shape, self._vocabulary)
        wanted = {"shape": list(shape), "dtype": dtype}
        header = {
            "shape": list(ids.shape),
            "past": None if past is None else past.handle,
            "use_cache": use_cache,
            "names": list(self._student.interface.forward),
            "reply": wanted,
        }
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        result, data = self._student.call("forward", header, _raw(ids), reply_bytes=size)
        if len(data) != size:
            raise _wrong_shape("forward returned logits", result, [shape])
        handle = result.get("handle")
        logits = np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<")).reshape(shape)
        return logits, Past(handle, self._build) if isinstance(handle, int) else None

    def generate(
        self, ids: Ids, n: int, *, temperature: float, use_cache: bool, seed: int
    ) -> Generated:
        """Return what ``generate`` makes of ids (B, T): n new ids a row, with or without the prompt."""
        batch, length = ids.shape
        shapes = [(batch, length + n), (batch, n)]
        header = {
            "shape": list(ids.shape),
            "n": n,
            "temperature": temperature,
            "use_cache": use_cache,
            "seed": seed,
            "names": list(self._student.interface.generate),
            "vocabulary": self._vocabulary,
            "replies": [{"shape": list(shape), "dtype": "int64"} for shape in shapes],
        }
        result, data = self._student.call(
            "generate", header, _raw(ids), reply_bytes=batch * (length + n) * 8
        )
        shape = next((shape for shape in shapes if len(data) == shape[0] * shape[1] * 8), None)
        if shape is None:
            raise _wrong_shape("generate returned ids", result, shapes)
        fed = result.get("fed")
        counts = [n for n in fed if isinstance(n, int)] if isinstance(fed, list) else []
        return Generated(np.frombuffer(data, dtype="<i8").reshape(shape), tuple(counts))


def _raw(ids: Ids) -> bytes:
    return np.ascontiguousarray(ids, dtype="<i8").tobytes()


def _names(result: Header, key: str) -> list[str]:
    value = result.get(key)
    return [str(name)[:80] for name in value[:8]] if isinstance(value, list) else []


def _timeout(verb: str, seconds: float) -> StudentFault:
    return StudentFault("timeout", f"{verb} took longer than its limit of {seconds:.3g} s.")


def _wrong_shape(what: str, result: Header, shapes: Sequence[tuple[int, ...]]) -> StudentFault:
    got = str(result.get("shape"))[:80].replace("[", "(").replace("]", ")")
    kind = str(result.get("dtype"))[:20]
    expected = " or ".join(str(shape) for shape in shapes)
    return StudentFault("failed", f"{what} of shape {got} and type {kind}; expected {expected}.")


Build = Callable[[Mapping[str, int], Mapping[str, Array]], Model]
